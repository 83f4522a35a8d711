"""JPK archives made by the independent encoder: scaling, segments, maps, damage."""

import json
import pickle
import zipfile
from dataclasses import replace

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.jpk.reader import read
from omniscopy.io.reading import read_measurement
from omniscopy.testing.files import jpk
from omniscopy.testing.files.jpk import (
    JpkChannel,
    JpkSegment,
    write_jpk_force,
    write_jpk_map,
)
from omniscopy.testing.formats import bit_flips, check_damage

rng = np.random.default_rng(11)
FORCE = (("distance", 1e-7, 0.0, "m"), ("force", 0.05, 1e-9, "N"))
HEIGHT = (("nominal", -1e-6, 1e-4, "m"), ("calibrated", 0.7, 0.0, "m"))


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


def segment(points=6, style="extend", duration=3.0, seed=0, encoder=(2e-4, 0.5)):
    numbers = np.random.default_rng(seed).integers(-9999, 9999, (2, points)).astype(np.int16)
    channels = {
        "vDeflection": JpkChannel(numbers[0], encoder, conversions=FORCE),
        "height": JpkChannel(numbers[1].astype(np.int32), (1e-6, 50.0), conversions=HEIGHT),
    }
    return JpkSegment(channels, style, duration)


def force(part):
    channel = part.channels["vDeflection"]
    volts = channel.numbers * channel.encoder[0] + channel.encoder[1]
    return volts * 1e-7 * 0.05 + 1e-9


def height(part):
    return (1e-4 - 1e-6 * (part.channels["height"].numbers * 1e-6 + 50)) * 0.7


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_segments_are_channels_in_calibrated_units(tmp_path, inline, packed):
    extend, retract = segment(), segment(4, "retract", 1.0, seed=1)
    path = write_jpk_force(tmp_path / "a.jpk-force", [extend, retract], inline=inline,
                           packed=packed)  # fmt: skip
    channels = {channel.title: channel for channel in read(path).channels}
    assert list(channels) == [
        "vDeflection extend",
        "height extend",
        "vDeflection retract",
        "height retract",
    ]
    for part in (extend, retract):
        deflection, drive = (channels[f"{n} {part.style}"] for n in ("vDeflection", "height"))
        np.testing.assert_allclose(load(deflection.data), force(part), rtol=1e-12)
        np.testing.assert_allclose(load(drive.data), height(part), rtol=1e-12)
        assert (deflection.quantity, deflection.units) == ("force", "N")
        assert (drive.quantity, drive.units) == ("height", "m")
        np.testing.assert_allclose(load(deflection.coordinates["z"].data), height(part))
        assert deflection.metadata == {"scan": {"direction": part.style}}
    assert om.validate(om.open(path)) == []


def test_time_goes_on_from_segment_to_segment(tmp_path):
    parts = [segment(), segment(4, "pause", 2.0), segment(3, "pause", 1.0)]
    channels = read(write_jpk_force(tmp_path / "a.jpk-force", parts)).channels
    assert [c.title for c in channels[::2]] == [
        "vDeflection extend",
        "vDeflection pause",
        "vDeflection pause 1",
    ]
    times = [channel.axes[0].coordinate() for channel in channels[::2]]
    np.testing.assert_allclose(times[0], [0, 0.5, 1, 1.5, 2, 2.5])
    np.testing.assert_allclose(times[1], [3, 3.5, 4, 4.5])
    np.testing.assert_allclose(times[2], [5, 5 + 1 / 3, 5 + 2 / 3])
    assert channels[0].axes[0].role == "signal"


@pytest.mark.parametrize("dtype", ["i2", "u2", "i4", "u4", "f4", "f8"])
def test_numbers_of_every_type_are_read(tmp_path, dtype):
    numbers = np.arange(5).astype(dtype)
    channels = {"adc1": JpkChannel(numbers, (0.5, 1.0))}
    path = write_jpk_force(tmp_path / "a.jpk-force", [JpkSegment(channels)])
    (channel,) = read(path).channels
    expected = numbers if dtype[0] == "f" else numbers * 0.5 + 1
    np.testing.assert_allclose(load(channel.data), expected)
    assert (channel.quantity, channel.units) == ("voltage", "V")


