"""Numbers small enough to lie in a page."""

import base64
import json

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.report.previews import make_preview


def content_of(data):
    return json.loads(make_preview(data).content)


def numbers(text, kind):
    return np.frombuffer(base64.b64decode(text), kind)


def spectra_of(content):
    count = content["curve"]["count"]
    low, high = (numbers(content[key], "<f4").astype(float)[:, None] for key in ("low", "high"))
    coded = numbers(content["data"], "<u2").reshape(-1, count)
    return np.where(coded == 65535, np.nan, low + (high - low) * coded / 65534)


def labelled(values, dims, units=None):
    given = units or {}
    coords = {
        dim: (dim, 2.0 * np.arange(size), {"units": given.get(dim, "nm")})
        for dim, size in zip(dims, values.shape, strict=True)
    }
    return xr.DataArray(values, coords, dims, attrs={"quantity": "intensity", "units": "counts"})


def test_spectra_are_those_of_the_data_at_their_places():
    values = np.random.default_rng(0).gamma(2.0, 100.0, (5, 7, 90))
    content = content_of(labelled(values, ("y", "x", "energy_loss"), {"energy_loss": "eV"}))
    found = spectra_of(content)
    np.testing.assert_allclose(found, values.reshape(35, 90), atol=2e-5 * values.max())
    assert (content["rows"], content["columns"]) == (5, 7)
    assert content["curve"]["label"] == "Energy loss (eV)"
    assert content["values"]["label"] == "Intensity (counts)"
    assert content["x"]["positions"][:2] == [0.0, 2.0]
    assert content["aspect"] == pytest.approx(5 / 7)


def test_missing_values_stay_missing():
    values = np.ones((3, 4, 6))
    values[1, 2, 3] = np.nan
    values[0, 0] = np.nan
    found = spectra_of(content_of(labelled(values, ("y", "x", "energy_loss"))))
    np.testing.assert_array_equal(np.isnan(found).reshape(3, 4, 6), np.isnan(values))


def test_large_spectra_are_means_of_blocks_and_bounded():
    values = np.broadcast_to(np.arange(100.0)[:, None, None], (100, 100, 1000))
    made = make_preview(labelled(values, ("y", "x", "energy_loss")))
    content = json.loads(made.content)
    found = spectra_of(content)
    assert found.shape[0] == content["rows"] * content["columns"]
    assert found[0, 0] == pytest.approx(1.0)
    assert "means of 3 along y, 3 along x" in made.note
    assert len(made.content) < 1.5e6


@pytest.mark.parametrize("name", ["nanobeam_4d", "phase_grating_4d", "diffraction_4d"])
def test_patterns_of_scans_are_shown_whatever_their_contrast(name):
    made = content_of(getattr(om.samples, name)())
    seen = numbers(made["data"], np.uint8)
    assert made["kind"] == "patterns"
    assert seen.size == made["rows"] * made["columns"] * made["height"] * made["width"]
    assert seen.max() > 200
    assert seen.min() < 50


def test_patterns_are_taken_by_their_place():
    values = np.zeros((3, 4, 10, 12))
    for row in range(3):
        for column in range(4):
            values[row, column, row, column] = 1.0
    dims = ("y", "x", "ky", "kx")
    content = content_of(labelled(values, dims, {"ky": "1/nm", "kx": "1/nm"}))
    data = numbers(content["data"], np.uint8).reshape(12, 10, 12)
    for number, pattern in enumerate(data):
        assert np.argmax(pattern) == (number // 4) * 12 + number % 4


def test_frames_have_a_label_each():
    content = content_of(om.samples.image_stack())
    assert content["kind"] == "frames"
    assert len(content["frames"]["positions"]) == content["frames"]["count"]


@pytest.mark.parametrize("name", ["surface", "spectrum", "point_cloud"])
def test_data_without_further_dimensions_have_no_preview(name):
    assert make_preview(getattr(om.samples, name)()) is None
