"""Handles of what a map file holds."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.bruker_bcf.content import Content
from omniscopy.io.bruker_bcf.database import read_numbers
from omniscopy.io.bruker_bcf.sfs import Entry
from omniscopy.io.errors import FormatError
from omniscopy.io.records import Key
from omniscopy.io.spectrum_images import Window

STREAM_HEAD = 0x1A0
_BLOCK = 1 << 22
_WRONG = {
    1: "a row has more pixels than the map has columns",
    2: "a pixel is outside of its row",
    3: "the counts of a pixel are not packed as they should be",
}


@dataclass(frozen=True)
class HyperMap:
    """Counts (y, x, energy) of a map; `rebin` channels of the detector are one here.

    Rows that a file does not have any more are 0 where `partial` allows that.
    """

    entry: Entry
    scan: tuple[int, int]
    channels: int
    rebin: int = 1
    partial: bool = False

    @property
    def path(self) -> str:
        """Return the path of the file."""
        return self.entry.path

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.scan, self.channels // self.rebin)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint32)

    @property
    def chunks(self) -> tuple[int, ...]:
        return (1, *self.shape[1:])

    @property
    def row_starts(self) -> np.ndarray:
        """Return where in the stream each row starts, and where the last one ends."""
        age = Path(self.path).stat().st_mtime_ns
        starts = _row_starts(self.entry, self.scan, age)
        if starts[-1] < 0 and not self.partial:
            row = int(np.flatnonzero(starts >= 0)[-1]) if starts[0] >= 0 else 0
            message = f"the stream ends in row {row} of {self.scan[0]}; the file is damaged"
            raise FormatError(message, path=self.path, key=self.entry.name)
        return starts

    def __getitem__(self, key: Key) -> np.ndarray:
        from omniscopy.io.bruker_bcf.decoding import count_row

        window = Window.of(key, self.shape)
        found = np.zeros(window.shape, np.uint32)
        columns = window.places(1, self.scan[1])
        places = window.places(2, self.channels, rebin=self.rebin)
        content = Content(self.entry)
        starts = self.row_starts if found.size else np.empty(0)
        for number, row in enumerate(window.ranges[0] if found.size else ()):
            if starts[row + 1] < 0:
                continue
            data = content.read(int(starts[row]), int(starts[row + 1]))
            wrong = count_row(data, columns, places, found[number])
            if wrong:
                message = f"row {row}: {_WRONG[wrong]}; the file is damaged"
                raise FormatError(message, path=self.path, key=self.entry.name)
        return np.asarray(found[window.kept])


@functools.lru_cache(maxsize=16)
def _row_starts(entry: Entry, scan: tuple[int, int], _age: int) -> np.ndarray:
    """Return the row starts, -1 for those that are not there."""
    from omniscopy.io.bruker_bcf.decoding import find_rows

    content, rows = Content(entry), np.full(scan[0] + 1, -1, np.int64)
    state, at = np.zeros(3, np.int64), STREAM_HEAD
    while True:
        data = content.read(at, at + _BLOCK)
        passed = find_rows(data, at, scan[1], rows, state)
        if state[2]:
            message = f"row {state[0] - 1}: {_WRONG[int(state[2])]}; the file is damaged"
            raise FormatError(message, path=entry.path, key=entry.name)
        at += passed
        if passed == 0 or rows[-1] >= 0:
            return rows


@dataclass(frozen=True)
class HeaderNumbers:
    """An image or a spectrum that is kept as text in the header of a file."""

    path: str
    place: tuple[str, int, str]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return None

    def __getitem__(self, key: Key) -> np.ndarray:
        values = read_numbers(self.path, self.place)
        if values.shape != self.shape or values.dtype != self.dtype:
            message = f"{self.place} is not what it was when the file was opened"
            raise FormatError(message, path=self.path)
        return np.array(values[key])