def test_numbers_kept_in_memory_are_read(tmp_path, monkeypatch):
    monkeypatch.setitem(jpk._ENCODERS, ">f4", ("memory-float-data", None))
    numbers = np.arange(5, dtype="f4")
    path = write_jpk_force(tmp_path / "a.jpk-force", [JpkSegment({"adc1": JpkChannel(numbers)})])
    np.testing.assert_array_equal(np.asarray(read(path).channels[0].data[:]), numbers)


@pytest.mark.parametrize(
    ("default", "units", "quantity"),
    [("volts", "V", "deflection"), ("distance", "m", "deflection"), ("force", "N", "force")],
)
def test_the_calibration_that_is_shown_by_default_is_used(tmp_path, default, units, quantity):
    numbers = np.arange(5, dtype=np.int16)
    made = JpkChannel(numbers, (0.5, 1.0), conversions=FORCE, default=default)
    path = write_jpk_force(tmp_path / "a.jpk-force", [JpkSegment({"vDeflection": made})])
    measurement = read(path)
    (channel,) = measurement.channels
    volts = numbers * 0.5 + 1
    expected = {"V": volts, "m": volts * 1e-7, "N": volts * 1e-7 * 0.05 + 1e-9}[units]
    np.testing.assert_allclose(load(channel.data), expected)
    assert (channel.quantity, channel.units) == (quantity, units)


def test_the_settings_fill_the_common_metadata(tmp_path):
    measurement = read(write_jpk_force(tmp_path / "a.jpk-force", [segment()]))
    assert measurement.metadata == {
        "technique": "AFM",
        "started": "2021-06-30T13:48:08+01:00",
        "operator": "jane",
        "comment": "on glass",
        "instrument": {
            "vendor": "JPK",
            "model": "JPK00758-CellHesion-200",
            "software": "5.0.50",
        },
        "probe": {"sensitivity": 1e-7, "spring_constant": 0.05},
        "feedback": {"mode": "contact"},
    }
    tree = measurement.original_metadata
    assert json.loads(json.dumps(tree)) == tree
    (x, y) = (measurement.channels[0].coordinates[name] for name in "xy")
    assert (float(x.data), float(y.data), x.attrs["units"]) == (1e-6, -2e-6, "m")


def curves_of_map(shape=(2, 3), missing=()):
    rows, columns = shape
    return {
        index: [segment(5 + index % 2, seed=index), segment(4, "retract", 1.0, seed=index + 50)]
        for index in range(rows * columns)
        if index not in missing
    }


@pytest.mark.parametrize("back_and_forth", [True, False])
def test_a_map_lies_as_the_sample_lies(tmp_path, back_and_forth):
    curves = curves_of_map()
    path = write_jpk_map(
        tmp_path / "a.jpk-force-map", curves, (2, 3), back_and_forth=back_and_forth
    )
    measurement = read(path)
    deflection = measurement.channels[0]
    values = load(deflection.data)
    assert values.shape == (2, 3, 6)
    for index, parts in curves.items():
        row, column = divmod(index, 3)
        if back_and_forth and row == 1:
            column = 2 - column
        expected = force(parts[0])
        np.testing.assert_allclose(values[1 - row, column, : len(expected)], expected)
        assert np.isnan(values[1 - row, column, len(expected) :]).all()
    y, x, _ = deflection.axes
    # Curves are taken in the middles of pixels.
    np.testing.assert_allclose(x.coordinate(), [9e-6, 10e-6, 11e-6])
    np.testing.assert_allclose(y.coordinate(), [20.5e-6, 19.5e-6])
    assert "incomplete" not in deflection.attrs
    assert measurement.metadata["scan"]["rotation"] == pytest.approx(30)
    assert measurement.metadata["started"] == "2015-05-21T18:16:49+02:00"
    assert om.validate(om.open(path)) == []


@pytest.mark.parametrize("word", ["true", "false"])
def test_a_reflected_map_begins_at_the_top(tmp_path, word):
    entries = {"force-scan-map.position-pattern.grid.reflect": word}
    curves = curves_of_map()
    path = write_jpk_map(tmp_path / "a.jpk", curves, (2, 3), entries=entries, back_and_forth=False)
    deflection = read(path).channels[0]
    values = load(deflection.data)
    for index, parts in curves.items():
        row, column = divmod(index, 3)
        expected = force(parts[0])
        top = row if word == "true" else 1 - row
        np.testing.assert_allclose(values[top, column, : len(expected)], expected)
    np.testing.assert_allclose(deflection.axes[0].coordinate(), [20.5e-6, 19.5e-6])


