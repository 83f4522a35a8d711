"""Files that were packed after they were written."""

import bz2
import gzip
import lzma
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.packed_files import unpacked_file
from omniscopy.testing.files.anasys import AnasysMap, write_axz
from omniscopy.testing.files.mrc import write_mrc

IMAGES = np.random.default_rng(3).integers(-500, 500, (3, 40, 50)).astype("i2")
PACKERS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


@pytest.fixture
def mrc(tmp_path):
    return write_mrc(tmp_path / "map.mrc", IMAGES) or tmp_path / "map.mrc"


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_packed_file_is_read_as_what_is_in_it(tmp_path, mrc, suffix):
    packed = tmp_path / f"other.mrc{suffix}"
    packed.write_bytes(PACKERS[suffix](mrc.read_bytes()))
    assert om.io.identify(packed) == "mrc"
    (plain,) = om.io.signals(om.open(mrc)).values()
    tree = om.open(packed)
    (found,) = om.io.signals(tree).values()
    np.testing.assert_array_equal(found, IMAGES)
    assert found.dims == plain.dims
    assert found.x.attrs == plain.x.attrs
    assert tree.attrs["file"] == {"path": str(packed), "format": "mrc"}
    (step,) = om.history(found)
    assert step.inputs["path"]["file"] == str(packed)
    assert om.io.info(packed)["bytes"] == packed.stat().st_size


@pytest.mark.parametrize("suffix", PACKERS)
def test_parts_that_were_packed_one_by_one_are_one_file(tmp_path, mrc, suffix):
    raw, pack = mrc.read_bytes(), PACKERS[suffix]
    packed = tmp_path / f"other.mrc{suffix}"
    packed.write_bytes(pack(raw[:777]) + pack(raw[777:]) + bytes(512))
    assert unpacked_file(packed).read_bytes() == raw
    assert unpacked_file(packed).name == "other.mrc"


def test_a_file_that_is_larger_than_a_piece_is_unpacked_whole(tmp_path):
    raw = np.random.default_rng(0).bytes(300_000) + bytes(2_000_000)
    for suffix, pack in PACKERS.items():
        packed = tmp_path / f"numbers{suffix}"
        packed.write_bytes(pack(raw))
        assert unpacked_file(packed).read_bytes() == raw


def test_texts_and_containers_are_found_in_packed_files(tmp_path):
    text = tmp_path / "table.dat.gz"
    text.write_bytes(gzip.compress(b"Experiment\tbias spectroscopy\t\r\n\r\n[DATA]\r\n"
                                   b"Bias (V)\tCurrent (A)\r\n0\t1\r\n1\t3\r\n"))  # fmt: skip
    assert om.io.identify(text) == "nanonis_dat"
    np.testing.assert_array_equal(om.open_signal(text), [1, 3])
    container = tmp_path / "a.h5"
    with h5py.File(container, "w") as file:
        file["images"] = IMAGES
    packed = tmp_path / "a.h5.xz"
    packed.write_bytes(lzma.compress(container.read_bytes()))
    assert om.io.identify(packed) == om.io.identify(container)
    (found,) = om.io.signals(om.open(packed)).values()
    np.testing.assert_array_equal(found, IMAGES)


def test_documents_that_their_program_packs_are_left_to_their_reader(tmp_path):
    path = write_axz(tmp_path / "a.bin", [AnasysMap(np.ones((4, 6), "f4"))])
    assert om.io.identify(path) == "anasys"


@pytest.mark.parametrize("suffix", PACKERS)
def test_what_is_cut_short_is_read_only_in_part(tmp_path, mrc, suffix):
    packed = tmp_path / f"other.mrc{suffix}"
    raw = PACKERS[suffix](mrc.read_bytes())
    packed.write_bytes(raw[:-40])
    with pytest.raises(FormatError, match=rf"other\.mrc{suffix}.*cut short"):
        om.open(packed)
    if suffix == ".gz":
        (found,) = om.io.signals(om.open(packed, partial=True)).values()
        assert found.attrs["incomplete"]["missing_from"] == {"section": 2, "row": 39}
        np.testing.assert_array_equal(found[:2], IMAGES[:2])


@pytest.mark.parametrize("suffix", PACKERS)
def test_damage_is_named(tmp_path, mrc, suffix):
    packed = tmp_path / f"other.mrc{suffix}"
    raw = bytearray(PACKERS[suffix](mrc.read_bytes()))
    raw[len(raw) // 2] ^= 0xFF
    raw[len(raw) // 2 + 1] ^= 0xFF
    packed.write_bytes(raw)
    with pytest.raises(FormatError, match=rf"other\.mrc{suffix}.*cannot be unpacked") as caught:
        om.open(packed)
    assert caught.value.path == str(packed)


def test_errors_name_the_file_that_the_user_has(tmp_path, mrc):
    packed = tmp_path / "other.mrc.gz"
    packed.write_bytes(gzip.compress(mrc.read_bytes()[:-10]))
    with pytest.raises(FormatError, match=r"other\.mrc\.gz") as caught:
        om.open(packed)
    assert caught.value.path == str(packed)
    packed.write_bytes(gzip.compress(b"nothing that is known"))
    with pytest.raises(UnsupportedFormatError, match=r"other\.mrc\.gz"):
        om.open(packed)
    packed.write_bytes(gzip.compress(b""))
    with pytest.raises(FormatError, match=r"other\.mrc\.gz.*empty"):
        om.open(packed)


@pytest.mark.parametrize("suffix", PACKERS)
def test_what_unpacks_without_end_is_refused(tmp_path, suffix):
    packed = tmp_path / f"zeros{suffix}"
    packed.write_bytes(PACKERS[suffix](bytes(64 << 20)))
    with pytest.raises(FormatError, match="unpacks to more than 256 times"):
        om.open(packed)


def test_nothing_is_left_when_the_process_ends(tmp_path, mrc):
    packed = tmp_path / "other.mrc.gz"
    packed.write_bytes(gzip.compress(mrc.read_bytes()))
    code = f"""
import omniscopy as om, pathlib
from omniscopy.io.packed_files import unpacked_file
om.open({str(packed)!r})
print(unpacked_file(pathlib.Path({str(packed)!r})))
"""
    where = {"TMPDIR": str(tmp_path / "t")}
    (tmp_path / "t").mkdir()
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, **where},
    )  # fmt: skip
    assert said.stdout.strip().startswith(str(tmp_path / "t"))
    assert list((tmp_path / "t").iterdir()) == []
