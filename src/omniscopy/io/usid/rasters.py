"""Long tables of regular grids: known from a few lines, and checked where data are read."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError

# Lines up to which a table is read whole when a file is opened; blocks of a longer one that are.
WHOLE_LINES = 2**15
_BLOCKS, _BLOCK_LINES = 32, 256


@dataclass(frozen=True, eq=False)
class Raster:
    """A grid whose lines follow each other, as its tables say: column `k` has `axes[k]`.

    The index of a column changes every `strides[k]` lines. `side` is the axis of the tables that
    lines are along.
    """

    indices: str
    values: str
    side: int
    axes: tuple[np.ndarray, ...]
    strides: tuple[int, ...]

    @property
    def slow_first(self) -> list[int]:
        """Return the numbers of the columns, from the one that changes least."""
        return sorted(range(len(self.axes)), key=lambda column: -self.strides[column])

    def require_lines(self, file: Any, lines: slice) -> None:
        """Raise where lines of the tables are not those of the grid."""
        wrong = self.first_difference(file, lines)
        if wrong is not None:
            message = (
                f"line {wrong} of the table, or of {self.values!r}, is not that of the grid "
                f"that other lines suggest: open the file with `whole_tables=True`"
            )
            raise FormatError(message, path=file.filename, key=self.indices)

    def first_difference(self, file: Any, lines: slice) -> int | None:
        """Return the first of some lines that is not as in the grid, `None` if all are."""
        return self._first_difference(
            _mapped(file[self.indices]), _mapped(file[self.values]), lines
        )

    def _first_difference(self, indices: Any, values: Any, lines: slice) -> int | None:
        numbers = np.arange(lines.start, lines.stop, lines.step or 1)
        indices, values = (_lines(table, self.side, lines) for table in (indices, values))
        wrong = np.zeros(len(numbers), bool)
        for column, (axis, stride) in enumerate(zip(self.axes, self.strides, strict=True)):
            wanted = numbers // stride % len(axis)
            wrong |= indices[:, column] != wanted
            there, expected = values[:, column], axis[wanted]
            wrong |= (there != expected) & ~(np.isnan(there) & np.isnan(expected))
        return int(numbers[np.argmax(wrong)]) if wrong.any() else None


def find_raster(indices: Any, values: Any, side: int) -> Raster | None:
    """Return the grid that the ends and some blocks of two tables agree on, `None` without one."""
    lines, columns = indices.shape[side], indices.shape[1 - side]
    if lines <= WHOLE_LINES or not 1 <= columns <= 16:
        return None
    names = indices.name, values.name
    indices, values = _mapped(indices), _mapped(values)
    last = _lines(indices, side, slice(lines - 1, lines))[0]
    sizes = [int(number) + 1 for number in last]
    strides = _strides(indices, side, sizes) if math.prod(sizes) == lines else None
    if strides is None:
        return None
    axes = tuple(
        _lines(values, side, slice(0, stride * size, stride))[:, column]
        for column, (size, stride) in enumerate(zip(sizes, strides, strict=True))
    )
    raster = Raster(*names, side, axes, strides)
    starts = np.linspace(0, lines - _BLOCK_LINES, _BLOCKS).astype(int).tolist()
    blocks = (slice(start, start + _BLOCK_LINES) for start in starts)
    agree = all(raster._first_difference(indices, values, block) is None for block in blocks)
    return raster if agree else None


def _strides(indices: Any, side: int, sizes: list[int]) -> tuple[int, ...] | None:
    """Return after how many lines each index changes; a grid has one that rises at each place."""
    strides = [math.prod(sizes)] * len(sizes)
    waiting = {column for column, size in enumerate(sizes) if size > 1}
    stride = 1
    while waiting:
        line = _lines(indices, side, slice(stride, stride + 1))[0]
        risen = np.flatnonzero(line)
        if len(risen) != 1 or line[risen[0]] != 1 or int(risen[0]) not in waiting:
            return None
        column = int(risen[0])
        waiting.remove(column)
        strides[column] = stride
        stride *= sizes[column]
    return tuple(strides)


def _mapped(table: Any) -> Any:
    """Return a table for reads of many places; HDF5 itself is slow to jump from line to line."""
    place = table.id.get_offset() if table.chunks is None else None
    if place is None:
        return table
    return np.memmap(table.file.filename, table.dtype, "r", place, table.shape)


def _lines(table: Any, side: int, lines: slice) -> np.ndarray:
    """Return lines of a table, each a row."""
    return np.array(table[lines] if side == 0 else table[:, lines].T)
