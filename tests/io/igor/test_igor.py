"""Igor binary waves made by the independent encoder: values, places, units, words."""

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

from omniscopy.io.igor.reader import read
from omniscopy.testing.files.igor import write_asylum_image, write_ibw

TYPES = ("f4", "f8", "c8", "c16", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")


def load(data):
    return data[(slice(None),) * len(data.shape)]


def only(path, **options):
    (channel,) = read(path, **options).channels
    return channel


@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("dtype", TYPES)
def test_every_type_of_number_comes_back_exactly(tmp_path, dtype, byte_order):
    rng = np.random.default_rng(1)
    values = (rng.normal(size=(4, 3)) * 50).astype(dtype)
    if dtype.startswith("c"):
        values = values + 1j * values[::-1]
    channel = only(write_ibw(tmp_path / "a.ibw", values, byte_order=byte_order))
    assert channel.data.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(load(channel.data), values.T)


@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("version", [1, 2, 3, 5])
def test_every_version_and_byte_order_is_read(tmp_path, version, byte_order):
    path = write_ibw(
        tmp_path / "a.ibw",
        np.arange(7.0),
        name="ramp",
        version=version,
        byte_order=byte_order,
        scales=[0.5],
        offsets=[-1.0],
        dim_units=["s"],
        data_units="V",
        note="" if version == 1 else "Gain: 3\rKeithley\r",
        formula="" if version in (1, 2) else "x^2",
    )
    measurement = read(path)
    (channel,) = measurement.channels
    (axis,) = channel.axes
    assert (channel.title, channel.units, channel.quantity) == ("ramp", "V", "voltage")
    assert (axis.name, axis.units, axis.scale, axis.offset) == ("time", "s", 0.5, -1.0)
    np.testing.assert_array_equal(load(channel.data), np.arange(7.0))
    original = measurement.original_metadata
    assert original["header"]["version"] == version
    assert original["note"] == ({} if version == 1 else {"Gain": 3})
    assert original["header"]["formula"] == ("" if version in (1, 2) else "x^2")
    assert json.loads(json.dumps(original)) == original


def test_a_matrix_without_units_is_shown_as_igor_shows_it(tmp_path):
    values = np.arange(12.0).reshape(4, 3)
    channel = only(write_ibw(tmp_path / "a.ibw", values))
    assert [axis.name for axis in channel.axes] == ["y", "x"]
    assert [axis.units for axis in channel.axes] == [None, None]
    np.testing.assert_array_equal(load(channel.data), values.T)
    np.testing.assert_array_equal(channel.axes[1].coordinate(), [0, 1, 2, 3])


def test_four_dimensions_without_units_are_frames_of_volumes(tmp_path):
    values = np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    channel = only(write_ibw(tmp_path / "a.ibw", values))
    assert [axis.name for axis in channel.axes] == ["frame", "z", "y", "x"]
    np.testing.assert_array_equal(load(channel.data), values.T)


def test_a_placed_volume_of_spectra_keeps_the_labels_of_the_wave(tmp_path):
    values = np.random.default_rng(0).normal(size=(4, 3, 5))
    path = write_ibw(
        tmp_path / "cits.ibw",
        values,
        name="Aux2(V) 3 37-1 Forward Down Trace",
        scales=[2e-10, 3e-10, 0.25],
        offsets=[-7e-9, 5e-9, -0.5],
        dim_units=["m", "m", "V"],
        data_units="A",
        note="Aux2(V) 3 37-1 Forward Down Trace\r\nExport created by IGOR5 Exporter v120401",
    )
    channel = only(path)
    y, x, bias = channel.axes
    assert [axis.name for axis in channel.axes] == ["y", "x", "bias"]
    assert channel.title == "Aux2(V) 3 37-1 Forward Down Trace"
    assert (channel.quantity, channel.units, channel.modality) == ("current", "A", "STM")
    data = load(channel.data)
    for i in range(4):
        for j in range(3):
            row = int(np.argmin(abs(y.coordinate() - (5e-9 + j * 3e-10))))
            assert row == 2 - j
            np.testing.assert_array_equal(data[row, i], values[i, j])
    np.testing.assert_allclose(x.coordinate(), -7e-9 + 2e-10 * np.arange(4), rtol=1e-12)
    np.testing.assert_allclose(bias.coordinate(), -0.5 + 0.25 * np.arange(5))


def test_times_come_first_and_two_of_a_kind_are_numbered(tmp_path):
    values = np.zeros((2, 3, 4))
    channel = only(write_ibw(tmp_path / "a.ibw", values, dim_units=["m", "s", "ms"]))
    assert [axis.name for axis in channel.axes] == ["time_1", "time", "x"]
    assert channel.data.shape == (4, 3, 2)


def test_units_too_long_for_the_header_are_read_from_behind_the_data(tmp_path):
    path = write_ibw(
        tmp_path / "a.ibw",
        np.zeros((2, 3)),
        data_units="nA/sqrt",
        dim_units=["GHz*", "furlong"],
    )
    channel = only(path)
    assert channel.units == "nA/sqrt"
    assert {axis.name: axis.units for axis in channel.axes} == {"frequency": "GHz", "x": "furlong"}


def test_a_broken_scale_gives_way_to_the_index(tmp_path):
    path = write_ibw(tmp_path / "a.ibw", np.zeros(3), scales=[0.0], offsets=[np.nan])
    np.testing.assert_array_equal(only(path).axes[0].coordinate(), [0, 1, 2])


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_a_text_wave_is_text(tmp_path, byte_order):
    words = np.array([["Mary", "had", ""], ["a", "little", "lämb"]])
    channel = only(write_ibw(tmp_path / "a.ibw", words, byte_order=byte_order))
    np.testing.assert_array_equal(channel.data, words.T)
    assert channel.quantity == "text"


def test_a_wave_without_points_is_empty(tmp_path):
    channel = only(write_ibw(tmp_path / "a.ibw", np.zeros(0, "f4")))
    assert channel.data.shape == (0,)
    assert load(channel.data).size == 0


def test_labelled_columns_are_channels(tmp_path):
    values = np.arange(8.0).reshape(4, 2)
    path = write_ibw(tmp_path / "a.ibw", values, labels={1: ["I", ""]}, data_units="A", name="iv")
    first, second = read(path).channels
    assert [first.title, second.title] == ["I", "iv 1"]
    np.testing.assert_array_equal(load(first.data), values[:, 0])
    np.testing.assert_array_equal(load(second.data), values[:, 1])


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 5))
def test_an_image_shows_what_the_instrument_shows(tmp_path_factory, rows, columns, layers):
    rng = np.random.default_rng(rows * 100 + columns)
    images = {f"Height{i}Trace": rng.normal(size=(rows, columns)) for i in range(layers)}
    path = tmp_path_factory.mktemp("asylum") / "a.ibw"
    measurement = read(write_asylum_image(path, images, pixel_size=(3e-9, 5e-9)))
    for channel, image in zip(measurement.channels, images.values(), strict=True):
        np.testing.assert_array_equal(load(channel.data), image.astype("f4"))
        y, x = channel.axes
        np.testing.assert_allclose(y.coordinate(), 3e-9 * np.arange(rows))
        np.testing.assert_allclose(x.coordinate(), 5e-9 * np.arange(columns))


