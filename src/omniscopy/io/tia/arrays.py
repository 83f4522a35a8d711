"""Elements of a series that lie anywhere in the file."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from omniscopy.io.arrays import full_key
from omniscopy.io.frames import positions_of
from omniscopy.io.records import Key


@dataclass(frozen=True)
class ScatteredFrames:
    """Frames whose values begin at `offsets`, folded into `scan`.

    Positions after the last of them are NaN (0 in integers).
    """

    path: str
    offsets: np.ndarray
    scan: tuple[int, ...]
    frame: tuple[int, ...]
    file_dtype: np.dtype[Any]

    @property
    def missing(self) -> int:
        """Return how many positions of the scan have no frame."""
        return math.prod(self.scan) - min(len(self.offsets), math.prod(self.scan))

    @cached_property
    def shape(self) -> tuple[int, ...]:
        return self.scan + self.frame

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.file_dtype.newbyteorder("=")

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return (1,) * len(self.scan) + self.frame

    def __getitem__(self, key: Key) -> np.ndarray:
        parts = full_key(key, self.shape)
        among = len(self.scan)
        numbers = positions_of(parts[:among], self.scan)
        within = parts[among:]
        kept = [
            len(range(*part.indices(size)))
            for part, size in zip(parts, self.shape, strict=True)
            if isinstance(part, slice)
        ]
        content = np.memmap(self.path, np.uint8, "r")
        fill = np.nan if self.dtype.kind in "fc" else 0
        count = math.prod(self.frame)
        one = np.empty(self.frame, self.dtype)[within]
        found = np.full((len(numbers), *one.shape), fill, self.dtype)
        for place, number in enumerate(numbers.tolist()):
            if number < len(self.offsets):
                offset = int(self.offsets[number])
                values = np.frombuffer(content, self.file_dtype, count, offset)
                found[place] = values.reshape(self.frame)[within]
        return found.reshape(kept)
