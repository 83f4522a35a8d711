"""A series of patterns, each a dataset of its own, as the scan that they were taken in."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.arrays import full_key
from omniscopy.io.errors import FormatError
from omniscopy.io.records import Key
from omniscopy.io.storage.hdf5 import open_hdf5
from omniscopy.io.storage.hdf5_numbers import member, numbers_of


@dataclass(frozen=True)
class PatternSeries:
    """Datasets `key/0/Data`, `key/1/Data`, …, folded into `lead`."""

    path: str
    key: str
    lead: tuple[int, ...]
    pattern: tuple[int, int]
    dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of the scan and of a pattern."""
        return self.lead + self.pattern

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Return one pattern as what is cheapest to read."""
        return (1,) * len(self.lead) + self.pattern

    def __getitem__(self, key: Key) -> np.ndarray:
        """Return the values asked for."""
        *positions, rows, columns = full_key(key, self.shape)
        numbers = np.arange(int(np.prod(self.lead))).reshape(self.lead)[tuple(positions)]
        one = np.empty(self.pattern, self.dtype)[rows, columns]
        values = np.empty((numbers.size, *one.shape), self.dtype)
        with open_hdf5(self.path, attributes=False) as file:
            for place, number in enumerate(np.ravel(numbers).tolist()):
                name = f"{self.key}/{number}/Data"
                dataset = member(file, name.strip("/"))
                if getattr(dataset, "shape", None) != self.pattern:
                    message = f"a pattern of {self.pattern} pixels was expected"
                    raise FormatError(message, path=self.path, key=name)
                numbers_of(dataset)
                values[place] = dataset[rows, columns]
        return values.reshape(np.shape(numbers) + one.shape)
