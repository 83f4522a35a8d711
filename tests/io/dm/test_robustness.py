"""Damaged, cut and foreign DigitalMicrograph files."""

import struct
import tracemalloc

import numpy as np
import pytest
from tests.timing import require_quick

from omniscopy.io.dm.reader import read
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.testing.files.dm import (
    HALF_TRANSFORM,
    SQUARE_TRANSFORM,
    DmImage,
    gatan_tags,
    write_dm3,
    write_dm4,
)


def spectrum_image(shape=(20, 6, 5), dtype=np.float32) -> DmImage:
    data = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    calibrations = [(0, 0.5, "nm"), (0, 0.5, "nm"), (-100, 0.25, "eV")]
    return DmImage(data=data, name="SI", calibrations=calibrations, tags=gatan_tags())


def read_everything(path, **options):
    measurement = read(path, **options)
    return [channel.data[(slice(None),) * len(channel.axes)] for channel in measurement.channels]


def refusal(path) -> str | None:
    try:
        read_everything(path)
    except FormatError as error:
        return str(error)
    return None


def assert_is_read_or_refused(path) -> bool:
    """Return whether the file could be read; every other outcome than `FormatError` fails."""
    message = require_quick(lambda: refusal(path))
    assert message is None or str(path) in message
    return message is None


def test_an_empty_file_is_refused_by_name(tmp_path):
    (tmp_path / "empty.dm4").touch()
    with pytest.raises(FormatError, match=r"empty\.dm4 at byte 0: the file is empty"):
        read(tmp_path / "empty.dm4")


def test_a_foreign_file_is_refused(tmp_path):
    (tmp_path / "a.dm3").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(1000))
    with pytest.raises(UnsupportedFormatError, match="starts with version 2303741511, but DM3 is"):
        read(tmp_path / "a.dm3")


def test_an_unknown_byte_order_is_refused(tmp_path):
    (tmp_path / "a.dm3").write_bytes(struct.pack(">III", 3, 1000, 7) + bytes(100))
    with pytest.raises(FormatError, match="at byte 8: the byte order is 7, but must be 0"):
        read(tmp_path / "a.dm3")


def test_a_file_without_images_is_refused(tmp_path):
    (tmp_path / "a.dm3").write_bytes(struct.pack(">III", 3, 6, 1) + b"\x01\x00" + bytes(4 + 8))
    with pytest.raises(FormatError, match="at 'ImageList': there is no image"):
        read(tmp_path / "a.dm3")


@pytest.mark.parametrize("write", [write_dm3, write_dm4])
def test_a_file_cut_anywhere_is_refused_or_whole(tmp_path, write):
    write(tmp_path / "whole", spectrum_image())
    whole = (tmp_path / "whole").read_bytes()
    (expected,) = read_everything(tmp_path / "whole")
    cut = tmp_path / "cut"
    lengths = [*range(0, len(whole), 509), *range(60), *range(len(whole) - 60, len(whole))]
    for length in lengths:
        cut.write_bytes(whole[:length])
        if assert_is_read_or_refused(cut):
            np.testing.assert_array_equal(read_everything(cut)[0], expected)
            assert length >= len(whole) - 8


@pytest.mark.parametrize("write", [write_dm3, write_dm4])
def test_flipped_bits_are_never_a_crash(tmp_path, write):
    images = [spectrum_image(dtype=dtype) for dtype in ("f4", "i2", "c8")]
    write(tmp_path / "whole", *images, thumbnail=False)
    whole = (tmp_path / "whole").read_bytes()
    rng = np.random.default_rng(7)
    for _ in range(400):
        damaged = bytearray(whole)
        for position in rng.integers(0, len(whole), 3):
            damaged[position] ^= 1 << rng.integers(8)
        (tmp_path / "damaged").write_bytes(damaged)
        assert_is_read_or_refused(tmp_path / "damaged")


@pytest.mark.parametrize("write", [write_dm3, write_dm4])
def test_every_flip_in_the_description_of_an_image_is_harmless(tmp_path, write):
    write(tmp_path / "whole", spectrum_image(), thumbnail=False)
    whole = (tmp_path / "whole").read_bytes()
    start, end = whole.index(b"DataType"), whole.index(b"PixelDepth")
    header = range(16)
    for position in (
        *header,
        *range(whole.index(b"ImageList"), start - 2500, 7),
        *range(start, end),
    ):
        for bit in (0, 3, 7):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << bit
            (tmp_path / "damaged").write_bytes(damaged)
            assert_is_read_or_refused(tmp_path / "damaged")


@pytest.mark.parametrize("write", [write_dm3, write_dm4])
def test_absurd_numbers_are_never_believed(tmp_path, write):
    write(tmp_path / "whole", spectrum_image(), thumbnail=False)
    whole = (tmp_path / "whole").read_bytes()
    for position in range(0, 3000, 5):
        for absurd in (b"\x7f\xff\xff\xff", b"\xff" * 8):
            damaged = whole[:position] + absurd + whole[position + len(absurd) :]
            (tmp_path / "damaged").write_bytes(damaged)
            assert_is_read_or_refused(tmp_path / "damaged")