def test_the_stored_rows_of_an_image_run_upwards(tmp_path):
    wave = np.zeros((3, 2, 1), "f4")
    wave[0, 1, 0] = 7  # the left pixel of the upper row
    path = write_ibw(tmp_path / "a.ibw", wave, labels={2: ["HeightTrace"]}, dim_units=["m", "m"])
    np.testing.assert_array_equal(load(only(path).data), [[7, 0, 0], [0, 0, 0]])


@pytest.mark.parametrize(
    ("label", "quantity", "units", "direction"),
    [
        ("HeightTrace", "height", "m", "trace"),
        ("ZSensorRetrace", "height", "m", "retrace"),
        ("AmplitudeRetrace", "amplitude", "m", "retrace"),
        ("DeflectionTrace", "deflection", "m", "trace"),
        ("Phase1Trace", "phase", "deg", "trace"),
        ("NapPotentialRetrace", "potential", "V", "retrace"),
        ("CurrentTrace", "current", "A", "trace"),
        ("FrequencyTrace", "frequency", "Hz", "trace"),
        ("UserIn0Trace", "voltage", "mV", "trace"),
        ("UserCalcTrace", None, "deg", "trace"),
        ("MapHeight", "height", "m", None),
        ("MapAdhesion", "force", "N", None),
        ("YoungsModulusTrace", "modulus", "Pa", "trace"),
        ("Mystery", None, None, None),
    ],
)
def test_the_name_of_a_channel_tells_its_quantity(tmp_path, label, quantity, units, direction):
    path = write_asylum_image(
        tmp_path / "a.ibw",
        {label: np.zeros((2, 2))},
        pixel_size=(1e-9, 1e-9),
        settings={"UserIn0Unit": "mV", "UserCalcUnit": "°"},
    )
    channel = only(path)
    assert (channel.title, channel.quantity, channel.units) == (label, quantity, units)
    assert channel.metadata.get("scan", {}).get("direction") == direction
    assert (channel.modality, channel.source) == ("AFM", "Asylum Research")


