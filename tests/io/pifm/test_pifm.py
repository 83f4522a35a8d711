"""Anfatec scans made by the independent encoder, and a real one."""

import json
import pickle

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.errors import FormatError
from omniscopy.io.pifm.reader import read
from omniscopy.testing.files.pifm import (
    AnfatecImage,
    AnfatecSpectrum,
    AnfatecVolume,
    write_anfatec,
)
from omniscopy.testing.formats import bit_flips, check_damage

rng = np.random.default_rng(6)
COUNTS = rng.integers(-(2**31), 2**31, (4, 6)).astype(np.int32)
CUBE = rng.integers(-999, 999, (4, 6, 3)).astype(np.int32)
SHIFTS = np.array([1500.0, 1502, 1508])


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


def only(path, **options):
    (channel,) = read(path, **options).channels
    return channel


def test_images_come_in_physical_units(tmp_path):
    parts = [
        AnfatecImage(COUNTS),
        AnfatecImage(COUNTS // 2, "PhaseBwd", 1e-3, "°"),
        AnfatecImage(COUNTS // 3, "ScanSensor XFwd", -1e-8, "V", 2.5),
    ]
    height, phase, sensor = read(write_anfatec(tmp_path / "a b.txt", parts)).channels
    np.testing.assert_allclose(load(height.data), COUNTS * 2e-6)
    np.testing.assert_allclose(load(phase.data), COUNTS // 2 * 1e-3)
    np.testing.assert_allclose(load(sensor.data), COUNTS // 3 * -1e-8 + 2.5)
    assert [(c.title, c.quantity, c.units) for c in (height, phase)] == [
        ("TopographyFwd", "height", "nm"),
        ("PhaseBwd", "phase", "deg"),
    ]
    assert phase.metadata == {"scan": {"direction": "backward"}}


def test_places_are_about_the_centre_of_the_scan(tmp_path):
    y, x = only(write_anfatec(tmp_path / "a.txt", [AnfatecImage(COUNTS)])).axes
    assert (y.name, x.name, y.units, x.units) == ("y", "x", "µm", "µm")
    np.testing.assert_allclose(x.coordinate(), [-2, -1, 0, 1, 2, 3])
    np.testing.assert_allclose(y.coordinate(), [0, -1, -2, -3])


def test_a_scan_without_centre_or_range_starts_in_its_corner(tmp_path):
    entries = {"xCenter": None, "yCenter": "nan", "YScanRange": None}
    y, x = only(write_anfatec(tmp_path / "a.txt", [AnfatecImage(COUNTS)], entries=entries)).axes
    np.testing.assert_allclose(x.coordinate(), np.arange(6))
    assert y.units is None


@pytest.mark.parametrize("attenuated", [False, True])
def test_hyperspectral_images_have_listed_wavelengths(tmp_path, attenuated):
    listed = np.stack([SHIFTS, [1, 2, 3]], axis=1) if attenuated else SHIFTS
    path = write_anfatec(tmp_path / "a.txt", [AnfatecVolume(CUBE, listed)])
    channel = only(path)
    np.testing.assert_allclose(load(channel.data), CUBE * 1e-6)
    assert [axis.name for axis in channel.axes] == ["y", "x", "wavenumber"]
    np.testing.assert_array_equal(channel.axes[2].coordinate(), SHIFTS)
    assert channel.axes[2].attrs == ({"attenuation": [1, 2, 3]} if attenuated else {})
    assert channel.data[1, 2, 0] == pytest.approx(CUBE[1, 2, 0] * 1e-6)
    assert om.validate(om.open(path)) == []


def test_spectra_at_points_know_their_place(tmp_path):
    table = np.stack([SHIFTS, rng.random(3)], axis=1)
    parts = [AnfatecImage(COUNTS), AnfatecSpectrum(table)]
    path = write_anfatec(tmp_path / "a.txt", parts)
    _, spectrum = read(path).channels
    np.testing.assert_allclose(load(spectrum.data), table[:, 1], rtol=1e-8)
    np.testing.assert_array_equal(spectrum.axes[0].coordinate(), SHIFTS)
    assert (spectrum.axes[0].name, spectrum.units) == ("wavenumber", "V")
    assert [float(spectrum.coordinates[name].data) for name in "xy"] == [1.0, 2.0]
    assert spectrum.coordinates["x"].attrs["units"] == "µm"
    assert om.validate(om.open(path)) == []


def test_every_column_of_a_spectrum_is_a_channel(tmp_path):
    table = np.arange(9.0).reshape(3, 3)
    made = AnfatecSpectrum(table, ("Frequency Hz", "Amplitude V", "Phase °"), name="powerspectrum")
    amplitude, phase = read(write_anfatec(tmp_path / "a.txt", [made])).channels
    assert amplitude.title == "apowerspectrum Amplitude"
    assert (phase.quantity, phase.units, phase.axes[0].name) == ("phase", "deg", "frequency")
    np.testing.assert_array_equal(load(phase.data), table[:, 2])


def test_the_entries_fill_the_common_metadata(tmp_path):
    measurement = read(write_anfatec(tmp_path / "a.txt", [AnfatecImage(COUNTS)]))
    assert measurement.metadata == {
        "technique": "AFM",
        "started": "2017-05-24T17:29:51-07:00",
        "operator": "Jessica",
        "comment": "same as 10 ; looks the same",
        "sample": {"name": "MAPI on glass"},
        "instrument": {"vendor": "Molecular Vista", "software": "VistaScan 1.6.1"},
        "scan": {"line_rate": 0.65, "rotation": 90.0},
        "stage": {"x": pytest.approx(943.188e-6)},
        "probe": {"bias": -0.5, "drive_frequency": 1811345.625},
        "feedback": {"mode": "opticalforce", "setpoint": "90 V"},
    }
    tree = measurement.original_metadata
    assert json.loads(json.dumps(tree)) == tree


@pytest.mark.parametrize(
    ("entries", "started"),
    [
        ({"UTCDateTime": None}, "2017-05-24T17:29:51"),
        ({"StartDate": None}, "2017-05-24T17:35:45"),
        ({"StartDate": None, "Date": "soon"}, None),
    ],
)
def test_what_is_not_stated_of_the_time_is_not_invented(tmp_path, entries, started):
    path = write_anfatec(tmp_path / "a.txt", [AnfatecImage(COUNTS)], entries=entries)
    assert read(path).metadata.get("started") == started


def test_handles_read_parts_and_survive_pickling(tmp_path):
    data = only(write_anfatec(tmp_path / "a.txt", [AnfatecVolume(CUBE, SHIFTS)])).data
    copy = pickle.loads(pickle.dumps(data))
    np.testing.assert_allclose(copy[1:4:2, 3, :2], CUBE[1:4:2, 3, :2] * 1e-6)


def test_a_missing_file_is_named_and_left_out(tmp_path):
    parts = [AnfatecImage(COUNTS), AnfatecImage(COUNTS, "PhaseFwd")]
    path = write_anfatec(tmp_path / "a.txt", parts)
    (tmp_path / "aTopographyFwd.int").unlink()
    with pytest.raises(FormatError, match=r"'aTopographyFwd\.int', which is not beside it"):
        read(path)
    measurement = read(path, partial=True)
    assert [channel.title for channel in measurement.channels] == ["PhaseFwd"]
    assert measurement.attrs["not_read"] == "aTopographyFwd.int"


@pytest.mark.parametrize("name", ["../aTopographyFwd.int", "C:\\d\\aTopographyFwd.int"])
def test_of_a_path_only_the_name_counts(tmp_path, name):
    path = write_anfatec(tmp_path / "a.txt", [AnfatecImage(COUNTS)])
    path.write_bytes(path.read_bytes().replace(b": aTopographyFwd.int", b": " + name.encode()))
    assert only(path).data.shape == (4, 6)


@pytest.mark.parametrize("name", ["..", "", "a.txt", "/etc"])
def test_no_other_file_is_taken(tmp_path, name):
    path = write_anfatec(tmp_path / "a.txt", [AnfatecImage(COUNTS)])
    path.write_bytes(path.read_bytes().replace(b": aTopographyFwd.int", b": " + name.encode()))
    with pytest.raises(FormatError, match="not beside it"):
        read(path)


def test_a_cut_image_is_refused_and_read_as_far_as_it_goes(tmp_path):
    path = write_anfatec(tmp_path / "a.txt", [AnfatecImage(COUNTS)])
    values = tmp_path / "aTopographyFwd.int"
    values.write_bytes(values.read_bytes()[:-30])
    with pytest.raises(FormatError, match=r"a\.txt.*need 96 bytes, the file has 66"):
        read(path)
    channel = only(path, partial=True)
    found = load(channel.data)
    np.testing.assert_allclose(found[:2], COUNTS[:2] * 2e-6)
    assert np.isnan(found[2:]).all()
    assert channel.attrs["incomplete"]["missing_from"] == 2


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: b"", "starts with"),
        (lambda raw: raw[:-20], "has no end; the file is cut short"),
        (lambda raw: raw[:200], "describes no file of values"),
        (lambda raw: raw.replace(b"xPixel : 6", b"xPixel : 6e9"), "number of pixels"),
        (lambda raw: raw.replace(b"xPixel : 6", b"xPixel : 7"), "need 112 bytes, the file has 96"),
    ],
)
def test_damage_is_named(tmp_path, damage, message):
    path = write_anfatec(tmp_path / "a.txt", [AnfatecImage(COUNTS)])
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(FormatError, match=message):
        read(path)


@pytest.mark.parametrize("text", ["", "a\tb\n", "a\tb\n1\t2\n3\n", "a\tb\nx\ty\n", "a\n1\n2\n"])
def test_a_text_without_columns_is_refused(tmp_path, text):
    table = np.stack([SHIFTS, SHIFTS], axis=1)
    path = write_anfatec(tmp_path / "a.txt", [AnfatecSpectrum(table)])
    (tmp_path / "aspectrum0000.txt").write_text(text)
    with pytest.raises(FormatError, match=r"no columns of numbers|two are needed"):
        read(path)


def test_random_damage_gives_data_or_a_clear_error(tmp_path):
    parts = [AnfatecImage(COUNTS), AnfatecVolume(CUBE, SHIFTS)]
    path = write_anfatec(tmp_path / "a.txt", parts)
    for damaged in bit_flips(path.read_bytes(), 100, np.random.default_rng(0)):
        check_damage(path, damaged, folder=tmp_path)


# Offsets belong to the values: with them the sensors agree with the centre of the scan.
OFFSETS = {"ScanSensor-XFwd": 1.0, "ScanSensor-YFwd": 2.9000001}


@pytest.mark.shared
def test_a_real_scan_has_the_images_of_the_reference(real_files):
    (entry,) = real_files("pifm_anfatec")
    channels = read(entry["path"]).channels
    assert len(channels) == len(entry["signals"])
    for channel, signal in zip(channels, entry["signals"], strict=True):
        assert channel.title == signal["title"]
        offset = OFFSETS.get(channel.title, 0.0)
        values = load(channel.data)
        assert list(values.shape) == signal["shape"]
        assert values.dtype == signal["dtype"]
        for measure in ("min", "max", "mean"):
            expected = signal[measure] + offset
            assert getattr(values, measure)() == pytest.approx(expected, rel=1e-9, abs=1e-12)
        corners = [values[0, 0] - offset, values[-1, -1] - offset]
        assert corners == pytest.approx(signal["corners"], rel=1e-9)
        assert channel.units == {"°": "deg"}.get(signal["units"], signal["units"])
        for axis, expected in zip(channel.axes, signal["axes"], strict=True):
            assert (abs(axis.scale), axis.units) == (pytest.approx(expected["scale"]), "µm")


@pytest.mark.shared
def test_sensors_of_a_real_scan_agree_with_its_centre(shared):
    path = shared / "data/vendor/pifm_anfatec/MAPIold_0012/MAPIold_0012.txt"
    channels = {channel.title: load(channel.data) for channel in read(path).channels}
    # Turned by 90 degrees: columns move along the scanner's y, rows along its x.
    y = channels["ScanSensor-YFwd"].mean(0)
    volts_per_micrometre = (y[-1] - y[0]) / 5
    assert y.mean() / volts_per_micrometre == pytest.approx(-0.28, abs=0.1)
    x = channels["ScanSensor-XFwd"].mean(1)
    assert x.mean() / ((x[-1] - x[0]) / 5) == pytest.approx(-1.6, abs=0.1)
