"""Damaged Igor binary waves: right data or a clear refusal, quickly."""

import struct

import numpy as np
import pytest

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.igor.reader import read
from omniscopy.testing.files.igor import write_asylum_image, write_ibw


def load(data):
    return data[(slice(None),) * len(data.shape)]


@pytest.fixture
def whole(tmp_path):
    rng = np.random.default_rng(3)
    images = {label: rng.normal(size=(20, 30)) for label in ("HeightTrace", "PhaseTrace")}
    return write_asylum_image(tmp_path / "a.ibw", images, pixel_size=(1e-9, 1e-9))


def test_an_empty_file_is_refused_by_name(tmp_path):
    path = tmp_path / "empty.ibw"
    path.write_bytes(b"")
    with pytest.raises(FormatError, match=r"empty\.ibw.*starts with its version"):
        read(path)


def test_a_foreign_file_is_refused(tmp_path):
    path = tmp_path / "a.ibw"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" * 100)
    with pytest.raises(FormatError, match="starts with version 1, 2, 3 or 5"):
        read(path)


def test_a_later_version_is_named(tmp_path):
    path = tmp_path / "a.ibw"
    path.write_bytes(b"\x07\x00" * 300)
    with pytest.raises(UnsupportedFormatError, match="version 1, 2, 3 or 5"):
        read(path)


def test_a_cut_header_says_how_long_it_should_be(whole):
    whole.write_bytes(whole.read_bytes()[:200])
    with pytest.raises(FormatError, match="headers take 384 bytes, the file has 200"):
        read(whole)


def test_a_wrong_checksum_is_refused_unless_asked_for(whole):
    raw = bytearray(whole.read_bytes())
    raw[70] ^= 0x10  # in the time of creation, which hurts nothing
    whole.write_bytes(raw)
    with pytest.raises(FormatError, match=r"checksum of the headers is 0x.* instead of 0"):
        read(whole)
    assert len(read(whole, partial=True).channels) == 2


@pytest.mark.parametrize("byte", range(0, 384, 5))
@pytest.mark.parametrize("bit", [0, 3, 7])
def test_every_flipped_bit_of_the_headers_is_noticed(whole, byte, bit):
    raw = bytearray(whole.read_bytes())
    raw[byte] ^= 1 << bit
    whole.write_bytes(raw)
    with pytest.raises(FormatError):
        read(whole)


def test_a_file_cut_anywhere_is_refused_and_read_as_far_as_it_goes(whole):
    raw = whole.read_bytes()
    full = [load(channel.data) for channel in read(whole).channels]
    for length in range(384, len(raw), 97):
        whole.write_bytes(raw[:length])
        with pytest.raises(FormatError, match="at byte"):
            read(whole)
        for i, (channel, image) in enumerate(
            zip(read(whole, partial=True).channels, full[: len(full)], strict=False)
        ):
            rows = min(max((length - 384 - i * 2400) // 120, 0), 20)
            values = load(channel.data)
            if values.shape != image.shape:
                continue  # without its labels the wave is one block, tested below
            np.testing.assert_array_equal(values[20 - rows :], image[20 - rows :])
            assert np.isnan(values[: 20 - rows]).all()
            assert ("incomplete" in channel.attrs) == (rows < 20)


def test_a_cut_volume_keeps_its_complete_planes(tmp_path):
    values = np.arange(24, dtype="i2").reshape(2, 3, 4)
    path = write_ibw(tmp_path / "a.ibw", values)
    path.write_bytes(path.read_bytes()[: 384 + 2 * 15])
    (channel,) = read(path, partial=True).channels
    data = load(channel.data)
    np.testing.assert_array_equal(data[:2], values.T[:2])
    assert (data[2:] == 0).all()
    assert data.dtype == np.int16
    assert channel.attrs["incomplete"]["missing_from"] == 2
    assert "18 bytes early" in channel.attrs["incomplete"]["reason"]


def with_header(path, at, layout, *values):
    """Change the header of a little-endian version 5 wave and mend the checksum."""
    raw = bytearray(path.read_bytes())
    struct.pack_into("<" + layout, raw, at, *values)
    raw[2:4] = b"\0\0"
    total = int(np.frombuffer(bytes(raw[:384]), "<u2").sum(dtype=np.int64))
    struct.pack_into("<H", raw, 2, -total & 0xFFFF)
    path.write_bytes(raw)


@pytest.mark.parametrize(
    ("at", "layout", "values", "message"),
    [
        (4, "i", (0x7FFFFFFF,), "needs|byte"),
        (4, "i", (0,), "leave -320 bytes"),
        (4, "i", (330,), "points of float32 need"),
        (12, "i", (0x7FFFFFFF,), "note needs 2147483647 bytes"),
        (12, "i", (-5,), "negative"),
        (64 + 12, "i", (0x7FFFFFFF,), "points, but a shape of"),
        (64 + 16, "h", (0x4000,), "type 0x4000; numbers"),
        (64 + 16, "h", (0x21,), "type 0x21; numbers"),
        (64 + 16, "h", (0x42,), "type 0x42; numbers"),
        (64 + 68, "4i", (46341, 46341, 2, 0), "but a shape of"),
        (64 + 68, "4i", (-20, -30, 2, 0), "negative"),
    ],
)
def test_headers_that_contradict_themselves_are_refused(whole, at, layout, values, message):
    with_header(whole, at, layout, *values)
    with pytest.raises(FormatError, match=message):
        read(whole)


def test_absurd_sizes_that_agree_are_checked_against_the_file(whole):
    with_header(whole, 64 + 12, "i", 2_000_000_000)
    with_header(whole, 64 + 68, "4i", 1000, 1000, 2000, 0)
    with_header(whole, 64 + 16, "h", 8)
    with_header(whole, 4, "i", 2_000_000_320)
    with pytest.raises(FormatError, match=r"needs .* bytes"):
        read(whole)


def test_text_whose_ends_descend_is_refused(tmp_path):
    path = write_ibw(tmp_path / "a.ibw", np.array(["one", "two", "three"]))
    raw = path.read_bytes()
    path.write_bytes(raw[:-8] + struct.pack("<2i", 1, 11))
    with pytest.raises(FormatError, match="ends of the strings do not ascend"):
        read(path)
    path.write_bytes(raw[:-8])
    with pytest.raises(FormatError, match="string indices needs 12 bytes"):
        read(path)
    assert read(path, partial=True).channels[0].data[0] == "one"


def test_text_of_old_versions_is_refused(tmp_path):
    path = write_ibw(tmp_path / "a.ibw", np.zeros(3), version=2)
    raw = bytearray(path.read_bytes())
    raw[16:18] = b"\0\0"
    path.write_bytes(raw)
    with pytest.raises(UnsupportedFormatError, match="from version 5 on"):
        read(path, partial=True)


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("seed", range(60))
def test_random_damage_gives_data_or_a_clear_error(whole, seed, partial):
    rng = np.random.default_rng(seed)
    raw = bytearray(whole.read_bytes())
    end = 384 if seed % 2 else len(raw)
    for at in rng.integers(0, end, 8):
        raw[at] ^= 1 << int(rng.integers(8))
    whole.write_bytes(raw)
    try:
        for channel in read(whole, partial=partial).channels:
            if channel.data.shape and np.prod(channel.data.shape, dtype=float) < 1e6:
                load(channel.data)
    except FormatError:
        pass
