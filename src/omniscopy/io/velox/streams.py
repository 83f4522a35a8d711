# ruff: noqa: D102 - the properties are those of `LazyArray`
"""EDS streams: every count as the number of its channel, and a mark where the beam moves on.

A frame is the same number of marks as there are pixels. Whole frames are read once; where each
row of a frame starts is found before a part of it is first read, so that further parts cost what
their own events cost.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numba
import numpy as np

from omniscopy.compute.threads import BLOCK_BYTES, share_work
from omniscopy.io.records import Key
from omniscopy.io.spectrum_images import Window
from omniscopy.io.velox.events import (
    BLOCK_EVENTS,
    Events,
    Stream,
    fewer_events,
    open_events,
)
from omniscopy.model.compiling import keep_compiled

F = TypeVar("F", bound=Callable[..., Any])

NEXT_PIXEL = 65535
# Events among which marks are looked for at a time.
_GLANCE = 1 << 10
# Events from which on it takes longer to look for marks than to begin threads.
_MANY = 1 << 20
# Where the rows of frames start that were looked into, by file, part of its stream and scan.
_found: dict[tuple[Any, ...], np.ndarray] = {}
_MOST_FOUND = 1 << 12


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
        columns = window.places(-2, self.scan[1])
        # For every number that an event can be, so that it needs no look at how large it is.
        channels = np.full(NEXT_PIXEL + 1, -1, np.int32)
        channels[: self.channels] = window.places(-1, self.channels, rebin=self.rebin)
        done = 0
        with open_events(self.path, self.key) as stream:
            for batch in [frames] if stream.whole else self._batches(frames):
                events, rows = self._read(stream, batch, wanted)
                into = cubes if self.summed else cubes[done : done + len(batch)]
                bounds = (rows[:, wanted], rows[:, wanted + 1])
                further = self.summed and done > 0
                count_frames(events, bounds, (columns, channels), into, further=further)
                done += len(batch)

    def _batches(self, frames: range) -> Iterator[range]:
        """Yield frames, as many together as are unpacked at a time."""
        begin, events = 0, 0
        for number, frame in enumerate(frames):
            size = self.starts[frame + 1] - self.starts[frame]
            if number > begin and events + size > BLOCK_EVENTS:
                yield frames[begin:number]
                begin, events = number, 0
            events += size
        yield frames[begin:]

    def _read(self, stream: Stream, frames: range, wanted: np.ndarray) -> tuple[Events, np.ndarray]:
        """Return events with those of the wanted rows of frames, and where each row starts."""
        rows = np.empty((len(frames), self.scan[0] + 1), np.int64)
        ends = [(self.starts[frame], self.starts[frame + 1]) for frame in frames]
        if stream.whole is None and len(wanted) == self.scan[0] and frames.step == 1:
            # Frames that are unpacked as a whole are unpacked once.
            events = stream.read(ends[0][0], ends[-1][1])
            for number, (start, stop) in enumerate(ends):
                rows[number] = rows_in([events], start, stop, self.scan)
            return events, rows
        age = Path(self.path).stat().st_mtime_ns

        def find(number: int) -> None:
            rows[number] = row_starts(stream, (self.path, self.key, age), ends[number], self.scan)

        if stream.whole is not None:
            if max(stop for _, stop in ends) > stream.whole.stop:
                raise fewer_events(self.path, self.key)
            many = sum(stop - start for start, stop in ends) > _MANY
            share_work(find, range(len(ends)), None if many else 1)
            return stream.whole, rows
        parts, done = [], 0
        for number in range(len(ends)):
            find(number)
            begin, end = (int(rows[number, row]) for row in (wanted.min(), wanted.max() + 1))
            parts.append(stream.read(begin, end).values)
            rows[number] += done - begin
            done += len(parts[-1])
        return Events.of(np.concatenate(parts)), rows


def row_starts(
    stream: Stream, place: tuple[str, str, int], ends: tuple[int, int], scan: tuple[int, int]
) -> np.ndarray:
    """Return where the rows of a frame start, and where the last one ends; looked for once."""
    known = (*place, ends, scan)
    rows = _found.get(known)
    if rows is None:
        if len(_found) >= _MOST_FOUND:
            _found.clear()
        rows = _found[known] = rows_in(stream.parts(*ends), *ends, scan)
    return rows


def rows_in(parts: Iterable[Events], start: int, stop: int, scan: tuple[int, int]) -> np.ndarray:
    """Return where the rows of a frame start whose events, from `start` to `stop`, are given."""
    rows = np.full(scan[0] + 1, stop, np.int64)
    rows[0] = start
    find_marks(parts, (start, stop), scan[1], rows)
    return rows


def find_marks(
    parts: Iterable[Events], bounds: tuple[int, int], columns: int, rows: np.ndarray
) -> None:
    """Fill in where each row but the first begins: behind so many marks from the start on."""
    at, stop = bounds
    seen = 0
    for events in parts:
        seen = find_rows(events, at, stop, seen, columns, rows)
        at = events.stop


def count_frames(
    events: Events,
    rows: tuple[np.ndarray, np.ndarray],
    places: tuple[np.ndarray, np.ndarray],
    cubes: np.ndarray,
    *,
    further: bool = False,
) -> None:
    """Count the events of frames, with the rows of the result shared out among threads.

    Parameters
    ----------
    events : Events
        With those of the wanted rows of all frames.
    rows : (starts, stops), each of shape (frames, y)
        The events with which each row of the result starts and before which it ends.
    places : (columns, channels)
        Where in the result each column of the scan is, and each number that an event can be, as
        int32 of shape (65536,); -1 for nowhere.
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


