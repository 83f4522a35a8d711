# ruff: noqa: PLR0917 - kernels are loops that take their arrays one by one
"""Compiled sums of slopes and of areas over a surface."""

from typing import Any

import numba
import numpy as np

from omniscopy.model.compiling import keep_compiled


def _sum_surface(
    values: np.ndarray, weights: np.ndarray, dy: float, dx: float, factor: float,
    first: int, last: int, out: np.ndarray,
) -> None:  # fmt: skip
    """Write sums over the rows from `first` to `last`.

    These are the square of the slope and how many points have one, and the area of the squares
    of 2 x 2 points over that of the square, and how many have one. `weights` are those of the
    differences to 1, 2 ... points away, along y and along x, 0 where there are fewer.
    """
    rows, columns = values.shape
    high, wide = 1 if weights[0, 1] == 0 else 3, 1 if weights[1, 1] == 0 else 3
    square = area = 0.0
    slopes = cells = 0
    for row in range(first, last):
        if high <= row < rows - high:
            for column in range(wide, columns - wide):
                down = across = 0.0
                for away in range(1, high + 1):
                    change = values[row + away, column] - values[row - away, column]
                    down += weights[0, away - 1] * change
                for away in range(1, wide + 1):
                    change = values[row, column + away] - values[row, column - away]
                    across += weights[1, away - 1] * change
                size = down * down + across * across
                if np.isfinite(size):
                    square += size
                    slopes += 1
        if row == rows - 1:
            continue
        for column in range(columns - 1):
            a, b = factor * values[row, column], factor * values[row, column + 1]
            c, d = factor * values[row + 1, column], factor * values[row + 1, column + 1]
            middle = 0.25 * (a + b + c + d)
            top, bottom = (2 * middle - a - b) / dy, (2 * middle - c - d) / dy
            left, right = (2 * middle - a - c) / dx, (2 * middle - b - d) / dx
            total = np.sqrt(1.0 + ((b - a) / dx) ** 2 + top * top)
            total += np.sqrt(1.0 + ((d - c) / dx) ** 2 + bottom * bottom)
            total += np.sqrt(1.0 + ((c - a) / dy) ** 2 + left * left)
            total += np.sqrt(1.0 + ((d - b) / dy) ** 2 + right * right)
            if np.isfinite(total):
                area += 0.25 * total
                cells += 1
    out[0], out[1], out[2], out[3] = square, slopes, area, cells


sum_surface: Any = keep_compiled(numba.njit, _sum_surface, nogil=True, error_model="numpy")
