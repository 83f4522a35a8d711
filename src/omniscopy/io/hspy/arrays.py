"""Colours that are stored as records of their components."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.arrays import Derived, full_key
from omniscopy.io.records import Key

COMPONENTS = {"R": "red", "G": "green", "B": "blue", "A": "alpha"}


@dataclass(frozen=True)
class Colours(Derived):
    """The components of the records of `inner` as a last dimension."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of the records, and the number of components."""
        return (*self.inner.shape, len(self.inner.dtype.names or ()))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the type of a component."""
        return self.inner.dtype[0].newbyteorder("=")

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Return the chunks of the records, with all components."""
        inner = self.inner.chunks
        return None if inner is None else (*inner, self.shape[-1])

    def __getitem__(self, key: Key) -> np.ndarray:
        *parts, component = full_key(key, self.shape)
        records = self.inner[tuple(parts)]
        names = self.inner.dtype.names or ()
        stacked = np.stack([records[name] for name in names], axis=-1).astype(self.dtype)
        return np.asarray(stacked[..., component], order="C")
