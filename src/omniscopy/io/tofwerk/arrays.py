"""Numbers of ions, of lists that have one entry for each ion."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.arrays import full_key
from omniscopy.io.records import Key
from omniscopy.io.storage.hdf5 import open_hdf5
from omniscopy.io.storage.hdf5_heaps import require_sound_values


@dataclass(frozen=True)
class IonCounts:
    """How many ions were counted at each pixel; `key` is the dataset of their lists."""

    path: str
    key: str
    shape: tuple[int, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the type of the counts."""
        return np.dtype(np.int64)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Return a slice: lists are read as a whole to be counted."""
        return (1, *self.shape[1:])

    def __getitem__(self, key: Key) -> np.ndarray:
        parts = full_key(key, self.shape)
        # Of a single pixel the list itself would come.
        ranges = [part if isinstance(part, slice) else slice(part, part + 1) for part in parts]
        with open_hdf5(self.path) as file:
            dataset = file[self.key]
            require_sound_values(dataset)
            lists = dataset[tuple(ranges)]
        counts = np.array([np.size(each) for each in lists.ravel()], np.int64)
        kept = tuple(slice(None) if isinstance(part, slice) else 0 for part in parts)
        return np.asarray(counts.reshape(lists.shape)[kept])
