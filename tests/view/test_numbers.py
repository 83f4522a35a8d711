"""What is shown live are the numbers that the operations give."""

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.model.errors import DataError
from omniscopy.view import cubes
from omniscopy.view.blocks import BlockCache, Blocks
from omniscopy.view.cubes import Cube
from omniscopy.view.dispatch import SupersededError, Turn
from omniscopy.view.items import item_of_array
from omniscopy.view.reductions import Reduction, reduce_exactly, spread
from omniscopy.view.scripting import result_of

BOX = {"kind": "box", "from": [1.0, 2.0], "to": [3.0, 4.5]}
REGIONS = [
    {"kind": "point", "at": [2.1, 3.4]},
    BOX,
    {"kind": "ellipse", "centre": [3.0, 4.0], "radii": [1.6, 2.2]},
    {"kind": "line", "from": [1.0, 1.0], "to": [6.0, 7.0], "width": 1.3},
    {"kind": "polygon", "corners": [[1.0, 1.0], [1.2, 7.1], [5.3, 3.9]]},
]
DETECTORS = [
    {"kind": "disc", "centre": [0.0, 0.1], "outer": 2.1},
    {"kind": "annulus", "centre": [0.2, 0.0], "inner": 1.0, "outer": 4.0},
    {"kind": "segment", "centre": [0.0, 0.0], "inner": 0.5, "outer": 5.0,
     "start": -30.0, "stop": 75.0},
    {"kind": "polygon", "corners": [[-3.0, -3.0], [-3.1, 3.0], [3.2, 0.4]]},
]  # fmt: skip


@pytest.mark.parametrize("statistic", ["mean", "sum", "max"])
@pytest.mark.parametrize("region", REGIONS, ids=lambda each: each["kind"])
def test_the_spectrum_of_a_region_is_that_of_the_operation(asking, region, statistic):
    ask = asking(om.samples.spectrum_image())
    said = {"kind": "reduce", "data": "d1", "target": "signal", "region": region,
            "statistic": statistic}  # fmt: skip
    made = result_of(ask.bench.item("d1"), said)
    np.testing.assert_allclose(ask.values(**said), made.values, rtol=1e-6)


def test_the_spectrum_of_a_box_holds_both_of_its_ends(asking):
    data = om.samples.spectrum_image()
    found = asking(data).values("reduce", data="d1", target="signal", region=BOX, statistic="sum")
    part = data.sel(y=slice(1.0, 3.0), x=slice(2.0, 4.5)).astype(np.float64)
    np.testing.assert_allclose(found, part.sum(("y", "x")).values, rtol=1e-6)


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda each: each["kind"])
def test_the_image_of_a_detector_is_that_of_the_operation(asking, detector):
    ask = asking(om.samples.diffraction_4d())
    said = {"kind": "reduce", "data": "d1", "target": "navigation", "region": detector,
            "statistic": "sum"}  # fmt: skip
    made = result_of(ask.bench.item("d1"), said)
    np.testing.assert_allclose(ask.values(**said), made.values, rtol=1e-6)


def test_the_image_of_greatest_values_is_that_of_the_operation(asking):
    ask = asking(om.samples.diffraction_4d())
    for region in (DETECTORS[-1], None):
        said = {"kind": "reduce", "data": "d1", "target": "navigation", "region": region,
                "statistic": "max"}  # fmt: skip
        made = result_of(ask.bench.item("d1"), said)
        np.testing.assert_allclose(ask.values(**said), made.values, rtol=1e-6)


def test_a_detector_is_copied_where_nothing_says_that_patterns_are_patterns(asking):
    values = om.samples.diffraction_4d().values
    coords = {name: np.arange(float(n)) for name, n in zip("abcd", values.shape, strict=True)}
    plain = xr.DataArray(values, coords, tuple("abcd"))
    ask = asking(plain)
    disc = {"kind": "disc", "centre": [10.0, 12.0], "outer": 4.0}
    said = {"kind": "reduce", "data": "d1", "target": "navigation", "region": disc,
            "statistic": "sum"}  # fmt: skip
    made = result_of(ask.bench.item("d1"), said)
    np.testing.assert_allclose(ask.values(**said), made.values, rtol=1e-6)


