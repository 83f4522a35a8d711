"""Points that a dataset of HDF5 lists one after the other, as the rows of a map."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.arrays import full_key
from omniscopy.io.records import Key
from omniscopy.io.storage.hdf5 import open_hdf5
from omniscopy.io.storage.hdf5_numbers import numbers_of


@dataclass(frozen=True)
class Folded:
    """The first dimension of a dataset as rows and columns, `sizes`, of a map."""

    path: str
    key: str
    sizes: tuple[int, int]
    inner: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape with rows and columns first."""
        return self.sizes + self.inner

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Return whole rows of larger values, and that any part will do of others."""
        return (1, self.sizes[1], *self.inner) if self.inner else None

    def __getitem__(self, key: Key) -> np.ndarray:
        """Return the values asked for."""
        rows, columns, *within = full_key(key, self.shape)
        lines, places = (
            range(size)[part if isinstance(part, slice) else slice(part, part + 1)]
            for part, size in zip((rows, columns), self.sizes, strict=True)
        )
        width = self.sizes[1]
        if not lines or not places:
            begin = end = 0
        else:
            # Of a single row no more is read than is wanted.
            alone = len(lines) == 1
            begin = lines[0] * width + (places[0] if alone else 0)
            end = lines[-1] * width + (places[-1] + 1 if alone else width)
        with open_hdf5(self.path, attributes=False) as file:
            part = np.asarray(file[self.key][(slice(begin, end), *within)], dtype=self.dtype)
        further = part.shape[1:]
        if end == begin:
            found = np.empty((len(lines), len(places), *further), self.dtype)
        elif alone:
            found = part[:: places.step][np.newaxis]
        else:
            taken = slice(places.start, places.stop, places.step)
            found = part.reshape(-1, width, *further)[:: lines.step, taken]
        kept = tuple(slice(None) if isinstance(p, slice) else 0 for p in (rows, columns))
        return np.asarray(found[kept], order="C")


def folded(dataset: Any, sizes: tuple[int, int]) -> Folded | None:
    """Return the points of a dataset as a map, `None` where there are not as many."""
    plain = numbers_of(dataset)
    if not plain.shape or math.prod(sizes) != plain.shape[0] or min(sizes) < 1:
        return None
    return Folded(plain.path, plain.key, sizes, plain.shape[1:], plain.dtype)
