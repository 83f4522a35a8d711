"""Distances between atoms: what is near, and how far apart atoms are as a rule."""

import numpy as np

# Between the first and the second shell of every simple lattice of the plane: they are at 1 and
# 1.41 on a square lattice, 1 and 1.73 on a hexagonal one.
BONDED = 1.3
_USUAL = 3


def usual_distance(points: np.ndarray) -> float:
    """Return the median over atoms of the mean distance to their three nearest; NaN for one atom.

    Three are in the first shell of every lattice of the plane (square, hexagonal, honeycomb), and
    their mean scatters less than the smallest of them. Shape of `points`: (atoms, 2).
    """
    from scipy.spatial import KDTree

    near = min(_USUAL, len(points) - 1)
    if near < 1:
        return np.nan
    distances, _ = KDTree(points).query(points, near + 1)
    return float(np.median(distances[:, 1:].mean(axis=1)))


def bond_length_limit(points: np.ndarray, max_length: float | None) -> float:
    """Return the longest bond: as given, or 1.3 times the usual distance."""
    return BONDED * usual_distance(points) if max_length is None else max_length


def angles_of(vectors: np.ndarray) -> np.ndarray:
    """Return angles of (y, x) vectors in degrees from +x towards +y, -180 to 180."""
    return np.degrees(np.arctan2(vectors[..., 0], vectors[..., 1]))


def surrounded(points: np.ndarray, centres: np.ndarray, reach: float) -> np.ndarray:
    """Return which places have atoms all around within `reach`: no gap of half a turn."""
    from scipy.spatial import KDTree

    tree = KDTree(points)
    found = np.zeros(len(centres), dtype=bool)
    for number, near in enumerate(tree.query_ball_point(centres, reach)):
        away = points[near] - centres[number]
        away = away[np.hypot(*away.T) > 1e-9 * reach]
        if len(away) >= 3:
            angles = np.sort(angles_of(away))
            gaps = np.diff(np.append(angles, angles[0] + 360.0))
            found[number] = gaps.max() < 175.0
    return found
