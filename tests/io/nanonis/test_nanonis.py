"""Nanonis scans made by the independent encoder: values, places, units, words, damage."""

import json
import pickle
import re
import tomllib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.nanonis.reader import read
from omniscopy.testing.files.nanonis import SxmChannel, write_sxm


def load(data):
    return data[(slice(None),) * len(data.shape)]


def image(rows=6, columns=9, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns)).astype("f4")


def topography(**options):
    return SxmChannel(forward=image(), backward=image(seed=1), **options)


@given(
    st.integers(1, 7),
    st.integers(1, 7),
    st.sampled_from(["up", "down"]),
    st.lists(st.sampled_from(["both", "forward", "backward"]), min_size=1, max_size=4),
)
def test_every_image_lies_as_the_sample_lies(tmp_path_factory, rows, columns, scan_dir, directions):
    channels = [
        SxmChannel(
            name=f"Input {i}",
            unit="V",
            forward=image(rows, columns, 2 * i) if kept != "backward" else None,
            backward=image(rows, columns, 2 * i + 1) if kept != "forward" else None,
        )
        for i, kept in enumerate(directions)
    ]
    path = write_sxm(tmp_path_factory.mktemp("sxm") / "a.sxm", channels, scan_dir=scan_dir)
    found = {channel.title: load(channel.data) for channel in read(path).channels}
    expected = {
        f"{channel.name} {direction}": values
        for channel in channels
        for direction, values in (("forward", channel.forward), ("backward", channel.backward))
        if values is not None
    }
    assert list(found) == list(expected)
    for title, values in expected.items():
        assert found[title].dtype == np.float32
        np.testing.assert_array_equal(found[title], values)


@pytest.mark.parametrize("scan_dir", ["up", "down"])
def test_lines_are_stored_as_they_were_measured(tmp_path, scan_dir):
    sample = np.zeros((3, 4), "f4")
    sample[0, 1] = 1  # an adatom in the top row
    path = write_sxm(
        tmp_path / "a.sxm", [SxmChannel(forward=sample, backward=sample)], scan_dir=scan_dir
    )
    raw = path.read_bytes()
    stored = np.frombuffer(raw[raw.index(b"\x1a\x04") + 2 :], ">f4").reshape(2, 3, 4)
    line = 2 if scan_dir == "up" else 0
    assert stored[0, line, 1] == 1
    assert stored[1, line, 2] == 1  # measured from right to left
    for channel in read(path).channels:
        np.testing.assert_array_equal(load(channel.data), sample)


def test_little_endian_scans_are_read_too(tmp_path):
    entries = {"SCANIT_TYPE": "FLOAT LSBFIRST"}
    channels = read(write_sxm(tmp_path / "a.sxm", [topography()], entries=entries)).channels
    np.testing.assert_array_equal(load(channels[0].data), image())


def test_places_are_those_of_the_scanner(tmp_path):
    path = write_sxm(
        tmp_path / "a.sxm", [topography()], scan_range=(9e-9, 3e-9), offset=(5e-9, -2e-9), angle=30
    )
    measurement = read(path)
    for channel in measurement.channels:
        y, x = channel.axes
        assert (y.name, x.name, y.units, x.units) == ("y", "x", "m", "m")
        np.testing.assert_allclose(x.coordinate(), 0.5e-9 + 1e-9 * np.arange(9), rtol=1e-9)
        np.testing.assert_allclose(y.coordinate(), -1e-9 - 0.5e-9 * np.arange(6), rtol=1e-9)
    assert measurement.metadata["scan"]["rotation"] == 30


@pytest.mark.parametrize("missing", ["SCAN_RANGE", "SCAN_OFFSET"])
def test_a_missing_place_is_no_reason_to_stop(tmp_path, missing):
    path = write_sxm(tmp_path / "a.sxm", [topography()], entries={missing: None})
    y, x = read(path).channels[0].axes
    if missing == "SCAN_RANGE":
        assert x.units is y.units is None
        np.testing.assert_array_equal(x.coordinate(), np.arange(9))
    else:
        assert x.offset == pytest.approx(-5e-9)


def test_places_that_were_not_scanned_are_nan(tmp_path):
    values = image()
    values[4:] = np.nan
    path = write_sxm(tmp_path / "a.sxm", [SxmChannel(forward=values, backward=values)])
    for channel in read(path).channels:
        np.testing.assert_array_equal(load(channel.data), values)
        assert "incomplete" not in channel.attrs


