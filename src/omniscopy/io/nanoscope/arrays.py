"""A part of the last dimension of an array on disk."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.arrays import full_key
from omniscopy.io.records import Key, LazyArray


@dataclass(frozen=True)
class Window:
    """`inner` between `start` and `stop` of its last dimension."""

    inner: LazyArray
    start: int
    stop: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.inner.shape[:-1], self.stop - self.start)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.inner.dtype

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return None

    def __getitem__(self, key: Key) -> np.ndarray:
        *others, last = full_key(key, self.shape)
        if isinstance(last, slice):
            return self.inner[
                (*others, slice(last.start + self.start, last.stop + self.start, last.step))
            ]
        return self.inner[(*others, last + self.start)]
