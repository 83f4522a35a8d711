# ruff: noqa: D102 - the properties are those of `LazyArray`
"""Frames with a header each, in one file or in several that follow each other."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.arrays import block_of, full_key, mapped, require_bytes
from omniscopy.io.records import Key


@dataclass(frozen=True)
class Part:
    """The frames of one file of a series: where the first one starts, and how many there are."""

    path: str
    offset: int
    count: int


@dataclass(frozen=True)
class Recorded:
    """One field of every frame, at byte `at` of it, folded into `lead`.

    `numbers` are the frames at the positions of `lead` where they do not simply follow each
    other; below 0 there is none, and values are 0.
    """

    parts: tuple[Part, ...]
    stride: int
    at: int
    field: tuple[int, ...]
    file_dtype: np.dtype[Any]
    lead: tuple[int, ...]
    numbers: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        for part in self.parts:
            wanted = part.count * self.stride
            require_bytes(part.path, part.offset, wanted, what=f"{part.count} frames")

    @property
    def path(self) -> str:
        return self.parts[0].path

    @property
    def shape(self) -> tuple[int, ...]:
        return self.lead + self.field

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.file_dtype.newbyteorder("=")

    @property
    def chunks(self) -> tuple[int, ...]:
        return (1,) * len(self.lead) + self.field

    def __getitem__(self, key: Key) -> np.ndarray:
        return self._read(key, lambda found, at: np.array(found[at], dtype=self.dtype))

    def view(self, key: Key) -> np.ndarray:
        """Return values without a copy where they are long, native and in one file."""
        only, start = self.parts[0], self.parts[0].offset + self.at
        return self._read(key, lambda found, at: block_of(found, only.path, start, at))

    def _read(self, key: Key, take: Callable[[np.ndarray, Any], np.ndarray]) -> np.ndarray:
        parts = full_key(key, self.shape)
        among = len(self.lead)
        positions = np.arange(math.prod(self.lead)).reshape(self.lead)[parts[:among]]
        wanted = positions.ravel()
        if self.numbers is not None:
            wanted = np.asarray(self.numbers, np.int64)[wanted]
        within = parts[among:]
        one = np.empty(self.field, self.dtype)[within]
        shape = positions.shape + one.shape
        only = self.parts[0]
        if wanted.size and len(self.parts) == 1 and 0 <= wanted.min() <= wanted.max() < only.count:
            return take(self._mapped(only), (_run(wanted), *within)).reshape(shape)
        values = np.zeros((len(wanted), *one.shape), self.dtype)
        first = 0
        for part in self.parts:
            here = (wanted >= first) & (wanted < first + part.count)
            if here.any():
                values[here] = self._mapped(part)[(_run(wanted[here] - first), *within)]
            first += part.count
        return values.reshape(shape)

    def _mapped(self, part: Part) -> np.ndarray:
        stored = np.dtype(
            {
                "names": ["field"],
                "formats": [(self.file_dtype, self.field)],
                "offsets": [self.at],
                "itemsize": self.stride,
            }
        )
        return mapped(part.path, stored, part.offset, (part.count,))["field"]


def _run(numbers: np.ndarray) -> slice | np.ndarray:
    """Return numbers that follow each other as a slice, which is read at once."""
    if (np.diff(numbers) == 1).all():
        return slice(int(numbers[0]), int(numbers[-1]) + 1)
    return numbers
