"""The text at the start of a Nanonis scan: `:KEY:` lines, each with the lines of its value."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError

_START = b":NANONIS_VERSION:"
_END = re.compile(rb":SCANIT_END:\s{0,16}\x1a\x04")
_KEY = re.compile(r":([^:\t][^\t]*):\s*")
_MOST_BYTES = 1 << 22
_TABLES = ("DATA_INFO", "Z-CONTROLLER")


@dataclass(frozen=True)
class Header:
    """The entries of the header, and where the data start."""

    path: Path
    entries: dict[str, list[str]]
    data_offset: int

    def text(self, key: str) -> str:
        """Return an entry as text, empty where it is missing."""
        return "\n".join(self.entries.get(key, [])).strip()

    def numbers(self, key: str) -> list[float]:
        """Return the numbers of an entry, none where a word of it is no finite number."""
        try:
            values = [float(word.replace(",", ".")) for word in self.text(key).split()]
        except ValueError:
            return []
        return values if all(map(math.isfinite, values)) else []

    def table(self, key: str) -> list[dict[str, str]]:
        """Return an entry that is a table, one mapping a row."""
        lines = [line.strip("\t ").split("\t") for line in self.entries.get(key, [])]
        rows = [[cell.strip() for cell in line] for line in lines if any(line)]
        return [dict(zip(rows[0], row, strict=False)) for row in rows[1:]] if rows else []

    def tree(self) -> dict[str, Any]:
        """Return the header as nested dictionaries: text, and lists of rows for tables."""
        tree: dict[str, Any] = {key: self.text(key) for key in self.entries}
        return {**tree, **{key: self.table(key) for key in _TABLES if key in tree}}


def read_header(path: Path) -> Header:
    """Return the header of the scan at `path`."""
    with path.open("rb") as file:
        start = file.read(1 << 16)
        if not start.startswith(_START):
            message = f"a Nanonis scan starts with {_START!r}, this file with {start[:16]!r}"
            raise FormatError(message, path=path, offset=0)
        end = _END.search(start)
        if end is None:
            start += file.read(_MOST_BYTES)
            end = _END.search(start)
    if end is None:
        message = "the header has no ':SCANIT_END:' with the bytes 1A 04; the file is cut short"
        raise FormatError(message, path=path, offset=len(start))
    return Header(path, _parse_entries(_decode(start[: end.start()])), end.end())


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _parse_entries(text: str) -> dict[str, list[str]]:
    entries: dict[str, list[str]] = {}
    key = ""
    for line in re.split(r"\r\n|\n|\r", text):
        match = _KEY.fullmatch(line)
        if match is not None:
            key = match[1]
            entries.setdefault(key, [])
        elif key:
            entries[key].append(line)
    return entries
