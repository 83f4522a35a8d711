"""Nanonis curves made by the independent encoder, and real ones."""

import hashlib
import json

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.errors import FormatError
from omniscopy.io.nanonis_dat.reader import read
from omniscopy.testing.files.nanonis_spectra import write_dat
from omniscopy.testing.formats import bit_flips, check_damage

BIAS = np.linspace(1, -1, 5)
CURRENT = np.array([3, 1, 0, -1, -3]) * 1e-12
COLUMNS = {
    "Bias calc (V)": BIAS,
    "Current (A)": CURRENT,
    "Current [bwd] (A)": CURRENT * 2,
    "Current (A) [bwd] [filt]": CURRENT * np.nan,
}


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_columns_are_channels_along_the_first(tmp_path, line_end):
    path = write_dat(tmp_path / "a.dat", COLUMNS, line_end=line_end)
    channels = read(path).channels
    assert [c.title for c in channels] == ["Current", "Current [bwd]", "Current [bwd] [filt]"]
    np.testing.assert_allclose(channels[0].data, CURRENT)
    np.testing.assert_allclose(channels[1].data, CURRENT * 2)
    assert np.isnan(channels[2].data).all()
    for channel in channels:
        (axis,) = channel.axes
        assert (axis.name, axis.units) == ("bias", "V")
        np.testing.assert_allclose(axis.coordinate(), BIAS)
        assert (channel.quantity, channel.units) == ("current", "A")
    directions = [channel.metadata["scan"]["direction"] for channel in channels]
    assert directions == ["forward", "backward", "backward"]
    assert om.validate(om.open(path)) == []


def test_the_place_of_a_spectrum_goes_with_it(tmp_path):
    channel = read(write_dat(tmp_path / "a.dat", COLUMNS)).channels[0]
    assert [float(channel.coordinates[name].data) for name in "xy"] == [-903.677e-9, 611.259e-9]
    assert channel.coordinates["x"].attrs["units"] == "m"


@pytest.mark.parametrize(
    ("heading", "values", "name"),
    [
        ("Z rel (m)", BIAS * 1e-9, "z"),
        ("Time (s)", -BIAS, "time"),
        ("Frequency (Hz)", BIAS, "frequency"),
        ("Bias (V)", BIAS**2, "sample"),
    ],
)
def test_the_first_column_says_the_dimension(tmp_path, heading, values, name):
    path = write_dat(tmp_path / "a.dat", {heading: values, "Phase (deg)": BIAS})
    (channel,) = read(path).channels
    assert channel.axes[0].name == name
    assert channel.modality == "AFM"
    if name == "sample":
        np.testing.assert_allclose(channel.coordinates["bias"].data, values)
    assert om.validate(om.open(path)) == []


@pytest.mark.parametrize("points", [0, 1])
def test_short_curves_are_legal(tmp_path, points):
    columns = {heading: values[:points] for heading, values in COLUMNS.items()}
    path = write_dat(tmp_path / "a.dat", columns)
    assert [len(channel.data) for channel in read(path).channels] == [points] * 3
    assert om.validate(om.open(path)) == []


def test_the_settings_fill_the_common_metadata(tmp_path):
    measurement = read(write_dat(tmp_path / "a.dat", COLUMNS, entries={"µ": "°"}))
    assert measurement.metadata == {
        "technique": "STM",
        "started": "2013-04-11T16:13:50",
        "operator": "Jane",
        "title": "bias spectroscopy",
        "instrument": {"vendor": "SPECS", "software": "Nanonis"},
        "probe": {"bias": 1.5},
        "feedback": {"mode": "log Current", "setpoint": "2e-10 A"},
    }
    tree = measurement.original_metadata
    assert json.loads(json.dumps(tree)) == tree
    assert tree["µ"] == "°"


def test_decimal_commas_are_read(tmp_path):
    path = write_dat(tmp_path / "a.dat", COLUMNS)
    path.write_bytes(path.read_bytes().replace(b".", b","))
    channel = read(path).channels[0]
    np.testing.assert_allclose(channel.data, CURRENT)
    np.testing.assert_allclose(channel.axes[0].coordinate(), BIAS)
    assert float(channel.coordinates["x"].data) == -903.677e-9
    assert read(path).metadata["probe"] == {"bias": 1.5}


