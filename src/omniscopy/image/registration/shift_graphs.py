"""Positions of frames from the shifts of pairs of them, by robust least squares."""

from typing import NamedTuple

import numpy as np

# Residuals beyond so many robust standard deviations count nothing (Tukey's biweight, whose
# efficiency for Gaussian errors is 95 %), and where the spread is less than the least, in pixels.
_CUT, _LEAST, _PER_MEDIAN = 4.685, 0.02, 1.4826
_PASSES = 20
# Peaks that are nearer than this agree, in pixels.
_NEAR = 2.0


class Pairs(NamedTuple):
    """Shifts of pairs of frames: frame `second` lies `shift` after frame `first`.

    `first`, `second` and `weight`, shape (pairs); `shift`, shape (pairs, 2).
    """

    first: np.ndarray
    second: np.ndarray
    shift: np.ndarray
    weight: np.ndarray


def solve(pairs: Pairs, count: int) -> np.ndarray:
    r"""Return positions, shape (count, 2), that make :math:`\sum w |x_j - x_i - s_{ij}|^2` least.

    Their mean is 0; so is each that no pair is joined to.
    """
    laplacian = np.zeros((count, count))
    right = np.zeros((count, 2))
    i, j, weight = pairs.first, pairs.second, pairs.weight
    np.add.at(laplacian, (i, i), weight)
    np.add.at(laplacian, (j, j), weight)
    np.add.at(laplacian, (i, j), -weight)
    np.add.at(laplacian, (j, i), -weight)
    np.add.at(right, j, weight[:, None] * pairs.shift)
    np.add.at(right, i, -weight[:, None] * pairs.shift)
    return np.asarray(np.linalg.lstsq(laplacian, right, rcond=1e-10)[0])


def solve_robustly(pairs: Pairs, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return positions without the influence of outliers, and the weight of each pair."""
    weight = pairs.weight.copy()
    positions = solve(pairs, count)
    for _ in range(_PASSES):
        away = np.linalg.norm(misfits(pairs, positions), axis=1)
        counted = away[weight > 0]
        spread = max(_PER_MEDIAN * float(np.median(counted)) if counted.size else 0.0, _LEAST)
        relative = np.minimum(away / (_CUT * spread), 1.0)
        changed = pairs.weight * (1 - relative**2) ** 2
        positions = solve(pairs._replace(weight=changed), count)
        if np.allclose(changed, weight, rtol=0, atol=1e-6 * float(pairs.weight.max(initial=0.0))):
            break
        weight = changed
    return positions, weight


def misfits(pairs: Pairs, positions: np.ndarray) -> np.ndarray:
    """Return by how much the shift of each pair differs from that of its positions."""
    return np.asarray(pairs.shift - (positions[pairs.second] - positions[pairs.first]))


def choose(candidates: np.ndarray, heights: np.ndarray, pairs: Pairs, count: int) -> np.ndarray:
    """Return positions that agree with one of several possible shifts of each pair.

    `candidates`, shape (pairs, peaks, 2), the highest first, and `heights`, shape (pairs, peaks).
    Lattices look alike after a cell: their pairs have peaks of nearly the same height, of which
    chance picks one. Along the pairs that are the least doubtful a tree is grown; then each pair
    takes the peak that is nearest to what all others say.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

    doubt = np.clip(heights[:, 1] / np.maximum(heights[:, 0], 1e-30), 0.0, 1.0) + 1e-3
    doubt = np.where(pairs.weight > 0, doubt, 2.0)
    # The spanning trees of older versions of SciPy take such integers only.
    ends = pairs.first.astype(np.int32), pairs.second.astype(np.int32)
    edges = coo_array((doubt, ends), shape=(count, count))
    tree = minimum_spanning_tree(edges.tocsr())
    order, before = breadth_first_order(tree, 0, directed=False)
    number = np.full((count, count), -1)
    number[pairs.first, pairs.second] = np.arange(len(pairs.first))
    positions = np.zeros((count, 2))
    branches = []
    for frame in order[1:]:
        parent = before[frame]
        forward, backward = number[parent, frame], number[frame, parent]
        steps = candidates[forward] if forward >= 0 else -candidates[backward]
        positions[frame] = positions[parent] + steps[0]
        branches.append((frame, steps - steps[0]))
    positions = _best_cells(positions, branches, before, order, candidates, heights, pairs)
    rows = np.arange(len(pairs.first))
    chosen = np.full(len(rows), -1)
    for _ in range(_PASSES):
        wanted = positions[pairs.second] - positions[pairs.first]
        distance = np.linalg.norm(candidates - wanted[:, None], axis=-1)
        nearest = distance.argmin(axis=1)
        if np.array_equal(nearest, chosen):
            break
        chosen = nearest
        taken = pairs._replace(shift=candidates[rows, chosen])
        positions, _ = solve_robustly(taken, count)
    return positions


def _best_cells(  # noqa: PLR0917
    positions: np.ndarray,
    branches: list[tuple[int, np.ndarray]],
    before: np.ndarray,
    order: np.ndarray,
    candidates: np.ndarray,
    heights: np.ndarray,
    pairs: Pairs,
) -> np.ndarray:
    """Return positions whose branches are moved by what makes the peaks of all pairs highest."""
    counted = np.where(np.isfinite(heights), heights, 0.0)

    def total(tried: np.ndarray) -> float:
        wanted = tried[pairs.second] - tried[pairs.first]
        away = candidates - wanted[:, None]
        near = away[..., 0] ** 2 + away[..., 1] ** 2 < _NEAR**2
        return float(np.where(near, counted, 0.0).max(axis=1).sum())

    inside = {}
    for frame, _ in branches:
        held = np.zeros(len(positions), dtype=bool)
        held[frame] = True
        for other in order:
            held[other] |= other != order[0] and before[other] >= 0 and held[before[other]]
        inside[frame] = held
    best = total(positions)
    for _ in range(_PASSES):
        improved = False
        for frame, moves in branches:
            for move in (*moves[1:], *-moves[1:]):
                for part in (inside[frame], np.arange(len(positions)) == frame):
                    tried = positions + part[:, None] * move
                    height = total(tried)
                    if height > best * (1 + 1e-9):
                        positions, best, improved = tried, height, True
        if not improved:
            break
    return positions
