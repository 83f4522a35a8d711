"""Pictures: every kind laid out by hand, what is damaged, and the real one."""

import hashlib
import struct
import zlib

import dask.array as da
import numpy as np
import pytest
from PIL import Image

import omniscopy as om
from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.testing.files.pictures import write_bmp, write_gif, write_png

rng = np.random.default_rng(0)
GREY = rng.integers(0, 256, (5, 7)).astype(np.uint8)
COLOUR = rng.integers(0, 256, (5, 7, 4)).astype(np.uint8)
PALETTE = rng.integers(0, 256, (256, 3)).astype(np.uint8)
GREYS = np.repeat(np.arange(256, dtype=np.uint8)[::-1, None], 3, axis=1)


@pytest.mark.parametrize(
    "pixels", [GREY, GREY.astype(np.uint16) * 257, COLOUR[..., :2], COLOUR[..., :3], COLOUR]
)
def test_a_png_has_its_pixels_as_they_are_stored(tmp_path, pixels):
    data = om.open_signal(write_png(tmp_path / "a.png", pixels))
    assert isinstance(data.data, da.Array)
    assert data.dtype == pixels.dtype
    np.testing.assert_array_equal(data, pixels)
    assert data.dims == ("y", "x", "channel")[: pixels.ndim]
    assert om.validate(data) == []
    if pixels.ndim == 3:
        assert str(data["channel"].values[0]) == ("intensity" if pixels.shape[2] == 2 else "red")
        np.testing.assert_array_equal(data[1:4, ::2, 1], pixels[1:4, ::2, 1])


def test_remarks_are_kept(tmp_path):
    data = om.open_signal(write_png(tmp_path / "a.png", GREY, texts={"Author": "A. Nonymous"}))
    assert data.attrs["original_metadata"]["texts"]["Author"] == "A. Nonymous"


def test_a_bitmap_has_row_0_on_top(tmp_path):
    data = om.open_signal(write_bmp(tmp_path / "a.bmp", COLOUR[..., :3]))
    np.testing.assert_array_equal(data, COLOUR[..., :3])


def test_a_palette_is_resolved(tmp_path):
    data = om.open_signal(write_gif(tmp_path / "a.gif", GREY[None], PALETTE))
    np.testing.assert_array_equal(data, PALETTE[GREY])
    grey = om.open_signal(write_gif(tmp_path / "b.gif", GREY[None], GREYS))
    assert grey.dims == ("y", "x")
    np.testing.assert_array_equal(grey, 255 - GREY)


def test_a_moving_picture_has_frames(tmp_path):
    frames = rng.integers(0, 256, (3, 20, 30)).astype(np.uint8)
    data = om.open_signal(write_gif(tmp_path / "a.gif", frames, PALETTE))
    assert data.dims == ("frame", "y", "x", "channel")
    np.testing.assert_array_equal(data, PALETTE[frames])
    np.testing.assert_array_equal(data[2, 3:9, 1], PALETTE[frames[2, 3:9, 1]])
    np.testing.assert_array_equal(data[::2, 3:9, 1], PALETTE[frames[::2, 3:9, 1]])
    assert data[:0].values.shape == (0, 20, 30, 3)


def _exif(**tags):
    exif = Image.Exif()
    for number, value in tags.items():
        exif[int(number[1:], 16)] = value
    return exif


def _jpeg(path, **options):
    Image.fromarray(np.full((8, 16, 3), 77, np.uint8)).save(path, "JPEG", **options)
    return path


WIRE = {"x010F": "Renishaw", "xA210": 5, "xFEA0": (10.0, -20.0), "xFEA1": (32.0, 24.0)}


def test_a_picture_of_wire_has_its_place_on_the_stage(tmp_path):
    data = om.open_signal(_jpeg(tmp_path / "a.jpg", exif=_exif(**WIRE)))
    np.testing.assert_allclose(data["x"], 10 + 2.0 * np.arange(16))
    np.testing.assert_allclose(data["y"], -20 + 3.0 * np.arange(8))
    assert data["y"].attrs["units"] == "µm"
    assert data.attrs["metadata"]["instrument"]["vendor"] == "Renishaw"


