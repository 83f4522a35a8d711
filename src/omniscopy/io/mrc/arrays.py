"""Handles of pixels that are not one number each, or not all there."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.arrays import Derived, Mapped, full_key, require_bytes
from omniscopy.io.records import Key, LazyArray


@dataclass(frozen=True)
class ComplexShorts:
    """Complex numbers stored as pairs of shorts: the last dimension of `inner` is doubled."""

    inner: LazyArray

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.inner.shape[:-1], self.inner.shape[-1] // 2)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.complex64)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return None

    def __getitem__(self, key: Key) -> np.ndarray:
        *others, column = full_key(key, self.shape)
        start, stop, picked = _span(column)
        parts = self.inner[(*others, slice(2 * start, 2 * stop))].astype(np.float32)
        return parts.view(np.complex64)[..., picked]


@dataclass(frozen=True)
class Triples(Derived):
    """Red, green and blue: the last dimension of `inner` holds them pixel after pixel."""

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.inner.shape[:-1], self.inner.shape[-1] // 3, 3)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return None

    def __getitem__(self, key: Key) -> np.ndarray:
        *others, column, colour = full_key(key, self.shape)
        start, stop, picked = _span(column)
        parts = self.inner[(*others, slice(3 * start, 3 * stop))]
        pixels = parts.reshape(*parts.shape[:-1], stop - start, 3)
        return np.asarray(pixels[..., picked, :][..., colour], order="C")


@dataclass(frozen=True)
class FourBit:
    """Pixels of 4 bits, two in a byte of `inner`, the lower half first; rows fill bytes."""

    inner: LazyArray
    columns: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.inner.shape[:-1], self.columns)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return None

    def __getitem__(self, key: Key) -> np.ndarray:
        *others, column = full_key(key, self.shape)
        start, stop, picked = _span(column)
        packed = self.inner[(*others, slice(start // 2, (stop + 1) // 2))]
        pixels = np.stack([packed & 15, packed >> 4], axis=-1)
        pixels = pixels.reshape(*packed.shape[:-1], 2 * packed.shape[-1])
        asked = pixels[..., start % 2 : start % 2 + stop - start]
        return np.asarray(asked[..., picked], order="C")


@dataclass(frozen=True)
class CutShort:
    """A contiguous array of which only the first `there` numbers are in the file."""

    path: str
    offset: int
    shape: tuple[int, ...]
    file_dtype: np.dtype[Any]
    there: int

    def __post_init__(self) -> None:
        wanted = self.there * self.file_dtype.itemsize
        require_bytes(self.path, self.offset, wanted, what=f"{self.there} numbers")

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.file_dtype.newbyteorder("=")

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return None

    def __getitem__(self, key: Key) -> np.ndarray:
        key = full_key(key, self.shape)
        block = math.prod(self.shape[1:])
        whole = Mapped(
            self.path, self.offset, (self.there // block, *self.shape[1:]), self.file_dtype
        )
        first = key[0]
        last = first if isinstance(first, int) else max(range(self.shape[0])[first], default=-1)
        if last < whole.shape[0]:
            return whole[key]
        positions = np.zeros((), np.int64)
        for part, size in zip(key, self.shape, strict=True):
            positions = np.add.outer(positions * size, np.arange(size)[part])
        fill = 0 if self.dtype.kind in "iu" else np.nan
        values = np.full(positions.shape, fill, self.dtype)
        found = positions < self.there
        if found.any():
            mapped = np.memmap(
                self.path, self.file_dtype, "r", offset=self.offset, shape=(self.there,)
            )
            values[found] = mapped[positions[found]]
        return values


@dataclass(frozen=True)
class RecordNumbers:
    """One float of each of `count` records of `record_bytes`, the first at `offset`."""

    path: str
    offset: int
    count: int
    record_bytes: int
    file_dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.count,)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.file_dtype.newbyteorder("=")

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return None

    def __getitem__(self, key: Key) -> np.ndarray:
        last = self.offset + (self.count - 1) * self.record_bytes
        require_bytes(self.path, last, self.file_dtype.itemsize, what="the extended header")
        mapped = np.memmap(self.path, dtype=np.uint8, mode="r")
        numbers: np.ndarray = np.ndarray(
            (self.count,), self.file_dtype, mapped, self.offset, (self.record_bytes,)
        )
        return np.array(numbers[key], dtype=self.dtype)


def _span(part: int | slice) -> tuple[int, int, int | slice]:
    """Return the first and last+1 column of `part`, and what to pick between them."""
    if isinstance(part, int):
        return part, part + 1, 0
    chosen = range(part.start, max(part.stop, part.start), part.step)
    stop = chosen[-1] + 1 if len(chosen) else part.start
    return part.start, stop, slice(None, None, part.step)
