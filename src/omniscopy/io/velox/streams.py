# ruff: noqa: D102 - the properties are those of `LazyArray`
"""EDS streams: every count as the number of its channel, and a mark where the beam moves on.

A frame is the same number of marks as there are pixels. Where each row of a frame starts is
found once, when it is first read, so that a part of a frame costs what its own events cost.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numba
import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.records import Key
from omniscopy.io.spectrum_images import Window

NEXT_PIXEL = 65535
# Events that are read at a time.
_BLOCK = 1 << 22


@dataclass(frozen=True)
class EventStream:
    """Counts (frame, y, x, energy), or (y, x, energy) of all frames together.

    `starts` are the places in the stream where frames start, and the end of the last one.
    `rebin` channels of the detector are one channel here.
    """

    path: str
    key: str
    starts: tuple[int, ...]
    scan: tuple[int, int]
    channels: int
    rebin: int = 1
    summed: bool = False
    dtype: np.dtype[Any] = field(default=np.dtype(np.uint16))

    @property
    def shape(self) -> tuple[int, ...]:
        inner = (*self.scan, self.channels // self.rebin)
        return inner if self.summed else (len(self.starts) - 1, *inner)

    @property
    def chunks(self) -> tuple[int, ...]:
        inner = (1, self.scan[1], self.channels // self.rebin)
        return inner if self.summed else (1, *inner)

    def __getitem__(self, key: Key) -> np.ndarray:
        window = Window.of(key, self.shape)
        found = np.zeros(window.shape, self.dtype)
        rows, columns = window.places(-3, self.scan[0]), window.places(-2, self.scan[1])
        places = window.places(-1, self.channels, rebin=self.rebin)
        frames = range(len(self.starts) - 1) if self.summed else window.ranges[0]
        for number, frame in enumerate(frames if found.size else ()):
            counts = found if self.summed else found[number]
            self._count(frame, window.ranges[-3], (rows, columns, places), counts)
        return np.asarray(found[window.kept])

    def _count(
        self, frame: int, wanted: range, tables: tuple[np.ndarray, ...], counts: np.ndarray
    ) -> None:
        """Add the counts of the wanted rows of a frame."""
        rows = row_starts(
            self.path, self.key, self.starts[frame], self.starts[frame + 1], self.scan,
            Path(self.path).stat().st_mtime_ns,
        )  # fmt: skip
        first, stop = min(wanted), max(wanted) + 1
        place = np.array([first, 0])
        for events in blocks_of(self.path, self.key, int(rows[first]), int(rows[stop])):
            count_events(events, place, tables[0], tables[1], tables[2], counts)


@functools.lru_cache(maxsize=4096)
def row_starts(
    path: str, key: str, start: int, stop: int, scan: tuple[int, int], _age: int
) -> np.ndarray:
    """Return where in the stream the rows of a frame start, and where the last one ends."""
    rows = np.full(scan[0] + 1, stop, np.int64)
    rows[0] = start
    seen, at = 0, start
    for events in blocks_of(path, key, start, stop):
        seen = find_rows(events, at, seen, scan[1], rows)
        at += len(events)
    return rows


def blocks_of(path: str, key: str, start: int, stop: int) -> Iterator[np.ndarray]:
    """Yield the events of a part of a stream."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            stored = file[key]
            for begin in range(start, stop, _BLOCK):
                yield stored[begin : min(begin + _BLOCK, stop), 0]
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        message = f"the stream cannot be read ({error})"
        raise FormatError(message, path=path, key=key) from error


@numba.njit(cache=True, nogil=True)
def count_events(  # noqa: PLR0917 - a kernel takes its arrays one by one
    events: np.ndarray, place: np.ndarray, rows: np.ndarray, columns: np.ndarray,
    places: np.ndarray, counts: np.ndarray,
) -> None:  # fmt: skip
    """Add events to `counts`; `place` is (row, column) of the first, and then of the next.

    `rows`, `columns` and `places` say where each row, column and channel is in `counts`, -1 for
    nowhere. What comes after the last row of a frame is nowhere.
    """
    row, column = place[0], place[1]
    channels = counts.shape[2]
    flat = counts.reshape(-1)
    # Every event has an entry, so that none has to be compared with their number.
    table = np.full(NEXT_PIXEL + 1, -1, np.int64)
    table[: places.size] = places
    first = _first_of(rows, columns, row, column, counts.shape)
    for event in events:
        if event == NEXT_PIXEL:
            column += 1
            if column == columns.size:
                column = 0
                row += 1
            first = _first_of(rows, columns, row, column, counts.shape)
        else:
            channel = table[event]
            if first >= 0 and 0 <= channel < channels:
                flat[np.uintp(first + channel)] += 1
    place[0], place[1] = row, column


@numba.njit(cache=True, nogil=True)
def _first_of(
    rows: np.ndarray, columns: np.ndarray, row: int, column: int, shape: tuple[int, int, int]
) -> int:
    """Return where the channels of a pixel start, -1 where it is not wanted."""
    y, x = rows[row] if row < rows.size else -1, columns[column]
    if not (0 <= y < shape[0] and 0 <= x < shape[1]):
        return -1
    first: int = (y * shape[1] + x) * shape[2]
    return first


@numba.njit(cache=True, nogil=True)
def find_rows(events: np.ndarray, at: int, seen: int, columns: int, rows: np.ndarray) -> int:
    """Fill in where rows start in events that begin `at`; return the marks seen by then."""
    for number in range(events.size):
        if events[number] == NEXT_PIXEL:
            seen += 1
            if seen % columns == 0 and seen // columns < rows.size - 1:
                rows[seen // columns] = at + number + 1
    return seen
