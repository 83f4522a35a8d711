"""Gwyddion files made by the independent encoder: every kind of data, values, places, units."""

import json
import pickle
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import omniscopy as om
from omniscopy.io.errors import FormatError
from omniscopy.io.gwyddion.reader import read
from omniscopy.testing.files.gwyddion import (
    GwyObject,
    gwy_brick,
    gwy_field,
    gwy_graph,
    gwy_lawn,
    gwy_spectra,
    gwy_surface,
    write_gwy,
)
from omniscopy.testing.formats import check_reader

rng = np.random.default_rng(3)
IMAGE = rng.normal(size=(4, 6)) * 1e-9
VOLUME = rng.normal(size=(5, 3, 4))


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


def only(path, **options):
    (channel,) = read(path, **options).channels
    return channel


@given(st.integers(1, 6), st.integers(1, 6), st.booleans())
def test_images_come_back_row_by_row(tmp_path_factory, rows, columns, old):
    values = rng.normal(size=(rows, columns))
    path = tmp_path_factory.mktemp("gwy") / "a.gwy"
    made = gwy_field(values, size=(columns * 2e-9, rows * 3e-9), offset=(1e-9, 5e-9))
    channel = only(write_gwy(path, {"/3/data": made, "/3/data/title": "Phase"}, old=old))
    np.testing.assert_array_equal(load(channel.data), values)
    y, x = channel.axes
    assert (y.name, x.name, y.units, x.units) == ("y", "x", "m", "m")
    np.testing.assert_allclose(y.coordinate(), 5e-9 + 3e-9 * np.arange(rows), rtol=1e-12)
    np.testing.assert_allclose(x.coordinate(), 1e-9 + 2e-9 * np.arange(columns), rtol=1e-12)


def test_title_and_units_say_what_was_measured(tmp_path):
    container = {
        "/1/data": gwy_field(IMAGE, units="deg"),
        "/1/data/title": "Phase [Forward]",
        "/0/data": gwy_field(IMAGE),
        "/10/data": gwy_field(IMAGE, units=""),
        "/10/data/title": "Score",
        "/2/data": gwy_field(IMAGE, units="furlong"),
    }
    channels = read(write_gwy(tmp_path / "a.gwy", container)).channels
    found = [(c.title, c.quantity, c.units) for c in channels]
    assert found == [
        ("Image", "height", "m"),
        ("Phase [Forward]", "phase", "deg"),
        ("Image", "height", None),
        ("Score", None, None),
    ]
    assert channels[2].original_metadata["object"]["si_unit_z"] == "furlong"


def test_old_files_hold_si_values_under_prefixed_units(tmp_path):
    made = gwy_field(IMAGE, units="nm", lateral="µm", size=(6e-6, 4e-6))
    channel = only(write_gwy(tmp_path / "a.gwy", {"/0/data": made, "/0/flag": True}, old=True))
    assert channel.units == "m"
    assert [(axis.units, axis.scale) for axis in channel.axes] == [
        ("m", pytest.approx(1e-6)),
        ("m", pytest.approx(1e-6)),
    ]


def test_masks_and_presentations_stay_with_their_image(tmp_path):
    mask = (IMAGE > 0).astype(float)
    container = {
        "/0/data": gwy_field(IMAGE),
        "/0/mask": gwy_field(mask),
        "/0/show": gwy_field(IMAGE * 2),
        "/1/data": gwy_field(IMAGE),
        "/1/mask": gwy_field(mask[:2]),  # of another image
    }
    first, second = read(write_gwy(tmp_path / "a.gwy", container)).channels
    np.testing.assert_array_equal(load(first.variables["mask"].data), mask)
    np.testing.assert_array_equal(load(first.variables["presentation"].data), IMAGE * 2)
    assert first.variables["mask"].dims == ("y", "x")
    assert not second.variables


