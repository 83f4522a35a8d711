"""Handles of what was not measured."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.records import Key, LazyArray


@dataclass(frozen=True)
class Unmasked:
    """`inner`, NaN where the mask says that nothing was measured."""

    inner: LazyArray
    mask: LazyArray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.inner.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.inner.dtype

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return self.inner.chunks

    def __getitem__(self, key: Key) -> np.ndarray:
        values = self.inner[key]
        return np.where(self.mask[key] > 0, np.nan, values).astype(self.dtype)
