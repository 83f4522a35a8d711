# ruff: noqa: C901, PLR0912, PLR0915, PLR0917 - kernels are loops that take their arrays one by one
"""Compiled solution of the Laplace equation in the holes of an image."""

from typing import Any

import numba
import numpy as np

from omniscopy.model.compiling import keep_compiled

# Of the range of the values around a hole: what one round changes at the end.
_TOLERANCE, _ROUNDS = 1e-14, 100


def _relax(
    values: np.ndarray, numbers: np.ndarray, boxes: np.ndarray, weight_y: float, weight_x: float,
    first: int, last: int,
) -> None:  # fmt: skip
    """Fill holes `first` to `last` with the solution for what is around them, in place.

    `numbers` count the holes from 1 on and are -1 where there is no value, 0 elsewhere; `boxes`
    are (first row, end, first column, end) of each. Successive over-relaxation; over points
    without a value and over the edges of the image nothing flows. NaN where there is no value
    around.
    """
    rows, columns = values.shape
    for hole in range(first, last):
        top, bottom, left, right = boxes[hole]
        own = hole + 1
        total, count, low, high = 0.0, 0, np.inf, -np.inf
        for i in range(max(top - 1, 0), min(bottom + 1, rows)):
            for j in range(max(left - 1, 0), min(right + 1, columns)):
                if numbers[i, j] != 0:
                    continue
                touches = (
                    (i > 0 and numbers[i - 1, j] == own)
                    or (i < rows - 1 and numbers[i + 1, j] == own)
                    or (j > 0 and numbers[i, j - 1] == own)
                    or (j < columns - 1 and numbers[i, j + 1] == own)
                )
                if touches:
                    total += values[i, j]
                    count += 1
                    low, high = min(low, values[i, j]), max(high, values[i, j])
        start = total / count if count else np.nan
        for i in range(top, bottom):
            for j in range(left, right):
                if numbers[i, j] == own:
                    values[i, j] = start
        if count == 0 or high == low:
            continue
        size = min(bottom - top, right - left) + 1
        over = 2.0 / (1.0 + np.sin(np.pi / (2 * size)))
        if top > 0 and left > 0 and bottom < rows and right < columns:
            over = 2.0 / (1.0 + np.sin(np.pi / size))
        for _ in range(_ROUNDS * (size + 1)):
            most = 0.0
            for i in range(top, bottom):
                for j in range(left, right):
                    if numbers[i, j] != own:
                        continue
                    flow, weight = 0.0, 0.0
                    if i > 0 and numbers[i - 1, j] >= 0:
                        flow += weight_y * values[i - 1, j]
                        weight += weight_y
                    if i < rows - 1 and numbers[i + 1, j] >= 0:
                        flow += weight_y * values[i + 1, j]
                        weight += weight_y
                    if j > 0 and numbers[i, j - 1] >= 0:
                        flow += weight_x * values[i, j - 1]
                        weight += weight_x
                    if j < columns - 1 and numbers[i, j + 1] >= 0:
                        flow += weight_x * values[i, j + 1]
                        weight += weight_x
                    if weight == 0.0:
                        continue
                    step = flow / weight - values[i, j]
                    values[i, j] += over * step
                    most = max(most, abs(step))
            if most <= _TOLERANCE * (high - low):
                break


relax: Any = keep_compiled(numba.njit, _relax, nogil=True, error_model="numpy")
