"""Spectra between their channels, by cubic splines."""

import math

import numpy as np

from omniscopy.compute.fitting.inner import inner_fast, outer
from omniscopy.signal.gaps import bridge_gaps

# The pole of the filter that gives the coefficients of cubic splines, and how far it reaches.
_POLE, _HORIZON = math.sqrt(3.0) - 2.0, 32


def shift_back(spectra: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return the values that are `shift` channels further on, by cubic splines.

    NaN beyond the ends, beside channels without a value, and where `shift` is NaN.
    """
    values = np.ascontiguousarray(spectra, dtype=np.float64)
    shift = np.asarray(shift, dtype=np.float64).reshape(-1)
    filled = bridge_gaps(values)
    made = np.empty_like(values)
    _shift(values, filled, shift, np.empty(values.shape[1] + 3), made)
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


@outer
def _shift(
    values: np.ndarray, filled: np.ndarray, shift: np.ndarray, coefficients: np.ndarray,
    made: np.ndarray,
) -> None:  # fmt: skip
    n = values.shape[1]
    for row in range(values.shape[0]):
        for i in range(n):
            made[row, i] = np.nan
        if not (np.isfinite(shift[row]) and abs(shift[row]) < n and np.isfinite(filled[row, 0])):
            continue
        whole = int(np.floor(shift[row]))
        part = shift[row] - whole
        _filter(filled[row], coefficients)
        first = max(0, -whole)
        last = min(n, n - whole - (1 if part > 0.0 else 0))
        if last <= first:
            continue
        _evaluate(coefficients[first + whole :], part, made[row, first:last])
        for i in range(first, last):
            beside = i + whole + (1 if part > 0.0 else 0)
            if not (np.isfinite(values[row, i + whole]) and np.isfinite(values[row, beside])):
                made[row, i] = np.nan
