"""Compound files: a small file system in a file, as older office programs write it.

M. Rentz, *OpenOffice.org's Documentation of the Microsoft Compound Document File Format* (2007).
"""

import struct
from pathlib import Path

import numpy as np

from omniscopy.io.errors import FormatError

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MOST_BYTES = 2**26
_HEAD, _ENTRY, _LISTED = 512, 128, 109
_LAST_SECTOR = 0xFFFFFFF0  # and beyond: numbers that are no sectors


def read_stream(path: Path, *names: str) -> bytes:
    """Return the content of the first of some streams that a file holds.

    Raises
    ------
    FormatError
        The file is damaged, too large, or holds none of them.
    """
    if path.stat().st_size > _MOST_BYTES:
        message = f"a compound file of more than {_MOST_BYTES} bytes is not read"
        raise FormatError(message, path=path)
    content = path.read_bytes()
    if len(content) < _HEAD or not content.startswith(MAGIC):
        message = "the file does not begin as a compound file does"
        raise FormatError(message, path=path, offset=0)
    try:
        found = _Files(content).stream(names)
    except (struct.error, IndexError, ValueError) as error:
        message = f"its tables of sectors are damaged ({error})"
        raise FormatError(message, path=path) from error
    if found is None:
        message = f"none of {names} is in the file"
        raise FormatError(message, path=path)
    return found


class _Files:
    """The sectors of a file and the tables that chain them."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        shift, self.small_shift = struct.unpack_from("<2H", content, 0x1E)
        if not (7 <= shift <= 12 and 2 <= self.small_shift < shift):
            message = f"sectors of 2^{shift} and 2^{self.small_shift} bytes"
            raise ValueError(message)
        self.size = 1 << shift
        directory, _, self.least, small, _, further, _ = struct.unpack_from("<7I", content, 0x30)
        listed = list(struct.unpack_from(f"<{_LISTED}I", content, 0x4C))
        seen: set[int] = set()
        while further < _LAST_SECTOR and further not in seen:
            seen.add(further)
            *more, further = np.frombuffer(self._sector(further), "<u4").tolist()
            listed += more
        table = [self._sector(number) for number in listed if number < _LAST_SECTOR]
        self.next = np.frombuffer(b"".join(table), "<u4")
        self.small_next = np.frombuffer(self._chain(small), "<u4")
        self.directory = self._chain(directory)

    def stream(self, names: tuple[str, ...]) -> bytes | None:
        """Return the content of a stream, `None` where there is none of these names."""
        entries: dict[str, tuple[int, int]] = {}
        for begin in range(0, len(self.directory) - _ENTRY + 1, _ENTRY):
            entry = self.directory[begin : begin + _ENTRY]
            length, kind = struct.unpack_from("<HB", entry, 64)
            name = entry[: max(min(length, 64) - 2, 0)].decode("utf-16-le", "replace")
            start, size = struct.unpack_from("<2I", entry, 116)
            entries.setdefault("" if kind == 5 else name, (start, size))
        for name in names:
            if name in entries:
                start, size = entries[name]
                if size >= self.least:
                    return self._chain(start)[:size]
                within = self._chain(entries[""][0])
                return self._small_chain(start, within)[:size]
        return None

    def _sector(self, number: int) -> bytes:
        begin = (number + 1) * self.size
        found = self.content[begin : begin + self.size]
        if (len(found) < self.size and begin + len(found) < len(self.content)) or not found:
            message = f"sector {number} is beyond the end"
            raise ValueError(message)
        return found.ljust(self.size, b"\0")

    def _chain(self, number: int) -> bytes:
        return b"".join(self._sector(each) for each in _followed(self.next, number))

    def _small_chain(self, number: int, within: bytes) -> bytes:
        size = 1 << self.small_shift
        chain = _followed(self.small_next, number)
        return b"".join(within[each * size : (each + 1) * size] for each in chain)


def _followed(table: np.ndarray, number: int) -> list[int]:
    """Return the numbers of a chain, from its first on."""
    found: list[int] = []
    while number < _LAST_SECTOR:
        if number >= len(table) or len(found) > len(table):
            message = f"a chain of sectors leads to {number}, or round in a circle"
            raise ValueError(message)
        found.append(number)
        number = int(table[number])
    return found
