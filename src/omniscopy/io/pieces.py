"""Handles of what lies scattered in a file: columns, fields of records, lines at any place."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from omniscopy.io.arrays import full_key, require_bytes
from omniscopy.io.records import Key, LazyArray


@dataclass(frozen=True)
class Column:
    """One index of the last dimension of `inner`."""

    inner: LazyArray
    index: int

    @property
    def shape(self) -> tuple[int, ...]:  # noqa: D102
        return tuple(self.inner.shape[:-1])

    @property
    def dtype(self) -> np.dtype[Any]:  # noqa: D102
        return self.inner.dtype

    @property
    def chunks(self) -> tuple[int, ...] | None:  # noqa: D102
        return None

    def __getitem__(self, key: Key) -> np.ndarray:
        return self.inner[(*full_key(key, self.shape), self.index)]


@dataclass(frozen=True)
class Field:
    """One field of the records of `inner`."""

    inner: LazyArray
    name: str

    @property
    def shape(self) -> tuple[int, ...]:  # noqa: D102
        return tuple(self.inner.shape)

    @property
    def dtype(self) -> np.dtype[Any]:  # noqa: D102
        return self.inner.dtype[self.name].newbyteorder("=")

    @property
    def chunks(self) -> tuple[int, ...] | None:  # noqa: D102
        return self.inner.chunks

    def __getitem__(self, key: Key) -> np.ndarray:
        return np.array(self.inner[key][self.name], dtype=self.dtype)


@dataclass(frozen=True)
class Lines:
    """Lines of numbers, each at its place in the file, on a grid of `lead` lines.

    Where their lengths differ, all are as long as the longest and end in NaN.
    """

    path: str
    offsets: tuple[int, ...]
    lengths: tuple[int, ...]
    file_dtype: np.dtype[Any]
    lead: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "file_dtype", np.dtype(self.file_dtype))
        for offset, length in zip(self.offsets, self.lengths, strict=True):
            wanted = length * self.file_dtype.itemsize
            require_bytes(self.path, offset, wanted, what=f"a line of {length} numbers")

    @cached_property
    def shape(self) -> tuple[int, ...]:  # noqa: D102
        return (*self.lead, max(self.lengths, default=0))

    @cached_property
    def dtype(self) -> np.dtype[Any]:  # noqa: D102
        native = self.file_dtype.newbyteorder("=")
        ragged = len(set(self.lengths)) > 1
        return np.result_type(native, np.float32) if ragged else native

    @property
    def chunks(self) -> tuple[int, ...] | None:  # noqa: D102
        return None

    def __getitem__(self, key: Key) -> np.ndarray:
        *lead, points = full_key(key, self.shape)
        numbers = np.arange(math.prod(self.lead)).reshape(self.lead)[tuple(lead)]
        content = np.memmap(self.path, np.uint8, mode="r") if any(self.lengths) else b""
        found = [self._line(content, int(number))[points] for number in numbers.ravel()]
        one = np.empty(self.shape[-1], self.dtype)[points]
        return np.array(found, self.dtype).reshape(numbers.shape + one.shape)

    def _line(self, content: Any, number: int) -> np.ndarray:
        length, offset = self.lengths[number], self.offsets[number]
        line = np.frombuffer(content, self.file_dtype, length, offset) if length else np.empty(0)
        if length == self.shape[-1]:
            return line
        padded = np.full(self.shape[-1], np.nan, self.dtype)
        padded[:length] = line
        return padded