@pytest.mark.parametrize(
    "tags",
    [
        {**WIRE, "x010F": "Another"},
        {**WIRE, "xA210": 2},
        {**WIRE, "xFEA1": (0.0, 24.0)},
        {**WIRE, "xFEA1": 3.0},
        {"x0112": 6, "x011A": 300.0, "x0128": 2},
    ],
)
def test_other_tags_neither_turn_nor_scale(tmp_path, tags):
    data = om.open_signal(_jpeg(tmp_path / "a.jpg", exif=_exif(**tags), dpi=(300, 300)))
    assert data.shape == (8, 16, 3)
    np.testing.assert_array_equal(data["x"], np.arange(16))
    assert "units" not in data["x"].attrs


def test_tags_that_are_damaged_do_not_stop_the_pixels(tmp_path):
    path = _jpeg(tmp_path / "a.jpg", exif=_exif(**WIRE))
    content = path.read_bytes()
    at = content.index(b"Exif\0\0") + 6
    for seed in range(30):
        damaged = bytearray(content)
        noise = np.random.default_rng(seed).integers(0, 256, 60).astype(np.uint8)
        damaged[at + 2 : at + 62] = noise.tobytes()
        path.write_bytes(damaged)
        assert (abs(om.open_signal(path).astype(int) - 77) < 3).all()


def test_a_preview_does_not_hide_that_a_picture_is_cut_short(tmp_path):
    path = _jpeg(tmp_path / "a.jpg", exif=_exif(x010E="a preview \u00ff\u00d9 in a tag"))
    content = path.read_bytes()
    assert content.count(b"\xff\xd9") == 1 or b"\xff\xd9" in content[:200]
    path.write_bytes(content[:-20])
    # Pillow before 13 does not open it at all.
    said = "does not end where it should|cut short or damaged"
    with pytest.raises(om.FormatError, match=said):
        om.open(path)


@pytest.mark.parametrize("cut", [1, 12, 40])
@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a.png", lambda path: write_png(path, GREY)),
        ("a.bmp", lambda path: write_bmp(path, COLOUR[..., :3])),
        ("a.gif", lambda path: write_gif(path, GREY[None], PALETTE)),
        ("a.jpg", _jpeg),
    ],
)
def test_a_picture_cut_short_is_refused_at_once(tmp_path, name, make, cut):
    path = make(tmp_path / name)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(om.FormatError, match="cut short"):
        om.open(path, partial=True)


def test_more_pixels_than_the_bytes_can_hold_are_refused_before_they_are_decoded(tmp_path):
    path = write_png(tmp_path / "a.png", GREY)
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">II", 9000, 9000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)
    with pytest.raises(om.FormatError, match="9000 x 9000 pixels cannot be in the"):
        om.open(path)
    content[16:24] = struct.pack(">II", 60000, 60000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)
    with pytest.raises(om.FormatError, match="decompression bomb"):
        om.open(path)


def test_damage_within_is_met_when_pixels_are_read(tmp_path):
    path = write_png(tmp_path / "a.png", GREY)
    content = bytearray(path.read_bytes())
    at = content.index(b"IDAT") + 6
    content[at : at + 8] = b"\xff" * 8
    path.write_bytes(content)
    with pytest.raises(om.FormatError, match=r"a\.png: the picture is cut short or damaged"):
        om.open_signal(path).load()


def test_deep_colours_are_refused_rather_than_cut_to_8_bits(tmp_path):
    path = write_png(tmp_path / "a.png", COLOUR[..., :3].astype(np.uint16) * 257)
    with pytest.raises(UnsupportedFormatError, match="16 bits would be read with 8 only"):
        om.open(path)


@pytest.mark.shared
def test_a_real_picture_is_as_the_manifest_says(real_files):
    (entry,) = real_files("image")
    data = om.open_signal(entry["path"])
    (expected,) = entry["signals"]
    # The reference has colours as the fields of a record, we as a dimension.
    assert list(data.shape) == [*expected["shape"], 3]
    digest = hashlib.sha256(np.ascontiguousarray(data.values).tobytes()).hexdigest()
    assert digest.startswith(expected["sha256"])
    for axis in expected["axes"]:
        wanted = axis["offset"] + axis["scale"] * np.arange(axis["size"])
        np.testing.assert_allclose(data[axis["name"]], wanted)
        assert data[axis["name"]].attrs["units"] == axis["units"]
    assert om.validate(data) == []