def test_calibrations_may_change_within_a_map(tmp_path):
    curves = curves_of_map((1, 2))
    curves[1][0] = segment(6, seed=9, encoder=(5e-4, -0.25))
    values = load(read(write_jpk_map(tmp_path / "a.jpk", curves, (1, 2))).channels[0].data)
    np.testing.assert_allclose(values[0, 1], force(curves[1][0]))
    np.testing.assert_allclose(values[0, 0, :5], force(curves[0][0]))


def test_a_map_that_was_stopped_is_nan_where_curves_are_missing(tmp_path):
    curves = curves_of_map(missing=(0, 4))
    channel = read(write_jpk_map(tmp_path / "a.jpk", curves, (2, 3))).channels[0]
    values = load(channel.data)
    assert np.isnan(values[1, 0]).all()
    assert np.isnan(values[0, 1]).all()
    assert np.isfinite(values[..., 0]).sum() == 4
    assert channel.attrs["incomplete"] == {
        "missing_from": 4,
        "reason": "4 of 6 curves are in the file",
    }


def test_curves_without_a_grid_are_points(tmp_path):
    curves = curves_of_map()
    path = write_jpk_map(tmp_path / "a.jpk", curves, (2, 3), grid=False)
    channel = read(path).channels[0]
    assert [axis.name for axis in channel.axes] == ["point", "time"]
    np.testing.assert_allclose(channel.coordinates["x"].data, np.arange(6) * 1e-6)
    np.testing.assert_allclose(load(channel.data)[3], force(curves[3][0]))
    assert om.validate(om.open(path)) == []


def test_handles_read_parts_and_survive_pickling(tmp_path):
    data = read(write_jpk_map(tmp_path / "a.jpk", curves_of_map(), (2, 3))).channels[1].data
    whole = load(data)
    copy = pickle.loads(pickle.dumps(data))
    np.testing.assert_array_equal(copy[1, :, 1:5:2], whole[1, :, 1:5:2])
    assert copy[0, 2, 3] == whole[0, 2, 3]


def test_one_curve_costs_one_curve(tmp_path, monkeypatch):
    data = read(write_jpk_map(tmp_path / "a.jpk", curves_of_map(), (2, 3))).channels[0].data
    asked = []
    member = type(data.curves[0].data)
    original = member.read

    def counting(self, path, most=None):
        asked.append(self)
        return original(self, path, most)

    monkeypatch.setattr(member, "read", counting)
    data[1, 2]
    assert [each.name for each in asked] == [
        "index/2/segments/0/segment-header.properties",
        "index/2/segments/0/channels/vDeflection.dat",
    ]


def test_a_curve_of_far_more_samples_than_its_segment_is_refused(tmp_path):
    path = write_jpk_force(tmp_path / "a.jpk-force", [segment()])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part + bytes(1 << 25) * name.endswith(".dat"))
    with pytest.raises(FormatError, match=r"a curve of \d+ samples cannot be in a segment of \d+"):
        read(path)


def test_nothing_is_unpacked_to_disk_whatever_names_say(tmp_path):
    path = write_jpk_force(tmp_path / "a.jpk-force", [segment()])
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../escaped.dat", b"x")
        archive.writestr("/etc/escaped.dat", b"x")
    read(path)
    assert [each.name for each in tmp_path.iterdir()] == ["a.jpk-force"]
    assert not (tmp_path.parent / "escaped.dat").exists()


def test_a_member_that_unpacks_to_more_than_it_says_is_refused(tmp_path):
    path = tmp_path / "bomb.jpk-force"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.properties", bytes(50 << 20))
    raw = path.read_bytes()
    size = (50 << 20).to_bytes(4, "little")
    path.write_bytes(raw.replace(size, (1000).to_bytes(4, "little")))
    with pytest.raises(FormatError, match=r"bomb\.jpk-force.*unpacks to 1001 bytes"):
        read(path)
    path.write_bytes(raw.replace(size, b"\xff\xff\xff\x7f"))
    with pytest.raises(FormatError, match="cannot be in the file"):
        read(path)


