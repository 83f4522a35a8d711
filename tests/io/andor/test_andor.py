"""Andor files made by the independent encoder, and real ones."""

import hashlib
import json

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.andor.reader import read
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.testing.files.andor import AndorArea, AndorSection, write_sif

rng = np.random.default_rng(4)
FRAMES = rng.normal(size=(3, 4, 6)).astype("f4")
LINES = FRAMES[:, :1]
LINE = AndorArea(LINES, (1, 100, 6, 1), (100, 1))
PIXELS = np.arange(1, 7)
WAVELENGTHS = 500 + 0.25 * PIXELS + 1e-4 * PIXELS**2


def write(path, *areas, **entries):
    return write_sif(path, AndorSection(areas, entries))


def signals(path, **options):
    return list(om.signals(om.open(path, **options)).values())


def only(path, **options):
    (data,) = signals(path, **options)
    return data


def test_frames_of_spectra_have_times_and_wavelengths(tmp_path):
    path = write(tmp_path / "a.sif", LINE)
    data = only(path)
    assert data.dims == ("time", "wavelength")
    np.testing.assert_array_equal(data, LINES[:, 0])
    np.testing.assert_allclose(data["time"], [0, 3.5, 7])
    np.testing.assert_allclose(data["wavelength"], WAVELENGTHS, rtol=1e-12)
    assert (data["wavelength"].attrs["units"], data.attrs["units"]) == ("nm", "counts")
    assert om.validate(om.open(path)) == []


def test_raman_shifts_are_from_the_line_of_the_laser(tmp_path):
    data = only(write(tmp_path / "a.sif", LINE, axis=3, laser=490.0))
    assert data.dims == ("time", "wavenumber")
    np.testing.assert_allclose(data["wavenumber"], 1e7 / 490 - 1e7 / WAVELENGTHS, rtol=1e-12)
    np.testing.assert_allclose(data["wavelength"], WAVELENGTHS, rtol=1e-12)
    assert data.attrs["metadata"]["laser"] == {"wavelength": 490.0}


def test_spectra_without_calibration_are_along_pixels(tmp_path):
    data = only(write(tmp_path / "a.sif", LINE, axis=1, cycle=0))
    assert data.dims == ("frame", "sample")
    np.testing.assert_array_equal(data["sample"], PIXELS)
    assert data["sample"].attrs["units"] == "px"


def test_a_spectrometer_that_moves_has_wavelengths_of_each_frame(tmp_path):
    lines = [f"Calibration data for frame {n}: {500 + n},0.25,1e-4,0" for n in (1, 2, 3)]
    text = "\n".join(lines).encode()
    values = np.arange(12.0).reshape(3, 1, 4)
    area = AndorArea(values, (1, 1, 4, 1))
    (channel,) = read(write_sif(tmp_path / "a.sif", AndorSection([area], {"text": text}))).channels
    assert [axis.name for axis in channel.axes] == ["time", "sample"]
    wavelength = channel.coordinates["wavelength"]
    assert (wavelength.dims, wavelength.attrs["units"]) == (("time", "sample"), "nm")
    pixels = np.arange(1, 5)
    expected = 500 + np.arange(1, 4)[:, None] + 0.25 * pixels + 1e-4 * pixels**2
    np.testing.assert_allclose(wavelength.data, expected)
    assert om.validate(om.open(tmp_path / "a.sif")) == []


@pytest.mark.parametrize("text", [b"Calibration data for frame 1: x", b"Calibration data"])
def test_a_text_that_only_looks_like_calibrations_is_no_matter(tmp_path, text):
    area = AndorArea(np.arange(12.0).reshape(3, 1, 4), (1, 1, 4, 1))
    (channel,) = read(write_sif(tmp_path / "a.sif", AndorSection([area], {"text": text}))).channels
    assert [axis.name for axis in channel.axes] == ["time", "wavelength"]


def test_images_have_the_highest_row_of_the_sensor_on_top(tmp_path):
    area = AndorArea(FRAMES[:1], (11, 28, 22, 21), (2, 2))
    data = only(write(tmp_path / "a.sif", area, axis=1))
    assert data.dims == ("y", "x")
    np.testing.assert_array_equal(data, FRAMES[0, ::-1])
    np.testing.assert_allclose(data["y"], [27.5, 25.5, 23.5, 21.5])
    np.testing.assert_allclose(data["x"], [11.5, 13.5, 15.5, 17.5, 19.5, 21.5])
    data = only(write(tmp_path / "b.sif", area))
    assert data.dims == ("y", "wavelength")
    pixels = 11.5 + 2 * np.arange(6)
    np.testing.assert_allclose(data["wavelength"], 500 + 0.25 * pixels + 1e-4 * pixels**2)


def test_tracks_of_one_width_are_one_array(tmp_path):
    tracks = [AndorArea(FRAMES[:, [n]], (1, 20 * n + 10, 6, 20 * n + 1), (10, 1)) for n in range(4)]
    data = only(write(tmp_path / "a.sif", *tracks))
    assert data.dims == ("time", "y", "wavelength")
    np.testing.assert_array_equal(data, FRAMES)
    np.testing.assert_allclose(data["y"], [5.5, 25.5, 45.5, 65.5])


