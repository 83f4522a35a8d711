"""Sensofar topographies made by the independent encoder."""

import struct

import numpy as np
import pytest

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.sensofar.reader import read
from omniscopy.testing.files.surfaces import write_plu
from omniscopy.testing.formats import check_reader

rng = np.random.default_rng(1)
LAYERS = [rng.normal(size=(3, 4)).astype(np.float32) for _ in range(2)]
PICTURE = rng.integers(0, 256, (3, 4, 3)).astype(np.uint8)


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


def test_every_layer_has_heights_and_a_picture(tmp_path):
    measurement = read(write_plu(tmp_path / "a.plu", LAYERS, PICTURE))
    titles = ["Height 1", "Picture 1", "Height 2", "Picture 2"]
    assert [channel.title for channel in measurement.channels] == titles
    for i, layer in enumerate(LAYERS):
        np.testing.assert_array_equal(load(measurement.channels[2 * i].data), layer)
        np.testing.assert_array_equal(load(measurement.channels[2 * i + 1].data), PICTURE)
    height = measurement.channels[0]
    assert [(axis.scale, axis.units) for axis in height.axes] == [(2.0, "µm"), (1.0, "µm")]
    assert (height.quantity, height.units) == ("height", "µm")
    assert measurement.metadata["started"] == "2023-03-10T16:35:59"
    assert "comment" not in measurement.metadata


def test_points_that_were_not_measured_are_nan(tmp_path):
    layer = LAYERS[0].copy()
    layer[1, 2] = 1000001
    (height,) = read(write_plu(tmp_path / "a.plu", [layer])).channels
    assert np.argwhere(np.isnan(load(height.data))).tolist() == [[1, 2]]
    assert height.title == "Height"


def test_a_date_in_another_form_is_left_out(tmp_path):
    path = write_plu(tmp_path / "a.plu", LAYERS)
    path.write_bytes(b"Xyz" + path.read_bytes()[3:])
    assert "started" not in read(path).metadata


def test_a_file_that_is_cut_short_is_read_in_part(tmp_path):
    path = write_plu(tmp_path / "a.plu", LAYERS, PICTURE)
    content = path.read_bytes()
    path.write_bytes(content[: 508 + 16 * 2 + 3])
    with pytest.raises(FormatError, match="needs 48 bytes"):
        read(path)
    (height,) = read(path, partial=True).channels
    assert height.attrs["incomplete"]["missing_from"] == 2
    np.testing.assert_array_equal(load(height.data)[:2], LAYERS[0][:2])
    path.write_bytes(content[: 508 + 48 + 8 + 36])
    with pytest.raises(FormatError, match="the file ends before layer 1"):
        read(path)
    assert len(read(path, partial=True).channels) == 2


@pytest.mark.parametrize(("kind", "title"), [(1, "Profile"), (5, "Thickness")])
def test_a_profile_is_along_x(tmp_path, kind, title):
    profile = LAYERS[0][:1].copy()
    profile[0, 2] = 1000001
    path = write_plu(tmp_path / "a.plu", [profile], kind=kind, step=(2.0, 0.5))
    check_reader("sensofar", path)
    (channel,) = read(path).channels
    assert (channel.title, channel.units) == (title, "µm")
    (x,) = channel.axes
    assert (x.name, x.scale, x.units) == ("x", 0.5, "µm")
    values = load(channel.data)
    assert np.isnan(values).tolist() == [False, False, True, False]
    np.testing.assert_array_equal(values[[0, 1, 3]], profile[0, [0, 1, 3]])


def test_profiles_are_as_far_apart_as_the_header_says(tmp_path):
    path = write_plu(tmp_path / "a.plu", LAYERS[:1], kind=2, between=25.0)
    check_reader("sensofar", path)
    (channel,) = read(path).channels
    assert channel.title == "Profiles"
    assert [(axis.name, axis.scale) for axis in channel.axes] == [("y", 25.0), ("x", 1.0)]
    np.testing.assert_array_equal(load(channel.data), LAYERS[0])


@pytest.mark.parametrize("version", [0, 255, 251])
def test_pictures_alone_are_read(tmp_path, version):
    pictures = [PICTURE, 255 - PICTURE] if version == 251 else LAYERS
    path = write_plu(tmp_path / "a.plu", pictures, kind=0, version=version)
    check_reader("sensofar", path)
    channels = read(path).channels
    assert [channel.title for channel in channels] == ["Picture 1", "Picture 2"]
    for channel, picture in zip(channels, pictures, strict=True):
        assert (channel.quantity, channel.units) == ("intensity", None)
        np.testing.assert_array_equal(load(channel.data), picture)


def test_what_is_no_topography_is_refused(tmp_path):
    path = write_plu(tmp_path / "a.plu", LAYERS, kind=4)
    with pytest.raises(UnsupportedFormatError, match="data of the kind 4 are not read"):
        read(path)
    path = write_plu(tmp_path / "a.plu", LAYERS)
    content = bytearray(path.read_bytes())
    content[489] = 0
    path.write_bytes(content)
    with pytest.raises(FormatError, match="there are 0 layers"):
        read(path)
    struct.pack_into("<I", content, 500, 0)
    content[489] = 1
    path.write_bytes(content)
    with pytest.raises(FormatError, match="a map of 0 by 4 points"):
        read(path)
    path.write_bytes(content[:400])
    with pytest.raises(FormatError, match="a header of 500 bytes, this one 400"):
        read(path)
