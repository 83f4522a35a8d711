"""The curves of a force map, a dataset each, as one array."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from omniscopy.io.arrays import full_key
from omniscopy.io.errors import FormatError
from omniscopy.io.records import Key
from omniscopy.io.storage.hdf5 import open_hdf5


@dataclass(frozen=True)
class CurveMap:
    """One channel of all curves, (y, x, sample), row 0 on top.

    Curve `column:row` starts at sample ``starts[column][row]`` and has ``lengths[column][row]``
    of them; before and after it is NaN. Rows are counted from the bottom in the file.
    """

    path: str
    group: str
    channel: int
    starts: tuple[tuple[int, ...], ...]
    lengths: tuple[tuple[int, ...], ...]
    samples: int
    file_dtype: np.dtype[Any]

    @cached_property
    def shape(self) -> tuple[int, ...]:
        return (len(self.starts[0]), len(self.starts), self.samples)

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        native = np.dtype(self.file_dtype).newbyteorder("=")
        return native if native.kind == "f" else np.dtype(np.float64)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return (1, 1, self.samples)

    def __getitem__(self, key: Key) -> np.ndarray:
        rows, columns, samples = full_key(key, self.shape)
        numbers = np.arange(self.shape[0] * self.shape[1]).reshape(self.shape[:2])[rows, columns]
        one = np.empty(self.samples, self.dtype)[samples]
        with open_hdf5(self.path, attributes=False) as file:
            found = [self._curve(file, int(number))[samples] for number in numbers.ravel()]
        return np.array(found, self.dtype).reshape(numbers.shape + one.shape)

    def _curve(self, file: Any, number: int) -> np.ndarray:
        row, column = divmod(number, self.shape[1])
        row = self.shape[0] - 1 - row
        start, length = self.starts[column][row], self.lengths[column][row]
        padded = np.full(self.samples, np.nan, self.dtype)
        name = f"{self.group}/{column}:{row}"
        dataset = file.get(name)
        shape: tuple[int, ...] = getattr(dataset, "shape", None) or ()
        if len(shape) != 2 or shape[0] <= self.channel or shape[1] != length:
            message = f"a curve of {length} points was expected, {shape} was found"
            raise FormatError(message, path=self.path, key=name)
        padded[start : start + length] = dataset[self.channel]
        return padded
