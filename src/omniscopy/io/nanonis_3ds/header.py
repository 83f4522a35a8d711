"""The text before a grid: lines of `key=value`."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

from omniscopy.io.arrays import read_start
from omniscopy.io.errors import FormatError

_START = b'Grid dim="'
_END = re.compile(rb":HEADER_END:\r?\n")
_MOST_BYTES = 1 << 22


@dataclass(frozen=True)
class Header:
    """The entries, and where the records start."""

    path: Path
    entries: dict[str, str]
    data_offset: int

    def words(self, key: str) -> list[str]:
        """Return the parts of an entry between semicolons."""
        return [word.strip() for word in self.entries.get(key, "").split(";") if word.strip()]

    def count(self, key: str) -> int:
        """Return a number of things."""
        text = self.entries.get(key, "")
        if not re.fullmatch(r"\d{1,7}", text):
            message = f"a number was expected, {text!r} was found"
            raise FormatError(message, path=self.path, key=key)
        return int(text)

    def numbers(self, key: str) -> list[float]:
        """Return the numbers of an entry, none where a word of it is no finite number."""
        try:
            values = [float(word.replace(",", ".")) for word in self.words(key)]
        except ValueError:
            return []
        return values if all(map(math.isfinite, values)) else []

    @property
    def shape(self) -> tuple[int, int]:
        """Return rows and columns."""
        match = re.fullmatch(r"([1-9]\d{0,4}) x ([1-9]\d{0,4})", self.entries.get("Grid dim", ""))
        if match is None:
            message = f"columns x rows were expected, {self.entries.get('Grid dim')!r} was found"
            raise FormatError(message, path=self.path, key="Grid dim")
        return int(match[2]), int(match[1])


def read_header(path: Path) -> Header:
    """Return the header of the grid at `path`."""
    raw = read_start(path, _MOST_BYTES)
    if not raw.startswith(_START):
        message = f"a Nanonis grid starts with {_START.decode()!r}, this file with {raw[:16]!r}"
        raise FormatError(message, path=path, offset=0)
    end = _END.search(raw)
    if end is None:
        message = "the header has no ':HEADER_END:'; the file is cut short"
        raise FormatError(message, path=path, offset=len(raw))
    entries: dict[str, str] = {}
    for line in raw[: end.start()].decode("latin-1").splitlines():
        key, equals, value = line.partition("=")
        if equals:
            entries.setdefault(key.strip(), value.strip().strip('"'))
    return Header(path, entries, end.end())