def test_areas_that_differ_are_channels_of_their_own(tmp_path):
    areas = [
        AndorArea(FRAMES, (1, 4, 6, 1)),
        AndorArea(FRAMES[:, :2, :3], (1, 10, 3, 9)),
    ]
    first, second = signals(write(tmp_path / "a.sif", *areas, axis=1))
    np.testing.assert_array_equal(first, FRAMES[:, ::-1])
    np.testing.assert_array_equal(second, FRAMES[:, 1::-1, :3])


def test_a_background_is_a_channel_with_its_own_time(tmp_path):
    names = ("Wavelength", "Counts (Bg corrected per second)", "Pixel number")
    path = write_sif(
        tmp_path / "a.sif",
        AndorSection([LINE], {"names": names}),
        background=AndorSection([LINE], {"time": 1690545000}),
    )
    signal, background = signals(path)
    assert (signal.attrs["units"], background.attrs["units"]) == ("counts/s", "counts")
    assert signal.attrs["metadata"]["started"] == "2023-07-28T11:51:04+00:00"
    assert background.attrs["metadata"]["started"] == "2023-07-28T11:50:00+00:00"
    content = path.read_bytes()
    path.write_bytes(content[:-200])
    with pytest.raises(FormatError, match=r"a\.sif.*cut short"):
        om.open(path)
    tree = om.open(path, partial=True)
    assert list(om.signals(tree)) == ["a"]
    assert "Background" in tree.attrs["not_read"]


@pytest.mark.parametrize(
    "entries", [{"flag": ""}, {"flag": "1"}, {"calibration": 65539}, {"version": 65559}]
)
def test_versions_differ_in_lines_before_the_numbers(tmp_path, entries):
    data = only(write(tmp_path / "a.sif", LINE, **entries))
    np.testing.assert_array_equal(data, LINES[:, 0])


def test_settings_fill_the_common_metadata(tmp_path):
    measurement = read(write(tmp_path / "a.sif", LINE))
    assert measurement.metadata == {
        "started": "2023-07-28T11:51:04+00:00",
        "instrument": {"vendor": "Andor", "model": "DH334T-18F-63"},
        "spectrometer": {"grating": "599.566 lines/mm", "centre_wavelength": 561.47},
        "detector": {
            "exposure_time": 3.0, "accumulations": 4.0, "temperature": 248.15, "gain": 2500.0,
            "mode": "kinetic",
        },
    }  # fmt: skip
    tree = measurement.original_metadata
    assert json.loads(json.dumps(tree)) == tree
    assert tree["further"]["Signals"]["Signal"]["mSec"] == "409"
    odd = read(write(tmp_path / "b.sif", LINE, time=10**300, temperature=-999))
    assert "started" not in odd.metadata
    assert "temperature" not in odd.metadata["detector"]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"frames": 4}, "nothing that should follow|whole number was expected"),
        ({"frames": 0}, "are absurd"),
        ({"frames": 99999, "length": 6}, r"99999 frames of 6 values need 2399976 bytes"),
        ({"frames": 3, "length": 5}, "nothing that should follow|is not in a frame"),
        ({"x": (1.0, 2.0)}, "calibration of the axes was not found"),
    ],
)
def test_headers_that_contradict_the_data_are_refused(tmp_path, entries, message):
    path = write(tmp_path / "a.sif", LINE, **entries)
    with pytest.raises(FormatError, match=message) as caught:
        om.open(path)
    assert isinstance(caught.value, UnsupportedFormatError) == ("calibration" in message)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b" 1024 1024 20\n", b" 1024 1024\n", "size of the sensor was expected"),
        (b" 1024 1024 20\n", b" 1024 x 20\n", "whole number was expected, b'x'"),
        (b"65538 2048\n", b"65538 99999999\n", "a text of 99999999 bytes cannot be"),
        (b"1\n10\nWave", b"1\n9999999\nWave", "the name of an axis of 9999999 bytes is absurd"),
        (b"65541 1 100", b"65541 100", "nine numbers of the frames"),
        (b" 100 6 1 100 1 0\n", b" 100 6 1 100 0 0\n", "an area of the sensor was expected"),
        (b" 100 6 1 100 1 0\n", b" 100 9 1 100 1 3\n", "is not in a frame of 6"),
    ],
)
def test_damaged_lines_are_named(tmp_path, old, new, message):
    path = write(tmp_path / "a.sif", LINE)
    content = path.read_bytes()
    assert content.count(old) == 1
    path.write_bytes(content.replace(old, new))
    with pytest.raises(FormatError, match=message):
        om.open(path)


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "a.sif"
    path.write_bytes(b"Andor or not\n")
    with pytest.raises(FormatError, match="none of Andor Solis"):
        read(path)


@pytest.mark.shared
def test_every_real_file_is_as_the_manifest_says(real_files):
    rows = real_files("andor_sif")
    assert len(rows) == 5
    for row in rows:
        data = signals(row["path"])[0]
        (said,) = row["signals"]
        # The reference has the rows of an image as the file does, from the lowest one on.
        values = data.values[::-1] if data.dims[0] == "y" else data.values
        assert list(values.shape) == [size for size in said["shape"] if size > 1]
        assert hashlib.sha256(values.tobytes()).hexdigest()[:32] == said["sha256"]
        if data.dims == ("y", "x"):
            continue  # the reference lists a number for each of 65536 pixels
        (calibration,) = said["axes"]
        name = "wavelength"  # beside the Raman shift too
        labels = data[name].values
        np.testing.assert_allclose(labels[[0, -1]], [calibration["first"], calibration["last"]])
