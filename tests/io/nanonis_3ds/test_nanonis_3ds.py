"""Nanonis grids made by the independent encoder, and a real one."""

import pickle

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.errors import FormatError
from omniscopy.io.nanonis.reader import read as read_scan
from omniscopy.io.nanonis_3ds.reader import read
from omniscopy.testing.files.nanonis import SxmChannel, write_sxm
from omniscopy.testing.files.nanonis_spectra import write_3ds
from omniscopy.testing.formats import bit_flips, check_damage

rng = np.random.default_rng(10)
CUBE = rng.normal(size=(2, 3, 5)).astype("f4")
PLACES = {"X (m)": rng.random((2, 3)), "Y (m)": rng.random((2, 3)), "Z (m)": rng.random((2, 3))}
CHANNELS = {"Current (A)": CUBE, "LI Demod [bwd] (V)": CUBE * 2}


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


def test_every_channel_and_the_height_come_from_the_top(tmp_path):
    path = write_3ds(tmp_path / "a.3ds", CHANNELS, parameters=PLACES)
    current, demodulated, height = read(path).channels
    np.testing.assert_array_equal(load(current.data), CUBE)
    np.testing.assert_array_equal(load(demodulated.data), CUBE * 2)
    np.testing.assert_array_equal(load(height.data), PLACES["Z (m)"].astype("f4"))
    assert [axis.name for axis in current.axes] == ["y", "x", "bias"]
    assert (current.quantity, height.quantity, height.title) == ("current", "height", "Z")
    assert demodulated.metadata == {"scan": {"direction": "backward"}}
    assert om.validate(om.open(path)) == []


def test_the_bottom_row_is_written_first(tmp_path):
    path = write_3ds(tmp_path / "a.3ds", {"Current (A)": CUBE})
    raw = path.read_bytes()
    start = raw.index(b":HEADER_END:\r\n") + 14
    first = np.frombuffer(raw, ">f4", 5, start + 8)
    np.testing.assert_array_equal(load(read(path).channels[0].data)[-1, 0], first)


def test_places_are_about_the_centre_and_the_sweep_has_both_ends(tmp_path):
    y, x, bias = read(write_3ds(tmp_path / "a.3ds", CHANNELS)).channels[0].axes
    np.testing.assert_allclose(x.coordinate(), [7e-9, 9e-9, 11e-9])
    np.testing.assert_allclose(y.coordinate(), [20e-9, 19e-9])
    np.testing.assert_allclose(bias.coordinate(), [-1, -0.5, 0, 0.5, 1])
    assert (x.units, bias.units, bias.attrs["long_name"]) == ("m", "V", "Bias")


def test_where_the_tip_was_goes_with_the_spectra(tmp_path):
    parameters = {**PLACES, "Z offset (m)": np.ones((2, 3))}
    channel = read(write_3ds(tmp_path / "a.3ds", CHANNELS, parameters=parameters)).channels[0]
    measured = load(channel.coordinates["x_measured"].data)
    np.testing.assert_array_equal(measured, PLACES["X (m)"].astype("f4"))
    assert set(channel.variables) == {"Sweep_Start", "Sweep_End", "Z", "Z_offset"}
    np.testing.assert_array_equal(load(channel.variables["Sweep_End"].data), np.ones((2, 3)))


@pytest.mark.parametrize("points", [0, 1, 3, 5])
def test_a_grid_that_was_stopped_ends_in_nan(tmp_path, points):
    path = write_3ds(tmp_path / "a.3ds", CHANNELS, points=points)
    channel = read(path).channels[0]
    expected = CUBE[::-1].reshape(6, 5).copy()
    expected[points:] = np.nan
    np.testing.assert_array_equal(load(channel.data)[::-1].reshape(6, 5), expected)
    assert channel.attrs["incomplete"]["missing_from"] == points
    assert channel.axes[2].name == ("bias" if points else "sample")


def test_a_file_that_ends_within_a_point_is_refused(tmp_path):
    path = write_3ds(tmp_path / "a.3ds", CHANNELS)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(FormatError, match=r"a\.3ds.*ends within point 5 of 6"):
        read(path)
    values = load(read(path, partial=True).channels[0].data)
    assert np.isnan(values[0, 2]).all()
    np.testing.assert_array_equal(values[0, :2], CUBE[0, :2])


