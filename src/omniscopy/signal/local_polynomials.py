"""Polynomials fitted around every channel: smooth values and derivatives on any sorted axis."""

import math
from dataclasses import dataclass

import numpy as np

from omniscopy.compute.fitting.inner import inner_fast, outer
from omniscopy.model import DataError


@dataclass(frozen=True)
class Windows:
    """The channels around each channel: where they begin, and how much each of them weighs.

    `weights` has shape (channels, longest window), with zeros after the last channel of a window.
    """

    x: np.ndarray
    first: np.ndarray
    weights: np.ndarray

    @property
    def channels(self) -> np.ndarray:
        """Return the numbers of the channels in each window."""
        last = len(self.x) - 1
        return np.minimum(self.first[:, None] + np.arange(self.weights.shape[1]), last)

    def require_points(self, least: int, *, dim: str, units: str) -> None:
        """Raise where a window holds fewer channels than `least`."""
        count = np.count_nonzero(self.weights, axis=1)
        worst = int(np.argmin(count))
        if count[worst] < least:
            message = (
                f"the window around {dim!r} = {self.x[worst]:g} {units}".rstrip()
                + f" holds {count[worst]} channels; at least {least} are needed: widen it"
            )
            raise DataError(message)


def windows_of_length(x: np.ndarray, width: float) -> Windows:
    """Return windows of equal weights, as wide as `width`, that are moved inwards at the ends."""
    ascending = x * np.sign(x[-1] - x[0])
    step = float(np.abs(np.diff(x)).mean())
    if np.allclose(np.abs(np.diff(x)), step, rtol=1e-3):
        # As many channels at the ends as elsewhere.
        width = 2 * math.floor(width / 2 / step + 1e-9) * step
    margin = 1e-6 * step
    low = np.clip(ascending - width / 2, ascending[0], max(ascending[-1] - width, ascending[0]))
    first = np.searchsorted(ascending, low - margin)
    end = np.searchsorted(ascending, low + width + margin)
    return _windows(x, first, end)


def windows_of_channels(x: np.ndarray, channels: int) -> Windows:
    """Return windows of the nearest channels, that are moved inwards at the ends."""
    first = np.clip(np.arange(len(x)) - channels // 2, 0, len(x) - channels)
    return _windows(x, first, first + channels)


def windows_of_kernel(x: np.ndarray, width: float, kernel: str) -> Windows:
    """Return windows about each channel, cut off at the ends, that weigh what is near most.

    `kernel` is "gaussian", of full width `width` at half maximum, or "tricube", of which `width`
    is the whole.
    """
    ascending = x * np.sign(x[-1] - x[0])
    sigma = width / (2.0 * math.sqrt(2.0 * math.log(2.0)))
    reach = 4.0 * sigma if kernel == "gaussian" else width / 2
    first = np.searchsorted(ascending, ascending - reach)
    end = np.searchsorted(ascending, ascending + reach, side="right")
    windows = _windows(x, first, end)
    away = np.abs(x[windows.channels] - x[:, None])
    if kernel == "gaussian":
        weights = np.exp(-0.5 * (away / sigma) ** 2)
    else:
        weights = np.clip(1.0 - (away / reach) ** 3, 0.0, None) ** 3
    return Windows(x, windows.first, weights * windows.weights)


def _windows(x: np.ndarray, first: np.ndarray, end: np.ndarray) -> Windows:
    longest = int(np.max(end - first))
    inside = np.arange(longest) < (end - first)[:, None]
    return Windows(x, first.astype(np.int64), inside.astype(np.float64))


@dataclass(frozen=True)
class LocalPolynomial:
    """The derivative of some order of the polynomial that fits best in each window."""

    windows: Windows
    degree: int
    order: int
    stencils: np.ndarray

    @classmethod
    def of(cls, windows: Windows, degree: int, order: int = 0) -> "LocalPolynomial":
        """Return it with what each channel counts where none is missing."""
        every = np.arange(len(windows.x))
        stencils = _stencils(windows, every, windows.weights, degree, order)
        return cls(windows, degree, order, stencils)

    def run(self, spectra: np.ndarray) -> np.ndarray:
        """Return the values of spectra, shape (spectra, channels) of doubles, NaN where they are.

        Around what is missing, polynomials fit the rest of their window.
        """
        finite = np.isfinite(spectra)
        made = np.empty_like(spectra)
        _apply(np.where(finite, spectra, 0.0), self.windows.first, self.stencils, made)
        for row in np.flatnonzero(~finite.all(axis=1)):
            self._mend(spectra[row], finite[row], made[row])
        return made

    def _mend(self, spectrum: np.ndarray, finite: np.ndarray, made: np.ndarray) -> None:
        """Fit again where a window holds channels that are missing."""
        channels = self.windows.channels
        present = finite[channels]
        weights = self.windows.weights * present
        touched = finite & (~present & (self.windows.weights > 0)).any(axis=1)
        enough = np.count_nonzero(weights, axis=1) > self.degree
        made[~finite | (touched & ~enough)] = np.nan
        rows = np.flatnonzero(touched & enough)
        if rows.size:
            stencils = _stencils(self.windows, rows, weights[rows], self.degree, self.order)
            values = np.where(finite, spectrum, 0.0)[channels[rows]]
            made[rows] = np.sum(stencils * values, axis=1)


def _stencils(
    windows: Windows, rows: np.ndarray, weights: np.ndarray, degree: int, order: int
) -> np.ndarray:
    """Return how much each channel of a window adds to the derivative in its middle."""
    away = windows.x[windows.channels[rows]] - windows.x[rows, None]
    # In units of the window's own reach, in which the equations are solved best.
    scale = np.max(np.abs(away), axis=1, where=weights > 0, initial=0.0, keepdims=True)
    scale = np.where(scale > 0, scale, 1.0)
    powers = (away / scale)[..., None] ** np.arange(degree + 1)
    root = np.sqrt(weights)[..., None]
    orthogonal, triangle = np.linalg.qr(root * powers)
    wanted = np.zeros((len(rows), degree + 1, 1))
    wanted[:, order] = math.factorial(order) / scale**order
    coefficients = np.linalg.solve(triangle.transpose(0, 2, 1), wanted)
    return np.asarray((root * (orthogonal @ coefficients))[..., 0])


@inner_fast
def _sum_of_products(left: np.ndarray, right: np.ndarray) -> float:
    total = 0.0
    for k in range(left.size):
        total += left[k] * right[k]
    return total


@outer
def _apply(values: np.ndarray, first: np.ndarray, stencils: np.ndarray, made: np.ndarray) -> None:
    n, length = stencils.shape
    for row in range(values.shape[0]):
        for i in range(n):
            size = min(length, n - first[i])
            made[row, i] = _sum_of_products(
                stencils[i, :size], values[row, first[i] : first[i] + size]
            )
