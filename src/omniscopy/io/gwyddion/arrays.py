"""Handles of what was not measured."""

from dataclasses import dataclass

import numpy as np

from omniscopy.io.arrays import Derived
from omniscopy.io.records import Key, LazyArray


@dataclass(frozen=True)
class Unmasked(Derived):
    """`inner`, NaN where the mask says that nothing was measured."""

    mask: LazyArray

    def __getitem__(self, key: Key) -> np.ndarray:
        values = self.inner[key]
        return np.where(self.mask[key] > 0, np.nan, values).astype(self.dtype)
