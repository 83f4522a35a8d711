"""MRC: pixels of every mode, axes, order, partial files and damage."""

import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import omniscopy as om
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.identification import identify
from omniscopy.io.mrc.reader import read
from omniscopy.testing.files.mrc import encode_fei_record, write_mrc
from omniscopy.testing.formats import check_reader


def values_of(channel):
    return channel.data[tuple(slice(None) for _ in channel.data.shape)]


def sample(dtype="int16", shape=(3, 4, 6)):
    numbers = np.arange(np.prod(shape)).reshape(shape)
    if dtype == "complex64":
        return (numbers - 5j * numbers[..., ::-1]).astype(dtype)
    return numbers.astype(dtype)


@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["int8", "int16", "float32", "complex64", "uint16", "float16"])
def test_every_mode_is_read_exactly_in_both_byte_orders(tmp_path, dtype, byte_order):
    data = sample(dtype)
    (channel,) = read(write_mrc(tmp_path / "a.mrc", data, byte_order=byte_order)).channels
    values = values_of(channel)
    assert values.dtype == np.dtype(dtype)
    assert values.dtype.isnative
    np.testing.assert_array_equal(values, data)


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_pairs_of_shorts_are_complex_numbers(tmp_path, byte_order):
    data = sample("complex64")
    path = write_mrc(tmp_path / "a.mrc", data, mode=3, byte_order=byte_order)
    (channel,) = read(path).channels
    assert channel.data.dtype == np.complex64
    np.testing.assert_array_equal(values_of(channel), data)
    np.testing.assert_array_equal(channel.data[1, ::2, 1:6:3], data[1, ::2, 1:6:3])
    assert channel.data[2, 3, 5] == data[2, 3, 5]


@given(columns=st.integers(1, 9), seed=st.integers(0, 99), picked=st.data())
def test_pixels_of_four_bits_are_unpacked_low_half_first(columns, seed, picked, tmp_path_factory):
    data = np.random.default_rng(seed).integers(0, 16, (2, 3, columns), dtype=np.uint8)
    path = write_mrc(tmp_path_factory.mktemp("mrc") / "a.mrc", data, mode=101)
    (channel,) = read(path).channels
    np.testing.assert_array_equal(values_of(channel), data)
    column = picked.draw(st.slices(columns).filter(lambda s: (s.step or 1) > 0))
    np.testing.assert_array_equal(channel.data[1, :, column], data[1, :, column])


def test_the_lower_half_of_the_first_byte_is_the_first_pixel(tmp_path):
    path = write_mrc(tmp_path / "a.mrc", np.array([[1, 2, 3]], np.uint8), mode=101)
    assert path.read_bytes()[1024:] == bytes([0x21, 0x03])


@pytest.mark.parametrize(("flags", "expected"), [(0, 200), (1, -56), (None, -56)])
def test_bytes_are_signed_unless_imod_says_not(tmp_path, flags, expected):
    data = np.array([[200, 1]], np.uint8)
    path = write_mrc(tmp_path / "a.mrc", data, mode=0, imod_flags=flags)
    assert values_of(read(path).channels[0])[0, 0] == expected


def test_one_section_is_an_image_with_row_0_on_top(tmp_path):
    data = sample(shape=(2, 3))
    path = write_mrc(tmp_path / "a.mrc", data, cell=(30, 10, 0), origin=(5, -7, 0))
    (channel,) = read(path).channels
    y, x = channel.axes
    assert (y.name, x.name) == ("y", "x")
    np.testing.assert_allclose(y.coordinate(), [-7, -2])
    np.testing.assert_allclose(x.coordinate(), [5, 15, 25])
    assert (y.units, x.units) == ("Å", "Å")
    assert channel.data[0, 2] == data[0, 2] == 2
    assert (channel.quantity, channel.units) == ("intensity", None)


