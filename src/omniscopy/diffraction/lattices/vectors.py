"""The two vectors of the lattice of discs, from how often discs are so far from each other."""

import numpy as np

from omniscopy.atoms.lattices.vectors import oriented
from omniscopy.diffraction.lattices.lattice_kernel import add_differences

# Shorter differences than so many bins are a disc and itself; peaks are no nearer to each other.
_APART = 5
# A vector of the lattice is seen at least at this part of the discs of the most frequent one.
_AS_OFTEN = 0.25
# Two vectors are independent when their angle is at least this, in degrees.
_ANGLE = 15.0


def difference_map(points: np.ndarray, shape: tuple[int, int], bins: np.ndarray) -> np.ndarray:
    """Return how often discs of one pattern differ by a vector; zero is in the middle.

    Parameters
    ----------
    points : array, shape (patterns, discs, 2)
        NaN where there is none.
    shape : (int, int)
        Odd numbers of bins.
    bins : array, shape (2,)
        Sizes of a bin.
    """
    made = np.zeros(shape)
    add_differences(np.ascontiguousarray(points, np.float64), np.asarray(bins, np.float64), made)
    return made + made[::-1, ::-1]


def vectors_of(differences: np.ndarray, bins: np.ndarray) -> np.ndarray | None:
    """Return the shortest vectors (a, b) of a lattice, `None` where there are no two.

    `differences` as of `difference_map`; the vectors are in units of `bins`, and in the
    order and direction of `atoms.find_lattice`.
    """
    from scipy import ndimage

    middle = np.array(differences.shape) // 2
    smooth = ndimage.gaussian_filter(differences, 1.5, mode="constant")
    tops = smooth == ndimage.maximum_filter(smooth, 2 * _APART + 1, mode="constant")
    near = 2 * _APART + 1
    often = near**2 * ndimage.uniform_filter(differences, near, mode="constant")
    offset = np.indices(differences.shape) - middle[:, None, None]
    distance = np.hypot(*offset)
    tops &= (distance > _APART) & (smooth > 0)
    tops &= often >= _AS_OFTEN * often.max(where=tops, initial=0.0)
    # Each vector comes with the opposite one.
    places = np.argwhere(tops & ((offset[0] > 0) | ((offset[0] == 0) & (offset[1] > 0))))
    if len(places) < 2:
        return None
    vectors = np.array([_centroid(differences, place) for place in places]) - middle
    weights = often[tuple(places.T)]
    true = vectors * bins
    order = np.argsort(np.hypot(*true.T), kind="stable")
    true, weights = true[order], weights[order]
    length = np.hypot(*true.T)
    cross = np.abs(true[0, 0] * true[:, 1] - true[0, 1] * true[:, 0])
    apart = np.flatnonzero(cross > np.sin(np.radians(_ANGLE)) * length[0] * length)
    if not apart.size:
        return None
    cell = np.stack([true[0], true[apart[0]]])
    # Longer vectors say more precisely how long the short ones are.
    for reach in (1.6, 3.1):
        index = np.rint(true @ np.linalg.inv(cell))
        away = np.hypot(*(true - index @ cell).T)
        used = (np.hypot(*index.T) < reach) & (away < 0.2 * length[0]) & index.any(axis=1)
        if np.linalg.matrix_rank(index[used]) < 2:
            break
        root = np.sqrt(weights[used])[:, None]
        cell = np.linalg.lstsq(root * index[used], root * true[used], rcond=None)[0]
    return oriented(cell)


def _centroid(values: np.ndarray, place: np.ndarray) -> np.ndarray:
    half = _APART - 2
    part = values[tuple(slice(max(0, n - half), n + half + 1) for n in place)]
    grid = np.indices(part.shape).reshape(2, -1)
    first = np.maximum(place - half, 0)
    return np.asarray(first + (grid * part.ravel()).sum(axis=1) / part.sum())
