"""Handles of arrays on disk: they can be pickled, hold nothing open, and read what is asked.

`Mapped` covers every contiguous layout; the views `Transposed`, `Flipped`, `Scaled` and
`Padded` put its values into the order, direction and units that the contract wants.
"""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.lib.array_utils import byte_bounds

from omniscopy.io.errors import FormatError
from omniscopy.io.file_states import FileState
from omniscopy.io.records import Key, LazyArray
from omniscopy.io.storage.hdf5_heaps import require_sound_values

# Bytes up to which a copy costs nothing, and spares the caller a mapping of the file.
_COPIED = 2**20


def require_bytes(path: str | Path, offset: int, wanted: int, *, what: str) -> None:
    """Raise `FormatError` unless `wanted` bytes lie at `offset` of the file."""
    size = Path(path).stat().st_size
    if offset < 0 or wanted < 0 or offset + wanted > size:
        there = max(size - offset, 0) if offset >= 0 else 0
        message = (
            f"{what} needs {wanted} bytes, but the file ({size} bytes) has {there} there; "
            "it is cut short or its header is damaged"
        )
        raise FormatError(message, path=path, offset=offset)


def read_start(path: str | Path, most: int) -> bytes:
    """Return the first bytes of a file, at most so many; no memory is asked for beyond its end."""
    with Path(path).open("rb") as file:
        return file.read(min(most, os.fstat(file.fileno()).st_size))


def mapped(
    path: str | Path,
    dtype: np.dtype[Any],
    offset: int,
    shape: tuple[int, ...],
    order: Literal["C", "F"] = "C",
) -> np.ndarray:
    """Return numbers from an offset of a file on, as memory that is read where it is touched.

    The file is mapped from its beginning: a system that keeps files in large pages then maps
    these as they are, where from elsewhere on it maps many small ones, a fifth slower.
    """
    wanted = math.prod(shape) * dtype.itemsize
    if not 0 <= offset <= os.stat(path).st_size - wanted:  # noqa: PTH116 - at each read
        require_bytes(path, offset, wanted, what=f"an array {shape} of {dtype}")
    return np.ndarray(shape, dtype, np.memmap(path, np.uint8, "r"), offset, order=order)


@dataclass(frozen=True)
class Mapped:
    """A contiguous block of a file, in C order unless `order` is "F".

    The bytes that the array needs are checked against the file when the handle is made.
    """

    path: str
    offset: int
    shape: tuple[int, ...]
    file_dtype: np.dtype[Any]
    order: Literal["C", "F"] = "C"
    chunks: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", str(self.path))
        object.__setattr__(self, "file_dtype", np.dtype(self.file_dtype))
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        if any(n < 0 for n in self.shape):
            message = f"an array of shape {self.shape} cannot be"
            raise FormatError(message, path=self.path, offset=self.offset)
        wanted = math.prod(self.shape) * self.file_dtype.itemsize
        require_bytes(
            self.path, self.offset, wanted, what=f"an array {self.shape} of {self.file_dtype}"
        )

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.file_dtype.newbyteorder("=")

    def __getitem__(self, key: Key) -> np.ndarray:
        return np.array(self._mapped()[key], dtype=self.dtype, order="C")

    def view(self, key: Key) -> np.ndarray:
        """Return values without a copy where they are long, native and in a row."""
        return block_of(self._mapped(), self.path, self.offset, key)

    def stored(self, key: Key) -> np.ndarray:
        """Return values as they lie in the file, mapped."""
        return self._mapped()[key]

    def _mapped(self) -> np.ndarray:
        if math.prod(self.shape) == 0:
            return np.empty(self.shape, self.file_dtype)
        return mapped(self.path, self.file_dtype, self.offset, self.shape, self.order)


