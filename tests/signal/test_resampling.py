"""Bins, parts and other axes."""

import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.interpolate
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from omniscopy import samples, validate
from omniscopy.model import DataError, Status, coordinate, status_attrs
from omniscopy.signal import crop, interpolate, rebin
from omniscopy.testing import strategies


def image(shape=(7, 9), units="V", dtype=np.float64):
    values = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    coords = {
        "y": coordinate("y", 10.0 - 0.5 * np.arange(shape[0]), "nm"),
        "x": coordinate("x", 3.0 + 0.25 * np.arange(shape[1]), "nm"),
    }
    return xr.DataArray(values, coords, dims=("y", "x"), attrs={"units": units})


def measurement():
    """Return counts with variance, a mask and outcomes."""
    signal = image(units="counts")
    return xr.Dataset(
        {
            "signal": signal,
            "variance": (("y", "x"), signal.values + 1.0, {"units": "counts^2"}),
            "mask": signal > 190,
            "status": (("y", "x"), np.where(signal > 100, 4, 0).astype(np.uint8), status_attrs()),
            "width": (("y", "x"), signal.values / 10, {"units": "eV"}),
            "width_std": (("y", "x"), 0.1 + signal.values / 100, {"units": "eV"}),
            "spectrum": ("energy", np.arange(3.0), {"units": "counts"}),
        },
        coords={"energy": coordinate("energy", np.arange(3.0), "eV")},
    )


def test_bins_of_counts_add_up_and_lie_in_the_middle_of_their_points():
    data = image((6, 9), "counts")
    made = rebin(data, {"y": 2, "x": 3})
    np.testing.assert_array_equal(made, data.values.reshape(3, 2, 3, 3).sum((1, 3)))
    np.testing.assert_allclose(made["y"], [9.75, 8.75, 7.75])
    np.testing.assert_allclose(made["x"], [3.25, 4.0, 4.75])
    assert made.attrs["units"] == "counts"
    assert made["x"].attrs == data["x"].attrs
    assert float(made.sum()) == float(data.sum())


@pytest.mark.parametrize(("units", "added"), [("electrons", True), ("counts", True), ("nm", False),
                                              ("counts/s", False), (None, False)])  # fmt: skip
def test_counts_add_up_and_other_quantities_are_averaged(units, added):
    data = image((6, 8), units)
    bins = data.values.reshape(3, 2, 8)
    np.testing.assert_allclose(rebin(data, {"y": 2}), bins.sum(1) if added else bins.mean(1))
    np.testing.assert_allclose(rebin(data, {"y": 2}, reduce="sum"), bins.sum(1))
    np.testing.assert_allclose(rebin(data, {"y": 2}, reduce="mean"), bins.mean(1))


def test_points_that_are_left_over_are_dropped_or_kept():
    data = image((7, 9), "counts")
    np.testing.assert_array_equal(rebin(data, {"y": 3}), data.values[:6].reshape(2, 3, 9).sum(1))
    kept = rebin(data, {"y": 3, "x": 4}, remainder="keep")
    assert kept.shape == (3, 3)
    assert float(kept[2, 2]) == float(data[6, 8])
    np.testing.assert_allclose(kept["y"], [9.5, 8.0, 7.0])
    np.testing.assert_allclose(kept["x"], [3.375, 4.375, 5.0])
    assert float(kept.sum()) == float(data.sum())
    mean = rebin(data, {"y": 3}, remainder="keep", reduce="mean")
    np.testing.assert_allclose(mean[2], data[6])
    assert rebin(data, {"y": 20}, remainder="keep").shape == (1, 9)


@settings(max_examples=30)
@given(
    strategies.labelled_arrays(
        dims=("frame", "y", "x"), min_side=2, max_side=7, missing=False,
        dtypes=["uint8", "uint16", "int32", "float32", "float64"],
    ),
    st.integers(1, 3), st.integers(1, 3),
)  # fmt: skip
def test_no_count_is_lost(data, one, two):
    data = data.assign_attrs(units="counts")
    made = rebin(data, {"y": min(one, data.sizes["y"]), "x": two}, remainder="keep")
    exact = data.values.astype(np.float64).sum((1, 2))
    np.testing.assert_allclose(made.sum(["y", "x"]), exact, rtol=1e-5, atol=1e-2)
    assert made.dtype.kind in ("f" if data.dtype.kind == "f" else "iu")
    lazy = rebin(data.chunk(y=2, x=3), {"y": min(one, data.sizes["y"]), "x": two},
                 remainder="keep")  # fmt: skip
    xr.testing.assert_allclose(lazy.compute(), made)


