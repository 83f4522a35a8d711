"""Handles of what WSxM keeps in other ways: every second number, values of a known range."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.arrays import Derived, full_key
from omniscopy.io.records import Key


@dataclass(frozen=True)
class EverySecond(Derived):
    """Every second number of the last dimension of `inner`, from `first` on."""

    first: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.inner.shape[:-1], self.inner.shape[-1] // 2)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return None

    def __getitem__(self, key: Key) -> np.ndarray:
        *others, last = full_key(key, self.shape)
        if isinstance(last, int):
            return self.inner[(*others, 2 * last + self.first)]
        chosen = range(*last.indices(self.shape[-1]))
        start = 2 * chosen.start + self.first
        step = 2 * chosen.step
        return self.inner[(*others, slice(start, start + step * len(chosen), step))]


@dataclass(frozen=True)
class SpanningRange(Derived):
    """`inner` in units in which its values span `extent`."""

    extent: float

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float64)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return None

    def __getitem__(self, key: Key) -> np.ndarray:
        # The header does not say the largest and the smallest count: they are looked up.
        whole = self.inner[tuple(slice(None) for _ in self.shape)].astype(np.float64)
        span = float(np.ptp(whole)) if whole.size else 0.0
        with np.errstate(over="ignore", invalid="ignore"):  # numbers of a damaged file
            return np.asarray(whole[key] * (self.extent / span if span else 1.0))