def block_of(
    values: np.ndarray, path: str, offset: int, key: tuple[int | slice | np.ndarray, ...]
) -> np.ndarray:
    """Return a part of values that are mapped from an offset of a file.

    A long one in C order, with gaps of less than its length, is memory that is read where it is
    touched. What is written to it stays there: the mapping is private, and only of that part,
    since it counts as memory that may be needed.
    """
    part = values[key]
    dtype = part.dtype.newbyteorder("=")
    steps = [abs(step) for step in part.strides]
    low, high = byte_bounds(part)
    if (
        part.nbytes <= _COPIED
        or part.dtype != dtype
        or steps != sorted(steps, reverse=True)
        or high - low > 2 * part.nbytes
        or not np.may_share_memory(part, values)
    ):
        return np.array(part, dtype=dtype, order="C")
    start = offset + low - values.ctypes.data
    memory = np.memmap(path, np.uint8, "c", start, high - low)
    return np.ndarray(part.shape, dtype, memory, part.ctypes.data - low, part.strides)


@dataclass(frozen=True)
class Derived:
    """What is made of `inner` as it is read: as that is in all that a class does not change."""

    inner: LazyArray

    # No properties, so that a class may have a field of the same name.
    @cached_property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.inner.shape)

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        return self.inner.dtype

    @cached_property
    def chunks(self) -> tuple[int, ...] | None:
        return self.inner.chunks


@dataclass(frozen=True)
class Viewed(Derived):
    """`inner` read without a copy where it can be, to be copied once, known by a name to dask.

    Nothing is read unless `files` are as they were: what was opened describes no others, and to
    touch what is mapped beyond the end of a file ends the process.
    """

    name: str
    files: tuple[FileState, ...] = ()

    @property
    def is_mapped(self) -> bool:
        """Whether values are memory of the file, so that to read them twice costs nothing."""
        return isinstance(self.inner, Mapped)

    def __dask_tokenize__(self) -> str:
        return self.name

    def __getitem__(self, key: Key) -> np.ndarray:
        for file in self.files:
            file.require()
        return viewing(self.inner)(key)


def viewing(data: LazyArray) -> Callable[[Key], np.ndarray]:
    """Return what reads parts of an array without a copy where that is possible."""
    found: Callable[[Key], np.ndarray] = getattr(data, "view", data.__getitem__)
    return found


@dataclass(frozen=True)
class Transposed(Derived):
    """`inner` with its dimensions in the order `axes`, as in `numpy.transpose`."""

    axes: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.inner.shape[axis] for axis in self.axes)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        inner = self.inner.chunks
        return None if inner is None else tuple(inner[axis] for axis in self.axes)

    def __getitem__(self, key: Key) -> np.ndarray:
        return self._turned(key, self.inner.__getitem__)

    def view(self, key: Key) -> np.ndarray:
        """Return values without a copy where that is possible."""
        return self._turned(key, viewing(self.inner))

    def _turned(self, key: Key, read: Callable[[Key], np.ndarray]) -> np.ndarray:
        key = full_key(key, self.shape)
        inner_key: list[int | slice] = [slice(None)] * len(self.axes)
        for part, axis in zip(key, self.axes, strict=True):
            inner_key[axis] = part
        values = read(tuple(inner_key))
        kept = [axis for part, axis in zip(key, self.axes, strict=True) if isinstance(part, slice)]
        return values.transpose(np.argsort(np.argsort(kept)))


@dataclass(frozen=True)
class Flipped(Derived):
    """`inner` read backwards along the dimensions `axes`."""

    axes: tuple[int, ...]

    def __getitem__(self, key: Key) -> np.ndarray:
        # What is mapped is turned as it is copied, once.
        read = getattr(self.inner, "stored", self.inner.__getitem__)
        return np.array(self._turned(key, read), dtype=self.dtype, order="C")

    def view(self, key: Key) -> np.ndarray:
        """Return values without a copy where that is possible."""
        return self._turned(key, viewing(self.inner))

    def _turned(self, key: Key, read: Callable[[Key], np.ndarray]) -> np.ndarray:
        inner_key, turn = list(full_key(key, self.shape)), []
        for axis, part in enumerate(inner_key):
            if axis in self.axes:
                inner_key[axis] = _mirrored(part, self.shape[axis])
            if isinstance(part, slice):
                turn.append(slice(None, None, -1 if axis in self.axes else 1))
        return read(tuple(inner_key))[tuple(turn)]


