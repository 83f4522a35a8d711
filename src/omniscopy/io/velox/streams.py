# ruff: noqa: D102 - the properties are those of `LazyArray`
"""EDS streams: every count as the number of its channel, and a mark where the beam moves on.

A frame is the same number of marks as there are pixels. Whole frames are read once; where each
row of a frame starts is found before a part of it is first read, so that further parts cost what
their own events cost.
"""

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numba
import numpy as np

from omniscopy.compute.threads import BLOCK_BYTES, share_work
from omniscopy.io.records import Key
from omniscopy.io.spectrum_images import Window
from omniscopy.io.velox.events import BLOCK_EVENTS, Read, blocks_of, open_events

NEXT_PIXEL = 65535
# Events among which marks are looked for at a time, so that they stay in the processor's cache.
_GLANCE = 1 << 17


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
        # Counting sets to zero what it begins with: memory is touched once.
        found = np.empty(window.shape, self.dtype)
        frames = range(len(self.starts) - 1) if self.summed else window.ranges[0]
        if found.size:
            cubes = found[np.newaxis] if self.summed else found
            self._count(frames, window, cubes)
        return np.asarray(found[window.kept])

    def _count(self, frames: range, window: Window, cubes: np.ndarray) -> None:
        """Count the wanted parts of frames, into a cube of each or into one of all."""
        wanted = np.array(window.ranges[-3], np.int64)
        # Numbers as short as can be: more of the table stays at hand while events are counted.
        channels = window.places(-1, self.channels, rebin=self.rebin).astype(np.int32)
        places = (window.places(-2, self.scan[1]), channels)
        done = 0
        with open_events(self.path, self.key) as read:
            for batch in self._batches(frames):
                events, rows = self._read(read, batch, wanted)
                into = cubes if self.summed else cubes[done : done + len(batch)]
                bounds = (rows[:, wanted], rows[:, wanted + 1])
                count_frames(events, bounds, places, into, further=self.summed and done > 0)
                done += len(batch)

    def _batches(self, frames: range) -> Iterator[range]:
        """Yield frames, as many together as are read at a time."""
        begin, events = 0, 0
        for number, frame in enumerate(frames):
            size = self.starts[frame + 1] - self.starts[frame]
            if number > begin and events + size > BLOCK_EVENTS:
                yield frames[begin:number]
                begin, events = number, 0
            events += size
        yield frames[begin:]

    def _read(self, read: Read, frames: range, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the events of the wanted rows of frames, and where in them each row starts."""
        if len(wanted) == self.scan[0] and frames.step == 1:
            first = self.starts[frames[0]]
            events = read(first, self.starts[frames[-1] + 1])
            rows = np.empty((len(frames), self.scan[0] + 1), np.int64)

            def find(number: int) -> None:
                start, stop = (self.starts[frames[number] + k] - first for k in (0, 1))
                rows[number] = rows_in([events[start:stop]], start, stop, self.scan)

            share_work(find, range(len(frames)))
            return events, rows
        age = Path(self.path).stat().st_mtime_ns
        parts, tables, done = [], [], 0
        for frame in frames:
            starts = row_starts(
                self.path, self.key, *self.starts[frame : frame + 2], self.scan, age
            )
            begin = starts[wanted.min()]
            parts.append(read(int(begin), int(starts[wanted.max() + 1])))
            tables.append(starts - begin + done)
            done += len(parts[-1])
        return np.concatenate(parts), np.array(tables)


@functools.lru_cache(maxsize=4096)
def row_starts(
    path: str, key: str, start: int, stop: int, scan: tuple[int, int], _age: int
) -> np.ndarray:
    """Return where in the stream the rows of a frame start, and where the last one ends."""
    return rows_in(blocks_of(path, key, start, stop), start, stop, scan)


def rows_in(
    blocks: Iterable[np.ndarray], start: int, stop: int, scan: tuple[int, int]
) -> np.ndarray:
    """Return where the rows of a frame start whose events, from `start` to `stop`, are given."""
    rows = np.full(scan[0] + 1, stop, np.int64)
    rows[0] = start
    seen, at = 0, start
    for events in blocks:
        seen = find_rows(events, at, seen, scan[1], rows)
        at += len(events)
    return rows


def count_frames(
    events: np.ndarray,
    rows: tuple[np.ndarray, np.ndarray],
    places: tuple[np.ndarray, np.ndarray],
    cubes: np.ndarray,
    *,
    further: bool = False,
) -> None:
    """Count the events of frames, with the rows of the result shared out among threads.

    Parameters
    ----------
    events : array of uint16
        Of the wanted rows of all frames.
    rows : (starts, stops), each of shape (frames, y)
        Where in `events` each row of the result starts and ends.
    places : (columns, channels)
        Where in the result each column of the scan and each channel of the detector is, -1 for
        nowhere.
    cubes : array, shape (frames or 1, y, x, energy)
        What is filled: for each frame, or for all together.
    further : bool
        Add to what `cubes` holds.
    """
    each = cubes.reshape(-1, *cubes.shape[2:])
    step = max(1, BLOCK_BYTES // max(each[0].nbytes, 1))

    def work(begin: int) -> None:
        stop = min(begin + step, len(each))
        if not further:
            each[begin:stop] = 0
        count_rows(events, *rows, *places, cubes, begin, stop)

    share_work(work, range(0, len(each), step))


def find_rows(events: np.ndarray, at: int, seen: int, columns: int, rows: np.ndarray) -> int:
    """Fill in where rows start in events that begin `at`; return the marks seen by then."""
    for begin in range(0, events.size, _GLANCE):
        marks = np.flatnonzero(events[begin : begin + _GLANCE] == NEXT_PIXEL)
        # The last mark of each row, of which the first ones were seen before.
        ends = marks[(-seen - 1) % columns :: columns] + (at + begin + 1)
        first = seen // columns + 1
        ends = ends[: max(rows.size - 1 - first, 0)]
        rows[first : first + len(ends)] = ends
        seen += len(marks)
    return seen


@numba.njit(cache=True, nogil=True)
def count_rows(  # noqa: PLR0917 - a kernel takes its arrays one by one
    events: np.ndarray, starts: np.ndarray, stops: np.ndarray, columns: np.ndarray,
    places: np.ndarray, cubes: np.ndarray, begin: int, stop: int,
) -> None:  # fmt: skip
    """Add the events of some rows of `cubes`, numbered through all frames."""
    count, height, width, channels = cubes.shape
    flat = cubes.reshape(-1)
    for number in range(begin, stop):
        frame, row = number // height, number % height
        # One cube is of all frames.
        last = frame + 1 if count > 1 else starts.shape[0]
        for taken in range(frame, last):
            at, end = starts[taken, row], stops[taken, row]
            for column in columns:
                first = (number * width + column) * channels
                while at < end:
                    event = events[at]
                    at += 1
                    if event < places.size:
                        channel = places[event]
                        if channel >= 0 and column >= 0:
                            flat[np.uintp(first + channel)] += 1
                    elif event == NEXT_PIXEL:
                        break