def test_small_integers_do_not_overflow():
    data = image((2, 9)).copy(data=np.full((2, 9), 65535, np.uint16)).assign_attrs(units="counts")
    made = rebin(data, {"y": 2, "x": 9})
    assert made.values.tolist() == [[18 * 65535]]


def test_missing_points_are_left_out_of_their_bin():
    data = image((4, 4))
    data[0, 0] = np.nan
    data[2:, 2:] = np.nan
    made = rebin(data, {"y": 2, "x": 2})
    assert float(made[0, 0]) == pytest.approx(float(data[:2, :2].mean()))
    assert np.isnan(made[1, 1])
    assert not np.isnan(made[0, 1])
    total = rebin(data, {"y": 2, "x": 2}, reduce="sum")
    assert float(total[0, 0]) == pytest.approx(float(data[:2, :2].sum()))
    assert np.isnan(total[1, 1])


def test_uncertainties_flags_and_masks_are_binned_with_their_values():
    data = measurement()
    made = rebin(data, {"x": 3})
    three = {name: data[name].values.reshape(7, 3, 3) for name in data if name != "spectrum"}
    np.testing.assert_allclose(made["signal"], three["signal"].sum(2))
    np.testing.assert_allclose(made["variance"], three["variance"].sum(2))
    np.testing.assert_allclose(made["width"], three["width"].mean(2))
    np.testing.assert_allclose(made["width_std"], np.sqrt((three["width_std"] ** 2).sum(2)) / 3)
    np.testing.assert_array_equal(made["mask"], three["mask"].any(2))
    np.testing.assert_array_equal(made["status"], three["status"].max(2))
    assert made["status"].attrs["flag_meanings"] == data["status"].attrs["flag_meanings"]
    xr.testing.assert_identical(made["spectrum"].drop_attrs(), data["spectrum"].drop_attrs())
    assert validate(made) == []


def test_the_variance_of_bins_is_their_scatter():
    rng = np.random.default_rng(1)
    lines = xr.DataArray(rng.poisson(50.0, (4000, 12)).astype(float), dims=("y", "energy"))
    lines = lines.assign_coords(energy=np.arange(12.0), y=np.arange(4000))
    data = xr.Dataset({"signal": lines.assign_attrs(units="counts"), "variance": lines})
    for reduce in ("sum", "mean"):
        made = rebin(data, {"energy": 4}, reduce=reduce)
        assert float(made["signal"].var("y").mean()) == pytest.approx(
            float(made["variance"].mean()), rel=0.05
        )


def test_positions_of_points_are_binned_too():
    data = samples.point_cloud()
    made = rebin(data, {"point": 4})
    np.testing.assert_allclose(made["x"], data["x"].values.reshape(-1, 4).mean(1))
    assert made["x"].attrs["units"] == "nm"


def test_says_which_bins_cannot_be_made():
    data = image()
    with pytest.raises(DataError, match="'y' has 7 points; a bin of 8 has no room"):
        rebin(data, {"y": 8})
    with pytest.raises(DataError, match=r"whole number of points, got 1\.5"):
        rebin(data, {"y": 1.5})
    with pytest.raises(DataError, match="whole number"):
        rebin(data, {"y": 0})
    with pytest.raises(DataError, match=r"expected dimensions of \('y', 'x'\), got \('z',\)"):
        rebin(data, {"z": 2})
    with pytest.raises(DataError, match="expected dimensions"):
        rebin(data, {})
    with pytest.raises(DataError, match="reduce must be one of"):
        rebin(data, {"y": 2}, reduce="median")
    with pytest.raises(DataError, match="remainder must be one of"):
        rebin(data, {"y": 2}, remainder="pad")
    with pytest.raises(DataError, match="expected labelled data"):
        rebin(data.values, {"y": 2})


def test_both_ends_of_a_window_belong_to_the_part():
    data = image()
    part = crop(data, {"y": (8.0, 9.5), "x": (3.4, None)})
    np.testing.assert_allclose(part["y"], [9.5, 9.0, 8.5, 8.0])
    np.testing.assert_allclose(part["x"], data["x"][2:])
    np.testing.assert_array_equal(part, data[1:5, 2:])
    assert part.attrs["units"] == "V"
    assert np.shares_memory(part.values, data.values)


def test_points_are_cropped_by_where_they_are():
    data = samples.point_cloud()
    part = crop(data, {"x": (-10.0, 20.0), "y": (0.0, None)})
    inside = (data["x"] >= -10) & (data["x"] <= 20) & (data["y"] >= 0)
    xr.testing.assert_equal(part, data[inside.values])


