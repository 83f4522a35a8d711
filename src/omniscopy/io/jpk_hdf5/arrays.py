"""Frames that are kept as the columns of a table."""

from dataclasses import dataclass

import numpy as np

from omniscopy.io.arrays import Derived, full_key
from omniscopy.io.records import Key


@dataclass(frozen=True)
class Frames(Derived):
    """A table `inner` (pixel, frame) as (frame, row, column), lines of `columns` pixels each."""

    columns: int

    @property
    def shape(self) -> tuple[int, int, int]:
        pixels, frames = self.inner.shape
        return frames, pixels // self.columns, self.columns

    @property
    def chunks(self) -> tuple[int, ...] | None:
        inner = self.inner.chunks
        return None if inner is None else (inner[1], *self.shape[1:])

    def __getitem__(self, key: Key) -> np.ndarray:
        frame, row, column = full_key(key, self.shape)
        rows = np.atleast_1d(np.arange(self.shape[1])[row])
        first, last = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, 0)
        frames = slice(frame, frame + 1) if isinstance(frame, int) else frame
        block = self.inner[(slice(first * self.columns, last * self.columns), frames)]
        lines = block.reshape(last - first, self.columns, block.shape[1])[rows - first]
        found = lines.transpose(2, 0, 1)[:, :, column]
        found = found[:, 0] if isinstance(row, int) else found
        return np.array(found[0] if isinstance(frame, int) else found, order="C")
