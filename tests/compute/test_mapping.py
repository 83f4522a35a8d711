"""The same function for every pixel."""

import numpy as np
import pytest
import xarray as xr

from omniscopy.compute import map_signal


def moments(block, *, scale=1.0):
    return scale * block.sum(axis=(-2, -1)), np.stack([block[..., 0, 0], block[..., 0, 1]], axis=-1)


@pytest.fixture
def data():
    values = np.arange(120.0).reshape(2, 3, 4, 5)
    return xr.DataArray(
        values, dims=("y", "ky", "x", "kx"), coords={"y": ("y", [1.0, 2.0], {"units": "nm"})}
    )


@pytest.mark.parametrize("chunks", [None, {"y": 1, "kx": 2}])
def test_dimensions_that_are_not_worked_on_stay_in_their_order(data, chunks):
    given = data if chunks is None else data.chunk(chunks)
    total, first = map_signal(
        moments, given, dim=("ky", "kx"), output_dims=({}, {"peak": 2}), parameters={"scale": 2.0}
    )
    assert (total.chunks is None) == (chunks is None)
    assert total.dims == ("y", "x")
    assert first.dims == ("y", "x", "peak")
    np.testing.assert_array_equal(total, 2 * data.sum(["ky", "kx"]))
    np.testing.assert_array_equal(first, data.isel(ky=0, kx=slice(2)).transpose("y", "x", "kx"))
    np.testing.assert_array_equal(total["y"], [1.0, 2.0])


def test_attributes_of_the_input_are_not_passed_on(data):
    (total,) = map_signal(
        lambda block: block.sum(axis=-1), data.assign_attrs(units="V"), dim="ky", output_dims=({},)
    )
    assert total.attrs == {}
    assert total["y"].attrs == {"units": "nm"}


def test_a_dimension_may_change_its_length(data):
    (short,) = map_signal(lambda block: block[..., :2], data, dim="kx", output_dims=({"kx": 2},))
    assert short.sizes["kx"] == 2


@pytest.mark.parametrize("chunks", [None, {"y": 1, "kx": 2}])
def test_other_arrays_may_have_dimensions_of_their_own(data, chunks):
    given = data if chunks is None else data.chunk(chunks)
    table = xr.DataArray(np.arange(6.0).reshape(3, 2), dims=("cluster", "y"))
    table = table if chunks is None else table.chunk({"cluster": 1})
    (made,) = map_signal(
        lambda block, rows: block.sum(axis=-1)[..., None] * rows,
        given, dim="kx", also=[table], whole=["cluster"], output_dims=({"cluster": 3},),
    )  # fmt: skip
    expected = (data.sum("kx") * table).transpose("y", "ky", "x", "cluster")
    np.testing.assert_array_equal(made, expected)


def test_data_in_memory_have_the_labels_that_lazy_ones_have(data):
    given = data.assign_coords(
        ky=("ky", [1, 2, 3]), time=4.0, place=(("y", "x"), np.ones((2, 4)), {"units": "m"}),
        mixed=(("y", "ky"), np.ones((2, 3))),
    ).rename("signal")  # fmt: skip
    options = {"dim": ("kx", "ky"), "output_dims": ({}, {"peak": 2})}
    at_once = map_signal(moments, given, **options)
    lazy = map_signal(moments, given.chunk(y=1), **options)
    for one, other in zip(at_once, lazy, strict=True):
        xr.testing.assert_identical(one, other.compute())
        assert list(one.indexes) == list(other.indexes) == ["y"]
    at_once[0]["y"].attrs["units"] = "mm"
    assert given["y"].attrs == at_once[1]["y"].attrs == {"units": "nm"}


@pytest.mark.parametrize("chunks", [None, {"y": 1}])
def test_functions_are_given_the_order_of_bytes_of_this_machine(data, chunks):
    swapped = data.astype(data.dtype.newbyteorder("S"))
    swapped = swapped if chunks is None else swapped.chunk(chunks)
    seen = []

    def add(block, other):
        seen.append(block.dtype.isnative and other.dtype.isnative)
        return block.sum(-1) + other

    (found,) = map_signal(add, swapped, dim="kx", also=[swapped.isel(kx=0)])
    np.testing.assert_array_equal(found, data.sum("kx") + data.isel(kx=0))
    (found,) = map_signal(lambda block: block.sum(-1), swapped, dim="kx")
    np.testing.assert_array_equal(found, data.sum("kx"))
    assert all(seen)


@pytest.mark.parametrize(
    ("given", "taken"), [("f2", "f4"), ("g", "f8"), ("G", "c16"), (">f2", "f4")]
)
def test_functions_are_given_numbers_that_can_be_compiled_for(data, given, taken):
    seen = []

    def add(block):
        seen.append(block.dtype)
        return block.sum(-1)

    (found,) = map_signal(add, data.astype(given), dim="kx")
    np.testing.assert_allclose(found, data.sum("kx"), rtol=2e-3)
    assert set(seen) == {np.dtype(taken)}


def test_an_array_of_another_shape_than_was_said_is_refused(data):
    with pytest.raises(ValueError, match=r"shape \(2, 3, 4\) in place of \(2, 3, 4, 5\)"):
        map_signal(lambda block: block[..., 0], data, dim="kx", output_dims=({"kx": 5},))