def test_the_centre_of_mass_is_that_of_the_operation(asking):
    ask = asking(om.samples.diffraction_4d())
    said = {"kind": "centre", "data": "d1", "region": DETECTORS[0]}
    made = result_of(ask.bench.item("d1"), said)
    found = ask.values(**said)
    np.testing.assert_allclose(found.real, made["com_y"].values, atol=1e-6)
    np.testing.assert_allclose(found.imag, made["com_x"].values, atol=1e-6)


@pytest.mark.parametrize("frames", [1, 3])
def test_the_centre_of_mass_is_that_of_the_frame_that_is_looked_at(asking, frames):
    one = om.samples.diffraction_4d()
    moved = [np.roll(one.values, shift, axis=-1) for shift in (0, 3, -4)]
    coords = {"frame": om.model.coordinate("frame", np.arange(3.0), units="1"), **one.coords}
    data = xr.DataArray(np.stack(moved), coords, ("frame", *one.dims), attrs=one.attrs)
    ask = asking(data.chunk(frame=frames))
    found = ask.values("centre", data="d1", region=None, at={"frame": 2})
    expected = om.diffraction.measure_com(data.isel(frame=2))
    np.testing.assert_allclose(found.real, expected["com_y"].values, atol=1e-5)
    np.testing.assert_allclose(found.imag, expected["com_x"].values, atol=1e-5)


def test_the_map_of_a_window_is_that_of_the_operation(asking):
    data = om.samples.spectrum_image()
    ask = asking(data)
    window = {"kind": "interval", "from": [455.0], "to": [470.0]}
    said = {"kind": "reduce", "data": "d1", "target": "navigation", "region": window,
            "statistic": "sum"}  # fmt: skip
    expected = data.sel(energy_loss=slice(455, 470)).astype(np.float64).sum("energy_loss")
    np.testing.assert_allclose(ask.values(**said), expected.values, rtol=1e-6)
    made = result_of(ask.bench.item("d1"), said)
    np.testing.assert_allclose(ask.values(**said), made.values, rtol=1e-6)


@pytest.mark.parametrize("model", ["power_law", "polynomial"])
def test_the_map_above_a_background_is_without_it(asking, model):
    energy = om.model.coordinate("energy_loss", np.arange(300.0, 600.0, 1.0), units="eV")
    place = om.model.coordinate("x", np.arange(4.0), units="nm")
    row = om.model.coordinate("y", np.arange(3.0), units="nm")
    loss = np.asarray(energy.values)
    below = 1e9 * loss**-2.7 if model == "power_law" else 500.0 - 0.4 * loss
    edge = np.where(loss >= 450, 40.0, 0.0) * np.arange(1.0, 13.0).reshape(3, 4, 1)
    data = xr.DataArray(below + edge, {"y": row, "x": place, "energy_loss": energy},
                        ("y", "x", "energy_loss"), attrs={"units": "counts"})  # fmt: skip
    background = {"window": [350.0, 440.0], "model": model, "degree": 1}
    replies = asking(data).replies(
        "window_map", data="d1", window=[460.0, 500.0], background=background
    )
    expected = 40.0 * np.arange(1.0, 13.0).reshape(3, 4) * 41
    assert replies[-1][0]["exact"]
    for header, buffers in replies:
        found = np.frombuffer(buffers[0], "<f4").reshape(header["shape"])
        np.testing.assert_allclose(found, expected, rtol=2e-3)


def test_a_region_smaller_than_a_pixel_is_the_nearest_one(asking):
    data = om.samples.spectrum_image()
    tiny = {"kind": "ellipse", "centre": [2.1, 3.1], "radii": [0.01, 0.01]}
    found = asking(data).values("reduce", data="d1", target="signal", region=tiny)
    np.testing.assert_allclose(found, data.sel(y=2.0, x=3.0).values, rtol=1e-6)


def test_missing_values_are_left_out(asking):
    data = om.samples.spectrum_image().copy(deep=True)
    data[2:6, 4:6] = np.nan
    found = asking(data).values("reduce", data="d1", target="signal", region=BOX)
    part = data.sel(y=slice(1.0, 3.0), x=slice(2.0, 4.5)).astype(np.float64)
    np.testing.assert_allclose(found, part.mean(("y", "x")).values, rtol=1e-6)