def test_the_start_of_the_cell_is_the_offset_where_no_origin_is_set(tmp_path):
    path = write_mrc(tmp_path / "a.mrc", sample(), cell=(12, 4, 0), start=(-3, 2, 0))
    _, y, x = read(path).channels[0].axes
    assert (y.offset, x.offset) == (2.0, -6.0)


@pytest.mark.parametrize("cell", [(0, 0, 0), (-80, -40, 0), (np.nan, np.inf, 0)])
def test_a_cell_that_is_not_positive_is_no_calibration(tmp_path, cell):
    path = write_mrc(tmp_path / "a.mrc", sample(), cell=cell, origin=(1, 1, 1))
    for axis in read(path).channels[0].axes:
        assert (axis.scale, axis.offset, axis.units) == (1.0, 0.0, None)


def test_sections_of_space_group_0_are_frames(tmp_path):
    path = write_mrc(tmp_path / "a.mrc", sample(), cell=(6, 4, 3), space_group=0)
    frame, y, _ = read(path).channels[0].axes
    assert (frame.name, frame.size, frame.units) == ("frame", 3, None)
    assert (y.name, y.scale) == ("y", 1.0)


def test_sections_of_a_volume_are_z(tmp_path):
    path = write_mrc(tmp_path / "a.mrc", sample(), cell=(6, 8, 9), space_group=1)
    (channel,) = read(path).channels
    assert [(a.name, a.scale, a.units) for a in channel.axes] == [
        ("z", 3.0, "Å"),
        ("y", 2.0, "Å"),
        ("x", 1.0, "Å"),
    ]
    assert channel.quantity == "density"


def test_a_volume_without_thickness_is_a_stack(tmp_path):
    path = write_mrc(tmp_path / "a.mrc", sample(), cell=(6, 8, 0), space_group=1)
    assert read(path).channels[0].axes[0].name == "frame"


def test_volumes_one_after_another_have_a_frame_dimension(tmp_path):
    data = sample(shape=(6, 2, 4))
    path = write_mrc(tmp_path / "a.mrc", data, cell=(4, 4, 9), grid=(4, 2, 3), space_group=401)
    (channel,) = read(path).channels
    assert [a.name for a in channel.axes] == ["frame", "z", "y", "x"]
    assert [a.scale for a in channel.axes] == [1.0, 3.0, 2.0, 1.0]
    np.testing.assert_array_equal(values_of(channel), data.reshape(2, 3, 2, 4))


def test_a_map_stored_in_another_order_is_shown_as_z_y_x(tmp_path):
    data = sample(shape=(2, 3, 4))  # sections are x, rows y, columns z
    path = write_mrc(
        tmp_path / "a.map", data, axes=(3, 2, 1), grid=(2, 3, 4), cell=(2, 6, 16), space_group=19
    )
    (channel,) = read(path).channels
    assert [(a.name, a.size, a.scale) for a in channel.axes] == [
        ("z", 4, 4.0),
        ("y", 3, 2.0),
        ("x", 2, 1.0),
    ]
    np.testing.assert_array_equal(values_of(channel), data.transpose(2, 1, 0))


def test_labels_are_the_comment(tmp_path):
    path = write_mrc(tmp_path / "a.mrc", sample(), labels=["first line", "second"])
    measurement = read(path)
    assert measurement.metadata["comment"] == "first line\nsecond"
    assert measurement.original_metadata["header"]["labels"] == ["first line", "second"]
    assert measurement.original_metadata["header"]["size"] == [6, 4, 3]


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_a_file_without_stamp_is_read_by_what_makes_sense(tmp_path, byte_order):
    data = sample("float32")
    path = write_mrc(
        tmp_path / "a.mrc", data, byte_order=byte_order, stamp=b"\0\0\0\0", map_text=b"\0\0\0\0"
    )
    np.testing.assert_array_equal(values_of(read(path).channels[0]), data)


def test_an_extended_header_of_another_kind_is_skipped(tmp_path):
    data = sample()
    path = write_mrc(tmp_path / "a.mrc", data, extended=bytes(range(100)), extended_type=b"SERI")
    np.testing.assert_array_equal(values_of(read(path).channels[0]), data)


