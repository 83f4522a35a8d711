# ruff: noqa: PLR0913, PLR0917 - kernels take their arrays one by one
r"""Penalised least squares along spectra: the Whittaker smoother, and baselines made of it.

:math:`\int w (y - z)^2 dx + \ell^4 \int z''^2 dx` is minimal, with second derivatives by divided
differences, so that uneven axes need no resampling: a pentadiagonal system for each spectrum.
`LANES` spectra are solved side by side, since each step of the elimination waits for the one
before.
"""

import numpy as np

from omniscopy.compute.fitting.inner import inner, inner_fast, outer
from omniscopy.physics import compiled as _compiled  # noqa: F401 - gives `exp` its compiled form
from omniscopy.physics.elementary import exp

LANES = 32
SMOOTH, ALS, ARPLS = range(3)
# Share by which the weights still change when asymmetric reweighting ends.
TOLERANCE = 1e-3

# Rows of the store: data, their weight at best and now; the band above the pivots and one over
# these; the curve, and what is still to be added to it (or weights to be).
VALUE, BEST, WEIGHT, BAND, PIVOT, CURVE, NEXT = range(7)
# Rows of a penalty: three bands of its matrix, one over the steps, and one over their means.


def penalty_of(x: np.ndarray, width: float) -> np.ndarray:
    """Return the penalty on curvature by which an undulation of period `width` is halved.

    Rows are the diagonal, the two bands beside it, 1 / step and the weight of the squared change
    of slope at each channel, with two empty channels at either end.
    """
    steps = np.abs(np.diff(x))
    n, mean = len(x), np.mean(steps)
    centred = np.zeros(n)
    centred[1:-1] = 0.5 * (steps[1:] + steps[:-1])
    strength = np.zeros(n)
    strength[1:-1] = (width / (2 * np.pi)) ** 4 / mean / centred[1:-1]
    inverse = np.append(1.0 / steps, 0.0)
    # Coefficients of the change of slope at channel i: of channels i - 1, i and i + 1.
    left, right = np.insert(inverse[:-1], 0, 0.0), inverse
    middle = -(left + right)
    rows = np.zeros((5, n + 4))
    inner = rows[:, 2:-2]
    weighed = strength * left, strength * middle, strength * right
    inner[0] = weighed[1] * middle
    inner[0, :-1] += (weighed[0] * left)[1:]
    inner[0, 1:] += (weighed[2] * right)[:-1]
    inner[1] = weighed[1] * right
    inner[1, :-1] += (weighed[0] * middle)[1:]
    inner[2, :-1] = (weighed[0] * right)[1:]
    inner[3], inner[4] = inverse, strength
    return rows


def cells_of(x: np.ndarray) -> np.ndarray:
    """Return how much of the axis each channel stands for, in mean steps."""
    steps = np.abs(np.diff(x))
    cells = 0.5 * (np.append(steps, steps[-1]) + np.insert(steps, 0, steps[0]))
    return np.asarray(cells / np.mean(steps))


def solve_whittaker(
    values: np.ndarray,
    penalty: np.ndarray,
    weights: np.ndarray,
    *,
    kind: int = SMOOTH,
    asymmetry: float = 0.5,
    max_steps: int = 1,
) -> np.ndarray:
    """Return the smooth curve of each spectrum of `values`, shape (spectra, channels) of doubles.

    `weights`, of shape (channels,), are those at best; values that are not finite get none.
    `kind` says how weights are made anew from what lies above the curve and what below.
    """
    found = np.empty_like(values)
    store, sums = np.zeros((values.shape[1] + 4, 7, LANES)), np.zeros((6, LANES))
    run(values, penalty, weights, kind, asymmetry, max_steps, store, sums, found)
    return found


@inner
def _load(store: np.ndarray, values: np.ndarray, weights: np.ndarray, first: int) -> None:
    count, n = values.shape
    for lane in range(LANES):
        row = min(first + lane, count - 1)
        for i in range(n):
            value = values[row, i]
            weight = weights[i] if np.isfinite(value) else 0.0
            store[i + 2, VALUE, lane] = value if weight > 0.0 else 0.0
            store[i + 2, BEST, lane] = weight
            store[i + 2, WEIGHT, lane] = weight


@inner_fast
def _solve(store: np.ndarray, penalty: np.ndarray) -> None:
    """Eliminate (L D L^T), and substitute backwards."""
    n = store.shape[0] - 4
    for i in range(2, n + 2):
        diagonal, first = penalty[0, i], penalty[1, i]
        near, far = penalty[2, i - 1], penalty[2, i - 2]
        for k in range(LANES):
            weight, u = store[i, WEIGHT, k], store[i - 1, BAND, k]
            inverse = store[i - 1, PIVOT, k]
            before = far * store[i - 2, PIVOT, k]
            store[i, PIVOT, k] = 1.0 / (diagonal + weight - u * u * inverse - far * before)
            store[i, BAND, k] = first - u * inverse * near
            store[i, CURVE, k] = (
                store[i, VALUE, k] * weight
                - u * inverse * store[i - 1, CURVE, k]
                - before * store[i - 2, CURVE, k]
            )
    for i in range(n + 1, 1, -1):
        second = penalty[2, i]
        for k in range(LANES):
            store[i, CURVE, k] = store[i, PIVOT, k] * (
                store[i, CURVE, k]
                - store[i, BAND, k] * store[i + 1, CURVE, k]
                - second * store[i + 2, CURVE, k]
            )


