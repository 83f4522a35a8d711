"""Damaged NSID files are read rightly or refused by name."""

import h5py
import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.testing.formats import absurd_sizes, bit_flips, check_damage, truncations

IMAGE = np.arange(20, dtype=np.int32).reshape(4, 5)


@pytest.fixture(params=["foreign", "own"])
def sound(request, nsid_file, add, yx, tmp_path):
    if request.param == "own":
        file, channel = nsid_file("source.hf5")
        add(channel, "topo", IMAGE, yx)
        file.close()
        return om.save(om.open(tmp_path / "source.hf5"), tmp_path / "sound.hf5")
    file, channel = nsid_file("sound.hf5")
    main = add(channel, "topo", IMAGE, yx)
    main.parent.create_group("metadata/deeper").attrs["value"] = 3.0
    channel.create_dataset("other", data=np.zeros((8, 8)), chunks=(4, 8), compression="gzip")
    file.close()
    return tmp_path / "sound.hf5"


def test_a_file_cut_anywhere_is_refused(sound, tmp_path):
    for part in truncations(sound.read_bytes()):
        assert check_damage(sound, part, folder=tmp_path) == "refused"


@pytest.mark.parametrize("damage", [bit_flips, absurd_sizes])
def test_damaged_bytes_are_read_or_refused(sound, tmp_path, damage):
    rng = np.random.default_rng(3)
    outcomes = {
        check_damage(sound, content, folder=tmp_path)
        for content in damage(sound.read_bytes(), 150, rng)
    }
    assert "refused" in outcomes


def test_the_reader_itself_says_what_is_wrong(sound, tmp_path):
    path = tmp_path / "cut.hf5"
    path.write_bytes(sound.read_bytes()[:-500])
    with pytest.raises(om.FormatError, match=r"cut\.hf5: the HDF5 container cannot be opened"):
        om.open(path, reader="nsid")


def test_a_size_that_no_storage_has_is_refused(tmp_path):
    path = tmp_path / "sizes.hf5"
    with h5py.File(path, "w") as file:
        main = file.create_dataset(
            "huge", shape=(10**9, 10**6), dtype="f8", chunks=(1, 10), compression="gzip"
        )
        main.attrs["main_data_name"] = "huge"
        scale = file.create_dataset("x", shape=(10**9,), dtype="f8", chunks=(10**5,))
        scale.make_scale("x")
        main.dims[0].attach_scale(scale)
    with pytest.raises(om.FormatError, match="more than its bytes can hold"):
        om.open(path)


def test_a_damaged_chunk_is_found_by_its_checksum(tmp_path):
    values = np.random.default_rng(0).integers(0, 2**16, (64, 64)).astype("u2")
    data = xr.DataArray(values, dims=("y", "x"), name="a")
    path = om.save(data, tmp_path / "a.hf5", compression="gzip")
    with h5py.File(path) as file:
        main = file["Measurement_000/Channel_000/a/a"]
        place = main.id.get_chunk_info(0).byte_offset + 1000
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)
    with pytest.raises(om.FormatError, match="cannot be read"):
        om.open(path)["a/signal"].load()
