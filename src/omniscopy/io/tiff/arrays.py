"""Handles of TIFF pixels: they decode the strips and tiles that are asked for, no more."""

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.arrays import Derived, full_key
from omniscopy.io.errors import FormatError
from omniscopy.io.records import Key
from omniscopy.io.tiff.container import (
    open_tiff,
    page_at,
    require_inflates,
    require_segments,
    segment_grid,
)


@dataclass(frozen=True)
class Pages:
    """Pages of one shape, whose directories lie at the bytes `places`.

    `axes` are tifffile's letters of a page; `lead` is how the pages make further dimensions.
    Segments that are not in the file are an error, or hold `fill` where that is given.
    """

    path: str
    places: tuple[int, ...]
    lead: tuple[int, ...]
    axes: str
    page_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fill: float | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.lead, *self.page_shape)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return (*(1 for _ in self.lead), *self.page_shape)

    def __getitem__(self, key: Key) -> np.ndarray:
        key = full_key(key, self.shape)
        lead, inner = key[: len(self.lead)], key[len(self.lead) :]
        chosen = [
            [part] if isinstance(part, int) else list(range(*part.indices(size)))
            for part, size in zip(lead, self.lead, strict=True)
        ]
        kept = [
            len(numbers)
            for part, numbers in zip(lead, chosen, strict=True)
            if isinstance(part, slice)
        ]
        images = []
        with open_tiff(self.path) as file:
            for position in itertools.product(*chosen):
                number = int(np.ravel_multi_index(position, self.lead)) if position else 0
                images.append(self._read(file, self.places[number], inner))
        if not images:
            empty = np.empty(self.page_shape, self.dtype)[inner]
            return np.empty((*kept, *empty.shape), self.dtype)
        return np.stack(images).reshape((*kept, *images[0].shape))

    def _read(self, file: Any, place: int, inner: Key) -> np.ndarray:
        page = page_at(file, place)
        missing = require_segments(page, self.path)
        if missing and self.fill is None:
            raise FormatError(missing, path=self.path, offset=place)
        if tuple(page.shape) != self.page_shape:
            message = f"the page is {page.shape}, but was {self.page_shape} when it was opened"
            raise FormatError(message, path=self.path, offset=place)
        window = {letter: _span(part) for letter, part in zip(self.axes, inner, strict=True)}
        (top, bottom), (left, right) = window["Y"], window["X"]
        if top == bottom or left == right:
            return np.empty(self.page_shape, self.dtype)[inner]
        pixels = self._window(file, page, (top, bottom), (left, right))
        within = tuple(
            _shifted(part, window[letter][0] if letter in "YX" else 0)
            for letter, part in zip(self.axes, inner, strict=True)
        )
        sizes = {"Y": bottom - top, "X": right - left}
        whole = zip(self.axes, self.page_shape, strict=True)
        return pixels.reshape([sizes.get(letter, size) for letter, size in whole])[within]

    def _window(
        self, file: Any, page: Any, rows: tuple[int, int], columns: tuple[int, int]
    ) -> np.ndarray:
        """Return (separate samples, depth, rows, columns, samples) of a part of the page."""
        separate, depth, _, _, samples = page.shaped
        shape = (separate, depth, rows[1] - rows[0], columns[1] - columns[0], samples)
        pixels = np.full(shape, 0 if self.fill is None else self.fill, self.dtype)
        grid, (height, width) = segment_grid(page)
        for number, (_, _, down, across) in enumerate(np.ndindex(*grid)):
            if not _meets(down * height, height, rows):
                continue
            if not _meets(across * width, width, columns):
                continue
            segment, at, size = self._decoded(file, page, number)
            if segment is not None:
                _put(pixels, segment, at, size, (rows, columns))
        return pixels

    def _decoded(self, file: Any, page: Any, number: int) -> Any:
        at, count = page.dataoffsets[number], page.databytecounts[number]
        if not (at > 0 and count > 0 and at + count <= file.filehandle.size):
            return None, None, None
        file.filehandle.seek(at)
        data = file.filehandle.read(count)
        pixels = math.prod(segment_grid(page)[1]) * page.shaped[4] * max(page.tiledepth, 1)
        require_inflates(page, data, pixels * page.dtype.itemsize, self.path)
        return page.decode(data, number, jpegtables=page.jpegtables, jpegheader=page.jpegheader)


@dataclass(frozen=True)
class Selected(Derived):
    """`inner` at one position of one of its dimensions."""

    axis: int
    position: int

    @property
    def shape(self) -> tuple[int, ...]:
        return self._without(self.inner.shape)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        chunks = self.inner.chunks
        return None if chunks is None else self._without(chunks)

    def __getitem__(self, key: Key) -> np.ndarray:
        parts = list(full_key(key, self.shape))
        parts.insert(self.axis, self.position)
        return self.inner[tuple(parts)]

    def _without(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        return (*sizes[: self.axis], *sizes[self.axis + 1 :])


def _span(part: int | slice) -> tuple[int, int]:
    """Return the first and last+1 position that `part` needs."""
    if isinstance(part, int):
        return part, part + 1
    chosen = range(part.start, max(part.start, part.stop), part.step)
    return (chosen[0], chosen[-1] + 1) if len(chosen) else (0, 0)


def _shifted(part: int | slice, start: int) -> int | slice:
    if isinstance(part, int):
        return part - start
    return slice(part.start - start, part.stop - start, part.step)


def _meets(start: int, length: int, wanted: tuple[int, int]) -> bool:
    return start < wanted[1] and wanted[0] < start + length


def _put(
    pixels: np.ndarray,
    segment: np.ndarray,
    at: tuple[int, ...],
    size: tuple[int, ...],
    window: tuple[tuple[int, int], tuple[int, int]],
) -> None:
    """Copy the part of a segment that lies in the window."""
    plane, deep, row, column, _ = at
    (top, bottom), (left, right) = window
    rows = slice(max(row, top), min(row + size[1], bottom))
    columns = slice(max(column, left), min(column + size[2], right))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    depth = min(size[0], pixels.shape[1] - deep)
    pixels[
        plane,
        deep : deep + depth,
        rows.start - top : rows.stop - top,
        columns.start - left : columns.stop - left,
    ] = segment[
        :depth, rows.start - row : rows.stop - row, columns.start - column : columns.stop - column
    ]