def test_volumes_of_lengths_are_planes_and_others_spectra(tmp_path):
    container = {
        "/brick/0": gwy_brick(VOLUME, size=(4e-6, 3e-6, 5e-6)),
        "/brick/0/title": "Stack",
        "/brick/1": gwy_brick(VOLUME, size=(4e-6, 3e-6, 10.0), depth="V", units="A"),
        "/brick/2": gwy_brick(VOLUME, depth="1/m", calibration=np.array([1.0, 2, 4, 8, 16])),
    }
    stack, spectra, uneven = read(write_gwy(tmp_path / "a.gwy", container)).channels
    np.testing.assert_array_equal(load(stack.data), VOLUME)
    assert [axis.name for axis in stack.axes] == ["z", "y", "x"]
    assert stack.axes[0].scale == pytest.approx(1e-6)
    np.testing.assert_array_equal(load(spectra.data), VOLUME.transpose(1, 2, 0))
    assert [axis.name for axis in spectra.axes] == ["y", "x", "bias"]
    assert (spectra.axes[2].scale, spectra.axes[2].units, spectra.quantity) == (2.0, "V", "current")
    assert uneven.axes[2].name == "wavenumber"
    np.testing.assert_array_equal(uneven.axes[2].coordinate(), [1, 2, 4, 8, 16])
    assert spectra.data[1, 2, 3] == VOLUME[3, 1, 2]


def test_curves_of_a_graph_are_channels(tmp_path):
    x = np.array([0.0, 1, 3])
    curves = {"first": (x, x**2), "loop": (np.array([0.0, 1, 0]), x)}
    container = {"/0/graph/graph/1": gwy_graph(curves, units=("V", "A"), labels=("U", "I"))}
    first, loop = read(write_gwy(tmp_path / "a.gwy", container)).channels
    assert (first.title, first.quantity, first.units) == ("first", "current", "A")
    assert (first.axes[0].name, first.axes[0].units) == ("bias", "V")
    np.testing.assert_array_equal(first.axes[0].coordinate(), x)
    np.testing.assert_array_equal(load(first.data), x**2)
    assert loop.axes[0].name == "sample"
    np.testing.assert_array_equal(load(loop.coordinates["bias"].data), [0, 1, 0])


def test_point_spectra_keep_their_places(tmp_path):
    places, lines = rng.normal(size=(3, 2)), rng.normal(size=(3, 4))
    path = write_gwy(tmp_path / "a.gwy", {"/sps/0": gwy_spectra(places, list(lines))})
    channel = only(path)
    assert [axis.name for axis in channel.axes] == ["point", "bias"]
    np.testing.assert_array_equal(load(channel.data), lines)
    np.testing.assert_array_equal(channel.axes[1].coordinate(), [-1, -0.5, 0, 0.5])
    np.testing.assert_array_equal(load(channel.coordinates["x"].data), places[:, 0])
    np.testing.assert_array_equal(load(channel.coordinates["y"].data), places[:, 1])
    assert om.validate(om.open(path)) == []


def test_point_spectra_of_different_lengths_are_channels_of_their_own(tmp_path):
    lines = [np.arange(3.0), np.arange(5.0)]
    path = write_gwy(tmp_path / "a.gwy", {"/sps/0": gwy_spectra(np.eye(2), lines)})
    channels = read(path).channels
    assert [c.title for c in channels] == ["I-V 0", "I-V 1"]
    for channel, line in zip(channels, lines, strict=True):
        np.testing.assert_array_equal(load(channel.data), line)
    assert float(channels[1].coordinates["y"].data) == 1.0
    assert om.validate(om.open(path)) == []


def test_a_cloud_of_points_has_places_and_heights(tmp_path):
    points = rng.normal(size=(7, 3))
    channel = only(write_gwy(tmp_path / "a.gwy", {"/xyz/0": gwy_surface(points)}))
    np.testing.assert_array_equal(load(channel.data), points[:, 2])
    np.testing.assert_array_equal(load(channel.coordinates["x"].data), points[:, 0])
    assert channel.coordinates["y"].data[3] == points[3, 1]


CURVES = [[[rng.normal(size=n) for _ in range(2)] for n in row] for row in ((3, 5, 4), (2, 0, 5))]


