"""Streak images made by the independent encoder, and a real one."""

import hashlib
import json

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.hamamatsu.reader import read
from omniscopy.testing.files.hamamatsu import StreakImage, write_img

rng = np.random.default_rng(8)
IMAGE = rng.integers(0, 60000, (4, 6)).astype(np.uint16)
X, Y = np.float32([500, 501, 502.5, 503, 504, 506]), np.float32([0, 0.1, 0.25, 0.5])


def signals(path, **options):
    return list(om.signals(om.open(path, **options)).values())


def only(path, **options):
    (data,) = signals(path, **options)
    return data


def test_a_calibrated_image_is_over_wavelength_and_time(tmp_path):
    path = write_img(tmp_path / "a.img", [StreakImage(IMAGE, X, Y)])
    data = only(path)
    assert data.dims == ("time", "wavelength")
    np.testing.assert_array_equal(data, IMAGE)
    np.testing.assert_array_equal(data["wavelength"], X)
    np.testing.assert_array_equal(data["time"], Y)
    assert [data[dim].attrs["units"] for dim in data.dims] == ["ns", "nm"]
    assert data.attrs["units"] == "counts"
    assert om.validate(om.open(path)) == []


def test_labels_may_be_linear(tmp_path):
    data = only(write_img(tmp_path / "a.img", [StreakImage(IMAGE, 0.5, 2.0, ("mm", "ps"))]))
    assert data.dims == ("time", "x")
    np.testing.assert_allclose(data["x"], 0.5 * np.arange(6))
    np.testing.assert_allclose(data["time"], 2.0 * np.arange(4))
    both = only(write_img(tmp_path / "b.img", [StreakImage(IMAGE, 0.5, 2.0, ("s", "ps"))]))
    assert both.dims == ("time", "time_1")


def test_an_image_that_is_not_calibrated_is_in_pixels(tmp_path):
    data = only(write_img(tmp_path / "a.img", [StreakImage(IMAGE)]))
    assert data.dims == ("y", "x")
    assert data["x"].attrs["units"] == "px"
    odd = {"Scaling": {"ScalingYType": "7", "ScalingXType": "7"}}
    data = only(write_img(tmp_path / "b.img", [StreakImage(IMAGE, 1.0, 1.0, settings=odd)]))
    assert data.dims == ("time", "wavelength")
    assert "units" not in data["time"].attrs


@pytest.mark.parametrize("kind", ["u1", "u2", "u4"])
def test_pixels_keep_their_type(tmp_path, kind):
    data = only(write_img(tmp_path / "a.img", [StreakImage((IMAGE % 99).astype(kind))]))
    assert data.dtype == kind
    np.testing.assert_array_equal(data, IMAGE % 99)


def test_several_images_are_channels(tmp_path):
    path = write_img(tmp_path / "a.img", [StreakImage(IMAGE), StreakImage(IMAGE[:2] * 2, X, 1.0)])
    first, second = signals(path)
    np.testing.assert_array_equal(first, IMAGE)
    np.testing.assert_array_equal(second, IMAGE[:2] * 2)
    np.testing.assert_array_equal(second["wavelength"], X)
    content = path.read_bytes()
    path.write_bytes(content[:-40])
    with pytest.raises(FormatError, match="cut short"):
        om.open(path)
    tree = om.open(path, partial=True)
    assert len(om.signals(tree)) == 1
    assert "image 2" in tree.attrs["not_read"]


def test_settings_fill_the_common_metadata(tmp_path):
    (channel,) = read(write_img(tmp_path / "a.img", [StreakImage(IMAGE)])).channels
    assert channel.metadata == {
        "started": "2024-07-28T11:50:25.535",
        "comment": "a dye",
        "instrument": {"vendor": "Hamamatsu", "model": "C16910", "software": "HPD-TA 9.5"},
        "spectrometer": {"model": "Andor", "grating": "40", "centre_wavelength": 500.0},
        "detector": {
            "name": "C13440-20C", "exposure_time": pytest.approx(0.1), "accumulations": 3.0,
            "gain": 8.0, "mode": "Operate", "time_range": "5 ns",
        },
    }  # fmt: skip
    tree = channel.original_metadata
    assert json.loads(json.dumps(tree)) == tree
    assert tree["Camera"]["SerialNumber"] == "S/N: 1,2 [a]"


@pytest.mark.parametrize("date", ["05/07/2024", "2024-07-05", "31/31/2024"])
def test_dates_that_can_be_read_two_ways_are_left_out(tmp_path, date):
    settings = {"Application": {"Date": f'"{date}"'}, "Acquisition": {"ExposureTime": "long"}}
    (channel,) = read(
        write_img(tmp_path / "a.img", [StreakImage(IMAGE, settings=settings)])
    ).channels
    assert "started" not in channel.metadata
    assert "exposure_time" not in channel.metadata["detector"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw[:-1], "6 labels at byte"),
        (lambda raw: raw[:-50], "cut short"),
        (lambda raw: raw[:50], "the head of an image needs 64 bytes, there are 50"),
        (lambda raw: b"XM" + raw[2:], "the mark of an image was expected"),
        (lambda raw: raw[:12] + b"\1\0" + raw[14:], "pixels of type 1 are not read"),
        (lambda raw: raw[:4] + b"\0\0" + raw[6:], "4 x 0 pixels"),
        (lambda raw: raw.replace(b",0006", b",9999"), "9999 labels at byte"),
        (lambda raw: raw.replace(b",0006", b",0005"), "5 labels at byte .* for 6 pixels"),
    ],
)
def test_damage_is_named(tmp_path, change, message):
    path = write_img(tmp_path / "a.img", [StreakImage(IMAGE, X, 1.0)])
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(FormatError, match=rf"a\.img.*{message}") as caught:
        read(path)
    assert isinstance(caught.value, UnsupportedFormatError) == ("type 1" in message)


@pytest.mark.shared
def test_the_real_file_is_as_the_manifest_says(real_files):
    (row,) = real_files("hamamatsu_img")
    data = only(row["path"])
    (said,) = row["signals"]
    assert list(data.shape) == said["shape"]
    # The file has 16 bits a pixel, the reference widens them.
    assert data.dtype == np.uint16
    wide = data.values.astype(said["dtype"])
    assert hashlib.sha256(wide.tobytes()).hexdigest()[:32] == said["sha256"]
    for dim, axis in zip(data.dims, said["axes"], strict=True):
        np.testing.assert_array_equal(data[dim], np.arange(axis["size"]))
        assert data[dim].attrs["units"] == axis["units"]
