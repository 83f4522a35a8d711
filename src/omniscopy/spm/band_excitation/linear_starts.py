# ruff: noqa: PLR0917 - kernels take their arrays one by one
r"""Where the resonance of a complex spectrum is, by linear least squares.

Multiplied with its denominator, the response of an oscillator is a linear equation:
:math:`(x^2 - 1) y = \delta y + i x g y + C`, with the frequency `x` in units of the middle of the
band, :math:`f_0^2 = 1 + \delta` and :math:`g = f_0 / Q`. Its rows are weighted by the square of
the response of the pass before, so that in the end it is the response that is fitted (C. K.
Sanathanan and J. Koerner, *IEEE Trans. Autom. Control* 8, 56 (1963)). A background that is a
polynomial of degree `n` makes :math:`C` one of degree `n + 2`.
"""

import numpy as np

from omniscopy.compute.fitting.inner import inner, inner_fast, outer
from omniscopy.compute.fitting.normal import factorise, substitute
from omniscopy.compute.threads import blocks_of, share_work

# Passes, and how wide a resonance counts as at least, in steps of the frequency.
_PASSES, _NARROWEST = 5, 0.1
# Bins with the very largest real or imaginary part that make a spectrum a clipped one.
_CLIPPED = 3
# What is found of a spectrum; then come the coefficients of C, real parts and imaginary ones.
SQUARE, DAMPING, CLIPPED, EMPTY, COEFFICIENTS = range(5)


def linear_starts(
    x: np.ndarray, spectra: np.ndarray, weights: np.ndarray | None, order: int,
    threads: int | None = None,
) -> np.ndarray:  # fmt: skip
    """Return what the linear equations say of each spectrum.

    Parameters
    ----------
    x : array, shape (points,)
        Frequencies over that in the middle.
    spectra : array of complex, shape (spectra, points)
        What is not finite is left out.
    weights : array, shape (1 or spectra, points)
        Relative weights of squared residuals.
    order : int
        Degree of the polynomial :math:`C`: 0 without a background, 2 with a constant one.
    threads : int
        Number of threads; one for each core otherwise.

    Returns
    -------
    array, shape (spectra, 4 + 2 (order + 1))
        The square of the resonance, the damping `g` (below 0 where the spectrum turns the other
        way), both NaN where the equations have no solution; 1 where a spectrum is clipped, and
        where it is nothing but zeros or NaN; the coefficients of the polynomial.
    """
    found = np.full((len(spectra), COEFFICIENTS + 2 * (order + 1)), np.nan)
    powers = _powers(x, order)
    weighted = np.empty((1, 0)) if weights is None else np.require(weights, np.float64, ["C", "W"])
    blocks = blocks_of(*spectra.shape)

    def work(begin: int) -> None:
        part = slice(begin, begin + blocks.step)
        values = np.require(spectra[part], np.complex128, ["C", "W"])
        own = weighted[part] if len(weighted) > 1 else weighted
        room = np.empty((8, len(x)))
        small = np.empty((order + 4, 2 * order + 8))
        fill(np.require(x, np.float64, ["C", "W"]), powers, values, own, room, small, found[part])

    share_work(work, blocks, threads)
    return found