def test_mrc_files_are_known_by_their_content(tmp_path):
    assert identify(write_mrc(tmp_path / "a.bin", sample())) == "mrc"
    old = write_mrc(tmp_path / "b.bin", sample(), map_text=b"\0\0\0\0", stamp=b"DA\0\0")
    assert identify(old) == "mrc"
    assert identify(write_mrc(tmp_path / "c.bin", sample(), byte_order=">")) == "mrc"


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_files_without_a_mark_are_known_by_their_size(tmp_path, byte_order):
    marks = {"stamp": b"\0\0\0\0", "map_text": b"\0\0\0\0", "byte_order": byte_order}
    path = write_mrc(tmp_path / "a.mrc", sample(), **marks)
    assert identify(path) == "mrc"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UnsupportedFormatError, match="the content is not"):
        identify(path)
    (tmp_path / "b.rec").write_bytes(bytes(500))
    with pytest.raises(UnsupportedFormatError, match="the content is not"):
        identify(tmp_path / "b.rec")


def test_one_pixel_is_read_without_the_rest(tmp_path, monkeypatch):
    path = write_mrc(tmp_path / "a.mrc", sample(shape=(5, 64, 64)))
    (channel,) = read(path).channels
    read_bytes = []
    original = np.array

    def counted(values, **options):
        read_bytes.append(values.nbytes)
        return original(values, **options)

    monkeypatch.setattr(
        np, "array", lambda *a, **k: read_bytes.append(a[0].nbytes) or original(*a, **k)
    )
    assert channel.data[4, 63, 63] == sample(shape=(5, 64, 64))[4, 63, 63]
    assert max(read_bytes) == 2


def test_handles_survive_pickling(tmp_path):
    for mode in (None, 101):
        data = sample("uint16" if mode is None else "uint8") % 16
        (channel,) = read(write_mrc(tmp_path / "a.mrc", data, mode=mode)).channels
        again = pickle.loads(pickle.dumps(channel.data))
        np.testing.assert_array_equal(again[:, :, :], data)


def test_a_file_cut_short_is_refused_with_its_name(tmp_path):
    path = write_mrc(tmp_path / "cut.mrc", sample())
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(FormatError, match=r"cut\.mrc at byte 1024: the header says 3 sections"):
        read(path)