def test_an_axis_in_no_order_is_cropped():
    data = image()[:, [3, 0, 5, 1]]
    np.testing.assert_allclose(crop(data, {"x": (3.0, 3.8)})["x"], [3.75, 3.0, 3.25])


def test_a_dataset_is_cropped_as_a_whole():
    part = crop(measurement(), {"x": (None, 3.5)})
    assert dict(part.sizes) == {"y": 7, "x": 3, "energy": 3}
    assert "flag_meanings" in part["status"].attrs


def test_says_which_window_holds_nothing():
    data = image()
    with pytest.raises(DataError, match=r"holds no point of 'x', which spans 3 to 5"):
        crop(data, {"x": (6.0, 7.0)})
    with pytest.raises(DataError, match="low <= high"):
        crop(data, {"x": (4.0, 3.0)})
    with pytest.raises(DataError, match=r"expected a coordinate 'z' along one dimension"):
        crop(data, {"z": (0.0, 1.0)})
    with pytest.raises(DataError, match="no point of 'point' in common"):
        crop(samples.point_cloud(), {"x": (48.0, 50.0), "y": (40.0, 50.0)})
    with pytest.raises(DataError, match="must be numbers"):
        crop(data.assign_coords(x=list("abcdefghi")), {"x": (0, 1)})


@pytest.mark.parametrize("method", ["linear", "nearest", "cubic"])
@pytest.mark.parametrize("descending", [False, True])
def test_values_between_points_are_those_of_scipy(method, descending):
    rng = np.random.default_rng(2)
    axis = np.sort(rng.uniform(0, 10, 30))
    axis = axis[::-1] if descending else axis
    values = rng.standard_normal((3, 30))
    data = xr.DataArray(values, {"energy": axis}, dims=("y", "energy"))
    labels = rng.uniform(axis.min(), axis.max(), 50)
    expected = scipy.interpolate.interp1d(axis, values, kind=method)(labels)
    if method == "cubic":
        order = np.argsort(axis)
        expected = scipy.interpolate.CubicSpline(axis[order], values[:, order], axis=1)(labels)
    made = interpolate(data, {"energy": labels}, method=method)
    np.testing.assert_allclose(made, expected, atol=1e-9)
    np.testing.assert_array_equal(made["energy"], labels)


def test_a_step_makes_a_uniform_axis_of_the_same_direction():
    data = image()
    made = interpolate(data, {"y": 0.2, "x": 0.5})
    np.testing.assert_allclose(made["y"], 10.0 - 0.2 * np.arange(16))
    np.testing.assert_allclose(made["x"], [3.0, 3.5, 4.0, 4.5, 5.0])
    np.testing.assert_allclose(made.sel(y=10.0, x=4.5), data.sel(y=10.0, x=4.5))
    expected = data.interp(y=made["y"], x=made["x"])
    np.testing.assert_allclose(made, expected, atol=1e-12)
    assert made["y"].attrs == data["y"].attrs


def test_nothing_is_extrapolated_but_rounded_ends_are_there():
    data = image()
    labels = [2.9, 3.0 - 1e-12, 5.0 + 1e-12, 5.1]
    made = interpolate(data, {"x": labels})
    assert np.isnan(made).all("y").values.tolist() == [True, False, False, True]
    np.testing.assert_allclose(made[:, 1:3], data[:, [0, -1]])


@pytest.mark.parametrize("method", ["linear", "cubic"])
def test_a_missing_point_is_missing_only_beside_it(method):
    data = image()
    data[2, 4] = np.nan
    made = interpolate(data, {"x": np.linspace(3.0, 5.0, 33)}, method=method)
    missing = np.isnan(made.values)
    assert not missing[[0, 1, 3, 4, 5, 6]].any()
    np.testing.assert_array_equal(np.flatnonzero(missing[2]), np.arange(13, 20))


def test_integers_stay_integers_where_the_nearest_is_taken():
    data = image(dtype=np.uint8)
    made = interpolate(data, {"x": [3.05, 3.2]}, method="nearest")
    assert made.dtype == np.uint8
    np.testing.assert_array_equal(made, data[:, [0, 1]])
    assert interpolate(data, {"x": [3.05, 9.0]}, method="nearest").dtype == np.float64