@pytest.mark.parametrize(
    ("name", "unit", "quantity", "units"),
    [
        ("Z", "m", "height", "m"),
        ("Current", "A", "current", "A"),
        ("LI_Demod_1_X", "A", "current", "A"),
        ("Bias", "V", "bias", "V"),
        ("OC_M1_Phase", "deg", "phase", "deg"),
        ("OC_M1_Freq._Shift", "Hz", "frequency", "Hz"),
        ("Input_8", "V", "voltage", "V"),
        ("Counter_1", "ticks", None, None),
    ],
)
def test_the_name_and_the_unit_tell_the_quantity(tmp_path, name, unit, quantity, units):
    path = write_sxm(tmp_path / "a.sxm", [SxmChannel(name=name, unit=unit, forward=image())])
    (channel,) = read(path).channels
    assert channel.title == f"{name} forward"
    assert (channel.quantity, channel.units) == (quantity, units)
    assert channel.metadata == {"scan": {"direction": "forward"}}
    assert channel.source == "Nanonis"


def test_the_header_fills_the_common_metadata(tmp_path):
    measurement = read(write_sxm(tmp_path / "a.sxm", [topography()]))
    assert measurement.metadata == {
        "technique": "STM",
        "started": "2015-03-10T15:11:10",
        "comment": "Au(111), 4 K",
        "instrument": {"vendor": "SPECS", "software": "Nanonis, format 2"},
        "scan": {
            "rotation": 0.0,
            "frame_time": 130.6,
            "line_rate": pytest.approx(2.0),
            "dwell_time": pytest.approx(0.2 / 9),
        },
        "probe": {"bias": -1.5},
        "feedback": {"mode": "log Current", "setpoint": "1.000E-10 A"},
    }


@pytest.mark.parametrize(("off", "frequency"), [("FALSE", 23493.9), ("TRUE", None)])
def test_a_probe_is_driven_where_the_output_is_on(tmp_path, off, frequency):
    drive = "Oscillation Control"
    entries = {f"{drive}>Center Frequency (Hz)": "23.4939E+3", f"{drive}>output off": off}
    measurement = read(write_sxm(tmp_path / "a.sxm", [topography()], entries=entries))
    assert measurement.metadata["probe"].get("drive_frequency") == frequency


def test_odd_and_missing_entries_are_skipped(tmp_path):
    entries = {
        "REC_DATE": "32.13.2015",
        "BIAS": "much",
        "SCAN_ANGLE": "nan",
        "ACQ_TIME": "",
        "SCAN_TIME": None,
        "Z-CONTROLLER": None,
        "COMMENT": None,
        "SCANIT_TYPE": None,
    }
    channels = [topography(), SxmChannel(name="Frequency_Shift", unit="Hz", forward=image())]
    measurement = read(write_sxm(tmp_path / "a.sxm", channels, entries=entries))
    assert measurement.metadata == {
        "technique": "AFM",
        "instrument": {"vendor": "SPECS", "software": "Nanonis, format 2"},
    }
    assert measurement.channels[0].modality == "AFM"


def test_the_header_is_kept_whole(tmp_path):
    entries = {"COMMENT": "two\nlines: µ°", "Lock-in>Frequency": "900"}
    tree = read(write_sxm(tmp_path / "a.sxm", [topography()], entries=entries)).original_metadata
    assert json.loads(json.dumps(tree)) == tree
    assert tree["COMMENT"] == "two\nlines: µ°"
    assert tree["Lock-in>Frequency"] == "900"
    assert tree["DATA_INFO"] == [
        {
            "Channel": "0",
            "Name": "Z",
            "Unit": "m",
            "Direction": "both",
            "Calibration": "1.000E+0",
            "Offset": "0.000E+0",
        }
    ]
    assert tree["Z-CONTROLLER"][0]["P-gain"] == "1.000E-11 m"


def test_a_latin_1_header_is_read(tmp_path):
    path = write_sxm(tmp_path / "a.sxm", [topography()], entries={"COMMENT": "µ"})
    path.write_bytes(path.read_bytes().replace("µ".encode(), b"\xb5"))
    assert read(path).metadata["comment"] == "µ"


def test_handles_read_parts_and_survive_pickling(tmp_path):
    path = write_sxm(tmp_path / "a.sxm", [topography()], scan_dir="up")
    handle = pickle.loads(pickle.dumps(read(path).channels[1].data))
    np.testing.assert_array_equal(handle[1:5:2, 3], image(seed=1)[1:5:2, 3])
    assert handle[5, 8] == image(seed=1)[5, 8]


