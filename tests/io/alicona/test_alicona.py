"""Alicona topographies made by the independent encoder."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniscopy.io.alicona.reader import read
from omniscopy.io.errors import FormatError
from omniscopy.testing.files.surfaces import write_al3d

rng = np.random.default_rng(1)


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


@given(st.integers(1, 7), st.integers(1, 9), st.booleans())
def test_depth_and_texture_are_read_whatever_the_rows_are_filled_with(
    tmp_path_factory, rows, columns, colours
):
    path = tmp_path_factory.mktemp("al3d") / "a.al3d"
    heights = rng.normal(size=(rows, columns)).astype(np.float32)
    shape = (rows, columns, 3) if colours else (rows, columns)
    texture = rng.integers(0, 256, shape).astype(np.uint8)
    depth, picture = read(write_al3d(path, heights, texture)).channels
    np.testing.assert_array_equal(load(depth.data), heights)
    np.testing.assert_array_equal(load(picture.data), texture.reshape(*shape[:2], -1))
    assert [axis.name for axis in picture.axes] == ["y", "x", "channel"]
    assert (depth.quantity, depth.units) == ("height", "m")


def test_invalid_points_are_nan_and_pixels_have_their_size(tmp_path):
    heights = np.array([[1.0, 3e15], [np.nan, 2.0]], dtype=np.float32)
    measurement = read(write_al3d(tmp_path / "a.al3d", heights))
    (depth,) = measurement.channels
    np.testing.assert_array_equal(load(depth.data), [[1, np.nan], [np.nan, 2]])
    assert [(axis.scale, axis.units) for axis in depth.axes] == [(2e-6, "m"), (1e-6, "m")]
    assert measurement.metadata["instrument"]["software"] == "MeasureSuite"
    assert measurement.original_metadata["TagCount"] == "9"


def test_a_texture_alone_is_read(tmp_path):
    (picture,) = read(write_al3d(tmp_path / "a", None, np.uint8([[1, 2]]))).channels
    assert (picture.title, load(picture.data).tolist()) == ("Texture", [[[1], [2]]])


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"Rows": "many"}, "a whole number was expected, 'many'"),
        ({"Rows": 0}, "an image of 0 by 2 pixels cannot be"),
        ({"Rows": 99999}, "needs 799992 bytes"),
        ({"DepthImageOffset": 10**9}, "needs 8 bytes"),
    ],
)
def test_tags_that_contradict_the_file_are_refused(tmp_path, tags, message):
    path = write_al3d(tmp_path / "a.al3d", np.zeros((1, 2)))
    for key, value in tags.items():
        content = path.read_bytes()
        at = content.index(key.encode()) + 20
        path.write_bytes(content[:at] + str(value).encode().ljust(30, b"\0") + content[at + 30 :])
    with pytest.raises(FormatError, match=message):
        read(path)


def test_damaged_tags_are_refused(tmp_path):
    path = write_al3d(tmp_path / "a.al3d", np.zeros((1, 2)))
    whole = path.read_bytes()
    path.write_bytes(whole[:30])
    with pytest.raises(FormatError, match="a tag has not its length"):
        read(path)
    path.write_bytes(whole.replace(b"DepthImageOffset", b"DepthImageNowhere"[:16]))
    with pytest.raises(FormatError, match="the tags tell of no image"):
        read(path)
    path.write_bytes(b"AliconaImagining")
    with pytest.raises(FormatError, match="an Alicona file starts with"):
        read(path)
