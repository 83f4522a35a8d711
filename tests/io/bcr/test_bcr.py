"""BCR and BCRF maps made by the independent encoder."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniscopy.io.bcr.reader import read
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.testing.files.surfaces import write_bcr

COUNTS = np.array([[1, 2, 32767], [-4, 5, 6]])


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


@given(st.sampled_from(["latin-1", "utf-16-le"]), st.sampled_from([0, 1]), st.booleans())
def test_maps_are_read_in_either_coding_and_byte_order(tmp_path_factory, encoding, intel, floats):
    path = tmp_path_factory.mktemp("bcr") / "a.bcr"
    stored = COUNTS.astype(np.float32 if floats else np.int16)
    if floats:
        stored[0, 2] = 3.4e38
    write_bcr(path, stored, encoding=encoding, entries={"intelmode": intel, "bit2nm": 0.5})
    (channel,) = read(path).channels
    np.testing.assert_allclose(load(channel.data), [[0.5, 1, np.nan], [-2, 2.5, 3]])
    assert [(axis.scale, axis.units) for axis in channel.axes] == [(200.0, "nm"), (100.0, "nm")]
    assert (channel.title, channel.quantity, channel.units) == ("Height", "height", "µm")


def test_units_and_length_of_the_header_may_be_left_out(tmp_path):
    entries = {"headersize": None, "zunit": None, "xunit": None, "xlength": None}
    (channel,) = read(write_bcr(tmp_path / "a", COUNTS.astype("i2"), entries=entries)).channels
    assert channel.units == "nm"
    assert channel.axes[1].units is None
    assert channel.axes[0].units == "nm"


def test_other_values_than_heights_keep_their_unit(tmp_path):
    (channel,) = read(
        write_bcr(tmp_path / "a", COUNTS.astype("i2"), entries={"zunit": "V"})
    ).channels
    assert (channel.title, channel.units) == ("Image", "V")


def test_a_map_that_is_cut_short_is_read_in_part(tmp_path):
    path = write_bcr(tmp_path / "a", COUNTS.astype("i2"))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FormatError, match="needs 12 bytes"):
        read(path)
    (channel,) = read(path, partial=True).channels
    assert np.isnan(load(channel.data)[1]).all()
    assert channel.attrs["incomplete"]["missing_from"] == 1


@pytest.mark.parametrize(
    ("entries", "error", "message"),
    [
        ({"fileformat": "bcrxyz"}, UnsupportedFormatError, "the format 'bcrxyz' are not read"),
        ({"xpixels": "3.5"}, FormatError, r"a number of points was expected, '3\.5'"),
        ({"headersize": 10**9}, FormatError, "a header of 1000000000.0 characters cannot be"),
    ],
)
def test_damaged_headers_are_refused(tmp_path, entries, error, message):
    with pytest.raises(error, match=message):
        read(write_bcr(tmp_path / "a", COUNTS.astype("i2"), entries=entries))
