"""Compiled passes over spectra with a power-law background."""

import numpy as np
from numba import njit

from omniscopy.model.compiling import keep_compiled
from omniscopy.physics import compiled as _compiled  # noqa: F401 - gives `exp` its compiled form
from omniscopy.physics.elementary import exp

_FAST = {"reassoc", "contract", "nsz", "arcp"}


def _kept(function):  # type: ignore[no-untyped-def]
    return keep_compiled(njit, function, nogil=True, error_model="numpy", fastmath=_FAST)


@_kept
def areas(rows, begin, middle, end, found):  # type: ignore[no-untyped-def]
    """Fill in the sums of both parts of a window; NaN where a value is not finite."""
    for row in range(rows.shape[0]):
        first, second = 0.0, 0.0
        for i in range(begin, middle):
            first += rows[row, i]
        for i in range(middle, end):
            second += rows[row, i]
        found[row, 0], found[row, 1] = first, second


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


def subtract_plain(
    rows: np.ndarray, order: np.ndarray, amplitude: np.ndarray, exponent: np.ndarray
) -> np.ndarray:
    """Return the same in NumPy."""
    made: np.ndarray = rows - amplitude[:, None] * np.exp(-exponent[:, None] * order)
    return made
