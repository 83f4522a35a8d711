"""Arrays of any size, read in blocks of which the last ones are kept in memory."""

import itertools
import math
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from omniscopy.compute.chunks import plan_chunks

CACHE_BYTES = 96 * 2**20
BLOCK_BYTES = 2 * 2**20

Slices = tuple[slice, ...]


class BlockCache:
    """The blocks that were read last, up to a number of bytes; shared by all that read."""

    def __init__(self, most: int = CACHE_BYTES) -> None:
        self.most, self.held = most, 0
        self._kept: OrderedDict[Any, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Any) -> np.ndarray | None:
        """Return a block that is kept, or None."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def keep(self, key: Any, block: np.ndarray) -> None:
        """Keep a block, and let go of the oldest ones."""
        if block.nbytes > self.most // 2:
            return
        with self._lock:
            if key in self._kept:
                return
            self._kept[key] = block
            self.held += block.nbytes
            while self.held > self.most:
                _, gone = self._kept.popitem(last=False)
                self.held -= gone.nbytes

    def forget(self, owner: int) -> None:
        """Let go of the blocks of an array that is not shown any more."""
        with self._lock:
            for key in [each for each in self._kept if each[0] == owner]:
                self.held -= self._kept.pop(key).nbytes


class Blocks:
    """An array that is read in blocks.

    Parameters
    ----------
    array : LazyArray or ndarray
        With `shape`, `dtype` and perhaps `chunks`; indexed by slices.
    cache : BlockCache
        Where blocks are kept.
    whole : sequence of int
        Axes that blocks should hold whole: those of the signal.
    """

    _numbers = itertools.count()

    def __init__(self, array: Any, cache: BlockCache, whole: Sequence[int] = ()) -> None:
        self.shape: tuple[int, ...] = tuple(array.shape)
        self.dtype = np.dtype(array.dtype)
        self.in_memory = isinstance(array, np.ndarray) and not isinstance(array, np.memmap)
        self._array, self._cache, self._number = array, cache, next(self._numbers)
        native = getattr(array, "chunks", None)
        self.native = tuple(native) if native is not None else None
        self.block = plan_chunks(
            self.shape, self.dtype.itemsize, whole=whole, native=native, target=BLOCK_BYTES
        )

    @property
    def nbytes(self) -> int:
        """Return the bytes of all values."""
        return math.prod(self.shape) * self.dtype.itemsize

    def inside(self, part: Slices) -> Iterator[tuple[Slices, Slices]]:
        """Yield, of each block that meets a part, its own slices and those that lie in the part."""
        ranges = [
            range(piece.start // size, -(-piece.stop // size))
            for piece, size in zip(part, self.block, strict=True)
        ]
        for index in itertools.product(*ranges):
            whole = tuple(
                slice(i * size, min((i + 1) * size, n))
                for i, size, n in zip(index, self.block, self.shape, strict=True)
            )
            met = tuple(
                slice(max(own.start, piece.start), min(own.stop, piece.stop))
                for own, piece in zip(whole, part, strict=True)
            )
            yield whole, met

    def count(self, part: Slices) -> int:
        """Return how many blocks meet a part."""
        return math.prod(
            -(-piece.stop // size) - piece.start // size
            for piece, size in zip(part, self.block, strict=True)
        )

    def read(self, whole: Slices, *, keep: bool = True) -> np.ndarray:
        """Return a block, from memory where it is kept."""
        if self.in_memory:
            return self._array[whole]
        key = (self._number, tuple(each.start for each in whole))
        found = self._cache.get(key)
        if found is None:
            found = np.asarray(self._array[whole])
            if keep:
                self._cache.keep(key, found)
        return found

    def part(self, part: Slices, *, keep: bool = True) -> np.ndarray:
        """Return the values of a part."""
        if self.in_memory:
            return self._array[part]
        made = np.empty([each.stop - each.start for each in part], self.dtype)
        for whole, met in self.inside(part):
            block = self.read(whole, keep=keep)
            made[relative(met, part)] = block[relative(met, whole)]
        return made

    def strided(self, key: Slices) -> np.ndarray:
        """Return values read directly, without blocks: where the file takes steps cheaply."""
        return np.asarray(self._array[key])

    def forget(self) -> None:
        """Let go of all blocks."""
        self._cache.forget(self._number)


def relative(part: Slices, whole: Slices) -> Slices:
    """Return where a part lies in what begins with `whole`."""
    return tuple(
        slice(p.start - w.start, p.stop - w.start) for p, w in zip(part, whole, strict=True)
    )