def test_absurd_sizes_take_no_memory(tmp_path):
    write_dm3(tmp_path / "whole", spectrum_image(), thumbnail=False)
    whole = (tmp_path / "whole").read_bytes()
    # A count or size follows every mark of a value and every group's flags.
    places = [at for at in range(len(whole)) if whole.startswith((b"%%%%", b"\x01\x00\x00"), at)]
    tracemalloc.start()
    try:
        for place in places[::5]:
            for shift in (2, 4, 8, 12, 16):
                at = place + shift
                damaged = whole[:at] + b"\x3f\xff\xff\xff" + whole[at + 4 :]
                (tmp_path / "damaged").write_bytes(damaged)
                assert_is_read_or_refused(tmp_path / "damaged")
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


def test_foreign_bytes_in_the_middle_are_refused_or_data(tmp_path):
    write_dm4(tmp_path / "whole", spectrum_image())
    whole = (tmp_path / "whole").read_bytes()
    noise = np.random.default_rng(8).bytes(64)
    for position in range(16, len(whole), 97):
        (tmp_path / "damaged").write_bytes(whole[:position] + noise + whole[position + 64 :])
        assert_is_read_or_refused(tmp_path / "damaged")


def test_groups_nested_too_deep_are_refused(tmp_path):
    tags: dict = {}
    for _ in range(200):
        tags = {"deeper": tags}
    write_dm3(tmp_path / "a.dm3", DmImage(data=np.zeros(2), tags=tags))
    with pytest.raises(FormatError, match="nested more than 64 deep"):
        read(tmp_path / "a.dm3")


def test_more_entries_than_fit_are_refused(tmp_path):
    write_dm3(tmp_path / "a.dm3", DmImage(data=np.zeros(2)))
    raw = bytearray((tmp_path / "a.dm3").read_bytes())
    raw[14:18] = b"\x7f\xff\xff\xff"
    (tmp_path / "a.dm3").write_bytes(raw)
    with pytest.raises(FormatError, match="at byte 14: a group of 2147483647 entries does not fit"):
        read(tmp_path / "a.dm3")


def test_thousands_of_entries_of_one_name_are_read_at_once(tmp_path):
    tags = {f"tag {n:05d}": True for n in range(20_000)}
    write_dm3(tmp_path / "a.dm3", DmImage(data=np.zeros(2), tags=tags))
    raw = (tmp_path / "a.dm3").read_bytes()
    blocks = raw.split(b"tag ")
    (tmp_path / "a.dm3").write_bytes(
        blocks[0] + b"".join(b"tag 00000" + block[5:] for block in blocks[1:])
    )
    assert_is_read_or_refused(tmp_path / "a.dm3")


def test_dimensions_that_contradict_the_data_are_refused(tmp_path):
    write_dm4(tmp_path / "a.dm4", DmImage(data=np.zeros(6), dimensions=(2, 2)))
    message = r"dimensions \[2, 2\] and DataType 12 takes 32 bytes, but its data are 48"
    with pytest.raises(FormatError, match=message):
        read(tmp_path / "a.dm4")


def test_a_type_that_contradicts_the_data_is_refused(tmp_path):
    write_dm4(tmp_path / "a.dm4", DmImage(data=np.zeros(6, np.float32), data_type=7))
    with pytest.raises(FormatError, match="means int32, but the data are stored as float32"):
        read(tmp_path / "a.dm4")


def test_a_packed_transform_of_an_odd_form_is_refused(tmp_path):
    data = np.zeros((4, 6), np.float32)
    write_dm4(tmp_path / "a.dm4", DmImage(data=data, data_type=SQUARE_TRANSFORM))
    with pytest.raises(FormatError, match="must be square and even, not 4 by 6"):
        read(tmp_path / "a.dm4")
    write_dm4(tmp_path / "b.dm4", DmImage(data=np.zeros((4, 6), "c8"), data_type=HALF_TRANSFORM))
    with pytest.raises(FormatError, match="takes 128 bytes, but its data are 192 bytes"):
        read(tmp_path / "b.dm4")


def test_an_unknown_type_of_pixel_is_refused_with_advice(tmp_path):
    write_dm4(tmp_path / "a.dm4", DmImage(data=np.zeros((2, 2)), data_type=25))
    with pytest.raises(UnsupportedFormatError, match=r"DataType 25 .* save the image as a plain"):
        read(tmp_path / "a.dm4")


