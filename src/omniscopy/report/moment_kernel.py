"""Compiled sums of the values that are there."""

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


# Sums in any order go by vectors.
measure_moments: Any = keep_compiled(
    numba.njit, _measure, nogil=True, error_model="numpy", fastmath={"reassoc", "nsz", "contract"}
)
