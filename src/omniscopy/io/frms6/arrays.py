"""Handles of frames that are read out at two sides of a detector at once."""

from dataclasses import dataclass

import numpy as np

from omniscopy.io.arrays import Derived, full_key
from omniscopy.io.records import Key


@dataclass(frozen=True)
class Unfolded(Derived):
    """Frames of which each line stored is one from the top, and one from the bottom.

    The second half of a line is the row that is as far from the bottom as the first half is from
    the top, read from the other end.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        *lead, lines, width = self.inner.shape
        return (*lead, 2 * lines, width // 2)

    @property
    def chunks(self) -> tuple[int, ...]:
        return (1,) * (len(self.shape) - 2) + self.shape[-2:]

    def __getitem__(self, key: Key) -> np.ndarray:
        *lead, rows, columns = full_key(key, self.shape)
        stored = self.inner[(*lead, slice(None), slice(None))]
        half = self.shape[-1]
        lower = stored[..., half:][..., ::-1, ::-1]
        frames = np.concatenate([stored[..., :half], lower], axis=-2)
        return np.asarray(frames[..., rows, columns], order="C")