def rewritten(path, changes):
    """Rewrite an archive with other content of some members; `None` leaves one out."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members |= changes
    with zipfile.ZipFile(path, "w") as archive:
        for name, raw in members.items():
            if raw is not None:
                archive.writestr(name, raw)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"header.properties": None}, "no member of this name"),
        ({"segments/0/segment-header.properties": None}, "holds no force curve"),
        ({"segments/0/channels/height.dat": b"123"}, None),
        ({"shared-data/header.properties": b"lcd-info.0.type=strange\n"}, "type 'strange'"),
    ],
)
def test_archives_that_contradict_themselves_are_refused(tmp_path, changes, message):
    path = write_jpk_force(tmp_path / "a.jpk-force", [segment()])
    rewritten(path, changes)
    if message is None:  # what is left is read
        assert [c.title for c in read_measurement(path)[1].channels] == ["vDeflection extend"]
        return
    with pytest.raises(FormatError, match=message):
        read(path)


def test_a_curve_with_an_unknown_calibration_is_refused_when_read(tmp_path):
    path = write_jpk_map(tmp_path / "a.jpk", curves_of_map((1, 2)), (1, 2))
    name = "index/1/segments/0/segment-header.properties"
    rewritten(path, {name: b"channel.vDeflection.lcd-info.*=77\n"})
    data = read(path).channels[0].data
    data[0, 0]
    with pytest.raises(FormatError, match=r"'77' of 'vDeflection' is not among the shared"):
        data[0, 1]


def test_changed_numbers_are_noticed(tmp_path):
    path = write_jpk_force(tmp_path / "a.jpk-force", [segment(200)], packed=False)
    raw = bytearray(path.read_bytes())
    at = raw.index(segment(200).channels["vDeflection"].numbers.astype(">i2").tobytes())
    raw[at + 5] ^= 1
    path.write_bytes(raw)
    with pytest.raises(FormatError, match=r"vDeflection\.dat.*not the 400 written"):
        load(read(path).channels[0].data)


def test_encrypted_archives_are_named(tmp_path):
    path = write_jpk_force(tmp_path / "a.jpk-force", [segment()])
    raw = path.read_bytes()
    at = raw.index(b"PK\x01\x02") + 8
    path.write_bytes(raw[:at] + b"\x01" + raw[at + 1 :])
    with pytest.raises(UnsupportedFormatError, match="encrypted"):
        read(path)


def test_a_map_of_absurd_size_is_refused(tmp_path):
    pattern = "force-scan-map.position-pattern.grid"
    entries = {f"{pattern}.ilength": 99999, f"{pattern}.jlength": 99999}
    path = write_jpk_map(tmp_path / "a.jpk", curves_of_map(), (2, 3), entries=entries)
    with pytest.raises(FormatError, match="a map of 99999 by 99999 curves is announced for 6"):
        read(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PK\x03\x04" + bytes(100), b"other"])
def test_other_files_are_refused_by_name(tmp_path, content):
    path = tmp_path / "a.jpk-force"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"a\.jpk-force.*(no sound directory|starts with)"):
        read(path)


def test_a_cut_archive_is_refused(tmp_path):
    path = write_jpk_force(tmp_path / "a.jpk-force", [segment()])
    raw = path.read_bytes()
    for length in range(4, len(raw), 97):
        path.write_bytes(raw[:length])
        with pytest.raises(FormatError, match="no sound directory"):
            read(path, partial=True)


def test_random_damage_gives_data_or_a_clear_error(tmp_path):
    path = write_jpk_map(tmp_path / "a.jpk", curves_of_map(), (2, 3))
    for damaged in bit_flips(path.read_bytes(), 100, np.random.default_rng(0)):
        check_damage(path, damaged, folder=tmp_path)


def test_an_undefined_calibration_is_not_applied(tmp_path):
    made = segment()
    path = write_jpk_force(tmp_path / "a.jpk-force", [made])
    with zipfile.ZipFile(path) as archive:
        shared = archive.read("shared-data/header.properties")
    undefined = shared.replace(b"conversion.force.defined=true", b"conversion.force.defined=false")
    rewritten(path, {"shared-data/header.properties": undefined})
    channel = read(path).channels[0]
    assert channel.units == "V"
    assert replace(made).style == "extend"