def test_curves_of_a_map_have_their_pixels(tmp_path):
    lawn = gwy_lawn(CURVES, labels=["Z", "Defl"], units=["m", "V"])
    path = write_gwy(tmp_path / "a.gwy", {"/lawn/0": lawn, "/lawn/0/title": "Ramps"})
    check_reader("gwyddion", path)
    height, deflection = om.signals(om.open(path)).values()
    for number, data in enumerate((height, deflection)):
        assert data.dims == ("y", "x", "sample")
        for y, row in enumerate(CURVES):
            for x, pixel in enumerate(row):
                curve = pixel[number]
                np.testing.assert_array_equal(data[y, x, : len(curve)], curve)
                assert np.isnan(data[y, x, len(curve) :]).all()
    assert (height.name, height.attrs["units"], height.attrs["quantity"]) == ("Z", "m", "height")
    assert (deflection.name, deflection.attrs["units"]) == ("Defl", "V")
    np.testing.assert_array_equal(deflection["z"], height)
    np.testing.assert_allclose(height["x"], [0.0, 2e-6, 4e-6])
    np.testing.assert_allclose(height["y"], [0.0, 2e-6])


def test_segments_of_a_curve_map_are_channels(tmp_path):
    curves = [[[np.arange(5.0) + 10 * x + 100 * y] for x in range(3)] for y in range(2)]
    ends = np.zeros((2, 3, 2, 2), int)
    ends[..., 0, 1] = ends[..., 1, 0] = [[1, 2, 3], [3, 2, 1]]
    ends[..., 1, 1] = 5
    lawn = gwy_lawn(curves, labels=["F"], units=["N"], segments=ends,
                    segment_labels=["Approach", "Retract"])  # fmt: skip
    found = om.signals(om.open(write_gwy(tmp_path / "a.gwy", {"/lawn/0": lawn})))
    assert list(found) == ["F_Approach", "F_Retract"]
    approach, retract = found.values()
    np.testing.assert_array_equal(approach[1, 0], [100, 101, 102])
    np.testing.assert_array_equal(retract[1, 0, :2], [103, 104])
    np.testing.assert_array_equal(retract[1, 2], [121, 122, 123, 124])
    assert np.isnan(retract[1, 0, 2:]).all()


def test_curve_maps_that_contradict_themselves_or_are_cut_short(tmp_path):
    lawn = gwy_lawn(CURVES)
    lawn.items["ncurves"] = 3
    with pytest.raises(FormatError, match="3 curves of 19 points were expected, 38 numbers"):
        read(write_gwy(tmp_path / "a.gwy", {"/lawn/0": lawn}))
    ends = np.full((2, 3, 1, 2), [0, 9])
    with pytest.raises(FormatError, match="beyond the end of its curve"):
        read(write_gwy(tmp_path / "a.gwy", {"/lawn/0": gwy_lawn(CURVES, segments=ends)}))
    path = write_gwy(tmp_path / "a.gwy", {"/lawn/0": gwy_lawn(CURVES)})
    path.write_bytes(path.read_bytes()[:-8])
    one, two = read(path, partial=True).channels
    assert one.attrs["incomplete"]["missing_from"] == 5
    np.testing.assert_array_equal(load(one.data)[1, 2], CURVES[1][2][0])
    np.testing.assert_array_equal(load(two.data)[1, 2, :4], CURVES[1][2][1][:4])
    assert np.isnan(load(two.data)[1, 2, 4])


def test_settings_that_gwyddion_copied_are_understood(tmp_path):
    meta = {"ImagingMode": "AC Mode", "ScanRate": "1.0016", "SpringConstant": "2.5", "Other": "NaN"}
    container = {"/0/data": gwy_field(IMAGE), "/0/meta": GwyObject("GwyContainer", meta)}
    channel = only(write_gwy(tmp_path / "a.gwy", container))
    assert channel.metadata["scan"]["line_rate"] == 1.0016
    assert channel.metadata["probe"]["spring_constant"] == 2.5
    assert channel.original_metadata["meta"] == meta


def test_what_else_the_file_says_is_kept_as_json(tmp_path):
    log = GwyObject("GwyStringList", {"strings": ["file::asylum", "proc::level"]})
    container = {"/filename": "/home/a.gwy", "/0/data/log": log, "/0/data": gwy_field(IMAGE)}
    tree = read(write_gwy(tmp_path / "a.gwy", container)).original_metadata
    assert json.loads(json.dumps(tree)) == tree
    assert tree["/0/data/log"] == {"strings": ["file::asylum", "proc::level"]}


