"""The records of a grid, of which those at the end may not have been measured."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.arrays import full_key, require_bytes
from omniscopy.io.records import Key

_DTYPE = np.dtype(">f4")


@dataclass(frozen=True)
class GridValues:
    """Numbers `start` to ``start + count`` of every record, (y, x, number), row 0 on top.

    Without `count` it is the one number `start`, (y, x). Records were written from the bottom
    row up; from number `there` on they are missing, and NaN.
    """

    path: str
    offset: int
    rows: int
    columns: int
    record: int
    there: int
    start: int
    count: int | None = None

    def __post_init__(self) -> None:
        wanted = self.there * self.record * _DTYPE.itemsize
        require_bytes(self.path, self.offset, wanted, what=f"a grid of {self.there} points")

    @property
    def shape(self) -> tuple[int, ...]:
        plane = (self.rows, self.columns)
        return plane if self.count is None else (*plane, self.count)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float32)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return None

    def __getitem__(self, key: Key) -> np.ndarray:
        rows, columns, *numbers = full_key(key, self.shape)
        records = np.arange(self.rows * self.columns).reshape(self.rows, self.columns)[::-1]
        chosen = records[rows, columns]
        inside = chosen < self.there
        if self.there == 0:
            one = np.empty(self.count or 0)[numbers[0]] if numbers else np.empty(())
            return np.full(chosen.shape + np.shape(one), np.nan, self.dtype)
        shape = (self.there, self.record)
        table = np.memmap(self.path, _DTYPE, mode="r", offset=self.offset, shape=shape)
        wanted = np.where(inside, chosen, 0)
        if self.count is None:
            found = table[:, self.start][wanted]
        else:
            part = table[:, self.start : self.start + self.count][:, numbers[0]]
            found = part[wanted]
            inside = inside.reshape(inside.shape + (1,) * (found.ndim - inside.ndim))
        return np.where(inside, found, np.nan).astype(self.dtype)
