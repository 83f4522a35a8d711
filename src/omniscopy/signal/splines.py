"""Spectra between their channels, by cubic splines."""

import math

import numpy as np

from omniscopy.compute.fitting.inner import inner, inner_fast, outer
from omniscopy.signal.gaps import bridge_gaps

# The pole of the filter that gives the coefficients of cubic splines, and how far it reaches.
_POLE, _HORIZON = math.sqrt(3.0) - 2.0, 32
# Spectra that are filtered side by side.
ROWS = 4
# Shifts so near to whole channels are rounding, which takes no channel at an end.
_ROUNDING = 1e-9


def shift_back(spectra: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return the values that are `shift` channels further on, by cubic splines.

    NaN beyond the ends, beside channels without a value, and where `shift` is NaN.
    """
    count = len(spectra)
    lacking = max(0, ROWS - count)
    values = np.ascontiguousarray(spectra, np.float64)
    shift = np.asarray(shift, np.float64).reshape(-1)
    if lacking:
        values, shift = np.pad(values, ((0, lacking), (0, 0))), np.pad(shift, (0, lacking))
    whole = bool(np.isfinite(values).all())
    made = np.empty_like(values)
    coefficients = np.empty((ROWS, values.shape[1] + 3))
    _shift(values if whole else bridge_gaps(values), shift, coefficients, made)
    if not whole:
        _leave_out(values, shift, made)
    return made[:count]


@inner
def _before(values: np.ndarray) -> float:
    """Return where the filter begins, so that the values are mirrored at their first one."""
    n = values.size
    period = 2 * n - 2
    total, power = 0.0, 6.0
    for k in range(_HORIZON):
        i = k % period
        total += power * values[i if i < n else period - i]
        power *= _POLE
    return total


@inner_fast
def _filter(values: np.ndarray, coefficients: np.ndarray) -> None:
    """Write the coefficients of cubic splines through the values of `ROWS` spectra.

    After M. Unser, *IEEE Signal Process. Mag.* 16 (6), 22 (1999), mirrored at the ends. The first
    is that of channel -1, the last that of channel n + 1. Each step waits for the one before, so
    that several spectra take no longer than one.
    """
    n = values.shape[1]
    a, b, c, d = (
        _before(values[0]), _before(values[1]), _before(values[2]), _before(values[3])
    )  # fmt: skip
    first, second, third, fourth = (
        coefficients[0], coefficients[1], coefficients[2], coefficients[3]
    )  # fmt: skip
    first[1], second[1], third[1], fourth[1] = a, b, c, d
    for i in range(1, n):
        a, b = 6.0 * values[0, i] + _POLE * a, 6.0 * values[1, i] + _POLE * b
        c, d = 6.0 * values[2, i] + _POLE * c, 6.0 * values[3, i] + _POLE * d
        first[i + 1], second[i + 1], third[i + 1], fourth[i + 1] = a, b, c, d
    for k in range(ROWS):
        last = coefficients[k, n] + _POLE * coefficients[k, n - 1]
        coefficients[k, n] = _POLE / (_POLE * _POLE - 1.0) * last
    a, b, c, d = first[n], second[n], third[n], fourth[n]
    for i in range(n - 1, 0, -1):
        a, b = _POLE * (a - first[i]), _POLE * (b - second[i])
        c, d = _POLE * (c - third[i]), _POLE * (d - fourth[i])
        first[i], second[i], third[i], fourth[i] = a, b, c, d
    for k in range(ROWS):
        row = coefficients[k]
        row[0], row[n + 1], row[n + 2] = row[2], row[n - 1], row[max(n - 2, 1)]


@inner_fast
def _evaluate(coefficients: np.ndarray, part: float, made: np.ndarray) -> None:
    """Write the spline this part of a channel after the second of its coefficients, and so on."""
    rest = 1.0 - part
    far, farther = rest**3 / 6.0, part**3 / 6.0
    near = 2.0 / 3.0 - part * part * (1.0 - 0.5 * part)
    nearer = 2.0 / 3.0 - rest * rest * (1.0 - 0.5 * rest)
    for i in range(made.size):
        made[i] = (
            far * coefficients[i]
            + near * coefficients[i + 1]
            + nearer * coefficients[i + 2]
            + farther * coefficients[i + 3]
        )


@inner
def _reach(shift: float, n: int) -> tuple[int, int, int, int]:
    """Return how many whole channels a shift has, and one more; and for which there are values."""
    if not abs(shift) < n:  # NaN too
        return 0, 0, 0, 0
    whole = int(np.floor(shift + _ROUNDING))
    beside = whole + (1 if shift > whole + _ROUNDING else 0)
    return whole, beside, max(0, -whole), min(n, n - beside)


@outer
def _shift(
    values: np.ndarray, shift: np.ndarray, coefficients: np.ndarray, made: np.ndarray
) -> None:
    count, n = values.shape
    for start in range(0, count, ROWS):
        # The last ones are taken once more where fewer are left.
        begin = min(start, count - ROWS)
        _filter(values[begin : begin + ROWS], coefficients)
        for k in range(ROWS):
            row = begin + k
            whole, _, first, last = _reach(shift[row], n)
            if not (last > first and np.isfinite(values[row, 0])):
                first = last = 0
            for i in range(first):
                made[row, i] = np.nan
            _evaluate(coefficients[k, first + whole :], shift[row] - whole, made[row, first:last])
            for i in range(last, n):
                made[row, i] = np.nan


@outer
def _leave_out(values: np.ndarray, shift: np.ndarray, made: np.ndarray) -> None:
    """Write NaN between channels of which one has no value."""
    for row in range(values.shape[0]):
        whole, beside, first, last = _reach(shift[row], values.shape[1])
        for i in range(first, last):
            if not (np.isfinite(values[row, i + whole]) and np.isfinite(values[row, i + beside])):
                made[row, i] = np.nan