def test_the_maximum_over_a_region(asking):
    data = om.samples.spectrum_image()
    found = asking(data).values("reduce", data="d1", target="signal", region=BOX, statistic="max")
    np.testing.assert_allclose(found, data.sel(y=slice(1, 3), x=slice(2, 4.5)).max(("y", "x")))


def test_complex_data_are_sent_as_two_parts(asking):
    data = om.samples.band_excitation()
    ask = asking(data)
    box = {"kind": "box", "from": [-1e9, -1e9], "to": [1e9, 1e9]}
    found = ask.values("reduce", data="d1", target="signal", region=box)
    np.testing.assert_allclose(found, data.mean(("y", "x")).values, rtol=1e-4, atol=1e-9)


def test_five_dimensions_have_a_slider_and_it_matters(asking):
    data = om.samples.switching_spectroscopy()
    ask = asking(data)
    assert ask("hello")["items"][0]["panes"] == {
        "navigation": ["y", "x"], "signal": ["frequency"], "extra": ["bias"],
    }  # fmt: skip
    point = {"kind": "point", "at": [float(data.y[1]), float(data.x[2])]}
    for bias in (0, 7):
        found = ask.values("reduce", data="d1", target="signal", region=point, at={"bias": bias})
        expected = data.isel(y=1, x=2, bias=bias).values
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-9)


def test_the_mean_over_a_slider_is_that_of_the_operation(asking):
    data = om.samples.image_stack()
    ask = asking(data)
    said = {"kind": "reduce", "data": "d1", "target": "navigation", "at": {"frame": None}}
    expected = data.astype(np.float64).mean("frame").values
    np.testing.assert_allclose(ask.values(**said), expected, rtol=1e-6)
    made = result_of(ask.bench.item("d1"), said)
    np.testing.assert_allclose(made.values, expected, rtol=1e-6)
    with pytest.raises(DataError, match="without regions"):
        asking(om.samples.switching_spectroscopy())(
            "reduce", data="d1", target="navigation", at={"bias": None}
        )


def test_another_dimension_is_chosen_for_the_signal(asking):
    data = om.samples.switching_spectroscopy()
    ask = asking(data)
    (item,) = ask("arrange", data="d1", navigation=["y", "x"], signal=["bias"])["items"]
    assert item["panes"]["extra"] == ["frequency"]
    point = {"kind": "point", "at": [float(data.y[1]), float(data.x[2])]}
    said = {"kind": "reduce", "data": "d1", "target": "signal", "region": point,
            "at": {"frequency": 5}}  # fmt: skip
    expected = data.isel(y=1, x=2, frequency=5).values
    np.testing.assert_allclose(ask.values(**said), expected, rtol=1e-4, atol=1e-9)
    made = result_of(ask.bench.item("d1"), said)
    np.testing.assert_allclose(made.values, expected)
    for navigation, signal in ((["y"], ["y"]), ([], []), (["y", "x", "bias"], []), (["q"], ["x"])):
        with pytest.raises(DataError, match="up to two of the dimensions"):
            ask("arrange", data="d1", navigation=navigation, signal=signal)
    with pytest.raises(DataError, match="list dimensions"):
        ask("arrange", data="d1", navigation="y", signal=["x"])


def test_points_on_no_grid_are_reached_by_their_positions(asking):
    data = om.samples.point_cloud()
    ask = asking(data)
    header, (y, x) = ask.replies("positions", data="d1")[-1]
    assert header["names"] == ["y", "x"]
    np.testing.assert_allclose(np.frombuffer(x, "<f4"), data.x.values, rtol=1e-6)
    np.testing.assert_allclose(np.frombuffer(y, "<f4"), data.y.values, rtol=1e-6)


@pytest.mark.parametrize("chunks", [{"y": 3, "x": 7, "energy_loss": 50}, {"y": 16, "x": 1}])
def test_chunks_do_not_matter(asking, chunks):
    data = om.samples.spectrum_image()
    said = {"data": "d1", "target": "signal", "region": REGIONS[2]}
    lazy = asking(data.chunk(chunks)).values("reduce", **said)
    np.testing.assert_allclose(lazy, asking(data).values("reduce", **said), rtol=1e-6)


