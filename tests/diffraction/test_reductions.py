"""Many things of patterns from one read."""

import os
import subprocess
import sys
from pathlib import Path

import cloudpickle
import dask
import numpy as np
import pytest
import xarray as xr

from omniscopy import samples, simulate
from omniscopy.diffraction import (
    Annulus,
    CentreOfMass,
    Disk,
    Mask,
    Polygon,
    RadialProfile,
    Segment,
    max_pattern,
    mean_pattern,
    measure_com,
    reduce,
    virtual_image,
)
from omniscopy.diffraction.reductions import few_counts, kernels
from omniscopy.model import DataError, Status, coordinate

CENTRE = (0.25, -0.4)
EVERYTHING = {
    "total": "sum",
    "mean": "mean",
    "max": "max",
    "variance": "variance",
    "com": CentreOfMass(Disk(3.0, centre=CENTRE)),
    "bright": Disk(2.0, centre=CENTRE),
    "ring": Annulus(2.0, 5.0, centre=CENTRE),
    "quadrant": Segment(0.5, 5.0, 0.0, 90.0, centre=CENTRE),
    "triangle": Polygon([(-2.95, -2.95), (2.95, -2.95), (0.0, 4.05)]),
    "weights": Mask(np.random.default_rng(1).random((48, 52))),
    "profile": RadialProfile(0.5, centre=CENTRE),
}


@pytest.fixture
def data():
    return samples.diffraction_4d()


