"""FRT maps made by the independent encoder."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.frt.reader import read
from omniscopy.testing.files.surfaces import write_frt

STORED = np.array([[5, 1, 7], [8, 9, 1]], dtype=np.uint16)


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


@given(st.sampled_from(["u2", "i4"]), st.sampled_from(["1.00", "1.01"]))
def test_heights_are_in_metres_with_row_0_on_top(tmp_path_factory, dtype, version):
    path = tmp_path_factory.mktemp("frt") / "a.frt"
    measurement = read(write_frt(path, STORED.astype(dtype), version=version))
    (height,) = measurement.channels
    expected = np.array([[5, np.nan, 7], [8, 9, np.nan]]) * 1e-9
    np.testing.assert_allclose(load(height.data), expected, rtol=1e-15)
    assert [axis.scale for axis in height.axes] == pytest.approx([1e-3, 1e-3 / 3])
    assert {axis.units for axis in height.axes} == {"m"}
    assert (height.quantity, height.units) == ("height", "m")
    assert measurement.metadata["started"] == "2023-03-10T15:57:20+00:00"


def test_intensities_lie_beside_the_heights(tmp_path):
    raw = STORED[::-1].tobytes()
    _, intensity = read(write_frt(tmp_path / "a", STORED, further={0x0C: raw})).channels
    assert (intensity.title, intensity.units) == ("Intensity", None)
    assert load(intensity.data)[1].tolist()[:2] == [8, 9]


def test_without_lengths_and_scale_numbers_are_as_stored(tmp_path):
    (height,) = read(write_frt(tmp_path / "a", STORED, further={0x67: b"", 0x6C: b""})).channels
    assert (height.units, height.axes[0].units) == (None, None)
    assert load(height.data)[0, 0] == 5


@pytest.mark.parametrize(
    ("further", "error", "message"),
    [
        ({0x66: b""}, FormatError, "the block 0x66, .* is missing"),
        ({0x66: struct.pack("<3I", 3, 2, 8)}, UnsupportedFormatError, "numbers of 8 bits"),
        ({0x66: struct.pack("<3I", 3, 9, 16)}, FormatError, "do not fit into a block of 12"),
        ({0x66: struct.pack("<3I", 0, 2, 16)}, FormatError, "a map of 2 by 0 points"),
        ({0x0B: b""}, FormatError, "no block of heights"),
    ],
)
def test_blocks_that_contradict_each_other_are_refused(tmp_path, further, error, message):
    with pytest.raises(error, match=message):
        read(write_frt(tmp_path / "a", STORED, further=further))


def test_damaged_files_are_refused(tmp_path):
    path = write_frt(tmp_path / "a", STORED)
    content = path.read_bytes()
    path.write_bytes(content[:-3])
    with pytest.raises(FormatError, match="the block 0x72 needs 12 bytes"):
        read(path)
    path.write_bytes(content[:-16])
    with pytest.raises(FormatError, match="ends before all of its blocks"):
        read(path)
    path.write_bytes(content[:12] + b"2.00" + content[16:])
    with pytest.raises(UnsupportedFormatError, match=r"the version b'2\.00' is not known"):
        read(path)
    path.write_bytes(b"FRTM")
    with pytest.raises(FormatError, match="an FRT file starts with"):
        read(path)
