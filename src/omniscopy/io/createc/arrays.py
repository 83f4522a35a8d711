"""Images that are compressed together, or lie one after the other."""

import functools
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import full_key
from omniscopy.io.errors import FormatError
from omniscopy.io.records import Key

_RATIO = 1032  # no deflate stream holds more than this times its length
_PIECE = 1 << 20


@dataclass(frozen=True)
class Images:
    """Image `index` of several, (y, x); rows at the end that are 0 in all of them are NaN.

    The first number of what is stored stands for nothing.
    """

    path: str
    offset: int
    count: int
    plane: tuple[int, int]
    file_dtype: np.dtype[Any]
    index: int
    is_packed: bool
    partial: bool = False

    def __post_init__(self) -> None:
        there = max(Path(self.path).stat().st_size - self.offset, 0)
        most = there * _RATIO if self.is_packed else there
        if self._wanted > most and not (self.partial and not self.is_packed):
            message = (
                f"{self.count} images of {self.plane} need {self._wanted} bytes, which cannot be "
                f"in the {there} that are left; the file is cut short or damaged"
            )
            raise FormatError(message, path=self.path, offset=self.offset)

    @property
    def _wanted(self) -> int:
        rows, columns = self.plane
        return self.file_dtype.itemsize * (1 + self.count * rows * columns)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.plane

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float32)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return self.plane

    def __getitem__(self, key: Key) -> np.ndarray:
        # All images are packed together, and one is read after the other.
        images = _images(replace(self, index=0), Path(self.path).stat().st_mtime_ns)
        return np.array(images[self.index][full_key(key, self.plane)], order="C")

    def all(self) -> np.ndarray:
        """Return all images, (image, y, x)."""
        raw = self._raw()
        values = np.full(self.count * self.plane[0] * self.plane[1], np.nan, self.dtype)
        there = len(raw) // self.file_dtype.itemsize
        numbers = np.frombuffer(raw, self.file_dtype, there)[1:]
        values[: len(numbers)] = numbers
        images = values.reshape(self.count, *self.plane)
        scanned = np.flatnonzero((images != 0).any(axis=(0, 2)))
        images[:, scanned[-1] + 1 if len(scanned) else 0 :] = np.nan
        return images

    def missing(self) -> dict[str, Any] | None:
        """Return what a file that is cut short lacks of this image."""
        there = len(self._raw()) // self.file_dtype.itemsize - 1
        rows, columns = self.plane
        first = max(there - self.index * rows * columns, 0) // columns
        if first >= rows:
            return None
        return {"missing_from": first, "reason": f"{max(there, 0)} numbers are in the file"}

    def _raw(self) -> bytes:
        with Path(self.path).open("rb") as file:
            file.seek(self.offset)
            stored = file.read() if self.is_packed else file.read(self._wanted)
        raw = self._unpacked(stored) if self.is_packed else stored
        if len(raw) < self._wanted and not self.partial:
            message = (
                f"{self._wanted} bytes of images were expected, {len(raw)} are there; "
                "the file is cut short"
            )
            raise FormatError(message, path=self.path, offset=self.offset)
        return raw

    def _unpacked(self, stored: bytes) -> bytes:
        inflater = zlib.decompressobj()
        parts, left, todo = [], self._wanted, stored
        try:
            while left > 0 and todo:
                part = inflater.decompress(todo, min(left, _PIECE))
                parts.append(part)
                left -= len(part)
                todo = inflater.unconsumed_tail
        except zlib.error as error:
            if not self.partial:
                message = f"the images cannot be unpacked ({error}); the file is damaged"
                raise FormatError(message, path=self.path, offset=self.offset) from error
        return b"".join(parts)


@functools.lru_cache(maxsize=1)
def _images(stored: Images, _age: int) -> np.ndarray:
    return stored.all()
