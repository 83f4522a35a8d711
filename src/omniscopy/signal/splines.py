"""Spectra between their channels, by cubic splines."""

import math

import numpy as np

from omniscopy.compute.fitting.inner import inner, inner_fast, outer
from omniscopy.signal.gaps import bridge_gaps

# The pole of the filter that gives the coefficients of cubic splines, and how far it reaches.
_POLE, _HORIZON = math.sqrt(3.0) - 2.0, 32


def shift_back(spectra: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return the values that are `shift` channels further on, by cubic splines.

    NaN beyond the ends, beside channels without a value, and where `shift` is NaN.
    """
    values = np.ascontiguousarray(spectra, dtype=np.float64)
    shift = np.asarray(shift, dtype=np.float64).reshape(-1)
    whole = bool(np.isfinite(values).all())
    made = np.empty_like(values)
    coefficients = np.empty(values.shape[1] + 3)
    _shift(values if whole else bridge_gaps(values), shift, coefficients, made)
    if not whole:
        _leave_out(values, shift, made)
    return made


@inner_fast
def _filter(values: np.ndarray, coefficients: np.ndarray) -> None:
    """Write the coefficients of the cubic spline through values that are mirrored at the ends.

    After M. Unser, *IEEE Signal Process. Mag.* 16 (6), 22 (1999). The first is that of channel
    -1, the last that of channel n + 1.
    """
    n = values.size
    period = 2 * n - 2
    total, power = 0.0, 6.0
    for k in range(_HORIZON):
        i = k % period
        total += power * values[i if i < n else period - i]
        power *= _POLE
    coefficients[1] = total
    for i in range(1, n):
        coefficients[i + 1] = 6.0 * values[i] + _POLE * coefficients[i]
    last = coefficients[n] + _POLE * coefficients[n - 1]
    coefficients[n] = _POLE / (_POLE * _POLE - 1.0) * last
    for i in range(n - 1, 0, -1):
        coefficients[i] = _POLE * (coefficients[i + 1] - coefficients[i])
    coefficients[0] = coefficients[2]
    coefficients[n + 1], coefficients[n + 2] = coefficients[n - 1], coefficients[max(n - 2, 1)]


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
    whole = int(np.floor(shift))
    beside = whole + (1 if shift > whole else 0)
    return whole, beside, max(0, -whole), min(n, n - beside)


@outer
def _shift(
    values: np.ndarray, shift: np.ndarray, coefficients: np.ndarray, made: np.ndarray
) -> None:
    n = values.shape[1]
    for row in range(values.shape[0]):
        whole, _, first, last = _reach(shift[row], n)
        if last > first and np.isfinite(values[row, 0]):
            _filter(values[row], coefficients)
            _evaluate(coefficients[first + whole :], shift[row] - whole, made[row, first:last])
        else:
            first = last = 0
        for i in range(first):
            made[row, i] = np.nan
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
