"""Handles for what EMD files keep in pieces."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.arrays import full_key
from omniscopy.io.records import Key, LazyArray


@dataclass(frozen=True)
class Stacked:
    """Arrays of the same shape as one, along a new first dimension."""

    parts: tuple[LazyArray, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.parts), *self.parts[0].shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.parts[0].dtype

    @property
    def chunks(self) -> tuple[int, ...] | None:
        inner = self.parts[0].chunks
        return (1, *(inner or self.parts[0].shape))

    def __getitem__(self, key: Key) -> np.ndarray:
        first, *others = full_key(key, self.shape)
        if isinstance(first, int):
            return self.parts[first][tuple(others)]
        read = [self.parts[number][tuple(others)] for number in range(len(self.parts))[first]]
        if not read:
            return np.empty((0, *self.parts[0][tuple(others)].shape), self.dtype)
        return np.stack(read)
