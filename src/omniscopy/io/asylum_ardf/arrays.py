"""The lines of an image, and one channel of all curves of a force map."""

import math
import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import full_key
from omniscopy.io.asylum_ardf.entries import Bytes
from omniscopy.io.errors import FormatError
from omniscopy.io.records import Key

# Number of the force curve, line, point, values, channel, and where up to five segments begin.
DATA = struct.Struct("<10I")


@dataclass(frozen=True)
class Image:
    """Values (y, x) of lines that are an entry each, at `offsets` from the top, -1 for none."""

    path: str
    offsets: tuple[int, ...]
    points: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.offsets), self.points)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float32)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return (1, self.points)

    def __getitem__(self, key: Key) -> np.ndarray:
        rows, columns = full_key(key, self.shape)
        numbers = np.arange(self.shape[0])[rows]
        found = np.full((numbers.size, self.points), np.nan, self.dtype)
        file = Bytes(Path(self.path))
        for place, number in enumerate(numbers.ravel()):
            offset = self.offsets[number]
            if offset >= 0:
                entry = file.entry(offset, "IDAT")
                if len(entry.content) != found[place].nbytes:
                    message = f"a line of {self.points} points has {len(entry.content)} bytes"
                    raise FormatError(message, path=self.path, offset=offset)
                found[place] = np.frombuffer(entry.content, "<f4")
        values = found[:, columns]
        return np.array(values.reshape(numbers.shape + values.shape[1:]))


@dataclass(frozen=True, eq=False)
class Curves:
    """Values (y, x, sample) of the curves whose entries begin at `offsets` (y, x), -1 for none.

    A curve of `lengths` values begins at sample `starts`; before and after it is NaN. `lines` is
    the number that the file gives to each row.
    """

    path: str
    channel: int
    offsets: np.ndarray
    lengths: np.ndarray
    starts: np.ndarray
    lines: np.ndarray
    samples: int

    @cached_property
    def shape(self) -> tuple[int, ...]:
        return (*self.offsets.shape, self.samples)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float32)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return (1, *self.shape[1:])

    def __getitem__(self, key: Key) -> np.ndarray:
        rows, columns, samples = full_key(key, self.shape)
        numbers = np.arange(math.prod(self.shape[:2])).reshape(self.shape[:2])[rows, columns]
        one = np.empty(self.samples, self.dtype)[samples]
        found = np.full((numbers.size, *one.shape), np.nan, self.dtype)
        file = Bytes(Path(self.path))
        for place, number in enumerate(numbers.ravel()):
            row, column = divmod(int(number), self.shape[1])
            if self.offsets[row, column] >= 0:
                found[place] = self._curve(file, row, column)[samples]
        return found.reshape(numbers.shape + one.shape)

    def _curve(self, file: Bytes, row: int, column: int) -> np.ndarray:
        offset, length = int(self.offsets[row, column]), int(self.lengths[row, column])
        entry = file.entry(offset, "VDAT")
        _, *found = file.numbers(entry, DATA)[:5]
        wanted = [int(self.lines[row]), column, length, self.channel]
        if found != wanted or len(entry.content) < DATA.size + 4 * length:
            message = f"(line, point, values, channel) {wanted} were expected, {found} were found"
            raise FormatError(message, path=self.path, offset=offset)
        start = int(self.starts[row, column])
        padded = np.full(self.samples, np.nan, self.dtype)
        padded[start : start + length] = np.frombuffer(entry.content, "<f4", length, DATA.size)
        return padded
