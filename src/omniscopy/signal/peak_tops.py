# ruff: noqa: PLR0913, PLR0917 - kernels take their arrays one by one
"""The tops of peaks between channels, by polynomials that are fitted around them."""

import numpy as np

from omniscopy.compute.fitting.inner import inner, outer

# The parabola is weighted by a Gaussian of this standard deviation, in full widths of the peak.
_WINDOW = 0.35
# What is written of each top; coefficients of a polynomial at most; steps to the top at most.
COLUMNS = ("place", "place_std", "height", "height_std")
_MOST, _STEPS = 5, 40


def refine_tops(
    values: np.ndarray, noise: np.ndarray, tops: np.ndarray, widths: np.ndarray
) -> np.ndarray:
    """Return where parabolas around the `tops` of a spectrum peak, and how high they are.

    `values` and their `noise` have shape (channels,), `tops` and `widths` are in channels. Shape
    (tops, 4): place and height, each with its standard deviation.
    """
    found = np.empty((len(tops), len(COLUMNS)))
    matrix, moments = np.empty((_MOST, _MOST)), np.empty((4, _MOST))
    _run(values, noise, tops.astype(np.int64), widths, matrix, moments, found)
    return found


@inner
def _solve(matrix: np.ndarray, right: np.ndarray, size: int) -> None:
    """Solve symmetric equations in place, the first so many of them."""
    for i in range(size):
        for k in range(i + 1, size):
            factor = matrix[k, i] / matrix[i, i]
            for j in range(i, size):
                matrix[k, j] -= factor * matrix[i, j]
            right[k] -= factor * right[i]
    for i in range(size - 1, -1, -1):
        for j in range(i + 1, size):
            right[i] -= matrix[i, j] * right[j]
        right[i] /= matrix[i, i]


@inner
def _fill(matrix: np.ndarray, first: int, last: int, place: float, sigma: float, size: int) -> None:
    """Write the normal equations of a polynomial about `place`, in units of `sigma`."""
    for i in range(size):
        for k in range(size):
            matrix[i, k] = 0.0
    for channel in range(first, last):
        u = (channel - place) / sigma
        power = np.exp(-0.5 * u * u)
        for total in range(2 * size - 1):
            i = min(total, size - 1)
            matrix[i, total - i] += power
            power *= u
    # The least addition keeps windows of very few channels from being singular.
    least = 1e-12 * matrix[0, 0]
    for i in range(size):
        for k in range(size):
            total = i + k
            j = min(total, size - 1)
            matrix[i, k] = matrix[j, total - j]
    for i in range(size):
        matrix[i, i] += least


@inner
def _fit(
    values: np.ndarray, first: int, last: int, place: float, sigma: float, size: int,
    matrix: np.ndarray, found: np.ndarray,
) -> None:  # fmt: skip
    """Write the coefficients of the polynomial that fits best about `place`."""
    _fill(matrix, first, last, place, sigma, size)
    for i in range(size):
        found[i] = 0.0
    for channel in range(first, last):
        u = (channel - place) / sigma
        power = np.exp(-0.5 * u * u) * values[channel]
        for i in range(size):
            found[i] += power
            power *= u
    _solve(matrix, found, size)
    for i in range(size):
        found[i] /= sigma**i


@inner
def _spread(
    noise: np.ndarray, first: int, last: int, place: float, sigma: float, size: int, row: int,
    matrix: np.ndarray, weights: np.ndarray,
) -> float:  # fmt: skip
    """Return what noise does to one coefficient."""
    _fill(matrix, first, last, place, sigma, size)
    for i in range(size):
        weights[i] = 1.0 if i == row else 0.0
    _solve(matrix, weights, size)
    total = 0.0
    for channel in range(first, last):
        u = (channel - place) / sigma
        power, weight = np.exp(-0.5 * u * u), 0.0
        for i in range(size):
            weight += weights[i] * power
            power *= u
        total += (weight * noise[channel]) ** 2
    return np.sqrt(total) / sigma**row


@outer
def _run(
    values: np.ndarray, noise: np.ndarray, tops: np.ndarray, widths: np.ndarray,
    matrix: np.ndarray, moments: np.ndarray, found: np.ndarray,
) -> None:  # fmt: skip
    parabola, before, behind, weights = moments[0], moments[1], moments[2], moments[3]
    for number in range(tops.size):
        top, fwhm = tops[number], widths[number]
        sigma = max(_WINDOW * fwhm, 0.8)
        # Room for the peak and for how far the noise may have moved its highest channel.
        reach, room = int(np.ceil(3 * sigma + fwhm / 2)) + 1, max(1.0, fwhm / 2)
        first, last = max(top - reach, 0), min(top + reach + 1, values.size)
        # Half a channel at a time, or what brings it through the room in time.
        most = max(0.5, fwhm / 32)
        place = float(top)
        for _ in range(_STEPS):
            _fit(values, first, last, place, sigma, 3, matrix, parabola)
            slope, bend = parabola[1], parabola[2]
            move = min(max(-slope / (2 * bend), -most), most) if bend < 0 else 0.0
            place = min(max(place + move, top - room), top + room)
            if abs(move) < 1e-6:
                break
        # The place is where the slope is 0: its spread is that of the slope over the
        # curvature, which is taken by differences since the window moves along.
        _fit(values, first, last, place - 0.25, sigma, 3, matrix, before)
        _fit(values, first, last, place + 0.25, sigma, 3, matrix, behind)
        curvature = 2.0 * (behind[1] - before[1])
        spread = _spread(noise, first, last, place, sigma, 3, 1, matrix, weights)
        narrow, size = max(sigma / 2, 0.8), 5 if last - first > 6 else 3
        _fit(values, first, last, place, narrow, size, matrix, parabola)
        found[number, 0] = place
        found[number, 1] = spread / abs(curvature) if curvature != 0.0 else np.nan
        found[number, 2] = parabola[0]
        found[number, 3] = _spread(noise, first, last, place, narrow, size, 0, matrix, weights)
