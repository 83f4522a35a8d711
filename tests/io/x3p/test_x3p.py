"""X3P surfaces made by the independent encoder."""

import pickle
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.x3p.reader import read
from omniscopy.testing.files.surfaces import write_x3p
from omniscopy.testing.formats import check_reader

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


def test_a_clock_at_zero_is_no_date(tmp_path):
    replace = {"2026-01-02T03:04:05": "1970-01-01T01:00:00"}
    path = write_x3p(tmp_path / "a.x3p", VALUES.astype("f8"), replace=replace)
    assert "started" not in read(path).metadata


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


def test_every_layer_is_a_channel(tmp_path):
    layers = rng.integers(-1000, 1000, (3, 2, 5)).astype("i2")
    valid = rng.random(layers.shape) > 0.5
    path = write_x3p(tmp_path / "a.x3p", layers, valid=valid, height=(1e-9, 0.0))
    check_reader("x3p", path)
    channels = read(path).channels
    assert [channel.title for channel in channels] == ["Height 1", "Height 2", "Height 3"]
    for channel, stored, good in zip(channels, layers, valid, strict=True):
        assert [axis.scale for axis in channel.axes] == [2e-6, 1e-6]
        wanted = np.where(good, stored * 1e-9, np.nan)
        np.testing.assert_allclose(load(channel.data), wanted, rtol=1e-12)


def test_a_profile_in_uneven_steps_has_its_places(tmp_path):
    stored = np.zeros((1, 4), [("x", "f8"), ("z", "i2")])
    stored["x"], stored["z"] = [0.0, 1e-6, 3e-6, 7e-6], [1, 2, 3, 4]
    swap = {"<FeatureType>SUR": "<FeatureType>PRF"}
    path = write_x3p(tmp_path / "a.x3p", stored, height=(1e-9, 0.0), replace=swap)
    check_reader("x3p", path)
    (channel,) = read(path).channels
    (x,) = channel.axes
    assert (x.name, x.units) == ("x", "m")
    np.testing.assert_array_equal(x.coordinate(), [0.0, 1e-6, 3e-6, 7e-6])
    np.testing.assert_allclose(load(channel.data), [1e-9, 2e-9, 3e-9, 4e-9])


@pytest.mark.parametrize("listed", [False, True])
def test_points_with_places_of_their_own_are_a_list(tmp_path, listed):
    stored = np.zeros((1, 6) if listed else (2, 3), [("x", "f4"), ("y", "f8"), ("z", "f8")])
    for number, name in enumerate("xyz"):
        stored[name] = rng.normal(size=stored.shape) * 10.0**-number
    sizes = "<MatrixDimension><SizeX>6</SizeX><SizeY>1</SizeY><SizeZ>1</SizeZ></MatrixDimension>"
    swap = {sizes: "<ListDimension>6</ListDimension>"} if listed else {}
    path = write_x3p(tmp_path / "a.x3p", stored, replace=swap)
    check_reader("x3p", path)
    (channel,) = read(path).channels
    assert [axis.name for axis in channel.axes] == ["point"]
    np.testing.assert_array_equal(load(channel.data), stored["z"].ravel())
    for name in "xy":
        place = channel.coordinates[name]
        assert place.dims == ("point",)
        assert place.attrs["units"] == "m"
        np.testing.assert_array_equal(load(place.data), stored[name].ravel())


def test_a_profile_is_along_x(tmp_path):
    swap = {"<FeatureType>SUR": "<FeatureType>PRF"}
    (channel,) = read(write_x3p(tmp_path / "a", VALUES[:1].astype("f8"), replace=swap)).channels
    assert [axis.name for axis in channel.axes] == ["x"]
    np.testing.assert_array_equal(load(channel.data), VALUES[0])


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        ("<SizeZ>1<", "<SizeZ>2<", FormatError, "2 by 3 by 5 points need 240 bytes, not 120"),
        ("<SizeZ>1<", "<SizeZ>9999<", FormatError, "a surface of 9999 layers cannot be"),
        ("<SizeX>5<", "<SizeX>99999<", FormatError, "3 by 99999 points need 2399976 bytes"),
        ("<SizeX>5<", "<SizeX>five<", FormatError, "1 by 3 by five points cannot be"),
        ("<CX><AxisType>I", "<CX><AxisType>A", FormatError, "3 by 5 points need 240 bytes"),
        ("<DataType>D<", "<DataType>Q<", UnsupportedFormatError, "numbers of the type 'Q'"),
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


def test_points_that_unpack_to_many_times_what_is_described_are_not_unpacked(tmp_path):
    path = write_x3p(tmp_path / "a.x3p", VALUES.astype("f8"))
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part + bytes(10**6) * name.endswith(".bin"))
    with pytest.raises(FormatError, match=r"points need \d+ bytes, not 100\d+"):
        read(path)


def test_a_description_that_is_too_long_is_not_unpacked(tmp_path):
    path = tmp_path / "a.x3p"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("main.xml", b" " * (1 << 24) + b" ")
    with pytest.raises(FormatError, match=r"main\.xml.* more than the 16777216 that it may have"):
        read(path)


def test_a_member_before_the_start_of_the_file_is_refused(tmp_path):
    path = write_x3p(tmp_path / "a.x3p", VALUES.astype("f8"), packed=False)
    content = bytearray(path.read_bytes())
    # The directory is said to begin later than it does, so that all members begin earlier.
    end = content.rindex(b"PK\x05\x06")
    start = int.from_bytes(content[end + 16 : end + 20], "little")
    struct.pack_into("<I", content, end + 16, start + 1000)
    path.write_bytes(content)
    with pytest.raises(FormatError, match="cannot be in the file"):
        read(path)
