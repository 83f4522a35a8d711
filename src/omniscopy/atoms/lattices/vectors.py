"""The vectors of a lattice, from the differences of positions."""

import numpy as np

from omniscopy.atoms.strain.links import reduced

# Neighbours whose differences are looked at, and how many atoms of them at most.
_NEIGHBOURS, _MOST_ATOMS = 36, 600
# Differences are one vector within this part of the shortest distance.
_SAME = 0.2
# A vector of the lattice leads from nearly as many atoms to another as the best one does.
_AS_OFTEN = 0.72
# From that part of the atoms on there is a lattice at all: without one it is chance.
_ORDERED = 0.35
# Two vectors are independent when their angle is at least this, in degrees.
_ANGLE = 15.0


def basis_of(points: np.ndarray) -> np.ndarray | None:
    """Return the shortest vectors (a, b) that lead from atoms to atoms, `None` if none do.

    Of two atoms in a cell, what leads from one to the other does not lead on from there: such
    vectors are found for half of the atoms only.
    """
    from scipy.spatial import cKDTree

    tree = cKDTree(points)
    middle = np.argsort(np.hypot(*(points - np.median(points, axis=0)).T), kind="stable")
    chosen = points[middle[:_MOST_ATOMS]]
    count = min(_NEIGHBOURS + 1, len(points))
    distance, near = tree.query(chosen, k=count)
    shortest = float(np.median(distance[:, 1]))
    if not shortest > 0:
        return None
    differences = (points[near[:, 1:]] - chosen[:, None]).reshape(-1, 2)
    differences = differences[
        (differences[:, 1] > 0) | ((differences[:, 1] == 0) & (differences[:, 0] > 0))
    ]
    vectors = _gathered(differences, _SAME * shortest)
    share = np.array([_share(vector, points, tree, _SAME * shortest) for vector in vectors])
    if share.max(initial=0.0) < _ORDERED:
        return None
    often = vectors[share >= _AS_OFTEN * share.max()]
    often = often[np.argsort(np.hypot(*often.T), kind="stable")]
    first = often[0]
    cross = np.abs(first[0] * often[:, 1] - first[1] * often[:, 0])
    length = np.hypot(*often.T)
    apart = np.flatnonzero(cross > np.sin(np.radians(_ANGLE)) * length[0] * length)
    if not apart.size:
        return None
    return oriented(np.stack([first, often[apart[0]]]))


def _gathered(differences: np.ndarray, radius: float) -> np.ndarray:
    """Return the means of differences that are alike, the most frequent first; at most 24."""
    from scipy.spatial import cKDTree

    tree = cKDTree(differences)
    crowd = tree.query_ball_point(differences, radius, return_length=True)
    free = np.ones(len(differences), dtype=bool)
    found: list[np.ndarray] = []
    least = max(2, int(0.1 * crowd.max(initial=0)))
    for number in np.argsort(-crowd, kind="stable"):
        if len(found) == 24 or crowd[number] < least:
            break
        if not free[number]:
            continue
        # The mean of those about the mean: the start is one of many, not their middle.
        centre = differences[number]
        for _ in range(3):
            centre = differences[tree.query_ball_point(centre, radius)].mean(axis=0)
        free[tree.query_ball_point(differences[number], 2 * radius)] = False
        found.append(centre)
    return np.array(found).reshape(-1, 2)


def _share(vector: np.ndarray, points: np.ndarray, tree: object, radius: float) -> float:
    """Return for which part of the atoms that could have one an atom is at the vector's end."""
    ends = points + vector
    nearest = tree.query(ends)[0]  # type: ignore[attr-defined]
    low, high = points.min(axis=0), points.max(axis=0)
    inside = ((ends >= low) & (ends <= high)).all(axis=1)
    if inside.sum() < 3:
        return 0.0
    return float((nearest[inside] < radius).mean())


def oriented(cell: np.ndarray) -> np.ndarray:
    """Return the shortest vectors in one order and direction.

    The first is nearest to +x, the second is turned from it towards +y (down in the image) by
    90 degrees or more where that costs no length.
    """
    cell = reduced(cell)
    along = np.abs(cell[:, 1]) / np.hypot(*cell.T)
    first, second = cell[np.argsort(-along, kind="stable")]
    first = first * (1.0 if first[1] >= 0 else -1.0)
    if first[1] * second[0] - first[0] * second[1] < 0:
        second = -second
    obtuse = second - first
    if second @ first > 0 and obtuse @ obtuse < 1.05 * (second @ second):
        second = obtuse
    return np.stack([first, second])