@pytest.mark.parametrize(("off", "frequency"), [("FALSE", 23493.9), ("TRUE", None)])
def test_a_probe_is_driven_where_the_output_is_on(tmp_path, off, frequency):
    drive = "Oscillation Control"
    entries = {f"{drive}>Center Frequency (Hz)": "23.4939E+3", f"{drive}>output off": off}
    metadata = read(write_dat(tmp_path / "a.dat", COLUMNS, entries=entries)).metadata
    assert metadata["probe"].get("drive_frequency") == frequency


@pytest.mark.parametrize("key", ["Start time", "Saved Date"])
def test_an_empty_date_is_told_by_another_setting(tmp_path, key):
    entries = {"Date": "", key: "27.06.2025 14:44:13"}
    metadata = read(write_dat(tmp_path / "a.dat", COLUMNS, entries=entries)).metadata
    assert metadata["started"] == "2025-06-27T14:44:13"


def test_a_row_that_does_not_end_is_refused_or_left_out(tmp_path):
    path = write_dat(tmp_path / "a.dat", COLUMNS)
    raw = path.read_bytes()
    for missing in range(2, 40, 3):
        path.write_bytes(raw[:-missing])
        with pytest.raises(FormatError, match=r"a\.dat.*the last row does not end"):
            read(path)
        channel = read(path, partial=True).channels[0]
        np.testing.assert_allclose(channel.data, CURRENT[:4])
        assert channel.attrs["incomplete"]["missing_from"] == 4


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: b"", r"no '\[DATA\]'"),
        (lambda raw: raw[:90], r"no '\[DATA\]'"),
        (lambda raw: raw[:-20] + b"x" + raw[-19:], "other things than numbers"),
        (lambda raw: raw.replace(b"1.000000000E+00", b"1.0 0", 1), "rows of 4 numbers"),
        (lambda raw: raw.replace(b"\tCurrent (A)\t", b"\t\t"), "rows of 4 numbers"),
        (lambda raw: raw[:-3] + b"0" * 60 + raw[-3:], "other things than numbers"),
    ],
)
def test_damage_is_named(tmp_path, damage, message):
    path = write_dat(tmp_path / "a.dat", COLUMNS)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(FormatError, match=message):
        read(path)


def test_random_damage_gives_data_or_a_clear_error(tmp_path):
    path = write_dat(tmp_path / "a.dat", COLUMNS)
    for damaged in bit_flips(path.read_bytes(), 100, np.random.default_rng(0)):
        check_damage(path, damaged, folder=tmp_path)


@pytest.mark.shared
def test_real_curves_are_those_of_the_reference(real_files):
    entries = real_files("nanonis_dat")
    assert len(entries) == 6
    for entry in entries:
        channels = read(entry["path"]).channels
        columns = [channels[0].axes[0].coordinate(), *(channel.data for channel in channels)]
        assert len(columns) == entry["n_signals"]
        for i, (values, signal) in enumerate(zip(columns, entry["signals"], strict=True)):
            assert list(values.shape) == signal["shape"]
            assert values.dtype == signal["dtype"]
            digest = hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:32]
            assert digest == signal.get("sha256", digest)
            if i:
                assert channels[i - 1].original_metadata["heading"] == signal["title"]


def test_a_history_is_along_the_time_of_its_period(tmp_path):
    currents, heights = np.array([3e-12, 1e-12, 2e-12]), np.array([1e-9, 2e-9, 3e-9])
    columns = {"Current (A)": currents, "Z (m)": heights}
    path = write_dat(tmp_path / "a.dat", columns, entries={"Sample Period (ms)": "20.000000E+0"})
    found = om.signals(om.open(path))
    assert list(found) == ["Current", "Z"]
    for data, values in zip(found.values(), columns.values(), strict=True):
        assert data.dims == ("time",)
        np.testing.assert_allclose(data, values)
        np.testing.assert_allclose(data["time"], [0, 0.02, 0.04])
    alone = write_dat(
        tmp_path / "b.dat", {"Current (A)": columns["Current (A)"]},
        entries={"Sample Period (ms)": "20", "Experiment": "History Data"},
    )  # fmt: skip
    np.testing.assert_allclose(om.open_signal(alone), columns["Current (A)"])
