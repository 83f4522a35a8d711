"""Compiled sums of the values that are there, whole and in bins."""

from typing import Any

import numba
import numpy as np

from omniscopy.model.compiling import keep_compiled


def _measure(values: np.ndarray) -> tuple[int, float, float]:
    """Return how many values are no NaN, their mean, and the squares of what they are off it."""
    count, total = 0, 0.0
    for at in range(values.size):  # by index: an iterator goes by strides, not by vectors
        value = values[at]
        there = value == value  # noqa: PLR0124 - NaN is not equal to itself
        count += there
        total += float(value) if there else 0.0
    if not count:
        return 0, np.nan, np.nan
    mean, squares = total / count, 0.0
    for at in range(values.size):
        value = values[at]
        off = float(value) - mean if value == value else 0.0  # noqa: PLR0124
        squares += off * off
    return count, mean, squares


def _measure_integers(values: np.ndarray) -> tuple[int, int, int, int]:
    """Return the lowest and highest of up to 2^16 integers of up to 16 bits, sum, and squares.

    Both sums fit 64 bits: nothing is rounded.
    """
    low, high = np.int64(values[0]), np.int64(values[0])
    total, squares = np.int64(0), np.int64(0)
    for at in range(values.size):
        value = np.int64(values[at])
        low, high = min(low, value), max(high, value)
        total += value
        squares += value * value
    return int(low), int(high), int(total), int(squares)


def _add_rows(
    rows: np.ndarray, bins: np.ndarray, first: int, total: np.ndarray, present: np.ndarray
) -> None:
    """Add each row (n, channels) to the bin that it is in, from channel `first` on.

    `bins` are -1 where a row is in none. Values that are NaN are left out, and how many are
    there is counted in `present`, unless that is empty: then all are there.
    """
    for row in range(len(rows)):
        if bins[row] < 0:
            continue
        values, into = rows[row], total[bins[row]]
        if present.size:
            counts = present[bins[row]]
            for at in range(values.size):
                value = values[at]
                there = value == value  # noqa: PLR0124 - NaN is not equal to itself
                into[first + at] += value if there else 0
                counts[first + at] += there
        else:
            for at in range(values.size):
                into[first + at] += values[at]


# Sums in any order go by vectors.
measure_moments: Any = keep_compiled(
    numba.njit, _measure, nogil=True, error_model="numpy", fastmath={"reassoc", "nsz", "contract"}
)
measure_integers: Any = keep_compiled(numba.njit, _measure_integers, nogil=True)
add_rows: Any = keep_compiled(numba.njit, _add_rows, nogil=True)
