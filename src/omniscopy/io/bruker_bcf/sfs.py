"""The file system within one file (SFS) that Bruker's programs keep their data in.

After 280 bytes the file is cut into chunks of one size, each with a head of 32 bytes. The first
chunk says where the tree of files is; a file is a table of the chunks that its bytes are in. Tree
and tables go on in the chunk that the first number of their chunk's head names.
"""

import functools
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from omniscopy.io.errors import FormatError

MAGIC = b"AAMVHFSS"
_START, _HEAD = 280, 32
_SUPERBLOCK = struct.Struct("<8s2fI")  # mark, versions, bytes of a chunk
_TREE = struct.Struct("<III")  # first chunk of the tree, items in it, chunks of the file
_TREE_AT = _START + 40
_ITEM = struct.Struct("<IQ24xIi176xB3x256s")  # table, bytes, times, flags, parent, folder?, name
_ITEM_BYTES = 512
_DEEPEST = 16


class _Item(NamedTuple):
    table: int
    size: int
    parent: int
    is_folder: bool
    name: str


@dataclass(frozen=True)
class Entry:
    """A file within the file: its bytes are in the chunks that a table lists."""

    path: str
    name: str
    chunk_bytes: int
    table: int
    size: int

    @property
    def chunks(self) -> np.ndarray:
        """Return the numbers of the chunks, as far as they are in the file."""
        age = Path(self.path).stat().st_mtime_ns
        return _chunks(self.path, self.chunk_bytes, self.table, self.size, age)

    @property
    def there(self) -> int:
        """Return how many bytes of it are there: less than `size` where the file is cut."""
        return min(len(self.chunks) * (self.chunk_bytes - _HEAD), self.size)

    def require_whole(self) -> None:
        """Refuse an entry of which something is missing."""
        if self.there < self.size:
            message = (
                f"{self.name} has {self.size} bytes, but only the first {self.there} are in the "
                "file; it is cut short or damaged"
            )
            raise FormatError(message, path=self.path, key=self.name)

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return bytes from `start` up to `stop`, as far as they are there."""
        stop = min(stop, self.there)
        if stop <= start:
            return np.empty(0, np.uint8)
        payload = self.chunk_bytes - _HEAD
        first = start // payload
        numbers = self.chunks[first : (stop - 1) // payload + 1]
        content = np.memmap(self.path, np.uint8, mode="r")
        found = np.empty((len(numbers), payload), np.uint8)
        breaks = np.flatnonzero(np.diff(numbers) != 1) + 1
        for begin, end in zip([0, *breaks], [*breaks, len(numbers)], strict=True):
            at = _START + int(numbers[begin]) * self.chunk_bytes
            block = content[at : at + (end - begin) * self.chunk_bytes]
            found[begin:end] = block.reshape(-1, self.chunk_bytes)[:, _HEAD:]
        return found.reshape(-1)[start - first * payload : stop - first * payload]


def list_entries(path: Path) -> dict[str, Entry]:
    """Return the files within a file by their path.

    Raises
    ------
    FormatError
        The file is no such container, or its tree is damaged or not there.
    """
    with path.open("rb") as file:
        start = file.read(_TREE_AT + _TREE.size)
    if not start.startswith(MAGIC) or len(start) < _TREE_AT + _TREE.size:
        message = f"a container starts with {MAGIC!r} and {_TREE_AT + _TREE.size} bytes"
        raise FormatError(message, path=path, offset=0)
    _, _, _, chunk_bytes = _SUPERBLOCK.unpack_from(start, _START)
    tree, count, _ = _TREE.unpack_from(start, _TREE_AT)
    size = path.stat().st_size
    if not 256 <= chunk_bytes <= 1 << 24 or chunk_bytes % 4 or count * _ITEM_BYTES > size:
        message = f"{count} files in chunks of {chunk_bytes} bytes make no sense"
        raise FormatError(message, path=path, offset=_START)
    wanted = count * _ITEM_BYTES
    raw = _chain(str(path), chunk_bytes, tree, wanted)
    if len(raw) < wanted:
        message = f"the tree of {count} files is not there; the file is cut short or damaged"
        raise FormatError(message, path=path, offset=_START + tree * chunk_bytes)
    items = [_item(raw, number * _ITEM_BYTES) for number in range(count)]
    names = [_full_name(items, number) for number in range(count)]
    return {
        name: Entry(str(path), name, chunk_bytes, item.table, item.size)
        for name, item in zip(names, items, strict=True)
        if not item.is_folder
    }


def _item(raw: bytes, at: int) -> _Item:
    table, size, _, parent, is_folder, name = _ITEM.unpack_from(raw, at)
    text = name.partition(b"\0")[0].decode("latin-1")
    return _Item(table, size, parent, bool(is_folder), text)


def _full_name(items: Sequence[_Item], number: int) -> str:
    parts: list[str] = []
    while 0 <= number < len(items) and len(parts) < _DEEPEST:
        parts.insert(0, items[number].name)
        number = items[number].parent
    return "/".join(parts)


@functools.lru_cache(maxsize=64)
def _chunks(path: str, chunk_bytes: int, table: int, size: int, _age: int) -> np.ndarray:
    # No chunk is listed twice, whatever a damaged size says.
    wanted = min(-(-size // (chunk_bytes - _HEAD)), _chunks_there(path, chunk_bytes))
    raw = _chain(path, chunk_bytes, table, 4 * wanted)
    numbers = np.frombuffer(raw[: len(raw) // 4 * 4], "<u4").astype(np.int64)
    missing = np.flatnonzero(numbers >= _chunks_there(path, chunk_bytes))
    return numbers[: missing[0]] if len(missing) else numbers


def _chain(path: str, chunk_bytes: int, first: int, wanted: int) -> bytes:
    """Return bytes that go on from chunk to chunk, as far as they are there."""
    there, raw, number = _chunks_there(path, chunk_bytes), bytearray(), first
    with Path(path).open("rb") as file:
        while len(raw) < wanted and number < there:
            file.seek(_START + number * chunk_bytes)
            chunk = file.read(chunk_bytes)
            raw += chunk[_HEAD:]
            number = int.from_bytes(chunk[:4], "little")
    return bytes(raw[:wanted])


def _chunks_there(path: str, chunk_bytes: int) -> int:
    return max(Path(path).stat().st_size - _START, 0) // chunk_bytes