def test_other_images_are_read_in_part_where_one_is_of_an_unknown_type(tmp_path):
    good, bad = DmImage(data=np.ones((2, 2)), name="good"), DmImage(data=np.ones(2), data_type=25)
    write_dm4(tmp_path / "a.dm4", bad, good)
    assert [c.title for c in read(tmp_path / "a.dm4", partial=True).channels] == ["good"]


def test_a_tag_of_an_unknown_type_is_passed_over_in_dm4(tmp_path):
    tags = {"before": 1, "unknown": np.uint8(7), "after": 2}
    write_dm4(tmp_path / "a.dm4", DmImage(data=np.ones(2), tags=tags))
    raw = (tmp_path / "a.dm4").read_bytes()
    value = struct.pack(">4sQQB", b"%%%%", 1, 10, 7)
    assert raw.count(value) == 1
    raw = raw.replace(value, struct.pack(">4sQQB", b"%%%%", 1, 99, 7))
    (tmp_path / "a.dm4").write_bytes(raw)
    (channel,) = read(tmp_path / "a.dm4").channels
    assert channel.original_metadata["ImageTags"] == {"before": 1, "after": 2}


@pytest.mark.parametrize("in_bytes", [True, False])
def test_a_counted_text_is_read(tmp_path, in_bytes):
    write_dm4(tmp_path / "a.dm4", DmImage(data=np.ones(2), tags={"t": np.zeros(3, np.uint16)}))
    raw = (tmp_path / "a.dm4").read_bytes()
    text = "abc".encode("utf-16-le")
    old = struct.pack(">4sQQQQ", b"%%%%", 3, 20, 4, 3) + bytes(6)
    new = struct.pack(">4sQQQ", b"%%%%", 2, 18, 6 if in_bytes else 3) + text
    length = struct.pack(">Q", len(old)), struct.pack(">Q", len(new))
    assert raw.count(length[0] + old) == 1
    (tmp_path / "a.dm4").write_bytes(raw.replace(length[0] + old, length[1] + new))
    (channel,) = read(tmp_path / "a.dm4").channels
    assert channel.original_metadata["ImageTags"] == {"t": "abc"}


def cut_after(path, mark: bytes, beyond: int) -> None:
    raw = path.read_bytes()
    path.write_bytes(raw[: raw.rindex(mark) + beyond])


def test_a_file_cut_behind_its_images_is_read_in_part(tmp_path):
    write_dm4(tmp_path / "a.dm4", spectrum_image(), tags={"Page": {"a": 1}})
    (expected,) = read_everything(tmp_path / "a.dm4")
    cut_after(tmp_path / "a.dm4", b"Page", 2)
    with pytest.raises(FormatError, match=r"a\.dm4 at byte \d+: .* is cut short or damaged"):
        read(tmp_path / "a.dm4")
    (channel,) = read(tmp_path / "a.dm4", partial=True).channels
    np.testing.assert_array_equal(channel.data[:, :, :], expected)
    assert channel.attrs["incomplete"]["missing_from"] == "the tags"
    assert "cut short" in channel.attrs["incomplete"]["reason"]


@pytest.mark.parametrize("dtype", ["f4", "i1", "u2", "c16"])
def test_a_spectrum_cut_short_is_filled_up(tmp_path, dtype):
    data = np.arange(100).astype(dtype)
    image = DmImage(data=data, calibrations=[(0, 1, "eV")], tags=gatan_tags())
    write_dm4(tmp_path / "a.dm4", image)
    raw = (tmp_path / "a.dm4").read_bytes()
    start = raw.index(data.tobytes())
    (tmp_path / "a.dm4").write_bytes(raw[: start + 40 * data.itemsize + data.itemsize // 2])
    with pytest.raises(FormatError, match="the array 'Data' needs"):
        read(tmp_path / "a.dm4")
    (channel,) = read(tmp_path / "a.dm4", partial=True).channels
    values = channel.data[:]
    assert values.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(values[:40], data[:40])
    assert np.all(np.isnan(values[40:]) if values.dtype.kind in "fc" else values[40:] == 0)
    assert channel.attrs["incomplete"]["missing_from"] == "row 40 of 100 in file order"


def test_an_image_whose_form_is_behind_the_cut_is_refused_even_in_part(tmp_path):
    write_dm4(tmp_path / "a.dm4", spectrum_image())
    cut_after(tmp_path / "a.dm4", b"DataType", -20)
    with pytest.raises(FormatError, match="cut short"):
        read(tmp_path / "a.dm4", partial=True)


def test_images_before_the_cut_are_read_in_part(tmp_path):
    first, second = spectrum_image(), DmImage(data=np.zeros((30, 30)), name="second")
    write_dm4(tmp_path / "a.dm4", first, second)
    cut_after(tmp_path / "a.dm4", b"DataType", -20)
    (channel,) = read(tmp_path / "a.dm4", partial=True).channels
    assert channel.title == "SI"
    np.testing.assert_array_equal(channel.data[0, 0, :], first.data[:, 0, 0])
