"""Spectra too large for a page's analyses, binned while they are read once."""

import importlib
import re
import threading
from collections import Counter

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from dask.callbacks import Callback
from hypothesis import given, settings
from hypothesis import strategies as st

import omniscopy as om
from omniscopy.model.provenance import history
from omniscopy.report.statistics import measure_statistics
from omniscopy.signal import rebin, sum_over

# `omniscopy.report` is the function.
binning = importlib.import_module("omniscopy.report.binning")
UNITS = {"time": "s", "y": "nm", "x": "nm", "energy": "keV"}


def spectra(values, dims, units="counts", chunks=None):
    """Return values as spectra of X-rays on axes that are not trivial."""
    coords = {
        dim: (dim, 2.0 + 0.5 * np.arange(size), {"units": UNITS[dim]})
        for dim, size in zip(dims, values.shape, strict=True)
    }
    attrs = {"units": units, "quantity": "intensity", "modality": "EDS"}
    data = xr.DataArray(values, dims=dims, coords=coords, attrs=attrs)
    return data.chunk(chunks or {})


@pytest.fixture
def small(monkeypatch):
    """Let all data be too large, and sums of 10 kB all that has room."""
    monkeypatch.setattr(binning, "LARGE", 0)
    monkeypatch.setattr(binning, "SUMS", 10_000)


@settings(max_examples=20)
@given(
    st.sampled_from(["u1", "<i2", ">u2", "u4", "i8", "f4", "f8"]),
    st.sampled_from(["counts", "1"]),
    st.tuples(st.integers(1, 3), st.integers(4, 11), st.integers(5, 13), st.integers(15, 40)),
    st.booleans(),
    st.integers(0, 99),
)
def test_bins_and_statistics_are_those_of_the_operations(kind, units, chunks, frames, seed):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(binning, "LARGE", 0)
        patch.setattr(binning, "SUMS", 10_000)
        rng = np.random.default_rng(seed)
        values = rng.integers(0, 100, (3, 11, 13, 40)).astype(kind)
        if values.dtype.kind == "f":
            values[rng.random(values.shape) < 0.3] = np.nan
        dims = ("time", "y", "x", "energy")
        if not frames:
            values, dims, chunks = values[0], dims[1:], chunks[1:]
        data = spectra(values, dims, units, dict(zip(dims, chunks, strict=True)))
        found = binning.bin_large(data)
    factors = {dim: int(n) for n, dim in re.findall(r"(\d+) points along (\w+)", found.words)}
    # Only counts add up over frames.
    added = frames and units == "counts"
    expected = rebin(sum_over(data, "time") if added else data, factors)
    assert found.data.dims == expected.dims == (dims[1:] if added else dims)
    assert found.data.dtype == expected.dtype
    xr.testing.assert_allclose(found.data.compute(), expected.compute(), rtol=1e-5)
    assert found.data.attrs["units"] == units
    whole = measure_statistics(data)
    assert (found.statistics.count, found.statistics.minimum) == (whole.count, whole.minimum)
    assert found.statistics.mean == pytest.approx(whole.mean)
    assert found.statistics.std == pytest.approx(np.nanstd(values.astype(float)))


def test_sums_are_kept_to_their_room_and_name_how_they_were_made(small):
    data = spectra(np.ones((2, 64, 32, 40), np.uint16), ("time", "y", "x", "energy"))
    found = binning.bin_large(data)
    assert found.data.nbytes <= 10_000
    assert dict(found.data.sizes) == {"y": 7, "x": 3, "energy": 40}
    assert found.words == "all points along time, 9 points along y, 9 points along x"
    assert float(found.data.min()) == float(found.data.max()) == 2 * 81
    # Nothing that cannot be repeated is among the steps.
    steps = history(sum_over(found.data))
    operations = [step.operation.rpartition(".")[2] for step in steps]
    assert operations[-3:] == ["sum_over", "rebin", "sum_over"]
    # The middle of the first nine places from 2.0 on, 0.5 apart.
    assert found.data["y"].values[0] == 4.0


def test_each_block_is_read_once(small):
    reads, lock = Counter(), threading.Lock()

    def block(block_info):
        with lock:
            reads[tuple(block_info[None]["chunk-location"])] += 1
        return np.ones(block_info[None]["chunk-shape"], np.uint16)

    values = da.map_blocks(block, chunks=((4,) * 8, (32,), (40,)), dtype=np.uint16)
    data = spectra(np.ones((32, 32, 40), np.uint16), ("y", "x", "energy")).copy(data=values)
    reads.clear()
    binning.bin_large(data)
    assert set(reads.values()) == {1}
    assert len(reads) == 8


def test_who_watches_can_end_it(small):
    def stop(*now):
        raise KeyboardInterrupt

    data = spectra(
        np.ones((32, 32, 40), np.uint16), ("y", "x", "energy"), chunks={"y": 1}
    )  # fmt: skip
    with Callback(posttask=stop), pytest.raises(KeyboardInterrupt):
        binning.bin_large(data)


@pytest.mark.parametrize(
    "data",
    [
        spectra(np.ones((8, 8, 40), np.uint16), ("y", "x", "energy")).transpose("energy", "y", "x"),
        spectra(np.ones(40, np.uint16), ("energy",)),
        spectra(np.ones((40, 40), np.uint16), ("y", "x")),
        spectra(np.ones((40, 80, 40), complex), ("y", "x", "energy")),
    ],
)
def test_what_is_no_large_spectrum_image_is_left_as_it_is(small, data):
    assert binning.bin_large(data) is None


def test_small_spectra_are_left_as_they_are():
    assert binning.bin_large(om.samples.eds_map()) is None


def test_a_page_of_large_spectra_says_what_was_joined(small, tmp_path):
    data = om.samples.eds_map()
    om.save(data, tmp_path / "map.zarr")
    text = om.report(tmp_path / "map.zarr", tmp_path / "page.html", copy=None).read_text()
    assert re.search(r"joined in bins of \d+ points along y, \d+ points along x", text)
    # The values are of all that was recorded.
    assert f"{data.sizes['y']} × {data.sizes['x']}" in text
    script = (tmp_path / "page.py").read_text()
    assert "om.signal.rebin(" in script
    assert "not recorded" not in script


@given(st.sampled_from(["u1", "i1", "u2", "i2"]), st.integers(0, 99))
def test_sums_of_small_integers_are_exact(kind, seed):
    limits = np.iinfo(kind)
    values = np.random.default_rng(seed).integers(
        limits.min, limits.max, 200_000, dtype=kind, endpoint=True
    )
    values[:2] = limits.min, limits.max
    found = measure_statistics(xr.DataArray(values, dims="x"))
    assert (found.minimum, found.maximum) == (limits.min, limits.max)
    assert found.mean == pytest.approx(values.mean(dtype=float), rel=1e-13)
    assert found.std == pytest.approx(values.std(dtype=float), rel=1e-9)
