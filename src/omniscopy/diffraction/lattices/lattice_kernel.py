# ruff: noqa: PLR0913, PLR0917 - kernels take their arrays one by one
"""Compiled fits of lattices to discs; `omniscopy.diffraction.lattices.twin` reads more easily."""

from typing import Any

import numpy as np
from numba import njit

from omniscopy.diffraction.discs.disc_kernel import solve
from omniscopy.model import Status
from omniscopy.model.compiling import keep_compiled

# A disc belongs to a site within this part of the shortest vector; most discs do.
ON_SITE, FEWEST_PART = 0.25, 0.3
# Residuals beyond so many of their typical size are left out; of the median of those in a plane.
FAR, PER_MEDIAN = 4.0, 0.85
# The window grows outwards, in indices.
REACHES = (1.6, 3.2, np.inf, np.inf)
# How many of the strongest discs are tried as the middle.
STARTS = 5
_SINGULAR, _INVALID = int(Status.SINGULAR), int(Status.INVALID)


def _compiled(function: Any) -> Any:
    return keep_compiled(njit, function, error_model="numpy", nogil=True)


def _determinant(a: np.ndarray) -> float:
    return (
        a[0, 0] * (a[1, 1] * a[2, 2] - a[1, 2] * a[1, 2])
        - a[0, 1] * (a[0, 1] * a[2, 2] - a[1, 2] * a[0, 2])
        + a[0, 2] * (a[0, 1] * a[1, 2] - a[1, 1] * a[0, 2])
    )


determinant = _compiled(_determinant)


def _pass(
    points: np.ndarray, weights: np.ndarray, reach: float, short: float, lattice: np.ndarray,
    trim: bool, index: np.ndarray, away: np.ndarray, used: np.ndarray, normal: np.ndarray,  # noqa: FBT001
    right: np.ndarray,
) -> int:  # fmt: skip
    """Fill in indices, distances from sites, and the normal equations of the discs used."""
    det = lattice[1, 0] * lattice[2, 1] - lattice[1, 1] * lattice[2, 0]
    count = 0
    for n in range(points.shape[0]):
        used[n] = False
        y, x = points[n, 0] - lattice[0, 0], points[n, 1] - lattice[0, 1]
        if not (np.isfinite(y) and np.isfinite(x)):
            continue
        h = np.round((y * lattice[2, 1] - x * lattice[2, 0]) / det)
        k = np.round((x * lattice[1, 0] - y * lattice[1, 1]) / det)
        index[n, 0], index[n, 1] = h, k
        dy = y - h * lattice[1, 0] - k * lattice[2, 0]
        dx = x - h * lattice[1, 1] - k * lattice[2, 1]
        away[n] = np.hypot(dy, dx)
        used[n] = away[n] < ON_SITE * short and np.hypot(h, k) <= reach and weights[n] > 0
        count += used[n]
    if trim and count > 4:
        limit = max(FAR * PER_MEDIAN * np.median(away[used]), 1e-9 * short)
        for n in range(points.shape[0]):
            if used[n] and away[n] > limit:
                used[n] = False
                count -= 1
    normal[:] = 0.0
    right[:] = 0.0
    for n in range(points.shape[0]):
        if not used[n]:
            continue
        for i in range(3):
            first = weights[n] * (1.0 if i == 0 else index[n, i - 1])
            for j in range(3):
                normal[i, j] += first * (1.0 if j == 0 else index[n, j - 1])
            for j in range(2):
                right[i, j] += first * points[n, j]
    return count


one_pass = _compiled(_pass)


def _describe(
    points: np.ndarray, weights: np.ndarray, index: np.ndarray, used: np.ndarray, count: int,
    lattice: np.ndarray, normal: np.ndarray, inverse: np.ndarray, out: np.ndarray,
) -> None:  # fmt: skip
    """Write what describes a lattice, with its origin where the indices begin."""
    normal[:] = 0.0
    total = 0.0
    squares = np.zeros(2)
    for n in range(points.shape[0]):
        if not used[n]:
            continue
        h, k = index[n, 0], index[n, 1]
        total += weights[n]
        for j in range(2):
            away = points[n, j] - lattice[0, j] - h * lattice[1, j] - k * lattice[2, j]
            squares[j] += weights[n] * away * away
        for i in range(3):
            first = weights[n] * (1.0 if i == 0 else index[n, i - 1])
            for j in range(3):
                normal[i, j] += first * (1.0 if j == 0 else index[n, j - 1])
    inverse[:] = np.linalg.inv(normal)
    free = count - 3
    for i in range(3):
        row = (i + 1) % 3
        for j in range(2):
            out[2 * i + j] = lattice[row, j]
            spread = squares[j] / free if free > 0 else np.nan
            out[6 + 2 * i + j] = np.sqrt(inverse[row, row] * spread)
    a, b = lattice[1], lattice[2]
    out[12], out[13] = np.hypot(a[0], a[1]), np.hypot(b[0], b[1])
    cosine = (a[0] * b[0] + a[1] * b[1]) / (out[12] * out[13])
    out[14] = np.degrees(np.arccos(min(max(cosine, -1.0), 1.0)))
    out[15] = inverse[1, 2] / np.sqrt(inverse[1, 1] * inverse[2, 2])
    out[16] = np.sqrt((squares[0] + squares[1]) / total)


