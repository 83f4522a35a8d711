"""Dektak files made by the independent encoder."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniscopy.io.dektak.reader import read
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.testing.files.surfaces import write_opdx

rng = np.random.default_rng(1)
PROFILE = rng.normal(size=11)
MAP = rng.normal(size=(3, 6)).astype(np.float32)


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


@given(st.integers(1, 9000))
def test_profiles_of_any_length_are_read(tmp_path_factory, points):
    path = tmp_path_factory.mktemp("opdx") / "a.opdx"
    values = np.linspace(-1, 1, points)
    (profile,) = read(write_opdx(path, {"Raw": values}, scale=(2.0, "µm"))).channels
    np.testing.assert_allclose(load(profile.data), 2 * values)


def test_an_extent_reaches_from_the_first_point_to_the_last(tmp_path):
    measurement = read(write_opdx(tmp_path / "a", {"Raw": PROFILE}, {"Map": MAP}))
    profile, image = measurement.channels
    assert (profile.axes[0].scale, profile.axes[0].units) == (1.0, "µm")
    assert profile.axes[0].coordinate()[-1] == 10.0
    assert [axis.scale for axis in image.axes] == [20.0 / 2, 10.0 / 5]
    np.testing.assert_allclose(load(image.data), 1e-3 * MAP, rtol=1e-6)
    assert (image.units, image.quantity) == ("µm", "height")
    assert measurement.metadata["instrument"]["model"] == "Dektak Profiler"
    # The date as text may be in any order of day and month; the stamp is not.
    assert measurement.metadata["started"].startswith("2021-11-02T15:39:13")
    said = measurement.original_metadata["MetaData"]
    assert said["Names"] == ["Raw", "Filtered"]
    assert said["Unit"] == {"value": 1e6, "unit": "µm"}
    assert (said["Points"], said["IsGood"]) == (3, True)


def test_every_profile_is_a_channel(tmp_path):
    path = write_opdx(tmp_path / "a", {"Raw": PROFILE, "Filtered": PROFILE / 2})
    assert [channel.title for channel in read(path).channels] == ["Raw", "Filtered"]


def test_files_without_profile_or_map_are_refused(tmp_path):
    with pytest.raises(UnsupportedFormatError, match="neither a profile nor a map"):
        read(write_opdx(tmp_path / "a"))


def test_unknown_and_damaged_items_are_refused(tmp_path):
    strange = struct.pack("<I", 3) + b"odd" + b"\x66"
    path = write_opdx(tmp_path / "a", {"Raw": PROFILE}, further=strange)
    with pytest.raises(FormatError, match=r"an item '/odd' of the type 0x66 is not known"):
        read(path)
    long = struct.pack("<I", 3) + b"odd" + b"\x12\x03"
    path = write_opdx(tmp_path / "a", {"Raw": PROFILE}, further=long)
    with pytest.raises(FormatError, match="a length of 1, 2, 4 or 8 bytes was expected"):
        read(path)
    text = struct.pack("<I", 0xFFFFFFFF)
    path = write_opdx(tmp_path / "a", {"Raw": PROFILE}, further=text)
    with pytest.raises(FormatError, match="a text of 4294967295 bytes cannot be"):
        read(path)
    array = struct.pack("<I", 3) + b"odd\x40" + bytes(4) + b"\x04\xff\xff\xff\x7f"
    path = write_opdx(tmp_path / "a", {"Raw": PROFILE}, further=array)
    with pytest.raises(FormatError, match="an array of 2147483647 bytes, but"):
        read(path)
    unit = struct.pack("<I", 3) + b"odd\x13\x01\x02" + bytes(40)
    path = write_opdx(tmp_path / "a", {"Raw": PROFILE}, further=unit)
    with pytest.raises(FormatError, match="a value is longer than the 2 bytes it says"):
        read(path)


def test_a_map_must_fill_its_bytes(tmp_path):
    path = write_opdx(tmp_path / "a", maps={"Map": MAP})
    content = path.read_bytes()
    at = content.index(b"Matrix<float>") + 15
    for wrong, message in (((9, 9), "a map of 9 by 9 points"), ((0, 6), "the map has no points")):
        path.write_bytes(content[:at] + struct.pack("<2I", *wrong) + content[at + 8 :])
        with pytest.raises(FormatError, match=message):
            read(path)


def test_a_file_that_is_cut_short_is_refused(tmp_path):
    path = write_opdx(tmp_path / "a", {"Raw": PROFILE})
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(FormatError, match="are there"):
        read(path)
    path.write_bytes(b"VCA DAT")
    with pytest.raises(FormatError, match="12 bytes are needed, 7 are there"):
        read(path)
    path.write_bytes(b"VCA DATE" + bytes(50))
    with pytest.raises(FormatError, match="a Dektak file starts with"):
        read(path)
    path.write_bytes(b"")
    with pytest.raises(FormatError, match="the file is empty"):
        read(path)
