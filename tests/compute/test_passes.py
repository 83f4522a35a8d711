"""Several passes over data that do not fit in memory."""

import tracemalloc

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr

from omniscopy.compute import read_again
from omniscopy.diffraction import (
    Disk,
    find_discs,
    fit_lattice,
    make_template,
    virtual_image,
)
from omniscopy.signal import decompose


class File:
    """An array on disk that counts how often its chunks are read."""

    dtype = np.dtype("float32")

    def __init__(self, shape):
        self.shape, self.ndim, self.reads = shape, len(shape), 0

    def __getitem__(self, key):
        self.reads += 1
        shape = [len(range(*part.indices(n))) for part, n in zip(key, self.shape, strict=True)]
        values = np.random.default_rng(key[0].start).random(shape, dtype="float32")
        values[..., shape[-1] // 2] += 5.0
        return values


def opened(shape, dims):
    file = File(shape)
    values = da.from_array(
        file, chunks=(1, *shape[1:]), inline_array=True, name=f"file-{dims}",
        meta=np.empty((0,) * len(shape), "float32"),
    )  # fmt: skip
    coords = {dim: np.arange(float(size)) for dim, size in zip(dims, shape, strict=True)}
    return file, xr.DataArray(values, coords, dims=dims)


@pytest.fixture(autouse=True, scope="module")
def loaded():
    """Load what is imported on first use, so that it is not counted as memory of a pass."""
    for shape, dims in (((2, 2, 3), ("y", "x", "energy")), ((2, 2, 8, 8), ("y", "x", "ky", "kx"))):
        opened(shape, dims)[1].max().compute()
    decompose(opened((600, 500, 3), ("y", "x", "energy"))[1].chunk(y=300), 1).compute()
    virtual_image(opened((2, 2, 8, 8), ("y", "x", "ky", "kx"))[1], Disk(3.0)).compute()


def peak_of(compute):
    with dask.config.set(scheduler="synchronous"):
        tracemalloc.start()
        compute()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak


def test_a_pass_needs_as_much_memory_as_a_chunk_not_as_the_data():
    file, data = opened((60, 100, 1000), ("y", "x", "energy"))
    first = data.sum()
    again = read_again(data, first)
    assert peak_of(lambda: (again * first).sum().compute()) < 0.25 * data.nbytes
    assert file.reads == 120
    xr.testing.assert_equal(again, data)


@pytest.mark.parametrize("inline", [True, False])
@pytest.mark.parametrize(
    "part",
    [
        lambda data: data[:, 10:90],
        lambda data: data.chunk({"x": 50})[::-1],
        lambda data: xr.concat([data[:30], data[30:]], "y")[1:, 5:],
    ],
)
def test_a_pass_over_a_part_needs_as_much_memory_as_a_chunk(part, inline):
    file, data = opened((60, 100, 1000), ("y", "x", "energy"))
    if not inline:
        data = data.copy(data=da.from_array(file, chunks=(1, 100, 1000), meta=data.data._meta))
    known = part(xr.DataArray(np.arange(6e4).reshape(60, 100, 10), dims=data.dims).chunk(y=1))
    xr.testing.assert_equal(read_again(known, known.sum()), known)
    data = part(data)
    first = data.sum(skipna=False)
    again = read_again(data, first)
    assert peak_of((again.sum(skipna=False) + first).compute) < 0.25 * data.nbytes
    assert file.reads >= 2 * (data.sizes["y"] - 1)


def test_the_names_of_tasks_are_always_the_same():
    names = [
        read_again(data, data.sum()).data.name
        for _, data in (opened((4, 5, 6), ("y", "x", "energy")) for _ in range(2))
    ]
    assert names[0] == names[1]


def test_data_in_memory_are_returned_as_they_are():
    data = xr.DataArray(np.ones(3), dims="x")
    assert read_again(data, data.sum()) is data
    lazy = data.chunk()
    assert read_again(lazy, data.sum()) is lazy


@pytest.mark.parametrize(
    ("options", "passes"), [({}, 2), ({"method": "pca"}, 3), ({"noise": "poisson"}, 3)]
)
def test_a_decomposition_reads_the_data_in_passes(options, passes):
    file, data = opened((80, 2000, 40), ("y", "x", "energy"))
    found = decompose(data, 2, **options)
    assert file.reads == 0
    assert peak_of(found.compute) < data.nbytes
    assert file.reads == 80 * passes


def test_a_virtual_image_with_a_centre_to_be_found_reads_the_data_twice():
    file, data = opened((60, 40, 64, 64), ("y", "x", "ky", "kx"))
    image = virtual_image(data, Disk(3.0))
    assert file.reads == 0
    assert peak_of(image.compute) < 0.6 * data.nbytes
    assert file.reads == 120


def test_variables_of_a_dataset_are_read_again_together():
    file, data = opened((6, 5, 4), ("y", "x", "energy"))
    pair = xr.Dataset({"one": data + 1.0, "two": data * 2.0})
    first = pair["one"].sum()
    again = read_again(pair, first)
    found = (again["one"] * again["two"] * first).compute(scheduler="synchronous")
    assert file.reads == 12
    xr.testing.assert_equal(found, (pair["one"] * pair["two"] * first).compute())


def test_discs_of_a_scan_are_found_again_for_its_lattices():
    file, data = opened((6, 4, 24, 24), ("y", "x", "ky", "kx"))
    for dim in ("ky", "kx"):
        data[dim].attrs |= {"units": "1/nm", "kind": "reciprocal"}
    template = make_template(data[:1, :1].compute(), radius=3.0)
    file.reads = 0
    lattice = fit_lattice(find_discs(data, template, max_discs=4))
    assert file.reads == 0
    lattice[["a_ky", "a_kx", "b_ky_std", "status"]].compute(scheduler="synchronous")
    assert file.reads == 12
