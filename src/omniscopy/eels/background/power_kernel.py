"""Compiled passes over spectra with a power-law background."""

import math

import numpy as np
from numba import njit

from omniscopy.model.compiling import keep_compiled
from omniscopy.physics import compiled as _compiled  # noqa: F401 - gives `exp` its compiled form
from omniscopy.physics.elementary import exp

_FAST = {"reassoc", "contract", "nsz", "arcp"}


def _kept(function):  # type: ignore[no-untyped-def]
    return keep_compiled(njit, function, nogil=True, error_model="numpy", fastmath=_FAST)


@_kept
def area(values):  # type: ignore[no-untyped-def]
    """Return the sum of values, whose numbers are none below zero: that is what is vectorised."""
    total = 0.0
    for i in range(len(values)):
        total += values[i]
    return total


@_kept
def areas(rows, begin, middle, end, found):  # type: ignore[no-untyped-def]
    """Fill in the sums of both parts of a window; NaN where a value is not finite."""
    for row in range(rows.shape[0]):
        found[row, 0] = area(rows[row, begin:middle])
        found[row, 1] = area(rows[row, middle:end])


@_kept
def subtract(rows, order, amplitude, exponent, made):  # type: ignore[no-untyped-def]
    """Fill in what is left of spectra without their power laws; `order` is the log of energies."""
    for row in range(rows.shape[0]):
        a, r = amplitude[row], exponent[row]
        for i in range(rows.shape[1]):
            made[row, i] = rows[row, i] - a * exp(-r * order[i])


@_kept
def evaluate(order, amplitude, exponent, made):  # type: ignore[no-untyped-def]
    """Fill in power laws."""
    for row in range(made.shape[0]):
        a, r = amplitude[row], exponent[row]
        for i in range(made.shape[1]):
            made[row, i] = a * exp(-r * order[i])


@_kept
def spline_at(x, breaks, coefficients):  # type: ignore[no-untyped-def]
    """Return the value of a cubic spline, NaN beyond its ends."""
    last = len(breaks) - 1
    if not breaks[0] <= x <= breaks[last]:
        return np.nan
    piece = min(np.searchsorted(breaks, x, side="right") - 1, last - 1)
    away, value = x - breaks[piece], 0.0
    for n in range(4):
        value = value * away + coefficients[n, piece]
    return value


@_kept
def subtract_by_areas(  # type: ignore[no-untyped-def]  # noqa: PLR0917
    rows, fitted, window, exponents, log_sums, order, made
):
    """Fill in what is left of spectra without the power laws that two areas give, in one pass.

    `window` are the channels where both areas begin and where the second one ends; `exponents` and
    `log_sums` are splines, as their breaks and coefficients, of the log ratio of the areas and of
    the exponent. NaN where an area is not above zero or the exponent is beyond the spline.
    """
    begin, middle, end = window
    for row in range(rows.shape[0]):
        first, second = area(fitted[row, begin:middle]), area(fitted[row, middle:end])
        r = np.nan
        if 0.0 < first < np.inf and 0.0 < second < np.inf:
            r = spline_at(math.log(first / second), exponents[0], exponents[1])
        a = (first + second) * math.exp(-spline_at(r, log_sums[0], log_sums[1]))
        for i in range(rows.shape[1]):
            made[row, i] = rows[row, i] - a * exp(-r * order[i])


def subtract_plain(
    rows: np.ndarray, order: np.ndarray, amplitude: np.ndarray, exponent: np.ndarray
) -> np.ndarray:
    """Return the same in NumPy."""
    made: np.ndarray = rows - amplitude[:, None] * np.exp(-exponent[:, None] * order)
    return made
