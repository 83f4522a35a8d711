"""Several dimensions as one, and back."""

import itertools

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from omniscopy import samples, validate
from omniscopy.io import open as open_tree
from omniscopy.io import save
from omniscopy.io.saving import from_tree
from omniscopy.model import DataError, Status, coordinate
from omniscopy.signal import crop, find_peaks, fold, unfold
from omniscopy.testing import strategies


def bare(data):
    """Return data without what describes their values."""
    return data.drop_attrs(deep=False)


@given(
    strategies.labelled_arrays(dims=("frame", "y", "x", "energy"), min_side=1, max_side=4),
    st.sampled_from([p for n in (1, 2, 3, 4)
                     for p in itertools.permutations(("frame", "y", "x", "energy"), n)]),
)  # fmt: skip
def test_there_and_back_is_the_same(data, dims):
    made = fold(data, dims)
    back = unfold(made)
    assert {*back.dims} == {*data.dims}
    xr.testing.assert_identical(bare(back.transpose(*data.dims)), bare(data))
    assert back.dtype == data.dtype
    assert made.sizes["point"] == np.prod([data.sizes[dim] for dim in dims])
    lazy = unfold(fold(data.chunk(x=2, energy=2), dims))
    assert lazy.chunks is not None
    np.testing.assert_array_equal(lazy.transpose(*data.dims), data)


def test_the_first_dimension_is_the_slowest():
    data = samples.spectrum_image()
    made = fold(data, ["y", "x"])
    assert made.dims == ("point", "energy_loss")
    np.testing.assert_array_equal(made[20 * 3 + 7], data[3, 7])
    assert float(made["y"][67]) == float(data["y"][3])
    assert float(made["x"][67]) == float(data["x"][7])
    assert made["x"].attrs == data["x"].attrs
    swapped = fold(data, ["x", "y"])
    np.testing.assert_array_equal(swapped[16 * 7 + 3], data[3, 7])
    assert validate(made) == []
    assert made.attrs["signal_type"] == "point_cloud"
    assert made.attrs["units"] == "counts"


def test_nothing_is_copied_that_lies_in_order():
    data = samples.spectrum_image()
    made = fold(data)
    assert np.shares_memory(made.values, data.values)
    assert np.shares_memory(unfold(made).values, data.values)
    patterns = samples.diffraction_4d()
    pixels = fold(patterns, ["ky", "kx"], into="sample")
    assert pixels.dims == ("y", "x", "sample")
    assert np.shares_memory(pixels.values, patterns.values)


def test_lazy_data_stay_lazy_and_keep_their_chunks():
    data = samples.spectrum_image().chunk(y=4, x=20, energy_loss=70)
    made = fold(data)
    assert made.chunks == ((80, 80, 80, 80), (70, 70, 70, 70))
    assert unfold(made).chunks == data.chunks


def test_some_points_in_any_order_go_back_to_where_they_were():
    data = samples.spectrum_image()
    points = fold(data)
    chosen = [40, 3, 319, 77]
    back = unfold(points[chosen])
    assert back.shape == data.shape
    seen = np.zeros((16, 20), bool)
    for number in chosen:
        seen[divmod(number, 20)] = True
    np.testing.assert_array_equal(back.notnull().all("energy_loss"), seen)
    np.testing.assert_array_equal(back.values[seen], data.values[seen])
    xr.testing.assert_identical(back["x"], data["x"])
    shuffled = points[np.random.default_rng(0).permutation(320)]
    xr.testing.assert_identical(bare(unfold(shuffled)), bare(data))
    cropped = crop(points, {"x": (2.0, 4.0)})
    np.testing.assert_array_equal(
        unfold(cropped).notnull().all(["y", "energy_loss"]), (data["x"] >= 2) & (data["x"] <= 4)
    )


