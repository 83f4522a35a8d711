"""The layout of a `.ser` file: dimensions, the places of its elements, and what each is."""

import math
import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.frames import FrameStream
from omniscopy.io.tia.arrays import ScatteredFrames

_START = struct.Struct("<HHHIIii")
_LONG_OFFSETS = 0x0220
SPECTRA, IMAGES = 0x4120, 0x4122
_WITH_POSITION = 0x4142
_DTYPES = {
    1: "u1", 2: "<u2", 3: "<u4", 4: "i1", 5: "<i2", 6: "<i4", 7: "<f4", 8: "<f8", 9: "<c8",
    10: "<c16",
}  # fmt: skip
_MOST_DIMENSIONS, _MOST_TEXT = 8, 4096
# Before the values of an element: offset, step and element of calibration of each axis, its
# type, and its size.
_HEADS = {SPECTRA: struct.Struct("<ddihi"), IMAGES: struct.Struct("<ddiddihii")}
_TAG_BYTES = 24


@dataclass(frozen=True)
class Line:
    """A calibration: the element `at` is at `offset`, the next one `step` further."""

    size: int
    offset: float
    step: float
    at: int = 0

    @property
    def start(self) -> float:
        """Return where the first element is."""
        return self.offset - self.at * self.step


@dataclass(frozen=True)
class Dimension(Line):
    """A dimension of the series, such as `Position` in `meters` or `Number`."""

    description: str = ""
    units: str = ""

    @property
    def is_position(self) -> bool:
        """Return whether elements were taken at positions along it."""
        return self.description == "Position"


@dataclass(frozen=True)
class Series:
    """What a `.ser` file holds; the first dimension is the fastest."""

    path: Path
    kind: int
    tags: int
    valid: int
    dimensions: tuple[Dimension, ...]
    offsets: np.ndarray
    tag_offsets: np.ndarray
    dtype: np.dtype[Any]
    lines: tuple[Line, ...]

    def frames(self, scan: tuple[int, ...]) -> FrameStream | ScatteredFrames:
        """Return the elements, (rows, columns) or (channels,), folded into a scan."""
        head = _HEADS[self.kind].size
        shape = tuple(line.size for line in self.lines)
        size = head + math.prod(shape) * self.dtype.itemsize
        steps = np.unique(np.diff(self.offsets[: self.valid]))
        stride = int(steps[0]) if len(steps) else size
        if len(steps) > 1 or stride < size:
            places = self._checked_places(size) + head
            return ScatteredFrames(str(self.path), places, scan, shape, self.dtype)
        return FrameStream(
            str(self.path), int(self.offsets[0]), scan, shape, self.dtype, count=self.valid,
            before=head, after=stride - size,
        )  # fmt: skip

    def _checked_places(self, size: int) -> np.ndarray:
        """Return where elements begin, each of which must be of the form of the first."""
        places = self.offsets[: self.valid]
        if places.min() < 0 or places.max() + size > self.path.stat().st_size:
            message = f"elements of {size} bytes lie beyond the end of the file"
            raise FormatError(message, path=self.path)
        # The type and the size are the last numbers before the values.
        form = {SPECTRA: 6, IMAGES: 10}[self.kind]
        raw = np.memmap(self.path, np.uint8, "r")
        at = places[:, None] + _HEADS[self.kind].size - form + np.arange(form)
        forms = np.unique(raw[at], axis=0)
        if len(forms) > 1:
            message = "the elements are of different sizes or types; such series are not read"
            raise UnsupportedFormatError(message, path=self.path)
        return places

    @cached_property
    def positions(self) -> np.ndarray | None:
        """Return x and y of every element in metres, `None` where they were not kept."""
        places = self.tag_offsets[: self.valid]
        beyond = places.max() + _TAG_BYTES > self.path.stat().st_size or places.min() < 0
        if self.tags != _WITH_POSITION or beyond:
            return None
        # A tag is type, time, x and y; it lies after its element, anywhere in the file.
        raw = np.memmap(self.path, np.uint8, "r")
        pairs = raw[places[:, None] + np.arange(8, _TAG_BYTES)]
        return np.ascontiguousarray(pairs).view("<f8").astype(np.float64)