SEGMENTS = "Segment Start (V), Segment End (V), Settling (s), Integration (s), Steps (xn)"


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        ("-1,0,1e-3,1e-3,3;0.5,1,1e-3,1e-3,2", [-1, -0.5, 0, 0.5, 1]),
        ("-1,0,1e-3,1e-3,3", None),
        ("odd", None),
    ],
)
def test_sweeps_of_several_segments_list_their_values(tmp_path, segments, expected):
    entries = {"Filetype": "MLS", SEGMENTS: f'"{segments}"'}
    axis = read(write_3ds(tmp_path / "a.3ds", CHANNELS, entries=entries)).channels[0].axes[2]
    if expected is None:
        assert axis.name == "sample"
    else:
        np.testing.assert_allclose(axis.coordinate(), expected)


def test_parameters_without_names_are_numbered(tmp_path):
    entries = {"Experiment parameters": '"X (m);Y (m)"'}
    path = write_3ds(tmp_path / "a.3ds", CHANNELS, parameters=PLACES, entries=entries)
    channel = read(path).channels[0]
    np.testing.assert_array_equal(load(channel.data), CUBE)
    height = load(channel.variables["Parameter_5"].data)
    np.testing.assert_array_equal(height, PLACES["Z (m)"].astype("f4"))


def test_a_grid_with_an_oscillation_is_of_a_force_microscope(tmp_path):
    measurement = read(write_3ds(tmp_path / "a.3ds", {"Frequency Shift (Hz)": CUBE}))
    assert measurement.metadata["technique"] == "AFM"
    assert measurement.channels[0].modality == "AFM"


def test_missing_entries_are_no_reason_to_stop(tmp_path):
    gone = ("Grid settings", "Sweep Signal", "Filetype", "Date", "User", "Comment")
    measurement = read(write_3ds(tmp_path / "a.3ds", CHANNELS, entries=dict.fromkeys(gone)))
    assert measurement.channels[0].axes[0].units is None
    assert measurement.metadata == {
        "technique": "STM",
        "instrument": {"vendor": "SPECS", "software": "Nanonis"},
    }


def test_the_header_fills_the_common_metadata(tmp_path):
    measurement = read(write_3ds(tmp_path / "a.3ds", CHANNELS))
    assert measurement.metadata == {
        "technique": "STM",
        "started": "2016-06-04T20:13:23",
        "operator": "Jane",
        "comment": "on gold",
        "instrument": {"vendor": "SPECS", "software": "Nanonis"},
        "scan": {"rotation": 30.0},
    }
    assert measurement.original_metadata["Sweep Signal"] == "Bias (V)"


def test_handles_read_parts_and_survive_pickling(tmp_path):
    path = write_3ds(tmp_path / "a.3ds", CHANNELS, parameters=PLACES)
    for channel in read(path).channels:
        whole = load(channel.data)
        copy = pickle.loads(pickle.dumps(channel.data))
        key = (slice(1, None), slice(0, 3, 2), slice(1, 5, 2))[: whole.ndim]
        np.testing.assert_array_equal(copy[key], whole[key])
        assert copy[(1,) * whole.ndim] == whole[(1,) * whole.ndim]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"Grid dim": '"3 x"'}, "columns x rows were expected"),
        ({"Grid dim": '"3 x 1"'}, "3 points of 48 bytes are announced"),
        ({"Points": "x"}, "a number was expected, 'x'"),
        ({"Points": "0"}, "2 channels of 0 are listed"),
        ({"# Parameters (4 byte)": "1"}, "2 parameters and 2 channels"),
        ({"Points": "7"}, "ends within point"),
    ],
)
def test_headers_that_contradict_the_file_are_refused(tmp_path, entries, message):
    path = write_3ds(tmp_path / "a.3ds", CHANNELS, entries=entries)
    with pytest.raises(FormatError, match=message):
        read(path)


