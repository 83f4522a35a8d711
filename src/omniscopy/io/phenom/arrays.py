"""Handles of counts and images in a project, which is unpacked once for many of them."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.arrays import full_key
from omniscopy.io.errors import FormatError
from omniscopy.io.phenom.content import unpack
from omniscopy.io.phenom.images import decode_image
from omniscopy.io.phenom.varints import decode
from omniscopy.io.records import Key


@dataclass(frozen=True)
class PackedCounts:
    """Counts (..., energy) whose rows start at bytes of the content; `rebin` channels are one."""

    path: str
    rows: tuple[int, ...]
    inner: tuple[int, ...]
    dtype: np.dtype[Any]
    rebin: int = 1

    @property
    def shape(self) -> tuple[int, ...]:
        rebinned = (*self.inner[:-1], self.inner[-1] // self.rebin)
        return rebinned if self._is_single else (len(self.rows) - 1, *rebinned)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return self.shape

    def __getitem__(self, key: Key) -> np.ndarray:
        content, _ = unpack(self.path)
        first, *others = full_key(key, self.shape)
        if self._is_single:
            return np.array(self._row(content, 0)[key])
        wanted = range(len(self.rows) - 1)[first]
        if isinstance(wanted, int):
            return np.array(self._row(content, wanted)[tuple(others)])
        rows = [self._row(content, row)[tuple(others)] for row in wanted]
        empty = np.empty((0, *self.shape[1:]), self.dtype)[(slice(None), *others)]
        return np.stack(rows) if rows else empty

    @property
    def _is_single(self) -> bool:
        return len(self.rows) == 2 and len(self.inner) == 1

    def _row(self, content: bytes, row: int) -> np.ndarray:
        start, stop = self.rows[row : row + 2]
        count = int(np.prod(self.inner))
        values = decode(self.path, content[start:stop], count).reshape(self.inner)
        if self.rebin > 1:
            channels = self.inner[-1] // self.rebin
            values = values[..., : channels * self.rebin]
            values = values.reshape(*self.inner[:-1], channels, self.rebin).sum(axis=-1)
        return values.astype(self.dtype)


@dataclass(frozen=True)
class PackedImage:
    """An image that is a TIFF file at a place of the content."""

    path: str
    place: tuple[int, int]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return self.shape

    def __getitem__(self, key: Key) -> np.ndarray:
        content, _ = unpack(self.path)
        start, size = self.place
        values = decode_image(self.path, io.BytesIO(content[start : start + size]))
        if values.shape != self.shape or values.dtype != self.dtype:
            message = "the image is not what it was when the file was opened"
            raise FormatError(message, path=self.path)
        return np.array(values[key])