@pytest.mark.parametrize("method", ["linear", "cubic", "nearest"])
def test_the_stated_variance_is_the_scatter(method):
    rng = np.random.default_rng(3)
    sigma = np.linspace(1.0, 2.0, 12)
    noise = sigma * rng.standard_normal((6000, 12))
    coords = {"energy": coordinate("energy", np.arange(12.0), "eV")}
    data = xr.Dataset(
        {"height": (("y", "energy"), noise), "height_std": ("energy", sigma)},
        {**coords, "y": np.arange(6000)},
    )
    made = interpolate(data, {"energy": [0.3, 4.0, 5.5, 10.9]}, method=method)
    np.testing.assert_allclose(made["height"].std("y"), made["height_std"], rtol=0.05)


def test_flags_of_both_neighbours_count():
    data = measurement()
    data["status"][:, :] = 0
    data["status"][:, 4] = Status.NO_DATA
    made = interpolate(data, {"x": [3.0, 3.9, 4.0, 4.1, 4.25]})
    assert made["status"].dtype == np.uint8
    assert made["status"][0].values.tolist() == [0, 4, 4, 4, 0]
    assert made["mask"].dtype == bool


def test_lazy_data_are_interpolated_in_chunks():
    data = samples.spectrum_image()
    axes = {"energy_loss": 0.3, "y": 0.2}
    lazy = interpolate(data.chunk(y=4, x=5, energy_loss=100), axes)
    xr.testing.assert_allclose(lazy.compute(), interpolate(data, axes))
    assert interpolate(data, axes).dtype == np.float32


def test_says_which_axes_cannot_be_interpolated():
    data = image()
    with pytest.raises(DataError, match=r"no new label of 'x'.*which span 3 to 5"):
        interpolate(data, {"x": [7.0, 8.0]})
    with pytest.raises(DataError, match="must ascend or descend without repeating"):
        interpolate(data[:, [0, 2, 1, 3]], {"x": 0.1})
    with pytest.raises(DataError, match="without repeating"):
        interpolate(data[:, [0, 1, 1, 3]], {"x": 0.1})
    with pytest.raises(DataError, match="step of 'x' must be positive"):
        interpolate(data, {"x": -0.1})
    with pytest.raises(DataError, match="a list of finite numbers"):
        interpolate(data, {"x": [3.0, np.nan]})
    with pytest.raises(DataError, match="method must be one of"):
        interpolate(data, {"x": 0.1}, method="sinc")
    with pytest.raises(DataError, match="at least 2"):
        interpolate(data[:, :1], {"x": 0.1})
    with pytest.raises(DataError, match="expected a dimension 'z'"):
        interpolate(data, {"z": 0.1})


@pytest.mark.parametrize("dtype", ["i1", ">u2", "i8", "f2", ">f4", "f8", "g", "c8"])
@pytest.mark.parametrize("lazy", [False, True])
def test_sums_of_bins_are_those_of_loops(dtype, lazy):
    drawn = np.random.default_rng(0).integers(0, 50, (9, 8, 15))
    values = drawn.astype(dtype)
    if values.dtype.kind in "fc":
        values[drawn > 40] = np.nan
        values[0, 0, 0] = np.inf
        values[3:6, 2:4, 4:8] = np.nan
    data = xr.DataArray(values, dims=("y", "x", "energy"), attrs={"units": "counts"})
    found = rebin(data.chunk(y=2, x=3, energy=7) if lazy else data, {"energy": 4, "y": 3, "x": 2})
    wide = values.astype({"f": "f8", "c": "c16"}.get(values.dtype.kind, "i8"))
    for at in np.ndindex(found.shape):
        y, x, energy = np.multiply(at, (3, 2, 4))
        part = wide[y : y + 3, x : x + 2, energy : energy + 4]
        known = part[~np.isnan(part)]
        expected = known.sum() if known.size else np.nan
        np.testing.assert_allclose(found.values[at], expected, rtol=1e-2 if dtype == "f2" else 1e-6)
    same = values.dtype.newbyteorder("=")
    assert found.dtype == {"i": np.int64, "u": np.uint64}.get(same.kind, same)


def test_bins_of_nothing_touch_no_memory(tmp_path):
    code = (
        "import numpy as np; from omniscopy.signal.bin_kernel import sum_bins\n"
        "for kind in ('u1', 'f4'): print(sum_bins(np.zeros((3, 4, 0), kind), (1,)).shape)"
    )
    checked = {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **checked}, capture_output=True,
        check=False,
    )  # fmt: skip
    assert done.stdout.split(b"\n")[:2] == [b"(3, 0)"] * 2, done.stderr.decode()