@pytest.mark.parametrize("dtype", ["int16", "float32"])
@pytest.mark.parametrize("lost", [1, 2, 24, 60, 140])
def test_what_is_there_of_a_cut_file_is_read_when_asked(tmp_path, dtype, lost):
    data = sample(dtype)
    path = write_mrc(tmp_path / "cut.mrc", data)
    path.write_bytes(path.read_bytes()[:-lost])
    there = (path.stat().st_size - 1024) // data.itemsize
    (channel,) = read(path, partial=True).channels
    expected = data.copy().ravel()
    expected[there:] = np.nan if dtype == "float32" else 0
    expected = expected.reshape(data.shape)
    np.testing.assert_array_equal(values_of(channel), expected)
    assert channel.data.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(channel.data[2, 1:, ::2], expected[2, 1:, ::2])
    np.testing.assert_array_equal(channel.data[0], expected[0])
    missing = channel.attrs["incomplete"]["missing_from"]
    assert missing == {"section": there // 24, "row": there % 24 // 6}


def test_a_cut_file_of_complex_shorts_or_half_bytes_is_read_when_asked(tmp_path):
    data = sample("complex64")
    path = write_mrc(tmp_path / "cut.mrc", data, mode=3)
    path.write_bytes(path.read_bytes()[:-24])
    np.testing.assert_array_equal(read(path, partial=True).channels[0].data[2, 2], data[2, 2])
    np.testing.assert_array_equal(read(path, partial=True).channels[0].data[2, 3], 0)
    path = write_mrc(tmp_path / "cut.mrc", np.full((2, 2, 3), 7, np.uint8), mode=101)
    path.write_bytes(path.read_bytes()[:-2])
    np.testing.assert_array_equal(read(path, partial=True).channels[0].data[1], [[7] * 3, [0] * 3])


def test_more_bytes_than_the_header_says_are_an_error_or_a_note(tmp_path):
    data = sample()
    path = write_mrc(tmp_path / "a.mrc", data)
    path.write_bytes(path.read_bytes() + bytes(50))
    with pytest.raises(FormatError, match=r"take 144 bytes, but 194"):
        read(path)
    (channel,) = read(path, partial=True).channels
    assert channel.attrs["bytes_left_out"] == 50
    np.testing.assert_array_equal(values_of(channel), data)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({12: struct.pack("<i", 5)}, UnsupportedFormatError, "mode 5 are not supported"),
        ({0: struct.pack("<i", -6)}, FormatError, "cannot be"),
        ({0: struct.pack("<3i", *[2**31 - 1] * 3)}, FormatError, "the header says 2147483647"),
        ({92: struct.pack("<i", -1)}, FormatError, "extended header of -1 bytes"),
        ({92: struct.pack("<i", 2**30)}, FormatError, "extended header of 1073741824 bytes"),
    ],
)
def test_a_header_without_sense_is_refused(tmp_path, changes, error, message):
    path = write_mrc(tmp_path / "bad.mrc", sample(), header_changes=changes)
    with pytest.raises(error, match=message):
        read(path)
    if message.startswith("the header says"):
        with pytest.raises(FormatError):
            read(path, partial=True)


@pytest.mark.parametrize("content", [b"", b"\x89PNG" + bytes(60), b"x" * 5000, bytes(3000)])
def test_empty_and_foreign_files_are_refused(tmp_path, content):
    path = tmp_path / "foreign.mrc"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"foreign\.mrc"):
        read(path)


def damaged_copies(whole: bytes):
    rng = np.random.default_rng(7)
    for length in range(0, len(whole), 256):
        yield whole[:length]
    for _ in range(300):
        copy = bytearray(whole)
        for at in rng.integers(0, min(len(whole), 2048), 4):
            copy[at] ^= 1 << int(rng.integers(8))
        yield bytes(copy)
    for at in range(0, 1024, 4):
        yield whole[:at] + b"\xff\xff\xff\x7f" + whole[at + 4 :]


def test_damage_gives_an_error_of_ours_or_data_of_the_size_of_the_file(tmp_path: Path):
    records = b"".join(
        encode_fei_record({"pixel_size_x": 1e8, "pixel_size_y": 1e8, "alpha_tilt": 1.0})
        for _ in range(3)
    )
    path = write_mrc(tmp_path / "a.mrc", sample(), extended=records, extended_type=b"FEI2")
    whole = path.read_bytes()
    for content in damaged_copies(whole):
        path.write_bytes(content)
        for partial in (False, True):
            try:
                (channel,) = read(path, partial=partial).channels
            except FormatError:
                continue
            assert values_of(channel).nbytes <= 4 * len(content) * (1000 if partial else 1)


@pytest.mark.parametrize("sections", [1, 2])
def test_colours_of_imod_are_a_dimension(tmp_path, sections):
    pixels = np.random.default_rng(5).integers(0, 256, (sections, 3, 5, 3)).astype(np.uint8)
    path = write_mrc(tmp_path / "a.mrc", pixels, mode=16, cell=(5.0, 3.0, 1.0))
    check_reader("mrc", path)
    data = om.open_signal(path)
    assert data.dims == (("frame",) if sections > 1 else ()) + ("y", "x", "channel")
    np.testing.assert_array_equal(data, pixels if sections > 1 else pixels[0])
    np.testing.assert_array_equal(data["channel"], ["red", "green", "blue"])
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(om.FormatError, match="cut short"):
        om.open(path)
    assert om.open_signal(path, partial=True).attrs["incomplete"]
