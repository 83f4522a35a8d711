"""The faces of a graph that is drawn in a plane."""

import numpy as np


def faces_of(points: np.ndarray, bonds: np.ndarray, max_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounded faces of a planar graph of at most `max_size` corners.

    Parameters
    ----------
    points : array, shape (atoms, 2)
        y and x.
    bonds : array of int, shape (bonds, 2)
        Pairs of atoms, each once; no two cross.
    max_size : int
        Larger faces are left out; the outside is never one.

    Returns
    -------
    (array of int, shape (faces, max_size), array of int, shape (faces,))
        Corners in order from +x towards +y, and how many there are.

    Notes
    -----
    Each bond is two half-edges. After arriving at an atom, the face goes on along the bond that
    comes next around it; following that from every half-edge at once takes `max_size` steps,
    whatever the number of atoms. Atoms with one bond are taken away before, again and again:
    they are on no ring.
    """
    bonds = _without_ends(bonds, len(points))
    none = np.zeros((0, max_size), dtype=np.int64), np.zeros(0, dtype=np.int64)
    if not len(bonds):
        return none
    start, end = np.concatenate([bonds, bonds[:, ::-1]]).T
    away = points[end] - points[start]
    order = np.lexsort((np.arctan2(away[:, 0], away[:, 1]), start))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    first = np.searchsorted(start[order], np.arange(len(points) + 1))
    back = np.concatenate([np.arange(len(bonds)) + len(bonds), np.arange(len(bonds))])
    # The next half-edge: at the end of this one, that before the way back by angle.
    at = place[back] - 1
    wrapped = at < first[end]
    at[wrapped] = first[end + 1][wrapped] - 1
    following = order[at]

    every = np.arange(len(start))
    current, lowest, size = every.copy(), every.copy(), np.zeros(len(start), dtype=np.int64)
    corners = np.zeros((len(start), max_size), dtype=np.int64)
    for step in range(max_size):
        corners[:, step] = start[current]
        current = following[current]
        size[(current == every) & (size == 0)] = step + 1
        lowest = np.where(size == 0, np.minimum(lowest, current), lowest)
    chosen = (size > 2) & (lowest == every)
    corners, size = corners[chosen], size[chosen]
    return _turning(points, corners, size)


def _without_ends(bonds: np.ndarray, count: int) -> np.ndarray:
    """Return the bonds without those to atoms that have no other."""
    while len(bonds):
        degree = np.bincount(bonds.ravel(), minlength=count)
        kept = (degree[bonds] > 1).all(axis=1)
        if kept.all():
            break
        bonds = bonds[kept]
    return bonds


def _turning(
    points: np.ndarray, corners: np.ndarray, size: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the faces that turn from +x towards +y: the outside turns the other way."""
    inside = np.arange(corners.shape[1]) < size[:, None]
    here = points[np.where(inside, corners, corners[:, :1])]
    here = here - here[:, :1]
    there = np.roll(here, -1, axis=1)
    area = (here[..., 1] * there[..., 0] - here[..., 0] * there[..., 1]).sum(axis=1)
    return corners[area > 0], size[area > 0]
