"""Surface data files made by the independent encoder."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.sdf.reader import read
from omniscopy.testing.files.surfaces import write_sdf
from omniscopy.testing.formats import check_reader

VALUES = np.array([[1, 2, 3], [4, 5, 6]])


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


@given(st.sampled_from(["u1", "u2", "u4", "i1", "i2", "i4", "f4", "f8"]), st.booleans())
def test_numbers_of_every_type_become_metres(tmp_path_factory, dtype, is_text):
    path = tmp_path_factory.mktemp("sdf") / "a.sdf"
    measurement = read(write_sdf(path, VALUES.astype(dtype), is_text=is_text))
    (channel,) = measurement.channels
    np.testing.assert_allclose(load(channel.data), VALUES * 1e-9, rtol=1e-15)
    assert [(axis.scale, axis.units) for axis in channel.axes] == [(2e-6, "m"), (1e-6, "m")]
    assert (channel.quantity, channel.units) == ("height", "m")
    assert measurement.metadata["started"] == "2010-01-04T08:53"


@pytest.mark.parametrize(
    ("dtype", "missing"),
    [("u2", 65535), ("u4", 2**32 - 1), ("i2", -32768), ("i4", -(2**31)), ("f8", np.nan)],
)
def test_the_number_that_stands_for_no_height_is_nan(tmp_path, dtype, missing):
    stored = np.array([[1, missing]], dtype=dtype)
    (channel,) = read(write_sdf(tmp_path / "a.sdf", stored)).channels
    assert np.isnan(load(channel.data)).tolist() == [[False, True]]


def test_bad_points_of_a_text_are_nan(tmp_path):
    stored = np.array([[1.0, np.nan]])
    (channel,) = read(write_sdf(tmp_path / "a.sdf", stored, is_text=True)).channels
    assert np.isnan(load(channel.data)).tolist() == [[False, True]]


def test_numbers_of_olympus_before_the_heights_are_skipped(tmp_path):
    extra = struct.pack("<2I", 5, 1)
    path = write_sdf(tmp_path / "a.sdf", VALUES.astype("i2"), extra=extra)
    check_reader("sdf", path)
    np.testing.assert_allclose(load(read(path).channels[0].data), VALUES * 1e-9, rtol=1e-12)
    # The same bytes are heights where the file is no longer than these.
    heights = np.frombuffer(extra, "<i2").reshape(1, 4)
    path = write_sdf(tmp_path / "b.sdf", heights)
    np.testing.assert_allclose(load(read(path).channels[0].data), heights * 1e-9, rtol=1e-12)


def test_what_is_said_after_the_heights_is_kept(tmp_path):
    path = write_sdf(tmp_path / "a.sdf", VALUES.astype("f8"), is_text=True)
    said = "< OperatorName > Tom Jones < / OperatorName >\n<PartName>a part</PartName>\n"
    text = path.read_text()
    path.write_text(text.rpartition("< PartName")[0] + said + "*\n")
    measurement = read(path)
    assert measurement.metadata["operator"] == "Tom Jones"
    assert measurement.metadata["sample"] == {"name": "a part"}
    binary = write_sdf(tmp_path / "b.sdf", VALUES.astype("i2"))
    binary.write_bytes(binary.read_bytes() + said.encode())
    assert read(binary).metadata["operator"] == "Tom Jones"
    assert read(binary).original_metadata["trailer"]["PartName"] == "a part"


def test_headers_without_signs_of_equality_and_with_comments_are_read(tmp_path):
    path = write_sdf(tmp_path / "a.sdf", VALUES.astype("i2"), is_text=True)
    head, star, rest = path.read_text().partition("*")
    head = head.replace(" = ", "  ").replace("NumPoints", "NUMPOINTS") + "; = a comment\n"
    path.write_text(head + star + rest)
    (channel,) = read(path).channels
    np.testing.assert_allclose(load(channel.data), VALUES * 1e-9, rtol=1e-12)
    assert [axis.scale for axis in channel.axes] == [2e-6, 1e-6]


def test_a_word_among_the_heights_is_refused(tmp_path):
    path = write_sdf(tmp_path / "a.sdf", VALUES.astype("i2"), is_text=True)
    path.write_text(path.read_text().replace("4 5 6", "4 five 6"))
    with pytest.raises(FormatError, match="heights were expected"):
        read(path)


def test_a_binary_file_that_is_cut_short_is_read_in_part(tmp_path):
    path = write_sdf(tmp_path / "a.sdf", VALUES.astype("i2"))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FormatError, match="needs 12 bytes"):
        read(path)
    (channel,) = read(path, partial=True).channels
    assert np.isnan(load(channel.data)[1]).all()
    assert channel.attrs["incomplete"]["missing_from"] == 1


def test_compressed_and_damaged_files_are_refused(tmp_path):
    path = tmp_path / "a.sdf"
    with pytest.raises(UnsupportedFormatError, match="compressed surface data files"):
        read(write_sdf(path, VALUES.astype("i2"), compression=1))
    content = write_sdf(path, VALUES.astype("i2")).read_bytes()
    path.write_bytes(content[:79] + b"\x09" + content[80:])
    with pytest.raises(UnsupportedFormatError, match="numbers of the type 9 are not known"):
        read(path)
    path.write_bytes(content[:42] + bytes(2) + content[44:])
    with pytest.raises(FormatError, match="a surface of 2 by 0 points cannot be"):
        read(path)
    path.write_bytes(content[:50])
    with pytest.raises(FormatError, match="the header takes 81 bytes, there are 50"):
        read(path)


def test_texts_with_too_few_numbers_are_refused(tmp_path):
    path = tmp_path / "a.sdf"
    text = write_sdf(path, VALUES.astype("f8"), is_text=True).read_text()
    path.write_text(text.replace(" 6\n", "\n"))
    with pytest.raises(FormatError, match="6 heights were expected, 5 were found"):
        read(path)
    path.write_text(text.replace("NumPoints = 3", "NumPoints = 99999"))
    with pytest.raises(FormatError, match="2 by 99999 heights cannot be in"):
        read(path)
    path.write_text(text.replace("*", "-"))
    with pytest.raises(FormatError, match=r"does not end with a line '\*'"):
        read(path)
