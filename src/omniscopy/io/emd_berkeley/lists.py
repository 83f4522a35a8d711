# ruff: noqa: D102 - the properties are those of `LazyArray`
"""Lists of points, one for each place of a scan, such as the discs of every pattern.

HDF5 keeps a list of any length in its global heap, at which its library can crash where it is
damaged; the heap is walked here (HDF5 File Format Specification 3.0, section III.E).
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import full_key, require_bytes
from omniscopy.io.errors import FormatError
from omniscopy.io.records import Key
from omniscopy.io.storage.hdf5 import file_of

# How a list is named in its dataset, and the heads of a part of the heap and of what is in it.
_NAMED = np.dtype([("length", "<u4"), ("part", "<u8"), ("number", "<u4")])
_PART = struct.Struct("<4sB3xQ")
_OBJECT = struct.Struct("<HH4xQ")
_MOST_OBJECTS = 1 << 16


@dataclass(frozen=True)
class Lists:
    """One field of the lists at every place, filled up with NaN to the longest of them."""

    path: str
    key: str
    offset: int
    base: int
    lead: tuple[int, ...]
    points: int
    record: np.dtype[Any]
    field: str

    @cached_property
    def shape(self) -> tuple[int, ...]:
        return (*self.lead, self.points)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.result_type(self.record[self.field].newbyteorder("="), np.float32)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return (1, *self.shape[1:])

    def __getitem__(self, key: Key) -> np.ndarray:
        *lead, points = full_key(key, self.shape)
        content = np.memmap(self.path, np.uint8, mode="r")
        named = named_lists(self.path, self.offset, self.lead)[tuple(lead)]
        one = np.empty(self.points, self.dtype)[points]
        found = np.empty((named.size, *one.shape), self.dtype)
        parts: dict[int, dict[int, tuple[int, int]]] = {}
        for place, (length, part, number) in enumerate(named.ravel().tolist()):
            values = np.full(self.points, np.nan, self.dtype)
            if length:
                if part not in parts:
                    parts[part] = dict(self._objects(content, self.base + part))
                begin, size = parts[part].get(number, (0, 0))
                if length * self.record.itemsize > size or length > self.points:
                    message = f"a list of {length} points is not where the file says"
                    raise FormatError(message, path=self.path, offset=self.base + part)
                records = np.frombuffer(content, self.record, length, begin)
                values[:length] = records[self.field]
            found[place] = values[points]
        return found.reshape(named.shape + one.shape)

    def _objects(self, content: np.ndarray, part: int) -> Iterator[tuple[int, tuple[int, int]]]:
        """Yield the numbers of what is in a part of the heap, where each begins, and its size."""
        if part + _PART.size > content.size:
            message = "a list of points lies behind the end of the file; it is cut short"
            raise FormatError(message, path=self.path, offset=part)
        name, _, size = _PART.unpack_from(content.data, part)
        if name != b"GCOL":
            message = "there is no heap where a list of points should be"
            raise FormatError(message, path=self.path, offset=part)
        at, stop = part + _PART.size, min(part + size, content.size)
        for _ in range(_MOST_OBJECTS):
            if at + _OBJECT.size > stop:
                return
            number, _, length = _OBJECT.unpack_from(content.data, at)
            begin = at + _OBJECT.size
            if number == 0 or length > stop - begin:
                return
            yield number, (begin, length)
            at = begin + -(-length // 8) * 8


def named_lists(path: str, offset: int, lead: tuple[int, ...]) -> np.ndarray:
    """Return for every place how long its list is, and where in the heap it is."""
    return np.array(np.memmap(path, _NAMED, "r", offset, lead))


def fields_of(dataset: Any) -> dict[str, Lists] | None:
    """Return the handle of each field of lists, `None` where they are kept in another way."""
    import h5py

    record = h5py.check_vlen_dtype(dataset.dtype)
    shape = dataset.shape
    if record is None or not getattr(record, "names", None) or not shape or 0 in shape:
        return None
    if any(record[name].kind not in "iuf" or record[name].shape for name in record.names):
        return None
    path, offset = file_of(dataset), dataset.id.get_offset()
    wanted = math.prod(shape) * _NAMED.itemsize
    if dataset.chunks is not None or offset is None or dataset.id.get_storage_size() != wanted:
        return None
    require_bytes(path, offset, wanted, what=f"a table of lists {shape}")
    base = dataset.file.userblock_size
    points = int(named_lists(path, offset, shape)["length"].max())
    if points * record.itemsize > Path(path).stat().st_size:
        message = f"a list of {points} points cannot be in the file; its header is damaged"
        raise FormatError(message, path=path, offset=offset)
    return {
        name: Lists(path, dataset.name, offset, base, tuple(shape), points, record, name)
        for name in record.names
    }