def read_series(path: Path) -> Series:
    """Return the layout of the series at `path`."""
    with path.open("rb") as file:
        return _Reading(file, path, path.stat().st_size).series()


@dataclass(frozen=True)
class _Reading:
    """One pass through the head of a series."""

    file: BinaryIO
    path: Path
    size: int

    def take(self, form: struct.Struct, what: str) -> tuple[Any, ...]:
        raw = self.file.read(form.size)
        if len(raw) < form.size:
            message = f"the file ends within {what}; it is cut short"
            raise FormatError(message, path=self.path, offset=self.size)
        return form.unpack(raw)

    def series(self) -> Series:
        order, mark, version, kind, tags, total, valid = self.take(_START, "its header")
        if (order, mark) != (0x4949, 0x0197) or kind not in _HEADS:
            message = f"a series of elements of type {kind:#x} is not known"
            raise FormatError(message, path=self.path, offset=6)
        word = "q" if version >= _LONG_OFFSETS else "i"
        (places,) = self.take(struct.Struct(f"<{word}"), "its header")
        (count,) = self.take(struct.Struct("<i"), "its header")
        if not 1 <= count <= _MOST_DIMENSIONS or not total >= 1 or not 0 <= valid <= total:
            message = f"{count} dimensions with {valid} of {total} elements make no sense"
            raise FormatError(message, path=self.path, offset=14)
        dimensions = tuple(self.dimension() for _ in range(count))
        if math.prod(each.size for each in dimensions) != total:
            sizes = [each.size for each in dimensions]
            message = f"dimensions of {sizes} do not make {total} elements"
            raise FormatError(message, path=self.path, offset=14)
        if valid == 0:
            message = "the series has no valid element: nothing was acquired"
            raise FormatError(message, path=self.path, offset=18)
        dtype = np.dtype(f"<{word}")
        if not 0 <= places <= self.size - 2 * total * dtype.itemsize:
            message = f"the places of {total} elements lie at byte {places}, beyond the file's end"
            raise FormatError(message, path=self.path, offset=22)
        self.file.seek(places)
        table = np.frombuffer(self.file.read(2 * total * dtype.itemsize), dtype).astype(np.int64)
        offsets, tag_offsets = table[:total], table[total:]
        if offsets[0] < 0 or offsets[:valid].max() >= self.size:
            message = f"elements lie beyond the end of the file ({self.size} bytes)"
            raise FormatError(message, path=self.path, offset=places)
        self.file.seek(int(offsets[0]))
        lines, code = self.element(kind)
        if code not in _DTYPES or any(line.size < 1 for line in lines):
            message = f"an element of type {code} and size {[line.size for line in lines]} is none"
            raise FormatError(message, path=self.path, offset=int(offsets[0]))
        return Series(
            self.path, kind, tags, valid, dimensions, offsets, tag_offsets,
            np.dtype(_DTYPES[code]), lines,
        )  # fmt: skip

    def dimension(self) -> Dimension:
        size, offset, step, at = self.take(struct.Struct("<iddi"), "a dimension")
        description, units = self.text(), self.text()
        if size < 1:
            message = f"a dimension of size {size} cannot be"
            raise FormatError(message, path=self.path, offset=self.file.tell())
        return Dimension(size, offset, step, at, description, units)

    def text(self) -> str:
        (length,) = self.take(struct.Struct("<i"), "a text")
        if not 0 <= length <= _MOST_TEXT:
            message = f"a text of {length} bytes cannot be"
            raise FormatError(message, path=self.path, offset=self.file.tell())
        return self.file.read(length).decode("latin-1")

    def element(self, kind: int) -> tuple[tuple[Line, ...], int]:
        """Return the axes of an element in the order of its array, and the code of its type."""
        found = self.take(_HEADS[kind], "an element")
        if kind == SPECTRA:
            offset, step, at, code, size = found
            return (Line(size, offset, step, at),), code
        x0, dx, ax, y0, dy, ay, code, width, height = found
        return (Line(height, y0, dy, ay), Line(width, x0, dx, ax)), code
