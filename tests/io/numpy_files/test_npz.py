"""Archives of arrays: stored and packed, and what is never unpickled."""

import zipfile

import dask.array as da
import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.errors import UnsupportedFormatError

rng = np.random.default_rng(0)
IMAGE = rng.integers(0, 100, (3, 5)).astype(np.int16)
CUBE = np.asfortranarray(rng.normal(size=(2, 3, 4)))


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_every_array_is_a_channel(tmp_path, write):
    path = tmp_path / "a.npz"
    write(path, image=IMAGE, cube=CUBE, big_endian=IMAGE.astype(">i4"), one=np.float32(2.5))
    found = om.signals(om.open(path))
    assert list(found) == ["image", "cube", "big_endian", "one"]
    assert found["image"].dims == ("y", "x")
    assert found["cube"].dims == ("dim_0", "dim_1", "dim_2")
    assert isinstance(found["cube"].data, da.Array)
    assert found["big_endian"].dtype == np.dtype("i4")
    for name, values in (("image", IMAGE), ("cube", CUBE), ("big_endian", IMAGE)):
        np.testing.assert_array_equal(found[name], values)
        np.testing.assert_array_equal(found[name][1:, ::2], values[1:, ::2])
    assert float(found["one"]) == 2.5


def test_what_is_pickled_is_left_out_and_named(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, objects=np.array([{}, []], object), texts=np.array(["a"]), image=IMAGE)
    tree = om.open(path)
    assert list(om.signals(tree)) == ["image"]
    objects, texts = tree.attrs["not_read"]
    assert "could run any code" in objects
    assert "not numbers" in texts


def test_an_archive_without_numbers_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, objects=np.array([{}], object))
    with pytest.raises(UnsupportedFormatError, match=r"no array of numbers; it holds objects\.npy"):
        om.open(path)


def test_a_cut_archive_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, image=IMAGE)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(om.FormatError, match="no sound directory"):
        om.open(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_array_that_claims_more_than_its_member_holds_is_refused(tmp_path, method):
    path = tmp_path / "a.npz"
    np.save(tmp_path / "a.npy", IMAGE)
    content = (tmp_path / "a.npy").read_bytes().replace(b"(3, 5)", b"(9, 5)")
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("image.npy", content)
    with pytest.raises(om.FormatError, match="needs 90 bytes, 158 are there"):
        om.open(path)


def test_a_member_that_unpacks_to_more_than_it_says_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, zeros=np.zeros(10**6))
    content = path.read_bytes()
    for word in (b"PK\x01\x02", b"PK\x03\x04"):
        at = content.rindex(word) + (24 if word[2] == 1 else 22)
        content = content[:at] + (10**9).to_bytes(4, "little") + content[at + 4 :]
    path.write_bytes(content)
    with pytest.raises(om.FormatError, match="1000000000 bytes cannot be in the file"):
        om.open(path)
