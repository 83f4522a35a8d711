"""The header of a PicoView file: lines of a key of 14 characters and its value."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from omniscopy.io.arrays import read_start
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.quantities import finite_number

_KEY, _MOST_HEADER = 14, 1 << 24
_LISTED = ("grid", "point", "chunk")
_END = re.compile(rb"^data {0,10}([^\r\n]*)\r?\n", re.MULTILINE)
_MOST_TEXT = 1 << 30


@dataclass(frozen=True)
class Buffer:
    """What is said of one buffer; of some keys there are many lines, in their order."""

    entries: dict[str, str] = field(default_factory=dict)
    listed: dict[str, list[list[str]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Header:
    """What is said of all, the buffers, and the numbers after them: how and where they are."""

    path: Path
    entries: dict[str, str]
    buffers: list[Buffer]
    kind: str
    data_offset: int

    def number(self, key: str) -> float | None:
        """Return the number under a key, `None` where there is none."""
        return finite_number(self.entries.get(key, ""))

    @property
    def is_spectroscopy(self) -> bool:
        """Return whether these are curves."""
        return self.entries.get("fileType") == "Spectroscopy"

    def columns(self) -> np.ndarray:
        """Return the numbers of a text, a column of the array for each of the text.

        Raises
        ------
        FormatError
            A line has other columns than the first one, or something that is no number.
        """
        if self.path.stat().st_size - self.data_offset > _MOST_TEXT:
            message = "the numbers take more than 1 GiB of text"
            raise UnsupportedFormatError(message, path=self.path, offset=self.data_offset)
        with self.path.open("rb") as file:
            file.seek(self.data_offset)
            rows = [line.split() for line in file.read().splitlines()]
        rows = [row for row in rows if row]
        if rows and any(finite_number(word.decode("latin-1")) is None for word in rows[0]):
            rows = rows[1:]  # headings
        try:
            found = np.array(rows, dtype=np.float64)
        except ValueError as error:
            message = f"columns of numbers were expected ({error})"
            raise FormatError(message, path=self.path, offset=self.data_offset) from error
        return found.reshape(len(rows), -1)


def read_header(path: Path) -> Header:
    """Return the header of the file at `path`.

    Raises
    ------
    FormatError
        It does not begin as one, or has no end.
    UnsupportedFormatError
        The file holds neither images nor curves.
    """
    start = read_start(path, _MOST_HEADER)
    end = _END.search(start)
    if not start.startswith(b"fileType") or end is None:
        message = "a PicoView file starts with 'fileType' and has a line 'data' after its header"
        raise FormatError(message, path=path, offset=0)
    entries: dict[str, str] = {}
    buffers: list[Buffer] = []
    for line in start[: end.start()].decode("utf-8", "replace").splitlines():
        key, value = line[:_KEY].strip(), line[_KEY:].strip()
        if not key or line.startswith(" "):
            continue
        if key == "bufferLabel":
            buffers.append(Buffer())
        if buffers and key in _LISTED:
            buffers[-1].listed.setdefault(key, []).append(value.split())
        else:
            (buffers[-1].entries if buffers else entries)[key] = value
    if entries.get("fileType") not in ("Image", "Spectroscopy") or not buffers:
        message = f"files of the type {entries.get('fileType')!r} are not read, or have no buffer"
        raise UnsupportedFormatError(message, path=path, key="fileType")
    return Header(path, entries, buffers, end[1].decode("latin-1").strip(), end.end())