def amplitude_at_pole(x: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return the complex amplitude, from the polynomial where y is infinite.

    There, a background plays no part.
    """
    square, damping = found[:, SQUARE], found[:, DAMPING]
    pole = 0.5j * damping + np.sqrt(square - 0.25 * damping**2 + 0j)
    count = (found.shape[1] - COEFFICIENTS) // 2
    real, imaginary = np.split(found[:, COEFFICIENTS:], [count], axis=1)
    value = np.zeros(len(found), complex)
    for k in range(count - 1, -1, -1):
        value = value * (pole - x.mean()) / _half(x) + real[:, k] + 1j * imaginary[:, k]
    return np.asarray(value / square)


def _half(x: np.ndarray) -> float:
    return max(0.5 * float(np.ptp(x)), 1e-300)


def _powers(x: np.ndarray, order: int) -> np.ndarray:
    """Return the powers of the frequency, from the middle of the band on."""
    return np.asarray(((x - x.mean()) / _half(x)) ** np.arange(order + 1)[:, None])


def plain_linear_starts(
    x: np.ndarray, spectra: np.ndarray, weights: np.ndarray | None, order: int
) -> np.ndarray:
    """Return the same in plain NumPy, one spectrum after the other."""
    own = np.ones((1, len(x))) if weights is None else weights
    rows = np.broadcast_to(own, spectra.shape)
    found = [_plain(x, y, row, order) for y, row in zip(spectra, rows, strict=True)]
    return np.array(found).reshape(-1, COEFFICIENTS + 2 * (order + 1))


def _plain(x: np.ndarray, y: np.ndarray, weights: np.ndarray, order: int) -> list[float]:
    good = np.isfinite(y) & (weights > 0) & np.isfinite(weights)
    parts = np.abs(np.stack([y.real, y.imag]))[:, good]
    if not parts.any():
        return [np.nan, np.nan, 0.0, 1.0, *[np.nan] * (2 * order + 2)]
    top = parts.max(axis=1, keepdims=True)
    clipped = float((((parts == top) & (top > 0)).sum(axis=1) >= _CLIPPED).any())
    narrow = (_NARROWEST * np.ptp(x) / max(len(x) - 1, 1)) ** 2
    x, y, own, powers = x[good], y[good], weights[good], _powers(x, order)[:, good]
    square, damping, rest = np.nan, np.nan, np.empty(0)
    weight = own * np.abs(y) ** 2
    for _ in range(_PASSES):
        columns = [y, 1j * x * y, *powers, *(1j * powers)]
        matrix = np.stack([np.concatenate([c.real, c.imag]) for c in columns], axis=1)
        right = (x * x - 1.0) * y
        root = np.sqrt(np.tile(weight, 2))
        solved = np.linalg.lstsq(
            matrix * root[:, None], np.concatenate([right.real, right.imag]) * root, rcond=None
        )[0]
        square, damping, rest = 1.0 + float(solved[0]), float(solved[1]), solved[2:]
        weight = own / ((x * x - square) ** 2 + x * x * max(damping**2, narrow))
    return [square, damping, clipped, 0.0, *rest]


@inner_fast
def _prepare(spectrum: np.ndarray, weights: np.ndarray, room: np.ndarray) -> tuple[float, float]:
    """Copy what is finite, with its weights; return the largest real and imaginary part."""
    real, imaginary, own = room[0], room[1], room[2]
    top_real, top_imaginary = 0.0, 0.0
    for i in range(spectrum.size):
        weight = weights[i] if weights.size > 0 else 1.0
        a, b = spectrum[i].real, spectrum[i].imag
        usable = (abs(a) < np.inf) & (abs(b) < np.inf) & (weight > 0.0) & (weight < np.inf)
        real[i], imaginary[i] = a if usable else 0.0, b if usable else 0.0
        own[i] = weight if usable else 0.0
        top_real = max(top_real, abs(real[i]))
        top_imaginary = max(top_imaginary, abs(imaginary[i]))
    return top_real, top_imaginary


@inner
def _is_clipped(values: np.ndarray, top: float) -> bool:
    count = 0
    for i in range(values.size):
        count += 1 if abs(values[i]) == top else 0
    return top > 0.0 and count >= _CLIPPED


@inner_fast
def _weigh(x: np.ndarray, square: float, damping: float, room: np.ndarray) -> None:
    """Fill in the weights of the rows: those given over the squared denominator."""
    own, weight = room[2], room[3]
    for i in range(x.size):
        away = x[i] * x[i] - square
        weight[i] = own[i] / (away * away + x[i] * x[i] * damping)


@inner_fast
def _sums(x: np.ndarray, room: np.ndarray) -> tuple[float, float, float]:
    """Return the weighted sums of squares of both columns, and of the first with the right."""
    real, imaginary, weight = room[0], room[1], room[3]
    first, second, right = 0.0, 0.0, 0.0
    for i in range(x.size):
        power = weight[i] * (real[i] * real[i] + imaginary[i] * imaginary[i])
        square = x[i] * x[i]
        first += power
        second += square * power
        right += (square - 1.0) * power
    return first, second, right


@inner_fast
def _moments(x: np.ndarray, power: np.ndarray, room: np.ndarray, moments: np.ndarray) -> None:
    """Fill in the weighted sums of a power with y, i x y and (x^2 - 1) y: real, imaginary."""
    real, imaginary, weight = room[0], room[1], room[3]
    a, b, c, d, e, f = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(x.size):
        one, other = weight[i] * power[i] * real[i], weight[i] * power[i] * imaginary[i]
        away = x[i] * x[i] - 1.0
        a += one
        b += other
        c -= x[i] * other
        d += x[i] * one
        e += away * one
        f += away * other
    moments[0], moments[1], moments[2] = a, b, c
    moments[3], moments[4], moments[5] = d, e, f


@inner_fast
def _product(one: np.ndarray, other: np.ndarray, weight: np.ndarray) -> float:
    total = 0.0
    for i in range(weight.size):
        total += weight[i] * one[i] * other[i]
    return total


@inner
def _solve(
    x: np.ndarray, powers: np.ndarray, room: np.ndarray, small: np.ndarray, rest: np.ndarray
) -> tuple[float, float]:
    """Return the two real unknowns of a pass; the polynomial is projected out of the columns.

    Its coefficients go to `rest`.
    """
    n = powers.shape[0]
    gram, moments, solution = small[:n, :n], small[:n, n : n + 6], small[n, :n]
    column = small[n + 1, :n]
    for k in range(n):
        _moments(x, powers[k], room, moments[k])
        for m in range(k + 1):
            gram[k, m] = _product(powers[k], powers[m], room[3])
            gram[m, k] = gram[k, m]
    one, two, right = _sums(x, room)
    across, other = 0.0, 0.0
    if factorise(gram, n) <= 0.0:
        return np.nan, np.nan
    for part in range(2):
        for k in range(n):
            column[k] = moments[k, part]
        substitute(gram, column, solution, n)
        for k in range(n):
            one -= solution[k] * moments[k, part]
            across -= solution[k] * moments[k, 2 + part]
            right -= solution[k] * moments[k, 4 + part]
        for k in range(n):
            column[k] = moments[k, 2 + part]
        substitute(gram, column, solution, n)
        for k in range(n):
            two -= solution[k] * moments[k, 2 + part]
            other -= solution[k] * moments[k, 4 + part]
    size = one * two - across * across
    away, damping = (right * two - other * across) / size, (other * one - right * across) / size
    for part in range(2):
        for k in range(n):
            column[k] = (
                moments[k, 4 + part] - away * moments[k, part] - damping * moments[k, 2 + part]
            )
        substitute(gram, column, solution, n)
        for k in range(n):
            rest[part * n + k] = solution[k]
    return away, damping


@outer
def fill(
    x: np.ndarray, powers: np.ndarray, spectra: np.ndarray, weights: np.ndarray,
    room: np.ndarray, small: np.ndarray, found: np.ndarray,
) -> None:  # fmt: skip
    """Fill in what is found of every spectrum."""
    narrow = (_NARROWEST * (x[-1] - x[0]) / max(x.size - 1, 1)) ** 2
    for k in range(spectra.shape[0]):
        top, other = _prepare(spectra[k], weights[k if weights.shape[0] > 1 else 0], room)
        found[k, 2] = 1.0 if _is_clipped(room[0], top) or _is_clipped(room[1], other) else 0.0
        found[k, 3] = 0.0 if top > 0.0 or other > 0.0 else 1.0
        if found[k, 3] > 0.0:
            continue
        for i in range(x.size):
            room[3, i] = room[2, i] * (room[0, i] ** 2 + room[1, i] ** 2)
        square, damping = 0.0, 0.0
        for _ in range(_PASSES):
            away, damping = _solve(x, powers, room, small, found[k, COEFFICIENTS:])
            square = 1.0 + away
            _weigh(x, square, max(damping * damping, narrow), room)
        found[k, 0], found[k, 1] = square, damping
