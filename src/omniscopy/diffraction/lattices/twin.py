"""The lattice of the discs of one pattern, as plainly as it can be written.

`omniscopy.diffraction.lattices.lattice_kernel` does the same for many patterns.
"""

from typing import NamedTuple

import numpy as np

from omniscopy.diffraction.lattices.lattice_kernel import (
    FAR,
    FEWEST_PART,
    ON_SITE,
    PER_MEDIAN,
    REACHES,
    STARTS,
)
from omniscopy.model import Status


class Lattice(NamedTuple):
    """What the discs of one pattern give."""

    status: int
    scalars: np.ndarray
    indices: np.ndarray
    discs: int


def fit_one(
    points: np.ndarray, weights: np.ndarray, cell: np.ndarray, centre: np.ndarray
) -> Lattice:
    """Return the lattice of one pattern, from its strongest disc outwards."""
    nothing = np.full((len(points), 2), np.nan)
    short = float(np.hypot(*cell.T).min())
    ranked = np.argsort(-weights, kind="stable")[:STARTS]
    inverse = np.linalg.inv(cell)
    around = []
    for start in points[ranked]:
        steps = (points - start) @ inverse
        away = np.hypot(*((steps - np.rint(steps)) @ cell).T)
        around.append(int(((away < ON_SITE * short) & (weights > 0)).sum()))
    lattice = np.concatenate([points[ranked[int(np.argmax(around))]][None], cell])
    index = used = np.zeros(0)
    for number, reach in enumerate(REACHES):
        index = np.rint((points - lattice[0]) @ np.linalg.inv(lattice[1:]))
        away = np.hypot(*(points - lattice[0] - index @ lattice[1:]).T)
        used = (away < ON_SITE * short) & (np.hypot(*index.T) <= reach) & (weights > 0)
        if number == len(REACHES) - 1 and used.sum() > 4:
            typical = PER_MEDIAN * float(np.median(away[used]))
            used &= away <= max(FAR * typical, 1e-9 * short)
        design = np.column_stack([np.ones(int(used.sum())), index[used]])
        if np.linalg.matrix_rank(design) < 3:
            if reach < np.inf:
                continue
            return Lattice(Status.SINGULAR, np.empty(0), nothing, 0)
        root = np.sqrt(weights[used])[:, None]
        lattice = np.linalg.lstsq(root * design, root * points[used], rcond=None)[0]
        if abs(np.linalg.det(lattice[1:])) < 0.1 * abs(np.linalg.det(cell)):
            return Lattice(Status.INVALID, np.empty(0), nothing, 0)
    if used.sum() < max(3, FEWEST_PART * len(points)):
        return Lattice(Status.INVALID, np.empty(0), nothing, 0)
    start = np.rint((centre - lattice[0]) @ np.linalg.inv(lattice[1:]))
    start = np.where(np.isfinite(start), start, 0.0)
    lattice[0] += start @ lattice[1:]
    index = np.where(used[:, None], index - start, np.nan)
    return _described(points[used], weights[used], index, used, lattice)


def _described(
    points: np.ndarray, weights: np.ndarray, index: np.ndarray, used: np.ndarray,
    lattice: np.ndarray,
) -> Lattice:  # fmt: skip
    design = np.column_stack([np.ones(len(points)), index[used]])
    inverse = np.linalg.inv(design.T @ (weights[:, None] * design))
    away = points - design @ lattice
    free = len(points) - 3
    squares = (weights[:, None] * away**2).sum(axis=0)
    spread = squares / free if free > 0 else np.full(2, np.nan)
    std = np.sqrt(np.diag(inverse)[:, None] * spread)
    a, b = lattice[1:]
    lengths = np.hypot(*lattice[1:].T)
    angle = np.degrees(np.arccos(np.clip(a @ b / lengths.prod(), -1, 1)))
    shared = inverse[1, 2] / np.sqrt(inverse[1, 1] * inverse[2, 2])
    order = [1, 2, 0]
    scalars = np.concatenate([
        lattice[order].ravel(), std[order].ravel(),
        [*lengths, angle, shared, np.sqrt(squares.sum() / weights.sum())],
    ])  # fmt: skip
    return Lattice(Status.CONVERGED, scalars, index, len(points))
