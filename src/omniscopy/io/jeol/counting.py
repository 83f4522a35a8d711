"""Counting the events of a stream, in compiled code."""

import numba
import numpy as np

from omniscopy.model.compiling import keep_compiled


def _count_events(
    words: np.ndarray, rows: np.ndarray, columns: np.ndarray, places: np.ndarray, counts: np.ndarray
) -> None:
    """Add the events of a part of a stream that begins with the mark of a row.

    `rows`, `columns` and `places` say where each row, column and channel is in `counts`, -1 for
    nowhere.
    """
    y, x = -1, -1
    for word in words:
        kind, value = word >> 12, np.int64(word & 0xFFF)
        if kind == 11:
            if y >= 0 and x >= 0 and places[value] >= 0:
                counts[y, x, places[value]] += 1
        elif kind == 8:
            x = columns[(value * columns.size) >> 12]
        elif kind == 9:
            y, x = rows[(value * rows.size) >> 12], -1


def _add_brightness(
    words: np.ndarray, rows: np.ndarray, columns: np.ndarray, image: np.ndarray
) -> None:
    """Add what a detector of electrons saw in a part of a stream; see `_count_events`."""
    y, x = -1, -1
    for word in words:
        kind, value = word >> 12, np.int64(word & 0xFFF)
        if kind == 10:
            if y >= 0 and x >= 0:
                image[y, x] += value
        elif kind == 8:
            x = columns[(value * columns.size) >> 12]
        elif kind == 9:
            y, x = rows[(value * rows.size) >> 12], -1


count_events = keep_compiled(numba.njit, _count_events, nogil=True)
add_brightness = keep_compiled(numba.njit, _add_brightness, nogil=True)
