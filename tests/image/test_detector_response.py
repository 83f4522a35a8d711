"""Intensities as parts of the beam."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import samples, simulate
from omniscopy.image import correct_detector_response
from omniscopy.model import DataError, Status


def image(values, units="counts"):
    values = np.asarray(values, float)
    coords = {d: (d, 0.1 * np.arange(n), {"units": "nm"})
              for d, n in zip("yx", values.shape, strict=True)}  # fmt: skip
    return xr.DataArray(values, coords, dims=("y", "x"), attrs={"units": units})


def test_a_beam_that_is_all_on_the_detector_is_one_and_none_is_zero():
    scan = simulate.detector_scan(noise=0.0, dark=30.0, full=530.0)
    found = correct_detector_response(image([[30.0, 530.0], [155.0, 20.0]]), scan)
    np.testing.assert_allclose(found["fraction"], [[0.0, 1.0], [0.25, -0.02]], atol=1e-12)
    assert float(found["dark"]) == 30.0
    assert float(found["full"]) == pytest.approx(530.0)
    assert found["fraction"].attrs["units"] == "1"
    np.testing.assert_array_equal(found["x"], [0.0, 0.1])
    half = correct_detector_response(image([[530.0]]), scan, beam_ratio=2.0)
    assert float(half["fraction"][0, 0]) == pytest.approx(0.5)


def test_levels_scatter_as_much_as_they_say():
    levels, stds = [], []
    for seed in range(60):
        scan = simulate.detector_scan((48, 56), noise=20.0, rng=seed)
        found = correct_detector_response(image([[220.0]]), scan)
        levels.append([float(found[name]) for name in ("dark", "full")])
        stds.append([float(found[f"{name}_std"]) for name in ("dark", "full")])
    scatter = np.std(levels, axis=0, ddof=1)
    np.testing.assert_allclose(np.mean(stds, axis=0), scatter, rtol=0.3)
    away = np.mean(levels, axis=0) - [20.0, 420.0]
    assert (np.abs(away) < 4 * scatter / np.sqrt(60)).all()


def test_flux_weighs_the_parts_of_the_detector_that_are_hit():
    """Response and flux of a ring are integrated by hand."""
    scan = simulate.detector_scan((300, 300), fall=0.5, noise=0.0, dark=0.0, full=1.0)
    for exponent in (0.0, 3.0):
        found = correct_detector_response(image([[1.0]]), scan, flux_exponent=exponent)
        r = np.linspace(41.5, 98.5, 4001)
        weight = r ** (1.0 - exponent)
        expected = (weight * (1.0 - 0.5 * (r - 40.0) / 60.0)).sum() / weight.sum()
        assert float(found["full"]) == pytest.approx(expected, rel=3e-3)
        assert float(found["uniformity"]) == pytest.approx(0.128 / 0.7, rel=0.2)


def test_a_scan_that_shows_no_detector_has_no_answer():
    noise = simulate.detector_scan(dark=20.0, full=20.0)
    found = correct_detector_response(samples.atom_image(), noise)
    assert int(found["status"]) == Status.INVALID
    assert np.isnan(found["fraction"]).all()
    gone = noise * np.nan
    gone.attrs.update(noise.attrs)
    assert int(correct_detector_response(samples.atom_image(), gone)["status"]) == Status.NO_DATA


def test_stacks_keep_their_dimensions():
    stack = samples.image_stack()
    found = correct_detector_response(stack.chunk(frame=1), samples.detector_scan())
    assert found["fraction"].dims == stack.dims
    assert found["fraction"].chunks is not None
    np.testing.assert_allclose(found["fraction"][1], (stack[1] - found["dark"])
                               / (found["full"] - found["dark"]))  # fmt: skip


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"flux_exponent": -1.0}, "flux_exponent must be from 0"),
        ({"beam_ratio": 0.0}, "beam_ratio must be above 0"),
        ({"detector_scan": samples.detector_scan()[:9]}, "at least 16"),
        ({"image": image([[1.0]], units="A")}, "the image is in 'A'"),
    ],
)
def test_wrong_calls_say_what_is_wrong(options, words):
    given = {"image": image([[1.0]]), "detector_scan": samples.detector_scan(), **options}
    with pytest.raises(DataError, match=words):
        correct_detector_response(**given)