def patterns(values, step=0.5):
    size = values.shape
    coords = {
        "ky": coordinate("ky", step * (np.arange(size[-2]) - size[-2] // 2), "1/nm"),
        "kx": coordinate("kx", step * (np.arange(size[-1]) - size[-1] // 2), "1/nm"),
    }
    dims = ("y", "x", "ky", "kx")[-len(size) :]
    return xr.DataArray(values, coords, dims=dims, attrs={"units": "counts"})


def plainly(data):
    """Return what is asked in EVERYTHING, as a textbook has it."""
    values = data.values.astype(np.float64)
    ky, kx = data["ky"].values[:, None], data["kx"].values[None, :]
    dy, dx = ky - CENTRE[0], kx - CENTRE[1]
    away = np.hypot(dy, dx)
    inside = away < 3.0
    weight = np.nansum(values * inside, axis=(2, 3))
    ring = np.floor(away / 0.5).astype(int)
    rings = [values[:, :, ring == n] for n in range(ring.max() + 1)]
    turn = np.rad2deg(np.arctan2(dy, dx))
    triangle = (kx > -2.95) & (kx < 4.05 - 7 / 2.95 * abs(ky))
    return {
        "total": np.nansum(values, axis=(2, 3)),
        "mean": np.nanmean(values, axis=(0, 1)),
        "max": np.nanmax(values, axis=(0, 1)),
        "variance": np.nanvar(values, axis=(0, 1)),
        "com_y": np.nansum(values * inside * ky, axis=(2, 3)) / weight,
        "com_x": np.nansum(values * inside * kx, axis=(2, 3)) / weight,
        "bright": np.nansum(values * (away < 2.0), axis=(2, 3)),
        "ring": np.nansum(values * ((away >= 2.0) & (away < 5.0)), axis=(2, 3)),
        "quadrant": np.nansum(
            values * ((away >= 0.5) & (away < 5.0) & (turn >= 0) & (turn < 90)), axis=(2, 3)
        ),
        "triangle": np.nansum(values * triangle, axis=(2, 3)),
        "weights": np.nansum(values * EVERYTHING["weights"].values, axis=(2, 3)),
        "profile": np.stack([np.nanmean(each, axis=2) for each in rings], axis=2),
    }


def compare(found, expected, tolerance=1e-9):
    for name, wanted in expected.items():
        made, values = found[name].values, wanted
        if name == "profile":
            made, values = made[..., : wanted.shape[2]], wanted[..., : made.shape[2]]
        np.testing.assert_allclose(made, values, rtol=tolerance, atol=1e-9, err_msg=name)


@pytest.mark.parametrize(
    "dtype",
    ["u1", "u2", ">u2", "i1", "i2", ">i2", "u4", "i4", "i8", "u8", "f4", "f8", ">f4", "f2"],
)
def test_everything_in_one_read_is_what_a_textbook_has(data, dtype):
    data = data.astype(dtype)
    compare(reduce(data, EVERYTHING), plainly(data), 1e-6 if dtype in ("f4", ">f4", "f2") else 1e-9)


def test_patterns_of_few_pixels_and_few_positions_too():
    for shape in [(1, 1, 1, 1), (1, 3, 5, 1), (2, 1, 1, 7), (3, 3, 17, 4)]:
        values = np.random.default_rng(0).poisson(9, shape).astype(np.uint16)
        data = patterns(values)
        found = reduce(data, ["sum", "mean", "max", "com"])
        np.testing.assert_allclose(found["sum"], values.sum(axis=(2, 3)))
        np.testing.assert_allclose(found["mean_pattern"], values.mean(axis=(0, 1)))
        np.testing.assert_array_equal(found["max_pattern"], values.max(axis=(0, 1)))
        total = values.sum(axis=(2, 3))
        mean = (values * data["kx"].values).sum(axis=(2, 3)) / np.where(total, total, np.nan)
        np.testing.assert_allclose(found["com_x"], mean, atol=1e-12)


@pytest.mark.parametrize(
    ("dtype", "which"), [("u2", "max"), ("u1", "max"), ("i2", "max"), ("i2", "min"), ("i1", "min")]
)
def test_saturated_patterns_do_not_overflow(dtype, which):
    most = getattr(np.iinfo(dtype), which)
    data = patterns(np.full((3, 4, 96, 80), most, dtype))
    profile = RadialProfile(3.0, outer=15.0, centre=(0.0, 0.0))
    found = reduce(data, ["sum", "mean", "variance", Disk(30.0, centre=(0.0, 0.0)), profile])
    assert (found["sum"] == most * 96 * 80).all()
    assert (found["mean_pattern"] == most).all()
    assert (found["radial_profile"] == most).all()
    assert (found["variance_pattern"] == 0).all()
    assert (
        found["disk"] == float(most) * (np.hypot(*np.ix_(data["ky"], data["kx"])) < 30).sum()
    ).all()


@pytest.mark.parametrize("order", [("ky", "kx", "y", "x"), ("x", "kx", "y", "ky")])
def test_the_order_of_dimensions_in_memory_does_not_matter(data, order):
    xr.testing.assert_allclose(
        reduce(data.transpose(*order), EVERYTHING).transpose("y", "x", "ky", "kx", "k"),
        reduce(data, EVERYTHING).transpose("y", "x", "ky", "kx", "k"),
    )


def test_values_that_are_missing_are_left_out_of_everything(data):
    holes = data.astype(float)
    holes.values[np.random.default_rng(0).random(holes.shape) < 0.1] = np.nan
    compare(reduce(holes, EVERYTHING), plainly(holes))
    nothing = reduce(holes * np.nan, EVERYTHING)
    for name in set(nothing) - {"com_status"}:
        if name != "status":
            assert np.isnan(nothing[name]).all(), name
    assert (nothing["status"] == Status.NO_DATA).all()


def test_lazy_data_are_read_once(data):
    reads = []

    def read(block):
        if block.size:
            reads.append(block.shape)
        return block

    lazy = data.chunk({"y": 2, "x": 3, "ky": 24})
    lazy = lazy.copy(data=lazy.data.map_blocks(read, dtype=lazy.dtype, meta=lazy.data._meta))
    with dask.config.set(scheduler="synchronous"):
        found = reduce(lazy, EVERYTHING)
        assert reads == []
        compare(found.compute(), plainly(data))
    assert len(reads) == lazy.data.npartitions


def assert_same(found, expected):
    """Hold values, names and units to be the same; each has a history of its own."""
    xr.testing.assert_identical(found.compute().drop_attrs(), expected.compute().drop_attrs())
    for name, values in found.items():
        mine, other = ({**each.attrs, "provenance": None} for each in (values, expected[name]))
        assert mine == other, name


@pytest.mark.parametrize("dtype", ["u1", ">u2", "i4"])
@pytest.mark.parametrize("chunks", [{"y": 2, "x": 3}, {"y": 1, "frame": 1, "kx": 20}, {}])
def test_lazy_answers_are_those_in_memory_to_the_last_bit(data, dtype, chunks):
    frames = xr.concat([data, data // 2], "frame").transpose("y", "frame", "x", "ky", "kx")
    frames = frames.astype(dtype)
    centres = centres_of(data)
    centres["ky"][1, 2] = np.nan
    dead = xr.zeros_like(data[0, 0], dtype=bool)
    dead[24, 26] = True
    asked = {**EVERYTHING, "moving": Disk(1.5), "rings": RadialProfile(0.5), "plain": "com"}
    lazy = frames.chunk(chunks)
    for given in (None, centres, centres.chunk({"y": 3})):
        found = reduce(lazy, asked, centres=given, dead=dead)
        assert all(each.chunks is not None for each in found.data_vars.values())
        expected = reduce(frames, asked, centres=given, dead=dead)
        assert list(found) == list(expected)
        for name, values in found.items():
            assert values.dtype == expected[name].dtype, name
        assert_same(found, expected)


def test_many_chunks_are_added_by_steps_and_each_is_a_task_for_every_answer():
    values = np.random.default_rng(0).poisson(3, (20, 15, 8, 32)).astype(np.uint16)
    data = patterns(values)
    found = reduce(data.chunk({"y": 1, "x": 1}), ["com", "mean", "max", "sum"])
    assert_same(found, reduce(data, ["com", "mean", "max", "sum"]))
    (graph,) = dask.optimize(found)
    # One to read a chunk, one to work on it, one for each variable of positions.
    assert len(dict(graph.__dask_graph__())) < 300 * (2 + 6) + 30


def test_tasks_can_be_sent_to_other_processes(data):
    lazy = data.chunk({"y": 2, "x": 3})
    found = reduce(lazy, EVERYTHING, centres=centres_of(data))
    keys = [each.data.__dask_keys__() for each in found.data_vars.values()]
    sent = cloudpickle.loads(cloudpickle.dumps(dict(found.__dask_graph__())))
    for each, blocks in zip(found.data_vars.values(), dask.get(sent, keys), strict=True):
        made = each.data.__dask_postcompute__()[0](blocks)
        np.testing.assert_array_equal(made, each.values)


def test_a_further_dimension_has_patterns_of_its_own(data):
    frames = xr.concat([data, data // 2], "frame")
    found = reduce(frames, ["mean", "max", "variance", Disk(2.0), RadialProfile(0.5)])
    for frame in range(2):
        alone = reduce(frames[frame], ["mean", "max", "variance", Disk(2.0), RadialProfile(0.5)])
        xr.testing.assert_allclose(found.isel(frame=frame, drop=True), alone)


@pytest.mark.filterwarnings("ignore:Mean of empty", "ignore:All-NaN", "ignore:Degrees of")
def test_dead_pixels_count_nowhere(data):
    dead = xr.zeros_like(data[0, 0], dtype=bool)
    dead[24, 26] = dead[3, 40] = True
    spoilt = data.copy(deep=True)
    spoilt[..., 24, 26] = spoilt[..., 3, 40] = 60000
    found = reduce(spoilt, EVERYTHING, dead=dead)
    holes = data.astype(float).where(~dead)
    expected = plainly(holes)
    compare(found, {name: expected[name] for name in expected if name != "max"})
    assert np.isnan(found["max"]).sum() == 2
    with pytest.raises(DataError, match="do not fit to patterns"):
        reduce(data, ["sum"], dead=dead[:5])


def moving(shape=(5, 4)):
    return simulate.diffraction_4d(shape, noise=False, strain=0.0, deflection=(0.2, -0.3))


def centres_of(data):
    y, x = data["y"] - data["y"].mean(), data["x"] - data["x"].mean()
    ky, kx = (each.copy(deep=True) for each in xr.broadcast(0.25 + 0.2 * y, -0.4 - 0.3 * x))
    return xr.Dataset({"ky": ky.assign_attrs(units="1/nm"), "kx": kx.assign_attrs(units="1/nm")})


@pytest.mark.parametrize("chunks", [None, {"y": 2, "x": 3}])
def test_detectors_follow_the_beam(chunks):
    data = moving()
    centres = centres_of(data)
    lazy = data if chunks is None else data.chunk(chunks)
    asked = {
        "disc": Disk(2.6), "ring": Annulus(2.6, 6.0), "half": Segment(0.0, 2.6, 0.0, 180.0),
        "com": CentreOfMass(Disk(2.6)), "profile": RadialProfile(0.4, outer=4.0),
    }  # fmt: skip
    found = reduce(lazy, asked, centres=centres).compute()
    for y, x in [(0, 0), (2, 1), (4, 3)]:
        centre = (float(centres["ky"][y, x]), float(centres["kx"][y, x]))
        alone = reduce(
            data[y, x],
            {
                "disc": Disk(2.6, centre=centre), "ring": Annulus(2.6, 6.0, centre=centre),
                "half": Segment(0.0, 2.6, 0.0, 180.0, centre=centre),
                "com": CentreOfMass(Disk(2.6, centre=centre)),
                "profile": RadialProfile(0.4, outer=4.0, centre=centre),
            },
        )  # fmt: skip
        xr.testing.assert_allclose(found[{"y": y, "x": x}], alone)
    still = virtual_image(data, Disk(2.0, centre=CENTRE))
    assert float(found["disc"].std()) < 0.1 * float(still.std())
    np.testing.assert_allclose(found["com_y"], centres["ky"], atol=0.02)


def test_a_beam_that_left_the_detector_has_no_image():
    data = moving()
    centres = centres_of(data)
    centres["ky"][0, 0] = 90.0
    centres["kx"][1, 1] = np.nan
    image = virtual_image(data, Disk(2.6), centres=centres)
    assert np.isnan(image[0, 0])
    assert np.isnan(image[1, 1])
    assert int(np.isnan(image).sum()) == 2


def test_quadrants_make_a_disc_and_are_where_the_angles_say(data):
    quadrants = [Segment(0.0, 5.0, a, a + 90, centre=CENTRE) for a in (-45, 45, 135, 225)]
    found = reduce(data, quadrants)
    whole = virtual_image(data, Disk(5.0, centre=CENTRE))
    np.testing.assert_allclose(sum(found.data_vars.values()), whole)
    one = patterns(np.zeros((1, 1, 9, 9)))
    one[0, 0, 4, 8] = 1.0  # at +kx
    one[0, 0, 8, 4] = 2.0  # at +ky
    right = [Segment(0.0, 5.0, a, a + 90, centre=(0.0, 0.0)) for a in (-45, 45)]
    made = reduce(one, right)
    assert float(made["segment"][0, 0]) == 1.0
    assert float(made["segment_1"][0, 0]) == 2.0


def test_a_profile_is_that_of_a_pattern_that_is_round():
    ky, kx = np.mgrid[-40:41, -40:41] * 0.5
    away = np.hypot(ky - 1.3, kx + 2.1)
    data = patterns((100 / (1 + away**2 / 25))[None, None])
    profile = reduce(data, [RadialProfile(0.5, outer=12.0, centre=(1.3, -2.1))])["radial_profile"]
    truth = 100 / (1 + profile["k"] ** 2 / 25)
    np.testing.assert_allclose(profile[0, 0, 2:], truth[2:], rtol=0.02)
    assert profile["k"].attrs["units"] == "1/nm"


def test_the_kernels_are_what_their_formulas_say():
    rng = np.random.default_rng(0)
    block = rng.poisson(40, (8, 11, 13)).astype(np.uint16)
    total = np.zeros((11, 13), np.uint32)
    kernels.sum_patterns(block, total)
    np.testing.assert_array_equal(total, block.sum(axis=0))
    masks = rng.random((3, 143)) < 0.4
    bits = np.where(masks, np.uint16(65535), np.uint16(0))
    sums = np.empty((8, 3))
    spans = np.array([[0, 143]] * 3)
    kernels.sum_masks(block.reshape(8, -1), bits, spans, total, sums)
    np.testing.assert_array_equal(sums, block.reshape(8, -1) @ masks.T)
    ky, kx = rng.random(11), rng.random(13)
    moments = np.empty((8, 5))
    room = np.zeros((4, 13), np.uint32), np.zeros((4, 11), np.uint32)
    kernels.sum_columns(block, bits[0].reshape(11, 13), total[:0], *room, ky, kx, moments)
    inside = block * masks[0].reshape(11, 13)
    rows, columns = inside.sum(axis=2), inside.sum(axis=1)
    expected = [rows.sum(axis=1), rows @ ky, rows @ ky**2, columns @ kx, columns @ kx**2]
    np.testing.assert_allclose(moments, np.stack(expected, axis=1))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("shape", "many"), [((11, 13), None), ((64, 70), 9), ((3, 200), 74)])
def test_sums_of_few_counts_end_before_a_pattern_of_many(dtype, shape, many):
    rng = np.random.default_rng(0)
    block = rng.integers(0, 200, (75, *shape)).astype(dtype)
    if many is not None and dtype == np.uint16:
        block[many, 1, 2] = 65535
    masks = rng.random((3, *shape)) < 0.4
    masks[1] = False
    masks[2, :, 2:] = False
    bits = np.where(masks, np.iinfo(dtype).max, 0).astype(dtype)
    ky, kx = rng.random(shape[0]), rng.random(shape[1])
    few, total = np.zeros(shape, np.uint16), np.zeros(shape, np.uint32)
    moments, sums = np.empty((75, 5)), np.empty((75, 3))
    done = few_counts.sum_few(
        block, few_counts.largest_few(shape), few, np.zeros((4, shape[1]), np.uint16),
        np.zeros((4, shape[0]), np.uint16), ky, kx, bits, *few_counts.spans_of_rows(bits), total,
        moments, sums,
    )  # fmt: skip
    assert done == (72 if many is None or dtype == np.uint8 else many // 4 * 4)
    read = block[:done].astype(np.int64)
    np.testing.assert_array_equal(total, read.sum(axis=0))
    np.testing.assert_array_equal(sums[:done], np.einsum("pyx,ryx->pr", read, masks))
    rows, columns = read.sum(axis=2), read.sum(axis=1)
    expected = [rows.sum(axis=1), rows @ ky, rows @ ky**2, columns @ kx, columns @ kx**2]
    np.testing.assert_allclose(moments[:done], np.stack(expected, axis=1))
    assert not few.any()


def in_lanes(shape, dtype=np.uint16, many=None, count=75):
    """Return what registers give of patterns, and what they should."""
    rng = np.random.default_rng(0)
    largest = few_counts.largest_few(shape)
    block = rng.integers(0, min(largest // 2, 255), (count, *shape)).astype(dtype)
    if many is not None:
        block[many, 1, 2] = 65535
    masks = rng.random((2, *shape)) < 0.4
    masks[1, :, 7:] = False
    bits = np.where(masks, np.iinfo(dtype).max, 0).astype(dtype)
    kx, total = rng.random(shape[1]), np.zeros(shape, np.uint32)
    few, columns = (np.zeros(n, np.uint16) for n in (total.size, 4 * shape[1]))
    moments, sums = np.empty((count, 5)), np.empty((count, 2))
    done = few_counts.sum_few_in_lanes(
        block.reshape(-1), np.array(shape), largest, few, total, columns,
        np.zeros((4, 4), np.int64), -3.25, 0.5, kx, bits.reshape(2, -1),
        *few_counts.spans_of_rows(bits), moments, sums,
    )  # fmt: skip
    read, ky = block[:done].astype(np.int64), -3.25 + 0.5 * np.arange(shape[0])
    rows, across = read.sum(axis=2), read.sum(axis=1)
    expected = [rows.sum(axis=1), rows @ ky, rows @ ky**2, across @ kx, across @ kx**2]
    np.testing.assert_array_equal(total, read.sum(axis=0))
    np.testing.assert_array_equal(sums[:done], np.einsum("pyx,ryx->pr", read, masks))
    np.testing.assert_allclose(moments[:done], np.stack(expected, axis=1), atol=1e-9)
    assert not few.any()
    return done


@pytest.mark.parametrize(
    ("shape", "dtype", "many"),
    [
        ((64, 64), np.uint16, None), ((64, 64), np.uint8, None), ((64, 96), np.uint16, 9),
        ((2, 32), np.uint16, 74), ((300, 32), np.uint16, 70), ((256, 256), np.uint8, None),
    ],
)  # fmt: skip
def test_registers_sum_what_loops_do(shape, dtype, many):
    assert in_lanes(shape, dtype, many) == (72 if many is None else many // 4 * 4)


def test_registers_are_arrays_where_nothing_is_compiled():
    # Sums that are taken back overflow, which is no reason to warn.
    code = (
        "from tests.diffraction.test_reductions import in_lanes; import warnings; "
        "warnings.simplefilter('error'); print(in_lanes((6, 64), count=9, many=8), "
        "in_lanes((6, 64), count=9, many=5))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"NUMBA_DISABLE_JIT": "1"}, check=True,
        capture_output=True, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.stdout.split() == ["8", "4"]


@pytest.mark.parametrize("wide", [33, 64])
@pytest.mark.parametrize("largest", [3, 700, 65535])
def test_counts_few_or_many_have_the_same_sums(largest, wide):
    rng = np.random.default_rng(1)
    values = rng.poisson(2, (5, 7, 40, wide)).astype(np.uint16)
    values[3, 3, 4, 5] = largest
    few, many = patterns(values), patterns(values.astype(np.int32))
    asked = {"disc": Disk(3.0, centre=(0.0, 0.0)), "com": CentreOfMass(), "mean": "mean"}
    for mine, other in (
        (few, many),
        (few.astype(">u2"), many),
        (few[:, ::2], many[:, ::2]),
        (few[:, :, ::-1], many[:, :, ::-1]),
    ):
        xr.testing.assert_allclose(reduce(mine, asked), reduce(other, asked))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda data: reduce(data, []), "nothing is asked"),
        (lambda data: reduce(data, ["median"]), "operations must be detectors"),
        (lambda data: reduce(data[0, 0], ["mean"]), "those of one pattern"),
        (lambda data: reduce(data[:0], ["mean"]), "hold no pattern"),
        (lambda data: reduce(data, [Disk(1.0, centre=(50.0, 0.0))]), "no pixel is on Disk"),
        (lambda data: reduce(data, [Annulus(90.0, 95.0)]), "no pixel is on Annulus.* across"),
        (lambda data: reduce(data, [Mask(np.ones((3, 3)))]), "does not fit to patterns"),
        (lambda data: Mask(np.ones(3)), "must be a plane of finite weights"),
        (lambda data: Polygon([(0.0, 0.0), (1.0, 1.0)]), "three corners"),
        (lambda data: Segment(0.0, 1.0, 10.0, 10.0), "angles of a segment"),
        (lambda data: RadialProfile(-1.0), "must be positive"),
        (lambda data: reduce(data, [CentreOfMass(Mask(np.full((48, 52), 0.5)))]), "not weights"),
        (lambda data: reduce(data, ["sum"], centres=xr.Dataset()), "centres must have"),
        (
            lambda data: reduce(data, ["sum"], centres=centres_of(data).expand_dims(z=2)),
            "the scan has not",
        ),
    ],
)
def test_says_what_cannot_be_asked(data, call, match):
    with pytest.raises(DataError, match=match):
        call(data)


def test_centres_must_be_in_the_units_of_the_patterns(data):
    centres = centres_of(data)
    centres["ky"].attrs["units"] = "mrad"
    with pytest.raises(DataError, match="centres are in 'mrad'"):
        reduce(data, [Disk(1.0)], centres=centres)


def test_single_operations_are_those_of_the_one_read(data):
    found = reduce(data, ["mean", "max", "com", Disk(2.0)])
    np.testing.assert_allclose(found["mean_pattern"], mean_pattern(data))
    np.testing.assert_array_equal(found["max_pattern"], max_pattern(data))
    np.testing.assert_allclose(found["com_x_std"], measure_com(data)["com_x_std"])
    np.testing.assert_allclose(found["disk"], virtual_image(data, Disk(2.0)))


def test_titles_of_detectors_say_the_units_of_their_radii():
    data = patterns(np.ones((2, 2, 16, 16)))
    detectors = {
        "disc": Disk(2.25, centre=(0.0, 0.0)),
        "ring": Annulus(1.0, 2.5, centre=(0.0, 0.0)),
        "quadrant": Segment(1.0, 2.5, 0.0, 90.0, centre=(0.0, 0.0)),
        "far": Annulus(1.5, np.inf, centre=(0.0, 0.0)),
    }
    found = reduce(data, detectors)
    assert {name: found[name].attrs["long_name"] for name in detectors} == {
        "disc": "Virtual image, disc of 2.25 1/nm",
        "ring": "Virtual image, ring from 1 to 2.5 1/nm",
        "quadrant": "Virtual image, segment from 1 to 2.5 1/nm, 0° to 90°",
        "far": "Virtual image, ring beyond 1.5 1/nm",
    }