def test_blocks_are_kept_up_to_a_number_of_bytes():
    cache = BlockCache(10_000)
    values = np.arange(40_000, dtype=np.uint8).reshape(200, 200)

    class Counted:
        shape, dtype, chunks, reads = values.shape, values.dtype, (50, 40), 0

        def __getitem__(self, key):
            Counted.reads += 1
            return values[key]

    blocks = Blocks(Counted(), cache)
    blocks.block = (50, 40)
    part = (slice(30, 120), slice(10, 90))
    np.testing.assert_array_equal(blocks.part(part), values[part])
    assert cache.held <= cache.most
    first = Counted.reads
    blocks.read((slice(100, 150), slice(80, 120)))
    assert Counted.reads == first
    blocks.forget()
    assert cache.held == 0


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 64, 100])
def test_blocks_are_read_far_apart_first_and_each_once(count):
    assert sorted(spread(count)) == list(range(count))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
def test_a_small_copy_gives_sums_of_whole_bins_exactly(dtype, monkeypatch):
    monkeypatch.setattr(cubes, "CUBE_BYTES", 4 * 6 * 5 * 90)
    rng = np.random.default_rng(0)
    values = rng.integers(0, 200, (6, 5, 30, 27)).astype(dtype)
    axes = [("y", 6), ("x", 5), ("ky", 30), ("kx", 27)]
    coords = {name: om.model.coordinate(name, np.arange(float(n)), units="nm") for name, n in axes}
    item = item_of_array("d", xr.DataArray(values, coords, [n for n, _ in axes]), BlockCache())
    cube = Cube.of(item, ("y", "x"), ("ky", "kx"), {})
    assert cube is not None
    assert max(cube.bins) > 1
    for rows in (slice(0, 4), slice(4, 6)):
        for columns in (slice(0, 16), slice(16, 30)):
            part = (rows, slice(0, 5), columns, slice(0, 27))
            cube.add(values[part], part)
    (total,) = cube.weigh([np.ones((30, 27))])
    np.testing.assert_allclose(total, values.sum((2, 3), dtype=np.float64), rtol=1e-6)


def test_work_that_nobody_waits_for_ends(asking):
    item = asking(om.samples.spectrum_image()).bench.item("d1")
    turn = Turn()
    turn.cancelled.set()
    with pytest.raises(SupersededError):
        reduce_exactly(item, Reduction(("energy_loss",), ("y", "x")), turn)


@pytest.mark.parametrize(
    ("said", "match"),
    [
        ({"data": "d9"}, "no data 'd9' open"),
        ({"target": "elsewhere"}, "the target is"),
        ({"statistic": "median"}, "the statistic is one of"),
        ({"region": 5}, "a region is an object"),
        ({"region": {"kind": "star"}}, "no region of the kind 'star'"),
        ({"region": {"kind": "box", "from": [1], "to": [2]}}, "has 2 coordinates"),
        ({"region": {"kind": "box", "from": ["a", 1], "to": [2, 2]}}, "a list of numbers"),
        ({"region": {"kind": "polygon", "corners": [[0, 0]]}}, "3 to 2000 corners"),
        ({"region": {"kind": "line", "from": [1, 1], "to": [1, 1], "width": 1}}, "no length"),
        ({"at": {"z": 1}}, "'at' gives a number"),
        ({"at": 7}, "'at' gives a number"),
    ],
)
def test_what_cannot_be_is_said(asking, said, match):
    ask = asking(om.samples.spectrum_image())
    with pytest.raises(DataError, match=match):
        ask("reduce", **{"data": "d1", "target": "signal", **said})


def test_positions_of_sliders_are_checked(asking):
    ask = asking(om.samples.image_stack())
    with pytest.raises(DataError, match=r"'frame' has points 0 to"):
        ask("reduce", data="d1", target="navigation", at={"frame": 900})
    with pytest.raises(DataError, match=r"'frame' has points 0 to"):
        ask("reduce", data="d1", target="navigation", at={"frame": "1"})
