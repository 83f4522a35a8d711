"""The container of Bruker's programs."""

import struct

import numpy as np
import pytest

from omniscopy.io.bruker_bcf.sfs import list_entries
from omniscopy.io.errors import FormatError
from omniscopy.testing.files.bruker_bcf import write_sfs

CONTENT = np.random.default_rng(3).integers(0, 256, 40_000).astype(np.uint8).tobytes()


@pytest.mark.parametrize("scattered", [False, True])
@pytest.mark.parametrize("chunk_bytes", [256, 544, 4096])
def test_files_are_put_together_from_their_chunks(tmp_path, chunk_bytes, scattered):
    rng = np.random.default_rng(2) if scattered else None
    files = {f"File{n}": CONTENT[: 9_000 * n] for n in range(1, 5)}
    entries = list_entries(write_sfs(tmp_path / "a", files, chunk_bytes=chunk_bytes, rng=rng))
    assert set(entries) == {f"EDSDatabase/{name}" for name in files}
    for name, content in files.items():
        entry = entries[f"EDSDatabase/{name}"]
        entry.require_whole()
        assert entry.read(0, entry.size).tobytes() == content
        assert entry.read(7_000, 8_500).tobytes() == content[7_000:8_500]
        assert entry.read(len(content) - 3, 10**9).tobytes() == content[-3:]
        assert entry.read(len(content), 10**9).size == 0


def test_files_of_more_than_four_gigabytes_do_not_overflow(tmp_path):
    chunk, payload = 1 << 20, (1 << 20) - 32
    size = 2**32 + 12_345
    count = -(-size // payload)
    table, tree, first = 1, 2, 3
    path = tmp_path / "large"
    with path.open("wb") as file:
        start = b"AAMVHFSS".ljust(280, b"\0") + struct.pack("<8s2fI", b"", 2.6, 2.6, chunk)
        file.write(start.ljust(320, b"\0") + struct.pack("<III", tree, 1, first + count))
        file.seek(280 + table * chunk + 32)
        file.write(np.arange(first, first + count, dtype="<u4").tobytes())
        file.seek(280 + tree * chunk + 32)
        item = struct.pack("<IQ", table, size).ljust(40, b"\0") + struct.pack("<i", -1)
        file.write(item.ljust(224, b"\0") + b"Large".ljust(288, b"\0"))
        # All in between is a hole, which takes no place.
        file.seek(280 + (first + count - 1) * chunk + 32)
        file.write(bytes(range(1, 256)))
        file.truncate(280 + (first + count) * chunk)
    entry = list_entries(path)["Large"]
    entry.require_whole()
    last = (count - 1) * payload
    assert last > 2**32 - payload
    assert entry.read(last - 2, last + 5).tolist() == [0, 0, 1, 2, 3, 4, 5]
    assert entry.read(2**32 + 1, 2**32 + 9).size == 8


def test_tables_that_go_round_in_circles_end(tmp_path):
    path = write_sfs(tmp_path / "a", {"File": CONTENT})
    raw = bytearray(path.read_bytes())
    entry = list_entries(path)["EDSDatabase/File"]
    at = 280 + entry.table * 4096
    raw[at : at + 4] = struct.pack("<I", entry.table)
    place = raw.index(b"File".ljust(20, b"\0")) - 224 + 4
    raw[place : place + 8] = struct.pack("<Q", 2**62)
    path.write_bytes(raw)
    with pytest.raises(FormatError, match="only the first"):
        list_entries(path)["EDSDatabase/File"].require_whole()


def test_a_tree_that_is_not_there_is_refused(tmp_path):
    path = write_sfs(tmp_path / "a", {"File": CONTENT})
    raw = path.read_bytes()
    path.write_bytes(raw[:5000])
    with pytest.raises(FormatError, match="the tree of 2 files is not there"):
        list_entries(path)