@pytest.mark.parametrize("kind", ["image", "volume", "spectra", "surface"])
def test_handles_read_parts_and_survive_pickling(tmp_path, kind):
    container = {
        "image": {"/0/data": gwy_field(VOLUME[0])},
        "volume": {"/brick/0": gwy_brick(VOLUME, depth="V")},
        "spectra": {"/sps/0": gwy_spectra(VOLUME[0, :, :2], list(VOLUME[0]))},
        "surface": {"/xyz/0": gwy_surface(VOLUME[0, :, :3])},
    }[kind]
    data = only(write_gwy(tmp_path / "a.gwy", container)).data
    whole = load(data)
    copy = pickle.loads(pickle.dumps(data))
    key = (slice(1, None, 2), 2, slice(0, 3))[: len(data.shape)]
    np.testing.assert_array_equal(copy[key], whole[key])
    np.testing.assert_array_equal(copy[(0,) * whole.ndim], whole[(0,) * whole.ndim])


def test_one_pixel_costs_one_pixel(tmp_path, monkeypatch):
    data = only(write_gwy(tmp_path / "a.gwy", {"/brick/0": gwy_brick(VOLUME, depth="V")})).data
    made = []
    original = np.array

    def counting(*args, **options):
        made.append(original(*args, **options))
        return made[-1]

    monkeypatch.setattr("omniscopy.io.arrays.np.array", counting)
    assert data[2, 3, 4] == VOLUME[4, 2, 3]
    assert max(each.nbytes for each in made) == 8


def test_an_empty_file_is_refused_by_name(tmp_path):
    path = tmp_path / "empty.gwy"
    path.write_bytes(b"")
    with pytest.raises(FormatError, match=r"empty\.gwy.*empty"):
        read(path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: b"GWYX" + raw[4:], "starts with 'GWYP' or 'GWYO'"),
        (lambda raw: raw[:100], "announced where"),
        (lambda raw: raw[:-8], "announced where"),
        (lambda raw: raw.replace(b"xres\0i", b"xres\0?"), "unknown type '\\?'"),
        (lambda raw: raw.replace(b"xres\0i", b"xres\0d"), r"cut short or damaged|number of pixels"),
        (lambda raw: raw.replace(b"xres\0i\x06", b"xres\0i\x05"), "were found"),
        (lambda raw: raw.replace(b"xres\0i\x06\0\0\0", b"xres\0i\x06\0\0\xff"), "number of pixels"),
        (lambda raw: raw.replace(b"GwyContainer", b"GwyCompanion", 1), "holds a 'GwyCompanion'"),
    ],
)
def test_damage_is_named(tmp_path, damage, message):
    path = write_gwy(tmp_path / "a.gwy", {"/0/data": gwy_field(IMAGE)})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(FormatError, match=message):
        read(path)


def test_objects_in_objects_have_an_end(tmp_path):
    made = gwy_field(IMAGE)
    for _ in range(40):
        made = GwyObject("GwyContainer", {"inner": made})
    with pytest.raises(FormatError, match="more than 32 deep"):
        read(write_gwy(tmp_path / "a.gwy", {"/0/data": made}))


def test_a_list_of_many_nothings_has_an_end(tmp_path):
    path = tmp_path / "a.gwy"
    body = b"l\0S" + struct.pack("<I", 300_000) + bytes(300_000)
    path.write_bytes(b"GWYPGwyContainer\0" + struct.pack("<I", len(body)) + body)
    with pytest.raises(FormatError, match="300000 items are announced"):
        read(path)


def test_a_cut_file_is_read_as_far_as_it_goes(tmp_path):
    container = {"/0/data": gwy_field(IMAGE), "/1/data": gwy_field(IMAGE * 2)}
    path = write_gwy(tmp_path / "a.gwy", container)
    raw = path.read_bytes()
    path.write_bytes(raw[: -2 * 6 * 8 - 3])
    with pytest.raises(FormatError, match=r"a\.gwy.*announced"):
        read(path)
    first, second = read(path, partial=True).channels
    np.testing.assert_array_equal(load(first.data), IMAGE)
    assert "incomplete" not in first.attrs
    assert second.attrs["incomplete"]["missing_from"] == 1
    np.testing.assert_array_equal(load(second.data)[0], IMAGE[0] * 2)
    assert np.isnan(load(second.data)[1:]).all()
