"""The events of EDS streams, read from wherever HDF5 has put the blocks of them.

Velox packs nothing, so that the bytes of the file are the events. They are read from it by
threads, which the library of HDF5 does not let work side by side.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.compute.threads import share_work
from omniscopy.io.errors import FormatError

# Events that are read at a time. The more, the fewer times is a sum of frames gone through.
BLOCK_EVENTS = 1 << 24
# Blocks of the file that a thread reads at a time, and events of one where the file has none.
_TOGETHER, _UNCUT = 1 << 6, 1 << 16
_STORED = np.dtype("<u2")

Read = Callable[[int, int], np.ndarray]


@contextmanager
def open_events(path: str, key: str) -> Iterator[Read]:
    """Open a stream; what is yielded returns its events from one place to another."""
    places, block = _blocks(path, key, Path(path).stat().st_mtime_ns)
    if len(places):
        yield functools.partial(_read, path, places, block)
        return
    with open_stream(path, key) as stored:
        yield lambda start, stop: np.asarray(stored[start:stop, 0], np.uint16)


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


def blocks_of(path: str, key: str, start: int, stop: int) -> Iterator[np.ndarray]:
    """Yield the events of a part of a stream."""
    with open_events(path, key) as read:
        for begin in range(start, stop, BLOCK_EVENTS):
            yield read(begin, min(begin + BLOCK_EVENTS, stop))


@functools.lru_cache(maxsize=64)
def _blocks(path: str, key: str, _age: int) -> tuple[np.ndarray, int]:
    """Return the bytes at which blocks of events start, none where they are packed; their size."""
    with open_stream(path, key) as stored:
        packed = stored.id.get_create_plist().get_nfilters() or stored.file.userblock_size
        if packed or stored.dtype != _STORED or stored.shape[1:] != (1,):
            return np.empty(0, np.int64), 1
        if stored.chunks is None:
            begins = np.arange(0, stored.shape[0], _UNCUT) * _STORED.itemsize
            place = stored.id.get_offset()
            return begins[:0] if place is None else begins + place, _UNCUT
        block = stored.chunks[0]
        count = -(-stored.shape[0] // block)
        places = np.full(count, -1, np.int64)

        def note(found: Any) -> None:
            number = found.chunk_offset[0] // block
            if number < count and found.size == block * _STORED.itemsize:
                places[number] = found.byte_offset

        stored.id.chunk_iter(note)
        return places if (places >= 0).all() else places[:0], block


def _read(path: str, places: np.ndarray, block: int, start: int, stop: int) -> np.ndarray:
    """Return the events from `start` to `stop` of blocks of which each has its place."""
    found = np.empty(stop - start, np.uint16)
    blocks = range(start // block, -(-stop // block))

    def read(first: int) -> None:
        with Path(path).open("rb", buffering=0) as file:
            for number in range(first, min(first + _TOGETHER, blocks.stop)):
                begin, end = max(number * block, start), min((number + 1) * block, stop)
                part = found[begin - start : end - start]
                at = int(places[number]) + (begin - number * block) * _STORED.itemsize
                file.seek(at)
                if file.readinto(part.data) < part.nbytes:
                    message = "the events end too early; the file is cut short"
                    raise FormatError(message, path=path, offset=at)

    share_work(read, blocks[::_TOGETHER])
    return found