def test_the_note_fills_the_common_metadata(tmp_path):
    path = write_asylum_image(
        tmp_path / "a.ibw", {"HeightTrace": np.zeros((2, 3))}, pixel_size=(1e-8, 2e-8)
    )
    measurement = read(path)
    assert measurement.metadata == {
        "technique": "AFM",
        "instrument": {"vendor": "Asylum Research", "model": "Cypher", "software": "15.09.112"},
        "scan": {"line_rate": 1.0016, "rotation": 0.0},
        "probe": {
            "spring_constant": 2.8,
            "sensitivity": 1.09e-07,
            "drive_amplitude": 0.44691,
            "drive_frequency": 74243.0,
            "bias": 0.0,
        },
        "feedback": {"mode": "AC Mode", "setpoint": "0.62416 V"},
        "comment": "synthetic",
        "started": "2024-05-17T14:14:13",
    }
    assert measurement.original_metadata["note"]["ScanPoints"] == 3


@pytest.mark.parametrize(
    ("date", "clock", "started"),
    [
        ("2021-01-07", "12:05:09 AM", "2021-01-07T00:05:09"),
        ("2021-01-07", "17:18:38", "2021-01-07T17:18:38"),
        ("2021-01-07", "tea", "2021-01-07"),
        ("7. Januar", "17:18:38", None),
    ],
)
def test_the_time_of_the_note_is_read_or_left_out(tmp_path, date, clock, started):
    path = write_asylum_image(
        tmp_path / "a.ibw",
        {"HeightTrace": np.zeros((2, 3))},
        pixel_size=(1e-8, 2e-8),
        settings={"Date": date, "Time": clock, "ScanRate": "NaN"},
    )
    metadata = read(path).metadata
    assert metadata.get("started") == started
    assert "line_rate" not in metadata["scan"]


def test_notes_keep_repeated_keys_other_lines_and_odd_numbers(tmp_path):
    note = "Gain: 1\rGain: 2.5\rSerial: 007\rTop: inf\rfree words\rPath: C:Users:me\r°: µ\r"
    original = read(write_ibw(tmp_path / "a.ibw", np.zeros(2), note=note)).original_metadata
    assert original["note"] == {
        "Gain": [1, 2.5],
        "Serial": "007",
        "Top": "inf",
        "Path": "C:Users:me",
        "°": "µ",
    }
    assert original["remarks"] == ["free words"]


