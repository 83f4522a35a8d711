"""Handles of what Gwyddion keeps in other orders: one of several columns, lines at any place."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.arrays import Mapped, full_key
from omniscopy.io.records import Key, LazyArray


@dataclass(frozen=True)
class Column:
    """One index of the last dimension of `inner`."""

    inner: LazyArray
    index: int

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.inner.shape[:-1])

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.inner.dtype

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return None

    def __getitem__(self, key: Key) -> np.ndarray:
        return self.inner[(*full_key(key, self.shape), self.index)]


@dataclass(frozen=True)
class Lines:
    """Lines of one length, each at its place in the file."""

    path: str
    offsets: tuple[int, ...]
    length: int
    file_dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.offsets), self.length)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.file_dtype.newbyteorder("=")

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return None

    def __getitem__(self, key: Key) -> np.ndarray:
        lines, points = full_key(key, self.shape)
        if isinstance(lines, int):
            return self._line(lines)[(points,)]
        found = [self._line(number)[(points,)] for number in range(*lines.indices(self.shape[0]))]
        one = np.empty(self.length, self.dtype)[points]
        return np.stack(found) if found else np.empty((0, *one.shape), self.dtype)

    def _line(self, number: int) -> Mapped:
        return Mapped(self.path, self.offsets[number], (self.length,), self.file_dtype)


@dataclass(frozen=True)
class Unmasked:
    """`inner`, NaN where the mask says that nothing was measured."""

    inner: LazyArray
    mask: LazyArray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.inner.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.inner.dtype

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return self.inner.chunks

    def __getitem__(self, key: Key) -> np.ndarray:
        values = self.inner[key]
        return np.where(self.mask[key] > 0, np.nan, values).astype(self.dtype)
