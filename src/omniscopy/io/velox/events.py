"""The events of EDS streams, wherever HDF5 has put the blocks of them.

Velox packs nothing, so that the bytes of the file are the events: they are mapped, and counted
where they lie. What was packed by others is read, a part at a time.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from omniscopy.io.errors import FormatError

# Events that are unpacked at a time. The more, the fewer times is a sum of frames gone through.
BLOCK_EVENTS = 1 << 24
_STORED = np.dtype("<u2")


class Events(NamedTuple):
    """Events of a stream from the `first` on, in blocks that each begin at a place of `values`."""

    values: np.ndarray
    places: np.ndarray
    block: int
    first: int = 0

    @classmethod
    def of(cls, values: np.ndarray, first: int = 0) -> "Events":
        """Return events that follow each other, as an array that is only read."""
        given = np.ascontiguousarray(values, np.uint16).view()
        given.flags.writeable = False
        return cls(given, np.zeros(1, np.int64), max(given.size, 1), first)

    @property
    def stop(self) -> int:
        """Return the number of the event after the last block."""
        return self.first + len(self.places) * self.block


class Stream(NamedTuple):
    """An open stream: `whole` where it is mapped, else `read` from one event to another."""

    whole: Events | None
    read: Callable[[int, int], Events]

    def parts(self, start: int, stop: int) -> Iterator[Events]:
        """Yield all events from `start` to `stop`, as many as are unpacked at a time."""
        if self.whole is not None:
            yield self.whole
            return
        for begin in range(start, stop, BLOCK_EVENTS):
            yield self.read(begin, min(begin + BLOCK_EVENTS, stop))


@contextmanager
def open_events(path: str, key: str) -> Iterator[Stream]:
    """Open a stream."""
    places, block = _blocks(path, key, Path(path).stat().st_mtime_ns)
    if len(places):
        whole = _mapped(path, places, block)
        yield Stream(whole, lambda _start, _stop: whole)
        return
    with open_stream(path, key) as stored:

        def read(start: int, stop: int) -> Events:
            values = stored[start:stop, 0]
            if len(values) < stop - start:
                raise fewer_events(path, key)
            return Events.of(values, start)

        yield Stream(None, read)


def fewer_events(path: str, key: str) -> FormatError:
    """Return the error of a file that was written anew since it was opened."""
    message = "the stream has fewer events than when the file was opened"
    return FormatError(message, path=path, key=key)


@contextmanager
def open_stream(path: str, key: str) -> Iterator[Any]:
    """Open the data set of a stream; what cannot be read of it is a `FormatError`."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            yield file[key]
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        message = f"the stream cannot be read ({error})"
        raise FormatError(message, path=path, key=key) from error


@functools.lru_cache(maxsize=64)
def _blocks(path: str, key: str, _age: int) -> tuple[np.ndarray, int]:
    """Return the bytes at which blocks of events start, none where they are packed; their size."""
    with open_stream(path, key) as stored:
        packed = stored.id.get_create_plist().get_nfilters() or stored.file.userblock_size
        if packed or stored.dtype != _STORED or stored.shape[1:] != (1,):
            return np.empty(0, np.int64), 1
        if stored.chunks is None:
            place = stored.id.get_offset()
            return np.array([] if place is None else [place], np.int64), stored.shape[0]
        block = stored.chunks[0]
        count = -(-stored.shape[0] // block)
        places = np.full(count, -1, np.int64)

        def note(found: Any) -> None:
            number = found.chunk_offset[0] // block
            if number < count and found.size == block * _STORED.itemsize:
                places[number] = found.byte_offset

        stored.id.chunk_iter(note)
        return (places if of_one_array(places) else places[:0]), block


def of_one_array(places: np.ndarray) -> bool:
    """Return whether all blocks are there, and begin at odd bytes or all at even ones."""
    return bool((places >= 0).all() and np.ptp(places % _STORED.itemsize) == 0)


def _mapped(path: str, places: np.ndarray, block: int) -> Events:
    """Return the events of blocks that start at these bytes of a file."""
    size, step = Path(path).stat().st_size, _STORED.itemsize
    last = int(places.max())
    if last + block * step > size:
        message = "the events end too early; the file is cut short"
        raise FormatError(message, path=path, offset=last)
    first = int(places[0]) % step
    values = np.memmap(path, _STORED, "r", first, ((size - first) // step,))
    return Events(values.view(np.ndarray), (places - first) // step, block)
