"""Images between their pixels."""

from typing import Literal

import numpy as np

from omniscopy.signal.splines import shift_back

Order = Literal[0, 1, 3]


def shifted_back(image: np.ndarray, shift: np.ndarray, order: int) -> np.ndarray:
    """Return what an image shows `shift` pixels (y, x) further on, NaN where it shows nothing.

    By the nearest pixel (order 0), lines (1) or cubic splines (3), along one axis after the other.
    """
    if not np.isfinite(shift).all():
        return np.full(image.shape, np.nan)
    along = {0: _nearest, 1: _linear, 3: shift_back}[order]
    rows, columns = image.shape
    made = along(np.ascontiguousarray(image, np.float64), np.full(rows, shift[1]))
    made = np.ascontiguousarray(made.T)
    there = np.flatnonzero(np.isfinite(made).any(axis=1))
    if not len(there):
        return np.full(image.shape, np.nan)
    # Columns that the image does not reach need no second look.
    seen = slice(there[0], there[-1] + 1)
    made[seen] = along(made[seen], np.full(columns, shift[0])[seen])
    return np.asarray(made.T)


def _linear(rows: np.ndarray, shift: np.ndarray) -> np.ndarray:
    whole = int(np.floor(shift[0]))
    part = float(shift[0]) - whole
    made = _moved(rows, whole)
    if part:
        made = (1 - part) * made + part * _moved(rows, whole + 1)
    return made


def _nearest(rows: np.ndarray, shift: np.ndarray) -> np.ndarray:
    return _moved(rows, int(np.floor(shift[0] + 0.5)))


def _moved(rows: np.ndarray, whole: int) -> np.ndarray:
    """Return rows that begin `whole` pixels further on."""
    made = np.full(rows.shape, np.nan)
    size = rows.shape[1]
    first, last = max(0, -whole), min(size, size - whole)
    if last > first:
        made[:, first:last] = rows[:, first + whole : last + whole]
    return made
