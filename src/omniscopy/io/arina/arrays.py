"""Frames in several HDF5 files as the scan that they were taken in."""

import bisect
import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.arrays import full_key
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.records import Key
from omniscopy.io.storage.hdf5 import open_hdf5

# Numbers of the filters at the HDF Group.
BSLZ4, LZ4 = 32008, 32004
_UNPACKED_HERE = (BSLZ4, LZ4)
# What was packed into less is a damaged size.
_PACKED = 300


@dataclass(frozen=True)
class Part:
    """A dataset of frames in one file; `codec` is the number of the filter that packed it."""

    path: str
    key: str
    count: int
    chunk: int
    codec: int | None


@dataclass(frozen=True)
class FrameFiles:
    """Frames of files, folded into `scan`; the first position has the frame number `first`.

    Positions without a frame are 0.
    """

    parts: tuple[Part, ...]
    scan: tuple[int, ...]
    frame: tuple[int, int]
    dtype: np.dtype[Any]
    first: int = 0

    @property
    def path(self) -> str:
        """Return the path of the first file."""
        return self.parts[0].path

    @property
    def count(self) -> int:
        """Return the number of frames."""
        return sum(part.count for part in self.parts)

    @property
    def missing(self) -> int:
        """Return how many positions of the scan have no frame."""
        positions = math.prod(self.scan)
        there = min(self.first + positions, self.count) - max(self.first, 0)
        return positions - max(there, 0)

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of the scan and of a frame."""
        return self.scan + self.frame

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Return one frame as what is cheapest to read."""
        return (1,) * len(self.scan) + self.frame

    def __getitem__(self, key: Key) -> np.ndarray:
        """Return the values asked for."""
        parts = full_key(key, self.shape)
        *positions, rows, columns = parts
        inside = (rows, columns)
        axes = [
            np.atleast_1d(np.arange(size)[part])
            for part, size in zip(positions, self.scan, strict=True)
        ]
        flat = np.zeros(1, np.int64)
        for along, size in zip(axes, self.scan, strict=True):
            flat = (flat[:, None] * size + along).ravel()
        one = np.empty(self.frame, self.dtype)[inside]
        values = np.zeros((len(flat), *one.shape), self.dtype)
        self._fill(values, flat + self.first, inside)
        kept = [
            len(along)
            for part, along in zip(positions, axes, strict=True)
            if isinstance(part, slice)
        ]
        return values.reshape((*kept, *one.shape))

    def _fill(self, values: np.ndarray, numbers: np.ndarray, inside: Key) -> None:
        """Put the frames of these numbers into `values`, file by file."""
        starts = [0, *itertools.accumulate(part.count for part in self.parts)]
        wanted: dict[int, list[tuple[int, int]]] = {}
        for place, number in enumerate(numbers.tolist()):
            if 0 <= number < starts[-1]:
                which = bisect.bisect_right(starts, number) - 1
                wanted.setdefault(which, []).append((place, number - starts[which]))
        for which, frames in wanted.items():
            part = self.parts[which]
            with open_hdf5(part.path, attributes=False) as file:
                read = _ChunkReader(file[part.key], part, self.frame, self.dtype)
                for place, number in frames:
                    values[place] = read.frame(number)[inside]


class _ChunkReader:
    """The chunks of an open dataset; the last one is kept, since frames follow each other."""

    def __init__(
        self, dataset: Any, part: Part, frame: tuple[int, int], dtype: np.dtype[Any]
    ) -> None:
        self.dataset, self.part, self.shape, self.dtype = dataset, part, frame, dtype
        self._number, self._frames = -1, np.empty(0)

    def frame(self, number: int) -> np.ndarray:
        """Return one frame."""
        if self.part.codec is None:
            return np.asarray(self.dataset[number], dtype=self.dtype)
        chunk, inside = divmod(number, self.part.chunk)
        if chunk != self._number:
            self._number, self._frames = chunk, self._unpacked(chunk * self.part.chunk)
        return self._frames[inside]

    def _unpacked(self, start: int) -> np.ndarray:
        from h5py._objects import phil

        from omniscopy.io.arina.packing import unpack  # which brings a compiler

        place, shape = (start, 0, 0), (self.part.chunk, *self.shape)
        if self.dataset.id.get_chunk_info_by_coord(place).byte_offset is None:
            return np.zeros(shape, self.dtype)
        with phil:  # which h5py before 3.16 leaves to the caller here, and nowhere else
            _, packed = self.dataset.id.read_direct_chunk(place)
        stored = self.dataset.dtype
        try:
            shuffled = self.part.codec == BSLZ4
            values = unpack(bytes(packed), stored, math.prod(shape), shuffled=shuffled)
        except (ValueError, RuntimeError, TypeError, MemoryError) as error:
            message = f"the frame {start} cannot be unpacked ({error})"
            raise FormatError(message, path=self.part.path, key=self.part.key) from error
        return np.asarray(values.reshape(shape), dtype=self.dtype)


def part_of(dataset: Any, path: str) -> Part:
    """Return how a dataset keeps its frames, after it was compared with its file.

    Raises
    ------
    UnsupportedFormatError
        It is packed in a way that is not known.
    """
    plist = dataset.id.get_create_plist()
    filters = [plist.get_filter(number) for number in range(plist.get_nfilters())]
    foreign = [entry for entry in filters if entry[0] > 255]
    if not foreign:
        return Part(path, dataset.name, dataset.shape[0], 1, None)
    code, _, settings, name = foreign[0]
    # The fifth of the settings says that blocks are packed by LZ4 (2).
    known = code == LZ4 or (code == BSLZ4 and len(settings) > 4 and settings[4] == 2)
    if len(filters) > 1 or code not in _UNPACKED_HERE or not known:
        message = f"the frames are packed by the filter {code} ({name!r}), which is not known"
        raise UnsupportedFormatError(message, path=path, key=dataset.name)
    length, *frame = dataset.chunks
    if frame != list(dataset.shape[1:]):
        message = f"the chunks {dataset.chunks} are no whole frames {dataset.shape[1:]}"
        raise UnsupportedFormatError(message, path=path, key=dataset.name)
    chunk_bytes = math.prod(dataset.chunks) * dataset.dtype.itemsize
    if chunk_bytes > _PACKED * max(dataset.id.get_storage_size(), 2**16):
        message = f"chunks of {chunk_bytes} bytes cannot be in the file"
        raise FormatError(message, path=path, key=dataset.name)
    return Part(path, dataset.name, dataset.shape[0], length, code)