@pytest.mark.parametrize(("content", "message"), [(b"", "starts with"), (None, "HEADER_END")])
def test_a_header_without_start_or_end_is_refused(tmp_path, content, message):
    path = write_3ds(tmp_path / "a.3ds", CHANNELS)
    path.write_bytes(path.read_bytes()[:100] if content is None else content)
    with pytest.raises(FormatError, match=message):
        read(path)


def test_random_damage_gives_data_or_a_clear_error(tmp_path):
    path = write_3ds(tmp_path / "a.3ds", CHANNELS, parameters=PLACES)
    for damaged in bit_flips(path.read_bytes(), 100, np.random.default_rng(0)):
        check_damage(path, damaged, folder=tmp_path)


@pytest.mark.shared
def test_a_real_grid_has_the_spectra_of_the_reference(real_files):
    (entry,) = real_files("nanonis_3ds")
    *channels, height = read(entry["path"]).channels
    assert len(channels) == entry["n_signals"]
    for channel, signal in zip(channels, entry["signals"], strict=True):
        assert (channel.title, channel.units) == (signal["quantity"], signal["units"])
        # The reference keeps the rows as they are written, from the bottom up.
        values = load(channel.data)[::-1]
        assert list(values.shape) == signal["shape"]
        for measure in ("min", "max"):
            assert getattr(values, measure)() == pytest.approx(signal[measure], rel=1e-7)
        assert values.mean(dtype="f8") == pytest.approx(signal["mean"], rel=1e-6)
        assert [values[0, 0, 0], values[-1, -1, -1]] == pytest.approx(signal["corners"])
        sweep = signal["axes"][2]
        assert channel.axes[2].scale == pytest.approx(sweep["scale"], rel=1e-5)
        assert channel.axes[2].offset == pytest.approx(sweep["offset"])
    assert (height.title, height.units) == ("Z", "m")


@pytest.mark.parametrize("scan_dir", ["up", "down"])
def test_a_scan_of_the_same_frame_has_the_same_labels(tmp_path, scan_dir):
    image = SxmChannel(forward=CUBE[..., 0], backward=CUBE[..., 1])
    scan = write_sxm(
        tmp_path / "a.sxm", [image], scan_range=(6e-9, 2e-9), offset=(1e-8, 2e-8), scan_dir=scan_dir
    )
    grid = read(write_3ds(tmp_path / "a.3ds", CHANNELS)).channels[0].axes[:2]
    for channel in read_scan(scan).channels:
        for one, other in zip(channel.axes, grid, strict=True):
            np.testing.assert_allclose(one.coordinate(), other.coordinate(), rtol=1e-9)


@pytest.mark.shared
def test_labels_of_a_real_grid_are_where_the_tip_was(shared):
    path = shared / "data/vendor/nanonis_3ds/NanonisReader_STS_grid_lockin.3ds"
    measurement = read(path)
    channel = measurement.channels[0]
    y, x = (axis.coordinate() for axis in channel.axes[:2])
    centre = (x[0] + 2.5e-9, y[-1] + 2.5e-9)
    angle = np.deg2rad(-measurement.metadata["scan"]["rotation"])  # clockwise
    across, up = np.meshgrid(x - centre[0], y - centre[1])
    expected_x = centre[0] + across * np.cos(angle) - up * np.sin(angle)
    expected_y = centre[1] + across * np.sin(angle) + up * np.cos(angle)
    for name, expected in (("x_measured", expected_x), ("y_measured", expected_y)):
        found = load(channel.coordinates[name].data)
        np.testing.assert_allclose(found, expected, atol=0.02e-9)


def test_what_was_held_constant_is_in_the_metadata(tmp_path):
    entries = {
        "Bias>Bias (V)": "0.25",
        "Z-Controller>Setpoint": "1E-10",
        "Z-Controller>Setpoint unit": "A",
        "Z-Controller>Controller name": "log Current",
    }
    values = {"Current (A)": np.zeros((2, 3, 4))}
    metadata = read(write_3ds(tmp_path / "a.3ds", values, entries=entries)).metadata
    assert metadata["probe"] == {"bias": 0.25}
    assert metadata["feedback"] == {"mode": "log Current", "setpoint": "1e-10 A"}