def force_curve(path, *, labels=("Raw", "Defl", "ZSnsr"), **note):
    values = np.arange(30.0).reshape(10, 3).astype("f4")
    settings = {"InvOLS": 4.5e-8, "Indexes": "0,5,9", "Direction": "NaN,1,-1,", **note}
    return values, write_ibw(
        path,
        values,
        scales=[5e-4],
        dim_units=["s"],
        data_units="m",
        labels={1: labels},
        note=settings,
    )


def test_a_force_curve_runs_in_time_and_knows_its_height_and_segments(tmp_path):
    values, path = force_curve(tmp_path / "a.ibw")
    channels = read(path).channels
    assert [channel.title for channel in channels] == ["Raw", "Defl", "ZSnsr"]
    for i, channel in enumerate(channels):
        (axis,) = channel.axes
        assert (axis.name, axis.units, axis.scale) == ("time", "s", 5e-4)
        np.testing.assert_array_equal(load(channel.data), values[:, i])
        height = channel.coordinates["z"]
        assert height.dims == ("time",)
        assert height.attrs["units"] == "m"
        np.testing.assert_array_equal(load(height.data), values[:, 2])
        assert channel.attrs["segments"] == [
            {"direction": "extend", "start": 0, "stop": 5},
            {"direction": "retract", "start": 5, "stop": 10},
        ]


@pytest.mark.parametrize(
    "damage", [{"Indexes": "0,500,9"}, {"Direction": "NaN,1"}, {"Indexes": "a"}, {"Direction": 7}]
)
def test_segments_that_make_no_sense_are_left_out(tmp_path, damage):
    _, path = force_curve(tmp_path / "a.ibw", **damage)
    assert all("segments" not in channel.attrs for channel in read(path).channels)


def test_without_a_sensor_the_drive_is_the_height_and_without_both_there_is_none(tmp_path):
    values, path = force_curve(tmp_path / "a.ibw", labels=["Raw", "Defl", "Phase"])
    np.testing.assert_array_equal(load(read(path).channels[1].coordinates["z"].data), values[:, 0])
    _, path = force_curve(tmp_path / "b.ibw", labels=["Curr", "Defl", "Phase"])
    assert not read(path).channels[1].coordinates


def test_handles_read_parts_and_survive_pickling(tmp_path):
    image = np.random.default_rng(0).normal(size=(6, 8)).astype("f4")
    path = write_asylum_image(
        tmp_path / "a.ibw", {"HeightTrace": image, "PhaseTrace": -image}, pixel_size=(1e-9, 1e-9)
    )
    handle = pickle.loads(pickle.dumps(read(path).channels[1].data))
    np.testing.assert_array_equal(handle[1:5:2, 3], -image[1:5:2, 3])
    assert handle[5, 7] == -image[5, 7]


def test_one_pixel_costs_one_pixel(tmp_path, monkeypatch):
    path = write_asylum_image(
        tmp_path / "a.ibw", {"HeightTrace": np.ones((64, 64))}, pixel_size=(1e-9, 1e-9)
    )
    made = []
    original = np.array

    def counting(*args, **options):
        result = original(*args, **options)
        made.append(result.nbytes)
        return result

    data = read(path).channels[0].data
    monkeypatch.setattr("omniscopy.io.arrays.np.array", counting)
    assert data[3, 4] == 1
    assert max(made) <= 8


def test_the_manifest_recognises_every_version(tmp_path):
    manifest = tomllib.loads(files("omniscopy.io.igor").joinpath("format.toml").read_text("utf-8"))
    patterns = [re.compile(magic["text"]) for magic in manifest["magic"]]
    for version in (1, 2, 3, 5):
        for byte_order in "<>":
            path = write_ibw(tmp_path / "a", np.ones(3), version=version, byte_order=byte_order)
            start = Path(path).read_bytes()[:4096].decode("latin-1")
            assert any(pattern.search(start) for pattern in patterns)
    assert not any(pattern.search("\x05\x00 something else " * 20) for pattern in patterns)
