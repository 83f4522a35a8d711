"""Compiled walks over spectra with a zero-loss peak, and the same in NumPy."""

import numpy as np
from numba import njit

from omniscopy.model.compiling import keep_compiled


def _kept(function):  # type: ignore[no-untyped-def]
    return keep_compiled(njit, function, nogil=True, error_model="numpy")


@_kept
def walk_to_summits(rows, fall, faintest, top, height):  # type: ignore[no-untyped-def]
    """Fill in the highest channel of the first peak of every row, and its value."""
    size = rows.shape[1]
    for row in range(rows.shape[0]):
        # Four at a time: each comparison waits for the one before it.
        a, b, c, d = -np.inf, -np.inf, -np.inf, -np.inf
        for i in range(0, size - 3, 4):
            a = rows[row, i] if a < rows[row, i] < np.inf else a
            b = rows[row, i + 1] if b < rows[row, i + 1] < np.inf else b
            c = rows[row, i + 2] if c < rows[row, i + 2] < np.inf else c
            d = rows[row, i + 3] if d < rows[row, i + 3] < np.inf else d
        for i in range(size - size % 4, size):
            a = rows[row, i] if a < rows[row, i] < np.inf else a
        highest = max(a, b, c, d)
        so_far, place = -np.inf, -1
        for i in range(size):
            value = rows[row, i] if abs(rows[row, i]) < np.inf else -np.inf
            if value > so_far:
                so_far, place = value, i
            elif value < fall * so_far and so_far > faintest * highest:
                break
        good = so_far > 0.0
        top[row], height[row] = place if good else -1, so_far if good else np.nan


@_kept
def walk_to_ends(rows, top, level, left, right):  # type: ignore[no-untyped-def]
    """Fill in the first and last channel around the tops that are above a level."""
    size = rows.shape[1]
    for row in range(rows.shape[0]):
        i = top[row] - 1
        while i >= 0 and rows[row, i] > level[row]:
            i -= 1
        left[row] = max(i, -1) + 1
        i = max(top[row] + 1, 0)
        while i < size and rows[row, i] > level[row]:
            i += 1
        right[row] = i - 1


@_kept
def count_runs(rows, value, longest):  # type: ignore[no-untyped-def]
    """Fill in how many channels in a row, at most, have one value."""
    for row in range(rows.shape[0]):
        count = 0
        for i in range(rows.shape[1]):
            count += rows[row, i] == value[row]
        run, most = 0, 0
        if count <= 1:
            longest[row] = count
            continue
        for i in range(rows.shape[1]):
            run = run + 1 if rows[row, i] == value[row] else 0
            most = max(most, run)
        longest[row] = most


def summits_plain(rows: np.ndarray, fall: float, faintest: float) -> tuple[np.ndarray, np.ndarray]:
    """Return what `walk_to_summits` fills in."""
    values = np.where(np.isfinite(rows), rows, -np.inf)
    so_far = np.maximum.accumulate(values, axis=1)
    with np.errstate(invalid="ignore"):
        over = (values < fall * so_far) & (so_far > faintest * so_far[:, -1:])
    end = np.where(over.any(axis=1), np.argmax(over, axis=1), rows.shape[1])
    values = np.where(np.arange(rows.shape[1]) < end[:, None], values, -np.inf)
    top = np.argmax(values, axis=1)
    height = values[np.arange(len(rows)), top]
    return np.where(height > 0.0, top, -1), np.where(height > 0.0, height, np.nan)


def ends_plain(
    rows: np.ndarray, top: np.ndarray, level: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return what `walk_to_ends` fills in."""
    size = rows.shape[1]
    channel = np.arange(size)
    below = ~(rows > level[:, None])
    left = np.where(below & (channel < top[:, None]), channel, -1).max(axis=1, initial=-1) + 1
    right = np.where(below & (channel > top[:, None]), channel, size).min(axis=1, initial=size) - 1
    return left, right
