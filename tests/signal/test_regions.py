"""Regions of images and points, and what is in them."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from omniscopy import samples, validate
from omniscopy.io.recipes.running import Recipe, RecipeStep, format_recipe, parse_recipe
from omniscopy.io.recipes.toml import without_none
from omniscopy.model import DataError, coordinate, decode, encode, history
from omniscopy.signal import Circle, Polygon, fold, label_regions, measure_regions, to_points


def image(shape=(9, 12), values=None):
    coords = {
        "y": coordinate("y", 4.0 - 0.5 * np.arange(shape[0]), "nm"),
        "x": coordinate("x", 0.25 * np.arange(shape[1]), "nm"),
    }
    made = np.arange(np.prod(shape), dtype=float).reshape(shape) if values is None else values
    return xr.DataArray(made, coords, dims=("y", "x"), attrs={"units": "V"})


def test_windows_of_labels_hold_both_ends():
    data = image()
    made = label_regions(data, {"top": {"y": (3.0, None)}, "part": {"y": [0, 1], "x": slice(0, 1)}})
    expected = np.zeros((9, 12))
    expected[:3] = 1
    expected[6:, :5] = 2
    np.testing.assert_array_equal(made, expected)
    assert made.attrs["flag_meanings"] == "outside top part"
    assert made.attrs["flag_values"] == [0, 1, 2]
    assert made.dtype == np.uint8
    assert validate(made) == []
    xr.testing.assert_identical(made["y"], data["y"])


def test_a_circle_and_a_ring_share_only_their_border():
    data = image()
    distance = np.hypot(data["y"] - 2.0, data["x"] - 1.5)
    made = label_regions(data, {"disc": Circle((2.0, 1.5), 0.6)})
    np.testing.assert_array_equal(made == 1, distance.transpose("y", "x") <= 0.6)
    ring = label_regions(data, {"ring": Circle((2.0, 1.5), 1.3, inner=0.6)})
    np.testing.assert_array_equal(ring == 1, (distance >= 0.6) & (distance <= 1.3))


def test_a_polygon_may_have_any_shape():
    data = image((41, 41))
    corners = [(4.05, -0.05), (4.05, 5.09), (-1.037, 5.09), (1.533, 2.52), (-1.037, -0.05)]
    made = label_regions(data, {"notched": Polygon(corners)})
    y, x = np.meshgrid(data["y"], data["x"], indexing="ij")
    inside = (y > 1.533 - abs(x - 2.52)) & (x < 5.09) & (y < 4.05)
    np.testing.assert_array_equal(made == 1, inside)


def test_later_regions_lie_above_earlier_ones():
    made = label_regions(image(), {"all": {"y": (None, None)}, "spot": Circle((2.0, 1.0), 0.3)})
    assert int((made == 0).sum()) == 0
    assert int((made == 2).sum()) == 3


def test_points_are_in_the_region_of_their_position():
    points = samples.point_cloud()
    made = label_regions(points, {"left": {"x": (None, -1.0)}, "middle": Circle((0.0, 0.0), 20.0)})
    assert made.dims == ("point",)
    np.testing.assert_array_equal(made == 2, np.hypot(points["y"], points["x"]) <= 20.0)
    cut = label_regions(points, {"box": Polygon([(-9, -9), (-9, 9), (9, 9), (9, -9)])})
    np.testing.assert_array_equal(cut == 1, (abs(points["x"]) < 9) & (abs(points["y"]) < 9))
    numbered = label_regions(points, {"first": {"point": (0, 9)}})
    assert int(numbered.sum()) == 10


def test_a_line_scan_and_a_spectrum_have_windows_too():
    line = samples.spectrum_image()[0]
    made = label_regions(line, {"start": {"x": (0.0, 2.0)}, "end": Circle((8.0,), 1.0)})
    assert made.dims == ("x",)
    assert made.values.tolist() == [1] * 5 + [0] * 9 + [2] * 5 + [0]
    edges = label_regions(line, {"edge": {"energy_loss": (450, 470)}}, dims=["energy_loss"])
    assert int(edges.sum()) == 41


def test_the_mean_spectrum_of_a_region_is_that_of_its_points():
    data = samples.spectrum_image()
    regions = samples.regions()
    found = measure_regions(data, regions)
    for number, name in ((1, "left"), (2, "right")):
        inside = data.values[regions.values == number].astype(float)
        one = found.sel(region=number)
        np.testing.assert_allclose(one["mean"], inside.mean(0))
        np.testing.assert_allclose(one["sum"], inside.sum(0))
        np.testing.assert_allclose(one["standard_deviation"], inside.std(0, ddof=1))
        np.testing.assert_allclose(one["mean_std"], inside.std(0, ddof=1) / np.sqrt(len(inside)))
        assert (one["pixels"] == len(inside)).all()
        assert str(one["region_name"].values) == name
    assert found["mean"].dims == ("region", "energy_loss")
    units = {name: found[name].attrs["units"] for name in found}
    assert units == dict.fromkeys(units, "counts") | {"pixels": "1"}
    assert validate(found) == []


@settings(max_examples=12)
@given(
    seed=st.integers(0, 1000),
    chunks=st.tuples(st.integers(4, 9), st.integers(5, 12), st.integers(2, 4)),
    kind=st.sampled_from(["f8", "c16", "u2", ">f4"]),
)
def test_chunks_do_not_matter(seed, chunks, kind):
    rng = np.random.default_rng(seed)
    values = 100 + 5 * rng.standard_normal((9, 12, 4))
    values = values + (1j * values[::-1] if kind == "c16" else 0)
    values = values.astype(kind)
    if values.dtype.kind in "fc":
        values[rng.random(values.shape) < 0.2] = np.nan
    data = xr.DataArray(values, dims=("y", "x", "energy"))
    regions = xr.DataArray(rng.integers(0, 5, (9, 12)), dims=("y", "x"))
    found = measure_regions(data, regions, labels=[3, 1, 7])
    sizes = dict(zip(("y", "x", "energy"), chunks, strict=True))
    lazy = measure_regions(data.chunk(sizes), regions.chunk(y=2), labels=[3, 1, 7])
    assert lazy["mean"].chunks is not None
    xr.testing.assert_allclose(lazy.compute(), found)
    inside = data.values[regions.values == 3].astype(complex if kind == "c16" else float)
    np.testing.assert_allclose(found["mean"][0], np.nanmean(inside, axis=0))
    np.testing.assert_allclose(found["standard_deviation"][0], np.nanstd(inside, axis=0, ddof=1))
    assert np.isnan(found["sum"][2]).all()
    assert (found["pixels"][2] == 0).all()


def test_the_stated_error_of_the_mean_is_its_scatter():
    rng = np.random.default_rng(0)
    data = xr.DataArray(rng.normal(3.0, 2.0, (50, 2000)), dims=("x", "energy"))
    mask = xr.DataArray(np.arange(50) < 20, dims="x")
    found = measure_regions(data, mask).isel(region=0)
    assert float(found["mean"].std()) == pytest.approx(float(found["mean_std"].mean()), rel=0.05)
    assert float(found["mean_std"].mean()) == pytest.approx(2.0 / np.sqrt(20), rel=0.05)


def test_a_large_offset_does_not_spoil_the_spread():
    data = image(values=1e9 + np.tile([0.0, 1.0], 54).reshape(9, 12))
    mask = data > 0
    found = measure_regions(data.chunk(x=5), mask)
    assert float(found["standard_deviation"][0]) == pytest.approx(0.5, rel=0.01)


def test_a_mask_is_one_region():
    data = image()
    found = measure_regions(data, data > 50)
    assert found["region"].values.tolist() == [1]
    assert float(found["mean"][0]) == pytest.approx(np.mean(np.arange(51, 108)))
    assert "region_name" not in found.coords


def test_regions_of_every_frame_are_measured_by_themselves():
    stack = samples.image_stack()[:3]
    regions = (stack > stack.mean(["y", "x"])).astype(int) + 1
    found = measure_regions(stack, regions)
    assert found["mean"].dims == ("region", "frame")
    for frame in range(3):
        alone = measure_regions(stack[frame], regions[frame])
        np.testing.assert_allclose(found["mean"][:, frame], alone["mean"])
    lazy = measure_regions(stack.chunk(frame=1, y=20), regions.chunk(frame=1))
    xr.testing.assert_allclose(lazy.compute(), found)


def test_regions_of_points_and_of_patterns_are_measured():
    data = samples.spectrum_image()
    regions = samples.regions()
    points, numbers = fold(data, ["y", "x"]), fold(regions, ["y", "x"])
    np.testing.assert_allclose(
        measure_regions(points, numbers)["mean"], measure_regions(data, regions)["mean"]
    )
    patterns = samples.diffraction_4d()
    disc = label_regions(patterns[0, 0], {"disc": Circle((0.0, 0.0), 2.0)})
    found = measure_regions(patterns, disc)
    assert found["sum"].dims == ("region", "y", "x")
    inside = np.hypot(patterns["ky"], patterns["kx"]) <= 2.0
    np.testing.assert_allclose(found["sum"][0], patterns.where(inside).sum(["ky", "kx"]))


def test_places_that_were_not_scanned_are_left_out():
    data = samples.spectrum_image().astype(float)
    data[10:] = np.nan
    found = measure_regions(data, samples.regions())
    assert (found["pixels"].values == [[70], [80]]).all()
    assert found["mean"].notnull().all()
    scanned = to_points(data, mask=data.notnull().all("energy_loss"))
    numbers = to_points(samples.regions(), mask=data.notnull().all("energy_loss"))
    xr.testing.assert_allclose(measure_regions(scanned, numbers), found)


def test_numbers_that_are_missing_are_outside():
    numbers = samples.regions().astype(float).drop_attrs()
    numbers = numbers.where(numbers > 0)
    found = measure_regions(samples.spectrum_image(), numbers)
    assert found["region"].values.tolist() == [1, 2]


def test_regions_are_kept_in_histories_and_recipes():
    regions = {"ring": Circle((2.0, 1.5), 1.3, inner=0.6), "left": {"x": (None, 1.0)},
               "corner": Polygon([(4.0, 0.0), (4.0, 1.0), (3.0, 0.0)])}  # fmt: skip
    made = label_regions(image(), regions)
    kept = decode(history(made)[-1].parameters["regions"])
    xr.testing.assert_equal(label_regions(image(), kept), made)
    step = RecipeStep("signal.label_regions", {"regions": encode(regions)})
    (read,) = parse_recipe(format_recipe(Recipe((step,)))).steps
    kept = decode(without_none(read.parameters["regions"]))
    xr.testing.assert_equal(label_regions(image(), kept), made)


@pytest.mark.parametrize(
    ("regions", "match"),
    [
        ({}, "there is no region"),
        ({"far": {"x": (50.0, 60.0)}}, r"region 'far' holds no place; 'y' spans 0 to 4, 'x' spans"),
        ({"far": Circle((90.0, 0.0), 1.0)}, "holds no place"),
        ({"turned": {"x": (2.0, 1.0)}}, "low <= high"),
        ({"odd": {"z": (0.0, 1.0)}}, r"region 'odd' knows 'z'; coordinates .*'y', 'x'"),
        ({"odd": (0.0, 1.0)}, "must be a Circle, a Polygon or a window"),
        ({"odd": Circle((1.0,), 1.0)}, r"has 1 coordinates, a place of the map has 2"),
    ],
)
def test_says_which_region_cannot_be(regions, match):
    with pytest.raises(DataError, match=match):
        label_regions(image(), regions)


def test_says_which_shapes_and_maps_cannot_be():
    with pytest.raises(DataError, match="0 <= inner < radius"):
        Circle((0.0, 0.0), 1.0, inner=2.0)
    with pytest.raises(DataError, match="at least three corners"):
        Polygon([(0.0, 0.0), (1.0, 1.0)])
    with pytest.raises(DataError, match=r"name those of the regions with `dims=`"):
        label_regions(samples.spectrum(), {"line": {"energy": (2.0, 2.1)}})
    with pytest.raises(DataError, match="expected dimensions"):
        label_regions(image(), {"line": {"x": (0, 1)}}, dims=["z"])
    bare = xr.DataArray(np.zeros((3, 3)), dims=("y", "x"))
    with pytest.raises(DataError, match=r"needs coordinates of numbers for \['y', 'x'\]"):
        label_regions(bare, {"disc": Circle((0.0, 0.0), 1.0)})


def test_says_which_regions_cannot_be_measured():
    data = image()
    with pytest.raises(DataError, match="all of the map is 0"):
        measure_regions(data, xr.zeros_like(data, dtype=int))
    with pytest.raises(DataError, match="other labels of 'x'"):
        measure_regions(data, (data > 3)[:, 1:])
    with pytest.raises(DataError, match="other labels of 'y'"):
        measure_regions(data, (data > 3).assign_coords(y=np.arange(9.0)))
    with pytest.raises(DataError, match=r"has dimensions \('z',\), the data \('y', 'x'\)"):
        measure_regions(data, xr.DataArray([1, 2], dims="z"))
    with pytest.raises(DataError, match=r"whole numbers, got \[0\.5"):
        measure_regions(data, data * 0 + 0.5)
    with pytest.raises(DataError, match="numbered or a mask"):
        measure_regions(data, data.astype(str))
    with pytest.raises(DataError, match="a dimension 'region' already"):
        measure_regions(data.expand_dims("region"), data > 3)
