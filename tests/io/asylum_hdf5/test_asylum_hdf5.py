"""Asylum Research's HDF5 files made by the independent encoder."""

import json
import pickle

import h5py
import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.asylum_hdf5.probe import matches
from omniscopy.io.asylum_hdf5.reader import read
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.testing.files.asylum_hdf5 import write_asylum_map
from omniscopy.testing.formats import bit_flips, check_damage

rng = np.random.default_rng(1)
TURNS = np.array([[5, 7, 6], [6, 5, 5]])
AFTER = np.array([[4, 4, 3], [2, 4, 4]])
CURVES = [
    [
        {
            name: rng.normal(size=TURNS[y, x] + 1 + AFTER[y, x]).astype("f4")
            for name in ("Raw", "Defl", "ZSnsr")
        }
        for x in range(3)
    ]
    for y in range(2)
]
IMAGES = {"MapHeight": rng.normal(size=(2, 3)).astype("f4")}


def write(path, **options):
    return write_asylum_map(path, CURVES, TURNS, **options)


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


def aligned(name):
    """Return what a channel must be: all curves turn at sample 7."""
    expected = np.full((2, 3, 12), np.nan, "f4")
    for y in range(2):
        for x in range(3):
            curve, start = CURVES[y][x][name], 7 - TURNS[y, x]
            expected[y, x, start : start + len(curve)] = curve
    return expected


def test_segments_that_a_ramp_has_not_are_left_out(tmp_path):
    measurement = read(write(tmp_path / "a.h5", unused=2))
    np.testing.assert_array_equal(load(measurement.channels[1].data), aligned("Defl"))


@pytest.mark.parametrize("text_as_bytes", [True, False])
def test_curves_are_aligned_where_the_ramp_turns(tmp_path, text_as_bytes):
    path = write(tmp_path / "a.h5", images=IMAGES, text_as_bytes=text_as_bytes)
    assert matches(path)
    measurement = read(path)
    assert [c.title for c in measurement.channels] == ["Raw", "Defl", "ZSnsr", "MapHeight"]
    for channel in measurement.channels[:3]:
        np.testing.assert_array_equal(load(channel.data), aligned(channel.title))
        assert [axis.name for axis in channel.axes] == ["y", "x", "time"]
    np.testing.assert_array_equal(load(measurement.channels[3].data), IMAGES["MapHeight"])
    assert om.validate(om.open(path)) == []


def test_time_is_zero_where_the_ramp_turns_and_scan_sizes_differ(tmp_path):
    y, x, time = read(write(tmp_path / "a.h5")).channels[0].axes
    np.testing.assert_allclose(time.coordinate(), (np.arange(12) - 7) / 1000, atol=1e-18)
    np.testing.assert_allclose(x.coordinate(), np.arange(3) * 2e-6)
    np.testing.assert_allclose(y.coordinate(), np.arange(2) * 1e-6)
    assert (x.units, time.units, time.role) == ("m", "s", "signal")


def test_the_sensor_says_where_the_probe_was(tmp_path):
    channel = read(write(tmp_path / "a.h5")).channels[1]
    np.testing.assert_array_equal(load(channel.coordinates["z"].data), aligned("ZSnsr"))
    assert channel.coordinates["z"].attrs["long_name"] == "ZSnsr"
    assert (channel.quantity, channel.units) == ("deflection", "m")


def test_lengths_and_ends_of_segments_are_kept(tmp_path):
    variables = read(write(tmp_path / "a.h5")).channels[0].variables
    np.testing.assert_array_equal(variables["points"].data, TURNS + 1 + AFTER)
    np.testing.assert_array_equal(variables["end_of_ext"].data, np.full((2, 3), 7))
    np.testing.assert_array_equal(variables["end_of_ret"].data, 7 + AFTER)


def test_the_note_fills_the_common_metadata(tmp_path):
    measurement = read(write(tmp_path / "a.h5"))
    metadata = measurement.metadata
    assert metadata["instrument"]["model"] == "MFP3D"
    assert metadata["probe"] == {"spring_constant": 2.5, "sensitivity": 1e-7}
    assert metadata["started"] == "2020-02-14T13:41:25"
    tree = measurement.original_metadata
    assert json.loads(json.dumps(tree)) == tree
    assert tree["segments"] == ["Ext", "Ret"]


def test_without_a_rate_samples_are_counted(tmp_path):
    settings = {"NumPtsPerSec": None, "FastScanSize": None}
    _, x, axis = read(write(tmp_path / "a.h5", settings=settings)).channels[0].axes
    assert (axis.name, axis.units, x.units) == ("sample", None, None)
    assert axis.coordinate()[7] == 0


def test_handles_read_parts_and_survive_pickling(tmp_path):
    data = pickle.loads(pickle.dumps(read(write(tmp_path / "a.h5")).channels[0].data))
    np.testing.assert_array_equal(data[1, :, 3:9:2], aligned("Raw")[1, :, 3:9:2])
    assert data[0, 1, 7] == aligned("Raw")[0, 1, 7]


def test_one_curve_costs_one_curve(tmp_path, monkeypatch):
    data = read(write(tmp_path / "a.h5")).channels[0].data
    asked = []
    original = h5py.Group.get
    monkeypatch.setattr(h5py.Group, "get", lambda *args: asked.append(args[1]) or original(*args))
    data[1, 2]
    assert asked == ["ForceMap/0/2:0"]


def test_other_hdf5_files_are_not_taken(tmp_path):
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["ForceMap/0/other"] = [1, 2]
        file.attrs["Note"] = "x"
    assert not matches(tmp_path / "b.h5")
    with pytest.raises(UnsupportedFormatError, match="no force map with a table of segments"):
        read(tmp_path / "b.h5")


def change(path, name, values):
    with h5py.File(path, "a") as file:
        del file[name]
        if values is not None:
            file[name] = values


SEGMENTS = np.tile(np.array([5, 9], np.int32), (3, 2, 1))


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("ForceMap/0/Segments", SEGMENTS[..., :1], "2 segments are named"),
        ("ForceMap/0/Segments", SEGMENTS[..., ::-1], "the table is damaged"),
        ("ForceMap/0/Segments", SEGMENTS + 2**30, "the table is damaged"),
        ("ForceMap/0/Segments", SEGMENTS * np.nan, "other things than numbers"),
        ("ForceMap/0/0:0", None, "no curve of this name"),
        ("ForceMap/0/0:0", np.zeros((3, 7), "f4"), r"has the shape \(3, 7\), its segments say"),
    ],
)
def test_maps_that_contradict_themselves_are_refused(tmp_path, name, values, message):
    path = write(tmp_path / "a.h5")
    change(path, name, values)
    with pytest.raises(FormatError, match=message):
        read(path)


def test_a_curve_that_is_not_as_its_segments_say_is_refused_when_read(tmp_path):
    path = write(tmp_path / "a.h5")
    change(path, "ForceMap/0/2:1", np.zeros((3, 4), "f4"))
    data = read(path).channels[0].data
    data[1, 0]
    with pytest.raises(FormatError, match=r"ForceMap/0/2:1.*11 points was expected|10 points"):
        data[0, 2]


def test_random_damage_gives_data_or_a_clear_error(tmp_path):
    path = write(tmp_path / "a.h5", images=IMAGES)
    for damaged in bit_flips(path.read_bytes(), 60, np.random.default_rng(0)):
        check_damage(path, damaged, folder=tmp_path)
