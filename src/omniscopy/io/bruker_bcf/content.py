"""What an entry of a container holds: its bytes, or blocks of them packed with zlib."""

import functools
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from omniscopy.io.bruker_bcf.sfs import Entry
from omniscopy.io.errors import FormatError

_PACKED = b"AACS"
_PACKED_HEAD = struct.Struct("<4sI4xI")  # mark, most bytes of a block, number of blocks
_BLOCKS_AT = 0x80
_BLOCK = struct.Struct("<II8x")  # bytes of a block packed and unpacked
_LARGEST_BLOCK = 1 << 24
# No deflate stream holds more than this times its length.
_RATIO = 1032


@dataclass(frozen=True)
class Content:
    """The unpacked bytes of an entry; of one that is cut short, what is there."""

    entry: Entry

    @property
    def size(self) -> int:
        """Return how many bytes there are."""
        if not _is_packed(self.entry):
            return self.entry.there
        return int(self._blocks[:, 2].sum())

    @property
    def most(self) -> int:
        """Return a bound of the size that costs nothing to know."""
        return self.entry.size * (_RATIO if _is_packed(self.entry) else 1)

    def head(self, size: int) -> bytes:
        """Return the first bytes, without a look at where the others are."""
        if not _is_packed(self.entry):
            return self.entry.read(0, size).tobytes()
        first = _block_at(self.entry, _BLOCKS_AT, _most_of_a_block(self.entry)[0])
        age = Path(self.entry.path).stat().st_mtime_ns
        return b"" if first is None else _unpacked(self.entry, *first, age)[:size].tobytes()

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return bytes from `start` up to `stop`, as far as they are there."""
        if not _is_packed(self.entry):
            return self.entry.read(start, stop)
        ends = np.cumsum(self._blocks[:, 2])
        begins = ends - self._blocks[:, 2]
        taken = np.flatnonzero((ends > start) & (begins < stop))
        if not len(taken):
            return np.empty(0, np.uint8)
        age = Path(self.entry.path).stat().st_mtime_ns
        parts = [_unpacked(self.entry, *map(int, self._blocks[number]), age) for number in taken]
        first = int(begins[taken[0]])
        return np.concatenate(parts)[start - first : stop - first]

    @property
    def _blocks(self) -> np.ndarray:
        return _list_blocks(self.entry, Path(self.entry.path).stat().st_mtime_ns)


def _is_packed(entry: Entry) -> bool:
    return entry.read(0, 4).tobytes() == _PACKED


@functools.lru_cache(maxsize=64)
def _list_blocks(entry: Entry, _age: int) -> np.ndarray:
    """Return place, packed and unpacked bytes of every block that is there."""
    largest, count = _most_of_a_block(entry)
    blocks: list[tuple[int, int, int]] = []
    at = _BLOCKS_AT
    for _ in range(count):
        found = _block_at(entry, at, largest)
        if found is None:
            break
        blocks.append(found)
        # The place of the next block is also in the file, but not beyond 4 GiB.
        at = found[0] + found[1]
    if len(blocks) < count and entry.there == entry.size:
        message = f"{count} packed blocks are said, {len(blocks)} are there"
        raise FormatError(message, path=entry.path, key=entry.name)
    return np.array(blocks, np.int64).reshape(-1, 3)


def _most_of_a_block(entry: Entry) -> tuple[int, int]:
    """Return the most bytes of a block, and how many blocks there are."""
    head = entry.read(0, _BLOCKS_AT).tobytes().ljust(_BLOCKS_AT, b"\0")
    _, largest, count = _PACKED_HEAD.unpack_from(head)
    if largest > _LARGEST_BLOCK or count * _BLOCK.size > entry.size:
        message = f"{count} packed blocks of up to {largest} bytes make no sense"
        raise FormatError(message, path=entry.path, key=entry.name)
    return largest, count


def _block_at(entry: Entry, at: int, largest: int) -> tuple[int, int, int] | None:
    """Return place, packed and unpacked bytes of a block, `None` where it is not there."""
    raw = entry.read(at, at + _BLOCK.size).tobytes()
    if len(raw) < _BLOCK.size:
        return None
    packed, unpacked = _BLOCK.unpack(raw)
    if unpacked > largest or unpacked > _RATIO * packed:
        message = f"a block of {packed} bytes at {at} cannot unpack to {unpacked}"
        raise FormatError(message, path=entry.path, key=entry.name)
    begin = at + _BLOCK.size
    return (begin, packed, unpacked) if begin + packed <= entry.there else None


@functools.lru_cache(maxsize=8)
def _unpacked(entry: Entry, at: int, packed: int, unpacked: int, _age: int) -> np.ndarray:
    stream = zlib.decompressobj()
    try:
        raw = stream.decompress(entry.read(at, at + packed).tobytes(), unpacked + 1)
    except zlib.error as error:
        message = f"the block at {at} cannot be unpacked ({error}); the file is damaged"
        raise FormatError(message, path=entry.path, key=entry.name) from error
    if len(raw) != unpacked:
        message = f"the block at {at} unpacks to {len(raw)} bytes, not to {unpacked}"
        raise FormatError(message, path=entry.path, key=entry.name)
    return np.frombuffer(raw, np.uint8)