def _compiled(function: F) -> F:
    made: F = keep_compiled(numba.njit, function, nogil=True)
    return made


@_compiled
def find_rows(  # noqa: PLR0917 - a kernel takes its arrays one by one
    events: Events, at: int, stop: int, seen: int, columns: int, rows: np.ndarray
) -> int:
    """Fill in where rows begin among the events that are given; return the marks seen by then."""
    values, places, block, first = events
    stop = min(stop, first + places.size * block)
    row = seen // columns + 1
    while at < stop and row < rows.size:
        number = (at - first) // block
        offset = at - first - number * block
        here = places[number] + offset
        part = values[here : here + min(stop - at, block - offset, _GLANCE)]
        found = _count_marks(part)
        # Only where a row ends are the marks looked for one by one.
        if seen + found >= row * columns:
            found = 0
            for place in range(part.size):
                if part[place] == NEXT_PIXEL:
                    found += 1
                    if seen + found == row * columns and row < rows.size:
                        rows[row] = at + place + 1
                        row += 1
        seen += found
        at += part.size
    return seen


@_compiled
def _count_marks(events: np.ndarray) -> int:
    """Return how many marks there are, by a loop that becomes one of vectors."""
    count = 0
    for place in range(events.size):
        count += events[place] == NEXT_PIXEL
    return count


@_compiled
def count_rows(  # noqa: PLR0917 - a kernel takes its arrays one by one
    events: Events, starts: np.ndarray, stops: np.ndarray,
    columns: np.ndarray, channels_of: np.ndarray, cubes: np.ndarray, begin: int, stop: int,
) -> None:  # fmt: skip
    """Add the events of some rows of `cubes`, numbered through all frames."""
    values, places, block, first = events
    count, height, width, channels = cubes.shape
    flat = cubes.reshape(-1)
    for number in range(begin, stop):
        frame, row = number // height, number % height
        # One cube is of all frames.
        last = frame + 1 if count > 1 else starts.shape[0]
        for taken in range(frame, last):
            at, end, column = starts[taken, row] - first, stops[taken, row] - first, 0
            while at < end and column < columns.size:
                part = at // block
                here = places[part] + at - part * block
                piece = values[here : here + min(end, (part + 1) * block) - at]
                at += piece.size
                place = 0
                while place < piece.size and column < columns.size:
                    pixel = np.uintp((number * width + columns[column]) * channels)
                    is_wanted = columns[column] >= 0
                    while place < piece.size:
                        event = piece[np.uintp(place)]
                        place += 1
                        channel = channels_of[event]
                        if channel >= 0:
                            if is_wanted:
                                flat[pixel + np.uintp(channel)] += 1
                        elif event == NEXT_PIXEL:
                            column += 1
                            break
