"""Handles of what lies scattered or cut short in a file: rows, columns, fields, lines."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Derived, Mapped, Padded, full_key, require_bytes
from omniscopy.io.records import Key, LazyArray


def map_rows(
    path: Path,
    offset: int,
    shape: Sequence[int],
    dtype: np.dtype[Any],
    *,
    partial: bool,
    field: str | None = None,
) -> tuple[LazyArray, dict[str, Any] | None]:
    """Return a contiguous array, or one field of its records, and what is missing of it.

    Raises
    ------
    FormatError
        The file ends before the array does. With `partial`, the missing rows are NaN instead.
    """
    row = math.prod(shape[1:]) * dtype.itemsize
    size = path.stat().st_size
    rows = min(max(size - offset, 0) // max(row, 1), shape[0]) if partial else shape[0]
    data: LazyArray = Mapped(str(path), min(offset, size), (rows, *shape[1:]), dtype)
    data = data if field is None else Field(data, field)
    if rows == shape[0]:
        return data, None
    reason = f"the file ends at byte {size}"
    return Padded(data, shape[0], np.nan), {"missing_from": rows, "reason": reason}


@dataclass(frozen=True)
class Column(Derived):
    """One index of the last dimension of `inner`."""

    index: int

    @property
    def shape(self) -> tuple[int, ...]:  # noqa: D102
        return tuple(self.inner.shape[:-1])

    @property
    def chunks(self) -> tuple[int, ...] | None:  # noqa: D102
        return None

    def __getitem__(self, key: Key) -> np.ndarray:
        return self.inner[(*full_key(key, self.shape), self.index)]


@dataclass(frozen=True)
class Window:
    """`inner` between `start` and `stop` of its last dimension."""

    inner: LazyArray
    start: int
    stop: int

    @property
    def shape(self) -> tuple[int, ...]:  # noqa: D102
        return (*self.inner.shape[:-1], self.stop - self.start)

    @property
    def dtype(self) -> np.dtype[Any]:  # noqa: D102
        return self.inner.dtype

    @property
    def chunks(self) -> tuple[int, ...] | None:  # noqa: D102
        return None

    def __getitem__(self, key: Key) -> np.ndarray:
        *others, last = full_key(key, self.shape)
        if isinstance(last, slice):
            return self.inner[
                (*others, slice(last.start + self.start, last.stop + self.start, last.step))
            ]
        return self.inner[(*others, last + self.start)]


@dataclass(frozen=True)
class Scanned(Derived):
    """`inner`, numbers with a fraction, NaN in the rows that are not `valid`."""

    valid: tuple[bool, ...]

    def __getitem__(self, key: Key) -> np.ndarray:
        row, *others = full_key(key, self.shape)
        values = np.array(self.inner[(row, *others)])
        values[~np.array(self.valid)[row]] = np.nan
        return values


@dataclass(frozen=True)
class Field(Derived):
    """One field of the records of `inner`."""

    name: str

    @property
    def dtype(self) -> np.dtype[Any]:  # noqa: D102
        return self.inner.dtype[self.name].newbyteorder("=")

    def __getitem__(self, key: Key) -> np.ndarray:
        return np.array(self.inner[key][self.name], dtype=self.dtype)


@dataclass(frozen=True)
class Lines:
    """Lines of numbers, each at its place in the file, on a grid of `lead` lines.

    All are as long as the longest, or `points` long; the shorter ones end in NaN.
    """

    path: str
    offsets: tuple[int, ...]
    lengths: tuple[int, ...]
    file_dtype: np.dtype[Any]
    lead: tuple[int, ...]
    points: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "file_dtype", np.dtype(self.file_dtype))
        for offset, length in zip(self.offsets, self.lengths, strict=True):
            wanted = length * self.file_dtype.itemsize
            require_bytes(self.path, offset, wanted, what=f"a line of {length} numbers")

    @cached_property
    def shape(self) -> tuple[int, ...]:  # noqa: D102
        return (*self.lead, self.points or max(self.lengths, default=0))

    @cached_property
    def dtype(self) -> np.dtype[Any]:  # noqa: D102
        native = self.file_dtype.newbyteorder("=")
        ragged = any(length != self.shape[-1] for length in self.lengths)
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


@dataclass(frozen=True)
class Stacked:
    """Arrays of the same shape as one, along a new first dimension."""

    parts: tuple[LazyArray, ...]

    @property
    def shape(self) -> tuple[int, ...]:  # noqa: D102
        return (len(self.parts), *self.parts[0].shape)

    @property
    def dtype(self) -> np.dtype[Any]:  # noqa: D102
        return self.parts[0].dtype

    @property
    def chunks(self) -> tuple[int, ...] | None:  # noqa: D102
        inner = self.parts[0].chunks
        return (1, *(inner or self.parts[0].shape))

    def __getitem__(self, key: Key) -> np.ndarray:
        first, *others = full_key(key, self.shape)
        if isinstance(first, int):
            return self.parts[first][tuple(others)]
        read = [self.parts[number][tuple(others)] for number in range(len(self.parts))[first]]
        if not read:
            return np.empty((0, *self.parts[0][tuple(others)].shape), self.dtype)
        return np.stack(read)


@dataclass(frozen=True)
class Squeezed(Derived):
    """The dimensions `kept` of `inner`, at the first index of all others."""

    kept: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:  # noqa: D102
        return tuple(self.inner.shape[number] for number in self.kept)

    @property
    def chunks(self) -> tuple[int, ...] | None:  # noqa: D102
        inner = self.inner.chunks
        return None if inner is None else tuple(inner[number] for number in self.kept)

    def __getitem__(self, key: Key) -> np.ndarray:
        parts: list[int | slice] = [0] * len(self.inner.shape)
        for number, part in zip(self.kept, full_key(key, self.shape), strict=True):
            parts[number] = part
        return np.asarray(self.inner[tuple(parts)])


@dataclass(frozen=True)
class ComplexParts:
    """Complex numbers whose real and imaginary parts are two arrays of the same shape."""

    real: LazyArray
    imag: LazyArray

    @property
    def shape(self) -> tuple[int, ...]:  # noqa: D102
        return tuple(self.real.shape)

    @property
    def dtype(self) -> np.dtype[Any]:  # noqa: D102
        return np.result_type(self.real.dtype, self.imag.dtype, np.complex64)

    @property
    def chunks(self) -> tuple[int, ...] | None:  # noqa: D102
        return self.real.chunks

    def __getitem__(self, key: Key) -> np.ndarray:
        real, imag = self.real[key], self.imag[key]
        values = np.empty(real.shape, self.dtype)
        values.real, values.imag = real, imag
        return values
