# ruff: noqa: D102 - the properties are those of `LazyArray`
"""Frames of a detector, stored one after another, as the scan that they were taken in."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from omniscopy.io.arrays import block_of, full_key, mapped, require_bytes
from omniscopy.io.records import Key


@dataclass(frozen=True)
class FrameStream:
    """Frames with a header `before` and a trailer `after` each (bytes), folded into `scan`.

    The first position of the scan has the frame number `first`; positions without a frame, before
    the first or after the last of `count`, are NaN (0 in integers).
    """

    path: str
    offset: int
    scan: tuple[int, ...]
    frame: tuple[int, ...]
    file_dtype: npt.DTypeLike
    count: int
    before: int = 0
    after: int = 0
    first: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", str(self.path))
        object.__setattr__(self, "file_dtype", np.dtype(self.file_dtype))
        wanted = self.count * self.stride
        require_bytes(self.path, self.offset, wanted, what=f"a series of {self.count} frames")

    @property
    def stride(self) -> int:
        """Return the bytes from one frame to the next."""
        return self.before + math.prod(self.frame) * self.dtype.itemsize + self.after

    @property
    def missing(self) -> int:
        """Return how many positions of the scan have no frame."""
        positions = math.prod(self.scan)
        there = min(self.first + positions, self.count) - max(self.first, 0)
        return positions - max(there, 0)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.scan + self.frame

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.file_dtype).newbyteorder("=")

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return (1,) * len(self.scan) + self.frame

    def __getitem__(self, key: Key) -> np.ndarray:
        return self._read(key, lambda found, at: np.array(found[at], dtype=self.dtype))

    def stored(self, key: Key) -> np.ndarray:
        """Return values as they lie in the file, mapped where all of them are there."""
        return self._read(key, lambda found, at: found[at])

    def view(self, key: Key) -> np.ndarray:
        """Return values without a copy where they are long, native and all there."""
        start = self.offset + self.before
        return self._read(key, lambda found, at: block_of(found, self.path, start, at))

    def _read(self, key: Key, take: Callable[[np.ndarray, Any], np.ndarray]) -> np.ndarray:
        parts = full_key(key, self.shape)
        among = len(self.scan)
        kept = [
            len(range(*part.indices(n)))
            for part, n in zip(parts, self.shape, strict=True)
            if isinstance(part, slice)
        ]
        numbers = self.first + positions_of(parts[:among], self.scan)
        within = parts[among:]
        there = (numbers >= 0) & (numbers < self.count)
        frames = self._frames()
        if there.all():
            return take(frames, (_range(numbers), *within)).reshape(kept)
        fill = np.nan if self.dtype.kind in "fc" else 0
        shape = frames[(slice(0, 0), *within)].shape[1:]
        values = np.full((len(numbers), *shape), fill, self.dtype)
        values[there] = frames[(numbers[there], *within)]
        return values.reshape(kept)

    def _frames(self) -> np.ndarray:
        """Return all frames, mapped."""
        shape = (self.count, *self.frame)
        if math.prod(shape) == 0:
            return np.empty(shape, self.file_dtype)
        stored = np.dtype(
            {
                "names": ["frame"],
                "formats": [(self.file_dtype, self.frame)],
                "offsets": [self.before],
                "itemsize": self.stride,
            }
        )
        return mapped(self.path, stored, self.offset, (self.count,))["frame"]


def positions_of(parts: Key, shape: tuple[int, ...]) -> np.ndarray:
    """Return the numbers in C order of the positions that a key takes of a scan."""
    flat = np.zeros(1, np.int64)
    for part, size in zip(parts, shape, strict=True):
        along = np.arange(*part.indices(size)) if isinstance(part, slice) else part
        flat = (flat[:, None] * size + np.atleast_1d(along)).ravel()
    return flat


def _range(numbers: np.ndarray) -> slice | np.ndarray:
    """Return numbers that follow each other as a slice, which copies nothing."""
    if (
        len(numbers)
        and numbers[-1] - numbers[0] == len(numbers) - 1
        and (np.diff(numbers) == 1).all()
    ):
        return slice(int(numbers[0]), int(numbers[-1]) + 1)
    return numbers