def test_results_of_points_are_unfolded_to_maps():
    data = samples.spectrum_image()[:2, :4]
    whole = find_peaks(data, max_peaks=2)
    points = find_peaks(fold(data)[::2], max_peaks=2)
    maps = unfold(points)
    assert maps["position"].dims == ("y", "x", "peak")
    np.testing.assert_array_equal(maps["position"][:, ::2], whole["position"][:, ::2])
    assert maps["status"].dtype == np.uint8
    assert (maps["status"][:, 1::2] == Status.NO_DATA).all()
    assert maps["count"].dtype == np.float64
    assert validate(maps) == []


def test_further_coordinates_go_there_and_back():
    data = samples.surface()[:5, :4].assign_coords(
        height=(("y", "x"), np.arange(20.0).reshape(5, 4), {"units": "nm"}),
        line=("y", list("abcde")),
        moment=("x", np.arange(4.0), {"units": "s"}),
        temperature=300.0,
    )
    made = fold(data)
    assert made["height"].dims == made["line"].dims == made["moment"].dims == ("point",)
    xr.testing.assert_identical(bare(unfold(made)), bare(data))
    some = unfold(made[:9].assign_coords(kept=("point", np.arange(9.0))))
    assert some["height"].dims == ("y", "x")
    assert some["kept"].dims == ("y", "x")
    assert "line" not in some.coords
    assert float(some["temperature"]) == 300.0


def test_the_variables_of_a_dataset_are_folded_together():
    data = samples.surface()[:3, :4]
    both = xr.Dataset({"height": data, "mask": data > 0, "line": data.mean("x"),
                       "spectrum": ("energy", np.arange(3.0))})  # fmt: skip
    made = fold(both, ["y", "x"])
    assert made["line"].dims == ("point",)
    assert made["spectrum"].dims == ("energy",)
    back = unfold(made.isel(point=slice(0, 8)))
    assert back["mask"].dtype == bool
    assert not back["mask"][2].any()
    np.testing.assert_array_equal(back["height"][:2], data[:2])


def test_a_dimension_without_labels_is_folded_too():
    data = xr.DataArray(np.arange(6.0).reshape(2, 3), dims=("y", "x"))
    back = unfold(fold(data, ["y", "x"]))
    xr.testing.assert_identical(bare(back), data)


@pytest.mark.parametrize("name", ["a.zarr", "a.h5", "a.nc"])
def test_a_saved_fold_is_unfolded(tmp_path, name):
    y = coordinate("y", np.linspace(0, 1, 20000) ** 2, "nm")
    data = xr.DataArray(np.ones((20000, 2)), {"y": y}, dims=("y", "x"))
    back = unfold(from_tree(open_tree(save(fold(data, ["y", "x"]), tmp_path / name))))
    xr.testing.assert_identical(back["y"], data["y"])


def test_says_what_cannot_be_folded():
    data = samples.spectrum_image()
    with pytest.raises(DataError, match=r"expected dimensions of \('y', .*got \('z',\)"):
        fold(data, ["z"])
    with pytest.raises(DataError, match="hold one twice"):
        fold(data, ["y", "y"])
    with pytest.raises(DataError, match="'energy_loss' already"):
        fold(data, ["y", "x"], into="energy_loss")
    with pytest.raises(DataError, match=r"got \(\)"):
        fold(samples.spectrum())
    with pytest.raises(DataError, match="expected labelled data"):
        fold(data.values)


def test_says_what_cannot_be_unfolded():
    points = samples.folded()
    with pytest.raises(DataError, match="none of them was made by `fold`"):
        unfold(samples.point_cloud())
    with pytest.raises(DataError, match=r"folded are \['point'\]; 'energy_loss' is not"):
        unfold(points, "energy_loss")
    moved = points.assign_coords(point=points["point"] + 1)
    with pytest.raises(DataError, match="not numbers of the 80 points"):
        unfold(moved)
    with pytest.raises(DataError, match="not numbers of the 80 points"):
        unfold(points[[1, 1]])
    with pytest.raises(DataError, match="nothing to unfold"):
        unfold(points[:0])
    with pytest.raises(DataError, match="a dimension 'y', which the data have already"):
        unfold(points.drop_vars("y").expand_dims(y=[0.0]))