describe_lattice = _compiled(_describe)


def _fit(  # noqa: C901, PLR0912, PLR0915 - a loop over patterns and sites
    points: np.ndarray, weights: np.ndarray, cells: np.ndarray, centres: np.ndarray,
    scalars: np.ndarray, indices: np.ndarray, counts: np.ndarray, status: np.ndarray,
) -> None:  # fmt: skip
    """Write the lattice of each pattern; `status` is left as it is where there are no discs."""
    size = points.shape[1]
    index, away, used = np.zeros((size, 2)), np.zeros(size), np.zeros(size, np.bool_)
    lattice, normal, inverse = np.zeros((3, 2)), np.zeros((3, 3)), np.zeros((3, 3))
    right, order = np.zeros((3, 2)), np.zeros(size)
    for p in range(points.shape[0]):
        there = 0
        for n in range(size):
            order[n] = -1.0
            if np.isfinite(points[p, n, 0]) and np.isfinite(points[p, n, 1]):
                there += 1
                order[n] = weights[p, n]
        if there == 0:
            continue
        cell = cells[p]
        area = abs(cell[0, 0] * cell[1, 1] - cell[0, 1] * cell[1, 0])
        short = min(np.hypot(cell[0, 0], cell[0, 1]), np.hypot(cell[1, 0], cell[1, 1]))
        status[p] = _INVALID
        if not area > 0:
            continue
        # Of the strongest discs the one that most others lie around: some may be wrong.
        lattice[1:] = cell
        start, most = 0, -1
        ranked = np.argsort(-order)
        for m in range(min(STARTS, there)):
            lattice[0] = points[p, ranked[m]]
            count = one_pass(
                points[p],
                weights[p],
                np.inf,
                short,
                lattice,
                False,  # noqa: FBT003
                index,
                away,
                used,
                normal,
                right,
            )
            if count > most:
                start, most = ranked[m], count
        lattice[0] = points[p, start]
        count = 0
        for number, reach in enumerate(REACHES):
            count = one_pass(
                points[p],
                weights[p],
                reach,
                short,
                lattice,
                number == len(REACHES) - 1,
                index,
                away,
                used,
                normal,
                right,
            )
            scale = normal[0, 0] * normal[1, 1] * normal[2, 2]
            if not determinant(normal) > 1e-12 * scale:
                if reach < np.inf:
                    continue
                status[p] = _SINGULAR
                count = -1
                break
            solve(normal, right, lattice)
            made = lattice[1, 0] * lattice[2, 1] - lattice[1, 1] * lattice[2, 0]
            if not abs(made) >= 0.1 * area:
                count = -1
                break
        if count < max(3.0, FEWEST_PART * there):
            continue
        det = lattice[1, 0] * lattice[2, 1] - lattice[1, 1] * lattice[2, 0]
        y, x = centres[p, 0] - lattice[0, 0], centres[p, 1] - lattice[0, 1]
        h = k = 0.0
        if np.isfinite(y) and np.isfinite(x):
            h = np.round((y * lattice[2, 1] - x * lattice[2, 0]) / det)
            k = np.round((x * lattice[1, 0] - y * lattice[1, 1]) / det)
        for j in range(2):
            lattice[0, j] += h * lattice[1, j] + k * lattice[2, j]
        for n in range(size):
            index[n, 0] -= h
            index[n, 1] -= k
            if used[n]:
                indices[p, n] = index[n]
        describe_lattice(
            points[p], weights[p], index, used, count, lattice, normal, inverse, scalars[p]
        )
        counts[p], status[p] = count, 0


fit_lattices = _compiled(_fit)


def _add_differences(points: np.ndarray, bins: np.ndarray, made: np.ndarray) -> None:
    """Add one where a disc is from each that stands before it in the table of a pattern."""
    middle_y, middle_x = made.shape[0] // 2, made.shape[1] // 2
    for p in range(points.shape[0]):
        for m in range(points.shape[1]):
            y, x = points[p, m, 0], points[p, m, 1]
            if not (np.isfinite(y) and np.isfinite(x)):
                continue
            for n in range(m):
                if not (np.isfinite(points[p, n, 0]) and np.isfinite(points[p, n, 1])):
                    continue
                i = middle_y + int(np.round((y - points[p, n, 0]) / bins[0]))
                j = middle_x + int(np.round((x - points[p, n, 1]) / bins[1]))
                if 0 <= i < made.shape[0] and 0 <= j < made.shape[1]:
                    made[i, j] += 1.0


add_differences = _compiled(_add_differences)
