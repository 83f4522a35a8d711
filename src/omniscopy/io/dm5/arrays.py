"""Handles of pixels that are words of four bytes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.arrays import full_key
from omniscopy.io.records import Key, LazyArray


@dataclass(frozen=True)
class Bytes:
    """The four bytes of each pixel as the last dimension, the lowest first."""

    inner: LazyArray

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.inner.shape, 4)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype("u1")

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return None if self.inner.chunks is None else (*self.inner.chunks, 4)

    def __getitem__(self, key: Key) -> np.ndarray:
        *pixels, byte = full_key(key, self.shape)
        words = np.asarray(self.inner[tuple(pixels)]).astype("<u4")
        return np.asarray(words[..., np.newaxis].view("u1")[..., byte])
