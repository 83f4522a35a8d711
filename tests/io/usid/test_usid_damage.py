"""Damaged USID files are read rightly or refused by name."""

import h5py
import numpy as np
import pytest

import omniscopy as om
from omniscopy.testing.formats import absurd_sizes, bit_flips, check_damage, truncations


@pytest.fixture
def foreign(usid_file, add, yx, frequency, tmp_path):
    file, channel = usid_file("sound.h5")
    add(channel, np.arange(72.0).reshape(12, 6), yx, frequency)
    file.close()
    return tmp_path / "sound.h5"


@pytest.fixture
def own(foreign, tmp_path):
    return om.save(om.open(foreign), tmp_path / "own.h5")


@pytest.fixture(params=["foreign", "own"])
def sound(request):
    return request.getfixturevalue(request.param)


def test_a_file_cut_anywhere_is_refused(sound, tmp_path):
    for part in truncations(sound.read_bytes()):
        assert check_damage(sound, part, folder=tmp_path) == "refused"


@pytest.mark.parametrize("damage", [bit_flips, absurd_sizes])
def test_damaged_bytes_are_read_or_refused(sound, tmp_path, damage):
    rng = np.random.default_rng(4)
    outcomes = {
        check_damage(sound, content, folder=tmp_path)
        for content in damage(sound.read_bytes(), 150, rng)
    }
    assert "refused" in outcomes


def test_a_table_that_claims_to_be_huge_is_refused(usid_file, add, yx, frequency, tmp_path):
    file, channel = usid_file()
    main = add(channel, np.zeros((12, 6)), yx, frequency)
    claimed = channel.create_dataset("claimed", shape=(10**9, 6), dtype="f4", chunks=(10**5, 6))
    claimed.attrs.update(main.attrs)
    huge = channel.create_dataset("huge", shape=(10**9, 2), dtype="u4", chunks=(10**5, 2))
    claimed.attrs["Position_Indices"] = claimed.attrs["Position_Values"] = huge.ref
    file.close()
    with pytest.raises(om.FormatError, match="more than its bytes can hold"):
        om.open(tmp_path / "made.h5")


def test_a_heap_that_never_ends_is_refused(foreign):
    content = bytearray(foreign.read_bytes())
    heap = content.find(b"GCOL")
    place = heap + 16
    while int.from_bytes(content[place : place + 2], "little"):
        place += 16 + -(-int.from_bytes(content[place + 8 : place + 16], "little") // 8) * 8
    content[place + 8 : place + 16] = bytes(8)  # the free part, of no bytes
    foreign.write_bytes(content)
    with pytest.raises(om.FormatError, match="a heap of texts is damaged"):
        om.open(foreign, reader="usid")


def test_a_reference_to_something_else_is_damage(usid_file, add, yx, frequency, tmp_path):
    file, channel = usid_file()
    main = add(channel, np.zeros((12, 6)), yx, frequency)
    main.attrs["Position_Values"] = channel.ref
    file.close()
    with pytest.raises(om.FormatError, match=r"made\.h5"):
        om.open(tmp_path / "made.h5")


def test_a_table_described_in_another_shape_is_damage(own):
    with h5py.File(own, "r+") as file:
        private = file["Measurement_000/Channel_000/_omniscopy"]
        text = private["node"][()].replace(b'"frequency": 6', b'"frequency": 7')
        del private["node"]
        private["node"] = np.bytes_(text)
    with pytest.raises(om.FormatError, match="is described as"):
        om.open(own)
