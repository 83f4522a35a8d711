"""A table of positions by steps as the N-dimensional array that it stands for."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from omniscopy.io.arrays import full_key
from omniscopy.io.records import Key
from omniscopy.io.storage.hdf5 import open_hdf5
from omniscopy.io.usid.rasters import Raster


@dataclass(frozen=True, eq=False)
class TableArray:
    """A 2-D dataset with its rows and its columns folded into dimensions.

    `rows` and `columns` say which row or column stands at each place of the grid, in C order;
    `None` where they follow each other; `rasters` of tables that say so are checked where lines
    are read. Rows that are not `done` are NaN.
    """

    path: str
    key: str
    row_shape: tuple[int, ...]
    column_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    rows: np.ndarray | None = None
    columns: np.ndarray | None = None
    rasters: tuple[Raster, ...] = ()
    field: str | None = None
    done: np.ndarray | None = None
    chunks: tuple[int, ...] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.row_shape + self.column_shape

    def __getitem__(self, key: Key) -> np.ndarray:
        parts = full_key(key, self.shape)
        among = len(self.row_shape)
        rows = line_numbers(parts[:among], self.row_shape, self.rows)
        columns = line_numbers(parts[among:], self.column_shape, self.columns)
        with open_hdf5(self.path, attributes=False) as file:
            dataset = file[self.key]
            table = dataset.fields(self.field) if self.field else dataset
            values = _read_lines(table, rows, columns, self.dtype)
            for raster in self.rasters:
                for lines, _ in line_runs(np.sort(columns if raster.side else rows)):
                    raster.require_lines(file, lines)
        if self.done is not None:
            values[~self.done[rows]] = np.nan
        kept = [range(*part.indices(n)) for part, n in zip(parts, self.shape, strict=True)
                if isinstance(part, slice)]  # fmt: skip
        return values.reshape([len(part) for part in kept])


def folded_chunks(
    chunks: tuple[int, ...] | None, row_shape: tuple[int, ...], column_shape: tuple[int, ...]
) -> tuple[int, ...] | None:
    """Return the blocks of the folded array that chunks of the table are closest to."""
    if chunks is None:
        return None
    return (*_folded(chunks[0], row_shape), *_folded(chunks[1], column_shape))


def _folded(length: int, shape: tuple[int, ...]) -> list[int]:
    block: list[int] = []
    for size in reversed(shape):
        block.append(max(min(length, size), 1))
        length = length // size if size and length >= size else 1
    return block[::-1]


def line_numbers(parts: Key, shape: tuple[int, ...], order: np.ndarray | None) -> np.ndarray:
    """Return the numbers of the lines of the table that a part of the grid is made of."""
    chosen = [
        range(*part.indices(n)) if isinstance(part, slice) else range(part, part + 1)
        for part, n in zip(parts, shape, strict=True)
    ]
    if not math.prod(len(part) for part in chosen):
        return np.empty(0, np.int64)
    flat = np.zeros(1, np.int64)
    for part, size in zip(chosen, shape, strict=True):
        flat = (flat[:, None] * size + np.array(part, np.int64)).ravel()
    return flat if order is None else order[flat]


def _read_lines(
    table: Any, rows: np.ndarray, columns: np.ndarray, dtype: np.dtype[Any]
) -> np.ndarray:
    """Return chosen rows and columns of a table, reading the runs of rows that hold them."""
    values = np.empty((len(rows), len(columns)), dtype)
    if not values.size:
        return values
    across, pick = _span(columns)
    order = np.argsort(rows, kind="stable") if np.any(rows[1:] < rows[:-1]) else None
    ascending = rows if order is None else rows[order]
    start = 0
    for along, length in line_runs(ascending):
        block = table[along, across]
        into = slice(start, start + length) if order is None else order[start : start + length]
        values[into] = block if pick is None else block[:, pick]
        start += length
    return values


def _span(numbers: np.ndarray) -> tuple[slice, np.ndarray | None]:
    """Return a slice that covers some columns, and which of it they are (`None`: all of it)."""
    steps = np.diff(numbers)
    step = int(steps[0]) if len(steps) else 1
    if step > 0 and np.all(steps == step):
        return slice(int(numbers[0]), int(numbers[-1]) + 1, step), None
    first = int(numbers.min())
    return slice(first, int(numbers.max()) + 1), numbers - first


def line_runs(numbers: np.ndarray) -> list[tuple[slice, int]]:
    """Return ascending numbers as evenly spaced slices with their lengths."""
    steps = np.diff(numbers)
    if len(steps) == 0 or (steps[0] > 0 and np.all(steps == steps[0])):
        step = int(steps[0]) if len(steps) else 1
        return [(slice(int(numbers[0]), int(numbers[-1]) + 1, step), len(numbers))]
    ends = [0, *(np.flatnonzero(steps != 1) + 1).tolist(), len(numbers)]
    return [
        (slice(int(numbers[start]), int(numbers[stop - 1]) + 1), stop - start)
        for start, stop in pairwise(ends)
    ]
