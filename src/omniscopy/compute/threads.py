"""Blocks of spectra shared out among threads, for compiled functions that need no lock."""

import math
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np
import numpy.typing as npt

from omniscopy.compute.progress import counting

# Spectra that a thread takes at a time, as bytes of their values in double precision.
BLOCK_BYTES = 2**19

# Threads that wait for work: to start them takes longer than a small block. Made when needed.
_helpers: list[ThreadPoolExecutor] = []
_making = threading.Lock()


def share_work(
    work: Callable[[int], None], begins: range, threads: int | None = None, *,
    title: str | None = None, things: str = "patterns",
) -> None:  # fmt: skip
    """Do `work` for every block, by threads that each take the next one; the caller's is one.

    An exception, an interrupt too, is raised when the blocks that are worked on have ended; those
    that have not begun never do. With a title it is told how many things are done.
    """
    if title is not None:
        with counting(title, len(begins) * begins.step, things) as more:

            def told(begin: int) -> None:
                work(begin)
                more(begins.step)

            share_work(told, begins, threads)
        return
    count = min(threads or available_cores(), len(begins))
    left, ended = iter(begins), threading.Event()

    def take() -> None:
        try:
            while not ended.is_set() and (begin := next(left, None)) is not None:
                work(begin)
        except BaseException:
            ended.set()
            raise

    if count <= 1:
        take()
        return
    pool = _pool()
    others = [pool.submit(take) for _ in range(count - 1)]
    try:
        take()
        # All blocks are taken by now: threads that are busy elsewhere are not waited for.
        for other in others:
            if not other.cancel():
                other.result()
    except BaseException:
        ended.set()
        wait([other for other in others if not other.cancel()])
        raise


def _pool() -> ThreadPoolExecutor:
    """Return the threads that help all others."""
    with _making:
        if not _helpers:
            _helpers.append(ThreadPoolExecutor(max(available_cores(), 32), "omniscopy"))
        return _helpers[0]


def _forget_helpers() -> None:
    """Let a forked process make its own: threads are not copied."""
    global _making  # noqa: PLW0603 - another thread may have held it
    _helpers.clear()
    _making = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_helpers)


def share_spectra(
    function: Callable[..., np.ndarray], *arrays: np.ndarray, size: int, dtype: npt.DTypeLike
) -> np.ndarray:
    """Return what `function` makes of blocks of spectra, shape (..., size).

    Parameters
    ----------
    function : callable
        Takes arrays of shape (spectra, channels) in double precision, whose rows are in order,
        and returns one of shape (spectra, size). It is called by several threads at once.
    arrays : array, shape (..., channels)
        All with the same leading dimensions; never copied as a whole.
    size : int
        Channels of what is returned.
    dtype : dtype
        Of what is returned.

    Returns
    -------
    array, shape (..., size)
        With the leading dimensions of `arrays`.
    """
    outer = arrays[0].shape[:-1]
    rows = [array.reshape(math.prod(outer), array.shape[-1]) for array in arrays]
    found = np.empty((len(rows[0]), size), dtype=dtype)
    blocks = blocks_of(len(found), max(row.shape[1] for row in rows))

    def work(begin: int) -> None:
        part = slice(begin, begin + blocks.step)
        found[part] = function(*(np.ascontiguousarray(row[part], np.float64) for row in rows))

    share_work(work, blocks)
    return found.reshape(*outer, size)


def blocks_of(count: int, points: int) -> range:
    """Return where the blocks of `count` spectra begin; the step is the size of a block."""
    return range(0, count, max(1, BLOCK_BYTES // max(8 * points, 1)))


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