@inner_fast
def _refine(store: np.ndarray, penalty: np.ndarray) -> None:
    """Solve once more for what is left, by differences that lose no digits."""
    n = store.shape[0] - 4
    for i in range(2, n + 2):
        g0, g1, g2, g3 = penalty[3, i - 2], penalty[3, i - 1], penalty[3, i], penalty[3, i + 1]
        s1, s2, s3 = penalty[4, i - 1], penalty[4, i], penalty[4, i + 1]
        far = penalty[2, i - 2]
        for k in range(LANES):
            z0, z1, z2 = store[i - 2, CURVE, k], store[i - 1, CURVE, k], store[i, CURVE, k]
            z3, z4 = store[i + 1, CURVE, k], store[i + 2, CURVE, k]
            slope1, slope2 = (z2 - z1) * g1, (z3 - z2) * g2
            v1 = s1 * (slope1 - (z1 - z0) * g0)
            v2 = s2 * (slope2 - slope1)
            v3 = s3 * ((z4 - z3) * g3 - slope2)
            left = store[i, WEIGHT, k] * (store[i, VALUE, k] - z2) - (
                (v1 - v2) * g1 - (v2 - v3) * g2
            )
            store[i, NEXT, k] = (
                left
                - store[i - 1, BAND, k] * store[i - 1, PIVOT, k] * store[i - 1, NEXT, k]
                - far * store[i - 2, PIVOT, k] * store[i - 2, NEXT, k]
            )
    for i in range(n + 1, 1, -1):
        second = penalty[2, i]
        for k in range(LANES):
            step = store[i, PIVOT, k] * (
                store[i, NEXT, k]
                - store[i, BAND, k] * store[i + 1, NEXT, k]
                - second * store[i + 2, NEXT, k]
            )
            store[i, NEXT, k] = step
            store[i, CURVE, k] += step


@inner_fast
def _reweigh_als(store: np.ndarray, asymmetry: float) -> bool:
    """Weigh what is above the curve by `asymmetry`; return whether no weight changed."""
    changed = 0.0
    for i in range(2, store.shape[0] - 2):
        for k in range(LANES):
            share = asymmetry if store[i, VALUE, k] > store[i, CURVE, k] else 1.0 - asymmetry
            weight = store[i, BEST, k] * share
            changed += abs(weight - store[i, WEIGHT, k])
            store[i, WEIGHT, k] = weight
    return changed == 0.0


@inner_fast
def _reweigh_arpls(store: np.ndarray, sums: np.ndarray) -> bool:
    """Weigh by how far above the noise below the curve a value is; return whether all is done.

    Lanes of which the weights hardly change keep them: row 5 of `sums` says so.
    """
    sums[:5] = 0.0
    n = store.shape[0] - 4
    for i in range(2, n + 2):
        for k in range(LANES):
            away = store[i, VALUE, k] - store[i, CURVE, k]
            below = 1.0 if (away < 0.0 and store[i, BEST, k] > 0.0) else 0.0
            sums[0, k] += below
            sums[1, k] += below * away
            sums[2, k] += below * away * away
    for k in range(LANES):
        mean = sums[1, k] / max(sums[0, k], 1.0)
        spread = np.sqrt(max(sums[2, k] / max(sums[0, k], 1.0) - mean * mean, 0.0))
        sums[1, k] = 2.0 * spread - mean
        sums[2, k] = 2.0 / spread if spread > 0.0 else 0.0
        if sums[2, k] == 0.0:
            sums[5, k] = 1.0
    for i in range(2, n + 2):
        for k in range(LANES):
            away = store[i, VALUE, k] - store[i, CURVE, k]
            old = store[i, WEIGHT, k]
            new = store[i, BEST, k] / (1.0 + exp(sums[2, k] * (away - sums[1, k])))
            new = old if sums[5, k] > 0.0 else new
            sums[3, k] += (new - old) * (new - old)
            sums[4, k] += old * old
            store[i, NEXT, k] = new
    done = 0.0
    for k in range(LANES):
        if sums[3, k] <= TOLERANCE * TOLERANCE * sums[4, k]:
            sums[5, k] = 1.0
        done += sums[5, k]
    for i in range(2, n + 2):
        for k in range(LANES):
            store[i, WEIGHT, k] = store[i, WEIGHT, k] if sums[5, k] > 0.0 else store[i, NEXT, k]
    return done == LANES


@inner
def _unload(store: np.ndarray, first: int, found: np.ndarray) -> None:
    """Write the curves out: NaN where fewer than two channels say where they are."""
    count, n = found.shape
    for lane in range(min(LANES, count - first)):
        used = 0
        for i in range(2, n + 2):
            used += store[i, BEST, lane] > 0.0
        for i in range(n):
            found[first + lane, i] = store[i + 2, CURVE, lane] if used >= 2 else np.nan


@outer
def run(
    values: np.ndarray, penalty: np.ndarray, weights: np.ndarray,
    kind: int, asymmetry: float, max_steps: int,
    store: np.ndarray, sums: np.ndarray, found: np.ndarray,
) -> None:  # fmt: skip
    """Work through a block of spectra."""
    for first in range(0, values.shape[0], LANES):
        _load(store, values, weights, first)
        sums[5] = 0.0
        for step in range(max_steps):
            _solve(store, penalty)
            if kind == SMOOTH or step == max_steps - 1:
                break
            if kind == ALS:
                if _reweigh_als(store, asymmetry):
                    break
            elif _reweigh_arpls(store, sums):
                break
        _refine(store, penalty)
        _unload(store, first, found)
