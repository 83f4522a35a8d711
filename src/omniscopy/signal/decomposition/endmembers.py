"""End members: the samples at the corners of the simplex that holds all others."""

import numpy as np

from omniscopy.signal.simplex import Fractions, fit_fractions

_STEPS = 100


def find_corners(points: np.ndarray, wanted: int) -> tuple[np.ndarray, int, bool]:
    """Return which points span the simplex of largest volume, steps, and whether it ended.

    `points` has one dimension less than there are corners. N-FINDR (M. E. Winter, *Proc. SPIE*
    3753, 266 (1999)): a corner is replaced where that makes the volume larger. The ratio of
    volumes is the barycentric coordinate of the point, so that all are tried at once.
    """
    corners = _far_apart(points, wanted)
    lifted = np.column_stack([np.ones(len(points)), points])
    for taken in range(1, _STEPS + 1):
        simplex = lifted[corners]
        if np.linalg.matrix_rank(simplex) < wanted:
            return corners, taken, True
        ratios = np.abs(np.linalg.solve(simplex.T, lifted.T))
        corner, point = np.unravel_index(np.argmax(ratios), ratios.shape)
        if ratios[corner, point] <= 1 + 1e-9:
            return corners, taken, True
        corners[corner] = point
    return corners, _STEPS, False


def _far_apart(points: np.ndarray, wanted: int) -> np.ndarray:
    """Return points that are each as far as can be from the flat through those before."""
    first = int(np.argmax(np.sum((points - points.mean(axis=0)) ** 2, axis=1)))
    corners, rest = [first], points - points[first]
    while len(corners) < wanted:
        farthest = int(np.argmax(np.sum(rest**2, axis=1)))
        corners.append(farthest)
        length = np.linalg.norm(rest[farthest])
        if length > 0:
            direction = rest[farthest] / length
            rest = rest - np.outer(rest @ direction, direction)
    return np.array(corners)


def fractions_of(points: np.ndarray, corners: np.ndarray) -> Fractions:
    """Return the fractions of corners that each point is closest to."""
    # About the mean of the corners: only differences matter where fractions add up to 1.
    centre = corners.mean(axis=0)
    return fit_fractions(points - centre, corners - centre, positive=True, closed=True)
