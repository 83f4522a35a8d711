"""Values in a row that are the lines of an image."""

from dataclasses import dataclass

import numpy as np

from omniscopy.io.arrays import Derived, full_key
from omniscopy.io.records import Key


@dataclass(frozen=True)
class Lines(Derived):
    """`inner`, one line of `points` after the other, as (lines, points)."""

    points: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.inner.shape[0] // self.points, self.points

    @property
    def chunks(self) -> tuple[int, ...] | None:
        inner = self.inner.chunks
        return None if inner is None else (max(inner[0] // self.points, 1), self.points)

    def __getitem__(self, key: Key) -> np.ndarray:
        lines, points = full_key(key, self.shape)
        taken = np.atleast_1d(np.arange(self.shape[0])[lines])
        if len(taken) == 0:
            first, last = 0, 0
        else:
            first, last = int(taken[0]), int(taken[-1]) + 1
        block = self.inner[(slice(first * self.points, last * self.points),)]
        found = block.reshape(last - first, self.points)[taken - first]
        found = found[:, points]
        return np.asarray(found[0] if isinstance(lines, int) else found, order="C")