def test_one_pixel_costs_one_pixel(tmp_path, monkeypatch):
    values = image(64, 64)
    data = read(write_sxm(tmp_path / "a.sxm", [SxmChannel(backward=values)])).channels[0].data
    made = []
    original = np.array

    def counting(*args, **options):
        result = original(*args, **options)
        made.append(result.nbytes)
        return result

    monkeypatch.setattr("omniscopy.io.arrays.np.array", counting)
    assert data[3, 4] == values[3, 4]
    assert max(made) <= 8


def test_the_manifest_recognises_the_start(tmp_path):
    text = files("omniscopy.io.nanonis").joinpath("format.toml").read_text("utf-8")
    (magic,) = tomllib.loads(text)["magic"]
    start = Path(write_sxm(tmp_path / "a", [topography()])).read_bytes()[:4096]
    assert re.search(magic["text"], start.decode("latin-1"))


def test_an_empty_file_is_refused_by_name(tmp_path):
    path = tmp_path / "empty.sxm"
    path.write_bytes(b"")
    with pytest.raises(FormatError, match=r"empty\.sxm.*starts with"):
        read(path)


def test_a_header_without_end_is_refused(tmp_path):
    path = write_sxm(tmp_path / "a.sxm", [topography()])
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(FormatError, match="SCANIT_END"):
        read(path, partial=True)


@pytest.mark.parametrize("scan_dir", ["up", "down"])
def test_a_cut_file_is_refused_and_read_as_far_as_it_goes(tmp_path, scan_dir):
    path = write_sxm(tmp_path / "a.sxm", [topography()], scan_dir=scan_dir)
    raw = path.read_bytes()
    start = raw.index(b"\x1a\x04") + 2
    for length in range(start, len(raw), 13):
        path.write_bytes(raw[:length])
        with pytest.raises(FormatError, match="2 images of 6 by 9 pixels need 432 bytes"):
            read(path)
        for i, channel in enumerate(read(path, partial=True).channels):
            rows = min(max((length - start - i * 216) // 36, 0), 6)
            values, whole = load(channel.data), image(seed=i)
            if scan_dir == "up":
                values, whole = values[::-1], whole[::-1]
            np.testing.assert_array_equal(values[:rows], whole[:rows])
            assert np.isnan(values[rows:]).all()
            assert ("incomplete" in channel.attrs) == (rows < 6)
            if rows < 6:
                assert channel.attrs["incomplete"]["missing_from"] == rows


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"SCAN_PIXELS": "9"}, "two numbers of pixels were expected, '9' was found"),
        ({"SCAN_PIXELS": "9 -6"}, "two numbers of pixels"),
        ({"SCAN_PIXELS": "9 99999999999"}, "two numbers of pixels"),
        ({"SCAN_PIXELS": "99999 99999"}, "need 79998400008 bytes"),
        ({"SCAN_PIXELS": "9 5"}, "2 images of 5 by 9 pixels need 360 bytes, the file has 432"),
        ({"SCAN_DIR": "left"}, "goes 'up' or 'down', 'left' was found"),
        ({"DATA_INFO": None}, "lists no channel"),
        ({"DATA_INFO": "\tName\tDirection\n\tZ\tsideways\n"}, "a name and a direction"),
        ({"DATA_INFO": "\tName\tDirection\n\tZ\tforward\n"}, "1 images .* need 216 bytes"),
    ],
)
def test_headers_that_contradict_the_file_are_refused(tmp_path, entries, message):
    path = write_sxm(tmp_path / "a.sxm", [topography()], entries=entries)
    with pytest.raises(FormatError, match=message):
        read(path)


def test_other_types_of_numbers_are_named(tmp_path):
    path = write_sxm(tmp_path / "a.sxm", [topography()], entries={"SCANIT_TYPE": "INT MSBFIRST"})
    with pytest.raises(UnsupportedFormatError, match="'INT MSBFIRST' are not read"):
        read(path)


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("seed", range(100))
def test_random_damage_gives_data_or_a_clear_error(tmp_path, seed, partial):
    rng = np.random.default_rng(seed)
    path = write_sxm(tmp_path / "a.sxm", [topography()])
    raw = bytearray(path.read_bytes())
    for at in rng.integers(0, len(raw) - 432 if seed % 2 else len(raw), 6):
        raw[at] ^= 1 << int(rng.integers(8))
    path.write_bytes(raw)
    try:
        for channel in read(path, partial=partial).channels:
            if np.prod(channel.data.shape, dtype=float) < 1e6:
                load(channel.data)
    except FormatError:
        pass
