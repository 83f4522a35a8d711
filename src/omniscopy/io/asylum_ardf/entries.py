"""The entries that an ARDF file is made of: checksum, size and type, then what they hold.

Numbers are little-endian. The checksum (CRC-32) is of all of an entry behind it. A table of
contents is an entry whose own size is that of its head; the size of the whole is the first
number in it.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError

_HEAD = struct.Struct("<II4sI")
_TABLE = struct.Struct("<QII")
_TEXT = struct.Struct("<II")
_MOST_ENTRIES = 1 << 20
_LARGEST_TEXT = 1 << 24
HEAD, TABLE = _HEAD.size, _HEAD.size + _TABLE.size


@dataclass(frozen=True)
class Entry:
    """An entry: its type, what it holds behind the head, and where it and the next one begin."""

    kind: str
    content: bytes
    offset: int
    stop: int


class Bytes:
    """The bytes of a file, of which only those that are there can be taken."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mapped = np.memmap(path, np.uint8, mode="r")
        self.size = int(self._mapped.size)

    def take(self, offset: int, count: int) -> bytes:
        """Return so many bytes; raise where the file has not got them."""
        if offset < 0 or offset + count > self.size:
            message = f"{count} bytes were expected; the file ({self.size} bytes) is cut short"
            raise FormatError(message, path=self.path, offset=offset)
        return self._mapped[offset : offset + count].tobytes()

    def kind(self, offset: int) -> str:
        """Return the type of the entry at an offset, of which nothing else is looked at."""
        return str(_HEAD.unpack(self.take(offset, HEAD))[2], "latin-1")

    def entry(self, offset: int, *kinds: str) -> Entry:
        """Return the entry at an offset; raise unless it is sound and of one of the types."""
        checksum, size, kind, _ = _HEAD.unpack(self.take(offset, HEAD))
        name = kind.decode("latin-1")
        if name not in kinds or size < HEAD:
            message = f"an entry {' or '.join(kinds)} was expected, {name!r} was found"
            raise FormatError(message, path=self.path, offset=offset)
        content = self.take(offset, size)
        if zlib.crc32(content[4:]) != checksum:
            message = f"the checksum of an entry {name} is wrong; the file is damaged"
            raise FormatError(message, path=self.path, offset=offset)
        return Entry(name, content[HEAD:], offset, offset + size)

    def numbers(self, entry: Entry, layout: struct.Struct) -> tuple[Any, ...]:
        """Return what an entry begins with; raise where it is too short for that."""
        if len(entry.content) < layout.size:
            message = f"an entry {entry.kind} of {len(entry.content)} bytes is too short"
            raise FormatError(message, path=self.path, offset=entry.offset)
        return layout.unpack_from(entry.content)

    def table(self, offset: int, kind: str) -> tuple[range, int]:
        """Return where the entries of a table of contents begin, and where it ends."""
        head = self.entry(offset, kind)
        size, count, stride = self.numbers(head, _TABLE)
        if size != TABLE + count * stride or stride < HEAD or count > _MOST_ENTRIES:
            message = f"a table {kind} of {count} entries of {stride} bytes has {size} bytes"
            raise FormatError(message, path=self.path, offset=offset)
        if offset + size > self.size:
            message = f"a table {kind} needs {size} bytes; the file is cut short"
            raise FormatError(message, path=self.path, offset=offset)
        return range(offset + TABLE, offset + size, stride), offset + size

    def listed(self, offset: int, kind: str, *kinds: str) -> tuple[list[Entry], int]:
        """Return the entries of a table that are in use, and where it ends."""
        places, stop = self.table(offset, kind)
        return [self.entry(place, *kinds) for place in self._used(places)], stop

    def _used(self, places: range) -> Iterator[int]:
        """Yield the places of entries, up to the first that was left empty."""
        for place in places:
            if not any(self.take(place, HEAD)):
                return
            yield place

    def texts(self, offset: int) -> tuple[list[str], int]:
        """Return the texts that a table names, and where it ends."""
        entries, stop = self.listed(offset, "TTOC", "TOFF")
        found = []
        for each in entries:
            _, place = self.numbers(each, struct.Struct("<QQ"))
            text = self.entry(place, "TEXT")
            _, length = self.numbers(text, _TEXT)
            if length > min(len(text.content) - _TEXT.size, _LARGEST_TEXT):
                message = f"a text of {length} characters is longer than its entry"
                raise FormatError(message, path=self.path, offset=place)
            found.append(decoded(text.content[_TEXT.size : _TEXT.size + length]))
        return found, stop


def decoded(raw: bytes) -> str:
    """Return a text, which is in the code page of Windows and filled up with NUL."""
    return raw.split(b"\0")[0].decode("cp1252", errors="replace")
