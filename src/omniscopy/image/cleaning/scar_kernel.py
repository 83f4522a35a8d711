"""Compiled search for scars: parts of rows that stand out from the rows above and below."""

from typing import Any

import numba
import numpy as np

from omniscopy.model.compiling import keep_compiled


def _mark_prominence(values: np.ndarray, widest: int, out: np.ndarray) -> None:
    """Write how far each point stands out as part of a scar of up to `widest` rows.

    That is the lowest point of the scar in its column above the higher one of both points
    beside it; the largest of all scars that a point belongs to. NaN is in no scar.
    """
    rows, columns = values.shape
    for row in range(rows - 2):
        for column in range(columns):
            lowest = np.inf
            for width in range(1, min(widest, rows - 2 - row) + 1):
                lowest = min(lowest, values[row + width, column])
                beside = max(values[row, column], values[row + width + 1, column])
                prominence = lowest - beside
                # What is not higher than its upper neighbour is no scar of any width.
                if not lowest > values[row, column]:
                    break
                if prominence > 0:
                    for part in range(row + 1, row + width + 1):
                        out[part, column] = max(out[part, column], prominence)


def _keep_runs(
    prominence: np.ndarray, low: float, high: float, shortest: int, out: np.ndarray
) -> None:
    """Mark runs of at least `shortest` points above `low` of which one is above `high`."""
    rows, columns = prominence.shape
    for row in range(rows):
        start, seeded = -1, False
        for column in range(columns + 1):
            inside = column < columns and prominence[row, column] >= low
            if inside:
                if start < 0:
                    start, seeded = column, False
                seeded = seeded or prominence[row, column] >= high
            elif start >= 0:
                if seeded and column - start >= shortest:
                    out[row, start:column] = True
                start = -1


mark_prominence: Any = keep_compiled(numba.njit, _mark_prominence, nogil=True)
keep_runs: Any = keep_compiled(numba.njit, _keep_runs, nogil=True)
