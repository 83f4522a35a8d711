"""Surface data files made by the independent encoder."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.sdf.reader import read
from omniscopy.testing.files.surfaces import write_sdf

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
    assert measurement.metadata == {"started": "2010-01-04T08:53"}


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