@dataclass(frozen=True)
class Scaled(Derived):
    """``offset + scale * inner``, in floating point: raw counts in physical units."""

    scale: float
    offset: float = 0.0
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.float64))

    def __getitem__(self, key: Key) -> np.ndarray:
        values = self.inner[key].astype(self.dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # numbers of a damaged file
            values *= self.scale
            values += self.offset
        return values


@dataclass(frozen=True)
class Padded(Derived):
    """`inner`, of which only the first rows exist, filled up to `rows` with `fill`."""

    rows: int
    fill: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.rows, *self.inner.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.result_type(self.inner.dtype, self.fill)

    def __getitem__(self, key: Key) -> np.ndarray:
        first, *others = full_key(key, self.shape)
        there = self.inner.shape[0]
        if isinstance(first, int):
            if first < there:
                return self.inner[(first, *others)].astype(self.dtype)
            one = self.inner[(slice(0, 0), *others)].shape[1:]
            return np.full(one, self.fill, self.dtype)
        wanted = range(*first.indices(self.rows))
        found = self.inner[(slice(first.start, min(first.stop or 0, there), first.step), *others)]
        values = np.full((len(wanted), *found.shape[1:]), self.fill, self.dtype)
        values[: len(found)] = found
        return values


@dataclass(frozen=True)
class Hdf5Array:
    """A dataset of an HDF5 file, opened for each read."""

    path: str
    key: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...] | None = None

    @classmethod
    def of(cls, dataset: Any) -> "Hdf5Array":
        """Return the handle of an open `h5py.Dataset`."""
        dtype = dataset.dtype.newbyteorder("=")
        return cls(dataset.file.filename, dataset.name, dataset.shape, dtype, dataset.chunks)

    def __getitem__(self, key: Key) -> np.ndarray:
        def read(dataset: Any) -> np.ndarray:
            if self.dtype.hasobject:
                require_sound_values(dataset)
            return np.asarray(dataset[key], dtype=self.dtype)

        return self._read(read)

    def view(self, key: Key) -> np.ndarray:
        """Return values without a copy where they are long, native and in a row."""

        def read(dataset: Any) -> np.ndarray:
            place = dataset.id.get_offset() if dataset.chunks is None else None
            if place is None or dataset.dtype != self.dtype or dataset.dtype.kind not in "iufc":
                return np.asarray(dataset[key], dtype=self.dtype)
            values = mapped(self.path, self.dtype, place, self.shape)
            return block_of(values, self.path, place, key)

        return self._read(read)

    def _read(self, read: Callable[[Any], np.ndarray]) -> np.ndarray:
        import h5py

        try:
            with h5py.File(self.path, "r") as file:
                return read(file[self.key])
        except (OSError, KeyError, RuntimeError, ValueError, MemoryError) as error:
            message = f"the dataset cannot be read ({error})"
            raise FormatError(message, path=self.path, key=self.key) from error


def full_key(key: Any, shape: tuple[int, ...]) -> Key:
    """Return `key` with one non-negative integer or explicit slice for every dimension."""
    parts = list(key) if isinstance(key, tuple) else [key]
    if Ellipsis in parts:
        at = parts.index(Ellipsis)
        parts[at : at + 1] = [slice(None)] * (len(shape) - len(parts) + 1)
    parts += [slice(None)] * (len(shape) - len(parts))
    full: list[int | slice] = []
    for part, size in zip(parts, shape, strict=True):
        if isinstance(part, slice):
            full.append(slice(*part.indices(size)))
        else:
            full.append(int(part) % size)
    return tuple(full)


def _mirrored(part: int | slice, size: int) -> int | slice:
    if isinstance(part, int):
        return size - 1 - part
    chosen = range(*part.indices(size))
    if len(chosen) == 0:
        return slice(0, 0)
    return slice(size - 1 - chosen[-1], size - chosen[0], abs(chosen.step))
