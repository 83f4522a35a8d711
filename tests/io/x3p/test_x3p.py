"""X3P surfaces made by the independent encoder."""

import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.x3p.reader import read
from omniscopy.testing.files.surfaces import write_x3p

rng = np.random.default_rng(1)
VALUES = rng.integers(-1000, 1000, (3, 5))


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


@given(st.sampled_from(["i2", "i4", "f4", "f8"]), st.booleans())
def test_heights_of_every_type_are_unpacked(tmp_path_factory, dtype, packed):
    path = tmp_path_factory.mktemp("x3p") / "a.x3p"
    write_x3p(path, VALUES.astype(dtype), height=(1e-9, 2e-6), packed=packed)
    measurement = read(path)
    (channel,) = measurement.channels
    np.testing.assert_allclose(load(channel.data), 2e-6 + VALUES * 1e-9, rtol=1e-12)
    assert (channel.quantity, channel.units) == ("height", "m")
    assert measurement.metadata["instrument"] == {"vendor": "A maker", "software": "6.2"}
    assert measurement.metadata["operator"] == "someone"
    assert measurement.metadata["started"] == "2026-01-02T03:04:05"


def test_axes_have_their_place(tmp_path):
    path = write_x3p(tmp_path / "a", VALUES.astype("f8"), offset=(5e-6, 7e-6))
    y, x = read(path).channels[0].axes
    assert (y.scale, y.offset, y.units) == (2e-6, 5e-6, "m")
    assert (x.scale, x.offset, x.units) == (1e-6, 7e-6, "m")


def test_points_that_are_not_valid_are_nan(tmp_path):
    valid = rng.random(VALUES.shape) > 0.5
    (channel,) = read(write_x3p(tmp_path / "a", VALUES.astype("i2"), valid=valid)).channels
    data = pickle.loads(pickle.dumps(channel.data))
    np.testing.assert_array_equal(np.isnan(load(data)), ~valid)
    np.testing.assert_array_equal(np.isnan(data[1, slice(None)]), ~valid[1])


def test_a_profile_is_along_x(tmp_path):
    swap = {"<FeatureType>SUR": "<FeatureType>PRF"}
    (channel,) = read(write_x3p(tmp_path / "a", VALUES[:1].astype("f8"), replace=swap)).channels
    assert [axis.name for axis in channel.axes] == ["x"]
    np.testing.assert_array_equal(load(channel.data), VALUES[0])


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        ("<SizeZ>1<", "<SizeZ>2<", UnsupportedFormatError, "2 layers are not read"),
        ("<SizeX>5<", "<SizeX>99999<", FormatError, "3 by 99999 points need 2399976 bytes"),
        ("<SizeX>5<", "<SizeX>five<", UnsupportedFormatError, "1 by 3 by five points cannot be"),
        ("<CX><AxisType>I", "<CX><AxisType>A", UnsupportedFormatError, "in even steps"),
        ("<DataType>D<", "<DataType>Q<", UnsupportedFormatError, "heights of the type 'Q'"),
        ("PointDataLink", "Elsewhere", UnsupportedFormatError, "no member of their own"),
        ("bindata/data.bin", "../secret", FormatError, r"'\.\./secret': the archive has no member"),
        ("Record3", "Record9", FormatError, "the description is damaged"),
        ("<p:ISO", "<!DOCTYPE x [<!ENTITY a 'b'>]><p:ISO", FormatError, "description is damaged"),
    ],
)
def test_descriptions_that_do_not_fit_are_refused(tmp_path, old, new, error, message):
    path = write_x3p(tmp_path / "a", VALUES.astype("f8"), replace={old: new})
    with pytest.raises(error, match=message):
        read(path)


def test_an_archive_without_description_or_cut_short_is_refused(tmp_path):
    path = write_x3p(tmp_path / "a.x3p", VALUES.astype("f8"))
    content = path.read_bytes()
    path.write_bytes(content[:-30])
    with pytest.raises(FormatError, match="no sound directory"):
        read(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bindata/data.bin", b"1234")
    with pytest.raises(FormatError, match=r"main\.xml.* no member of this name"):
        read(path)


def test_a_description_that_is_too_long_is_not_unpacked(tmp_path):
    path = tmp_path / "a.x3p"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("main.xml", b" " * (1 << 24) + b" ")
    with pytest.raises(FormatError, match="a description of 16777217 bytes is too long"):
        read(path)
