"""Gwyddion Simple Fields: read, written, damaged, and a real one."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import omniscopy as om
from omniscopy.io.errors import FormatError
from omniscopy.io.gsf.reader import read
from omniscopy.testing.files.gwyddion import write_gsf

IMAGE = np.random.default_rng(0).normal(size=(4, 6)).astype("f4")
ENTRIES = {"XReal": 6e-6, "YReal": 2e-6, "XYUnits": "m", "ZUnits": "V", "Title": "Potential µ"}


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


def only(path, **options):
    (channel,) = read(path, **options).channels
    return channel


@given(st.text("abc", max_size=9))
def test_the_image_starts_at_a_multiple_of_four(tmp_path_factory, title):
    path = tmp_path_factory.mktemp("gsf") / "a.gsf"
    channel = only(write_gsf(path, IMAGE, {"Title": title}))
    np.testing.assert_array_equal(load(channel.data), IMAGE)
    assert channel.data.dtype == np.float32


def test_the_header_gives_places_units_and_quantity(tmp_path):
    channel = only(write_gsf(tmp_path / "a.gsf", IMAGE, {**ENTRIES, "XOffset": "1e-6"}))
    y, x = channel.axes
    assert (y.name, x.name, y.units, x.units) == ("y", "x", "m", "m")
    np.testing.assert_allclose(x.coordinate(), 1e-6 + 1e-6 * np.arange(6))
    np.testing.assert_allclose(y.coordinate(), 0.5e-6 * np.arange(4))
    assert (channel.title, channel.quantity, channel.units) == ("Potential µ", "potential", "V")


def test_a_header_of_sizes_only_is_enough(tmp_path):
    measurement = read(write_gsf(tmp_path / "a.gsf", IMAGE, {"Neaspec_Angle": "0.0"}))
    (channel,) = measurement.channels
    assert [axis.units for axis in channel.axes] == [None, None]
    assert channel.axes[1].coordinate()[-1] == 5
    assert measurement.original_metadata["Neaspec_Angle"] == "0.0"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: b"", "starts with"),
        (lambda raw: raw[:40], "does not end with a zero byte"),
        (lambda raw: raw[:-1], "needs 96 bytes, the file has 95"),
        (lambda raw: raw + b"x", "the file has 97"),
        (lambda raw: raw.replace(b"YRes = 4", b"YRes = x"), "number of pixels was expected, 'x'"),
        (lambda raw: raw.replace(b"YRes = 4", b"ZRes = 4"), "number of pixels was expected, ''"),
    ],
)
def test_damage_is_named(tmp_path, damage, message):
    path = write_gsf(tmp_path / "a.gsf", IMAGE, ENTRIES)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(FormatError, match=message):
        read(path)


def test_a_cut_file_is_read_as_far_as_it_goes(tmp_path):
    path = write_gsf(tmp_path / "a.gsf", IMAGE, ENTRIES)
    path.write_bytes(path.read_bytes()[:-30])
    channel = only(path, partial=True)
    values = load(channel.data)
    np.testing.assert_array_equal(values[:2], IMAGE[:2])
    assert np.isnan(values[2:]).all()
    assert channel.attrs["incomplete"]["missing_from"] == 2


def test_an_image_is_written_and_comes_back(tmp_path):
    data = om.samples.surface().chunk({"y": 50})
    path = om.save(data, tmp_path / "a.gsf")
    found = om.open_signal(path)
    np.testing.assert_allclose(found.values, data.values * 1e-9, rtol=1e-6)
    np.testing.assert_allclose(found.x, data.x * 1e-9)
    assert found.attrs["units"] == found.x.attrs["units"] == "m"
    assert found.attrs["long_name"] == "Height"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (om.samples.spectrum_image, "holds one image, but there is /EELS"),
        (lambda: om.samples.surface().assign_coords(x=np.arange(128.0) ** 2), "'x' is uneven"),
        (lambda: om.samples.surface() * 1j, "real numbers"),
    ],
)
def test_only_one_real_image_is_written(tmp_path, data, message):
    with pytest.raises(FormatError, match=message):
        om.save(data(), tmp_path / "a.gsf")


@pytest.mark.shared
def test_a_real_file_has_the_values_of_the_reference(real_files):
    (entry,) = real_files("gwyddion_gsf")
    (signal,) = entry["signals"]
    channel = only(entry["path"])
    values = load(channel.data)
    assert hashlib.sha256(values.tobytes()).hexdigest()[:32] == signal["sha256"]
    assert (channel.title, channel.units, channel.quantity) == ("Topography", "m", "height")
    for axis, expected in zip(channel.axes, signal["axes"], strict=True):
        assert (axis.scale, axis.offset, axis.units) == (pytest.approx(expected["scale"]), 0, "m")
