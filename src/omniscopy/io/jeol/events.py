"""Streams of EDS events, in words of 16 bits whose upper four tell what they are.

8: the beam is at a column; 9: it is at a row; 10: how bright an image is there; 11: a count in a
channel. Columns and rows are in
parts of 4096 of the scan. A row above the one before begins a frame. Others are marks of time.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.records import Key
from omniscopy.io.spectrum_images import Window

CHANNELS = 4096
_COLUMN, _ROW, _IMAGE = 8, 9, 10
_BLOCK = 1 << 22


@dataclass(frozen=True)
class Marks:
    """Frame, row and place of every mark of a row; `starts` ends with the end of the stream."""

    frames: np.ndarray
    rows: np.ndarray
    starts: np.ndarray
    has_images: bool

    @property
    def count(self) -> int:
        """Return the number of frames."""
        return int(self.frames[-1]) + 1 if len(self.frames) else 0


@dataclass(frozen=True)
class EventMap:
    """Counts (frame, y, x, energy), or (y, x, energy) of all `frames` together.

    `words` words of the stream are at `offset`; `rebin` channels of the detector are one here.
    """

    path: str
    offset: int
    words: int
    scan: tuple[int, int]
    frames: tuple[int, int]
    rebin: int
    summed: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the sizes of the dimensions."""
        inner = (*self.scan, CHANNELS // self.rebin)
        return inner if self.summed else (self.frames[1] - self.frames[0], *inner)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the type of the counts."""
        several = self.summed and self.frames[1] - self.frames[0] > 1
        return np.dtype(np.uint32 if several else np.uint16)

    @property
    def chunks(self) -> tuple[int, ...]:
        """Return a row of one frame."""
        return (1,) * (len(self.shape) - 2) + self.shape[-2:]

    def __getitem__(self, key: Key) -> np.ndarray:
        from omniscopy.io.jeol.counting import count_events

        window = Window.of(key, self.shape)
        found = np.zeros(window.shape, self.dtype)
        if found.size:
            rows, columns = (window.places(axis - 3, self.scan[axis]) for axis in (0, 1))
            places = window.places(-1, CHANNELS, rebin=self.rebin)
            words = _mapped(self.path, self.offset, self.words)
            marks = find_marks(self.path, self.offset, self.words, self.scan[0])
            several = range(*self.frames)
            for number, frame in enumerate(several if self.summed else window.ranges[0]):
                frame_number = frame if self.summed else several[frame]
                counts = found if self.summed else found[number]
                for start, stop in _runs(marks, frame_number, rows):
                    count_events(words[start:stop], rows, columns, places, counts)
        return np.asarray(found[window.kept])


@dataclass(frozen=True)
class EventImage:
    """The image (frame, y, x) that is in a stream of events, or (y, x) of all `frames` together."""

    path: str
    offset: int
    words: int
    scan: tuple[int, int]
    frames: tuple[int, int]
    summed: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the sizes of the dimensions."""
        return self.scan if self.summed else (self.frames[1] - self.frames[0], *self.scan)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the type of the pixels."""
        return np.dtype(np.uint32)

    @property
    def chunks(self) -> tuple[int, ...]:
        """Return a frame."""
        return (1,) * (len(self.shape) - 2) + self.scan

    def __getitem__(self, key: Key) -> np.ndarray:
        from omniscopy.io.jeol.counting import add_brightness

        window = Window.of(key, self.shape)
        found = np.zeros(window.shape, self.dtype)
        if found.size:
            rows, columns = (window.places(axis - 2, self.scan[axis]) for axis in (0, 1))
            words = _mapped(self.path, self.offset, self.words)
            marks = find_marks(self.path, self.offset, self.words, self.scan[0])
            several = range(*self.frames)
            for number, frame in enumerate(several if self.summed else window.ranges[0]):
                image = found if self.summed else found[number]
                wanted = frame if self.summed else several[frame]
                for start, stop in _runs(marks, wanted, rows):
                    add_brightness(words[start:stop], rows, columns, image)
        return np.asarray(found[window.kept])


def find_marks(path: str, offset: int, words: int, rows: int) -> Marks:
    """Return where the rows of all frames are in a stream."""
    return _marks(path, offset, words, rows, Path(path).stat().st_mtime_ns)


@functools.lru_cache(maxsize=16)
def _marks(path: str, offset: int, words: int, rows: int, _age: int) -> Marks:
    stream = _mapped(path, offset, words)
    places, values, has_images = [], [], False
    for start in range(0, words, _BLOCK):
        block = np.asarray(stream[start : start + _BLOCK])
        kinds = block >> 12
        found = np.flatnonzero(kinds == _ROW)
        places.append(found + start)
        values.append(block[found] & 0xFFF)
        has_images = has_images or bool((kinds == _IMAGE).any())
    starts = np.concatenate([*places, [words]]).astype(np.int64)
    at = np.concatenate([*values, np.empty(0, np.uint16)]).astype(np.int64) * rows >> 12
    frames = np.cumsum(np.diff(at, prepend=0) < 0)
    return Marks(frames, at, starts, has_images)


def _runs(marks: Marks, frame: int, rows: np.ndarray) -> list[tuple[int, int]]:
    """Return parts of the stream with rows that are wanted, of one frame."""
    first, last = np.searchsorted(marks.frames, [frame, frame + 1])
    wanted = np.flatnonzero(rows[marks.rows[first:last]] >= 0) + first
    if not len(wanted):
        return []
    breaks = np.flatnonzero(np.diff(wanted) != 1)
    begins, ends = wanted[np.r_[0, breaks + 1]], wanted[np.r_[breaks, len(wanted) - 1]]
    return [
        (int(marks.starts[begin]), int(marks.starts[end + 1]))
        for begin, end in zip(begins, ends, strict=True)
    ]


def _mapped(path: str, offset: int, words: int) -> np.ndarray:
    if words == 0:
        return np.empty(0, np.uint16)
    return np.memmap(path, "<u2", "r", offset, (words,)).view(np.ndarray)
