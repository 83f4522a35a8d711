"""Blocks of spectra shared out among threads, for compiled functions that need no lock."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

# Spectra that a thread takes at a time, as bytes of their values in double precision.
BLOCK_BYTES = 2**20


def share_work(work: Callable[[int], None], begins: range, threads: int | None = None) -> None:
    """Do `work` for every block, by threads that each take the next one."""
    count = min(threads or available_cores(), len(begins))
    if count <= 1:
        for begin in begins:
            work(begin)
        return
    with ThreadPoolExecutor(count) as pool:
        for _ in pool.map(work, begins):
            pass


def blocks_of(count: int, points: int) -> range:
    """Return where the blocks of `count` spectra begin; the step is the size of a block."""
    return range(0, count, max(1, BLOCK_BYTES // max(8 * points, 1)))


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
