"""Handles for what Velox keeps in its data sets."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.arrays import Derived, full_key
from omniscopy.io.records import Key
from omniscopy.io.spectrum_images import Window


@dataclass(frozen=True)
class ComplexFields(Derived):
    """Complex numbers that are stored as records of a real and an imaginary field."""

    @property
    def dtype(self) -> np.dtype[Any]:
        double = any(self.inner.dtype[number].itemsize > 4 for number in (0, 1))
        return np.dtype(np.complex128 if double else np.complex64)

    def __getitem__(self, key: Key) -> np.ndarray:
        real, imaginary = self.inner.dtype.names or ()
        records = self.inner[key]
        values = np.empty(records.shape, self.dtype)
        values.real, values.imag = records[real], records[imaginary]
        return values


@dataclass(frozen=True)
class Written(Derived):
    """Floating numbers of which only the blocks `written` are in the file; others are NaN.

    `written` are the first places of the blocks, each of the shape `chunks`.
    """

    written: tuple[tuple[int, ...], ...]

    def __getitem__(self, key: Key) -> np.ndarray:
        values = self.inner[key]
        window = Window.of(key, self.shape)
        there = np.zeros(window.shape, bool)
        for block in self.written:
            inside = [
                [start <= place < start + size for place in places]
                for places, start, size in zip(
                    window.ranges, block, self.chunks or self.shape, strict=True
                )
            ]
            there[np.ix_(*inside)] = True
        values[~there[window.kept]] = np.nan
        return values


@dataclass(frozen=True)
class OneFrame(Derived):
    """The only frame of `inner`, whose last dimension is the frames."""

    @property
    def shape(self) -> tuple[int, ...]:
        return self.inner.shape[:-1]

    @property
    def chunks(self) -> tuple[int, ...] | None:
        chunks = self.inner.chunks
        return None if chunks is None else chunks[:-1]

    def __getitem__(self, key: Key) -> np.ndarray:
        return self.inner[(*full_key(key, self.shape), 0)]
