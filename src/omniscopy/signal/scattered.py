"""Values at scattered positions brought to other places, by weights that are found once."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import sparse

from omniscopy.model import DataError
from omniscopy.signal.companions import Nature
from omniscopy.signal.natural_neighbours import natural_weights

Method = Literal["histogram", "nearest", "linear", "cubic", "natural"]
# Positions nearer than this, in extents of all of them, are one; places nearer to the hull are in.
_SAME = 1e-9
# Weights below this are of rounding: they must not bring in a value that is missing.
_LEAST_WEIGHT = 1e-9


@dataclass(frozen=True)
class Gridding:
    """The way from points to places.

    `members` says which points are at each position (in each pixel of a histogram), `weights`
    how much the mean of each position counts at each place: `None` where places are positions.
    """

    members: Any  # sparse, shape (positions, points)
    weights: Any | None  # sparse, shape (places, positions)
    blank: np.ndarray  # places without an answer
    nearest: np.ndarray | None  # the point that is nearest to each place, for flags
    sums: bool  # add up the points of a position
    triangles: Any | None = None  # of the positions, for cubic interpolation
    places: np.ndarray | None = None

    def run(
        self,
        block: np.ndarray,
        *,
        nature: Nature,
        shape: tuple[int, int],
        dtype: np.dtype,
        flag: int = 0,
    ) -> np.ndarray:
        """Return values at the places, shape (..., *shape), from a block of shape (..., points).

        `flag` is that of places without an answer.
        """
        rows = block.reshape(-1, block.shape[-1])
        if nature == "flag":
            made = rows[:, self.nearest]
            made[:, self.blank] = flag
        else:
            means = self.gathered(rows.T.astype(np.result_type(dtype, np.float64)), nature)
            if self.triangles is not None:
                made = self.curved(means).T
            elif self.weights is not None:
                weights = self.weights if nature == "value" else self.weights.power(2)
                made = (weights @ means).T
            else:
                made = means.T
            made[:, self.blank] = np.nan
        return made.astype(dtype, copy=False).reshape(*block.shape[:-1], *shape)

    def gathered(self, columns: np.ndarray, nature: Nature) -> np.ndarray:
        """Return the means (or sums) of the points at each position, NaN where there is none."""
        finite = np.isfinite(columns)
        if finite.all():
            count = np.asarray(self.members.sum(axis=1)).reshape(-1, 1)
        else:
            columns, count = np.where(finite, columns, 0.0), self.members @ finite.astype(float)
        count = np.where(count > 0, count, np.nan)
        total = self.members @ columns
        if self.sums:
            return total + 0.0 * count
        return total / count if nature == "value" else total / count**2

    def curved(self, means: np.ndarray) -> np.ndarray:
        """Return a surface without edges through the means at the positions."""
        from scipy.interpolate import CloughTocher2DInterpolator

        missing = ~np.isfinite(means)
        size = np.max(np.abs(means), axis=0, initial=0.0, where=~missing)
        # The slopes are found by iteration, to a tolerance that is no part of the values.
        scale = np.where(size > 0, size, 1.0)
        means = means / scale
        for column in np.flatnonzero(missing.any(axis=0)):
            means[:, column] = self._without_gaps(means[:, column], missing[:, column])
        surface = CloughTocher2DInterpolator(self.triangles, means, fill_value=np.nan)
        made = np.asarray(surface(self.places)) * scale
        if missing.any() and self.weights is not None:
            made[(self.weights != 0).astype(float) @ missing.astype(float) > 0] = np.nan
        return made

    def _without_gaps(self, means: np.ndarray, missing: np.ndarray) -> np.ndarray:
        from scipy.spatial import cKDTree

        if missing.all():
            return np.zeros_like(means)
        positions = self.triangles.points  # type: ignore[union-attr]
        _, other = cKDTree(positions[~missing]).query(positions[missing])
        filled = means.copy()
        filled[missing] = means[~missing][other]
        return filled


def gridding(
    positions: np.ndarray,
    places: np.ndarray,
    method: Method,
    *,
    reach: float | None = None,
    flags: bool = False,
) -> Gridding:
    """Return the way from points to places by interpolation, whatever their values.

    Parameters
    ----------
    positions : array, shape (points, 2)
        In the same units along both axes; points without a position (NaN) have no weight.
    places : array, shape (places, 2)
        Where values are wanted.
    method : str
        Any but "histogram".
    reach : float, optional
        Places farther than this from every point have no answer.
    flags : bool
        Whether flags will be asked for.
    """
    known = np.isfinite(positions).all(axis=1)
    middle, extent = _frame(positions[known])
    moved, wanted = (positions - middle) / extent, (places - middle) / extent
    members, different = _merged(moved, known)
    if not spans_area(different):
        message = (
            f"the {len(different)} different positions lie on a line: nothing lies between them. "
            "Take method='histogram', or `signal.to_line` for a scan along a line"
        )
        raise DataError(message)
    triangles, found = _triangulated(different, wanted)
    blank = found < 0
    nearest = None
    if method == "nearest" or flags or reach is not None:
        from scipy.spatial import cKDTree

        distance, position = cKDTree(different).query(wanted)
        nearest = members.indices[members.indptr[position]]
        if reach is not None:
            blank = blank | (distance > reach / extent)
    if method == "nearest":
        weights = _matrix(position, np.ones(len(wanted)), 1, len(different))
    elif method == "natural":
        begins, points, values = natural_weights(
            different, triangles.simplices, triangles.neighbors, wanted, found
        )
        weights = sparse.csr_matrix((values, points, begins), (len(wanted), len(different)))
    else:
        weights = _barycentric(triangles, wanted, found)
    weights = _cleaned(weights)
    cubic = method == "cubic"
    return Gridding(
        members=members, weights=weights, blank=blank, nearest=nearest, sums=False,
        triangles=triangles if cubic else None, places=wanted if cubic else None,
    )  # fmt: skip


def binning(pixels: np.ndarray, count: int, *, sums: bool, distance: np.ndarray) -> Gridding:
    """Return the way from points to the pixels that they are in (-1: none).

    `distance` from the middle of its pixel says whose flags a pixel has.
    """
    inside = np.flatnonzero(pixels >= 0)
    ones = np.ones(inside.size)
    members = sparse.csr_matrix((ones, (pixels[inside], inside)), (count, len(pixels)))
    # The last of several that are written is the nearest.
    nearest = np.zeros(count, dtype=np.int64)
    far_first = inside[np.argsort(-distance[inside], kind="stable")]
    nearest[pixels[far_first]] = far_first
    blank = np.asarray(members.sum(axis=1)).ravel() == 0
    return Gridding(members=members, weights=None, blank=blank, nearest=nearest, sums=sums)


def _frame(positions: np.ndarray) -> tuple[np.ndarray, float]:
    if not len(positions):
        message = "no point has a position; there is nothing to bring to a grid"
        raise DataError(message)
    low, high = positions.min(axis=0), positions.max(axis=0)
    return 0.5 * (low + high), float((high - low).max()) or 1.0


def _merged(positions: np.ndarray, known: np.ndarray) -> tuple[Any, np.ndarray]:
    """Return which points are at each of the different positions, and these positions."""
    numbers = np.flatnonzero(known)
    rounded = np.round(positions[known] / _SAME)
    _, first, group = np.unique(rounded, axis=0, return_index=True, return_inverse=True)
    members = sparse.csr_matrix(
        (np.ones(numbers.size), (group.ravel(), numbers)), (first.size, len(positions))
    )
    return members, positions[numbers[first]]


def spans_area(positions: np.ndarray) -> bool:
    """Return whether positions, shape (points, 2), do not lie on a line."""
    if len(positions) < 3 or not np.isfinite(positions).all():
        return False
    spread = np.linalg.svd(positions - positions.mean(axis=0), compute_uv=False)
    return bool(spread[-1] > 1e-7 * spread[0])


def _triangulated(positions: np.ndarray, places: np.ndarray) -> tuple[Any, np.ndarray]:
    """Return the Delaunay triangles of the positions, and in which of them each place is."""
    from scipy.spatial import Delaunay
    from threadpoolctl import threadpool_limits

    triangles = Delaunay(positions)
    with threadpool_limits(1, "blas"):  # it solves two equations at a time
        return triangles, triangles.find_simplex(places, tol=_SAME)


def _barycentric(triangles: Any, places: np.ndarray, found: np.ndarray) -> Any:
    """Return the weights of the corners of the triangles that places are in."""
    transform = triangles.transform[found]
    two = np.einsum("pij,pj->pi", transform[:, :2], places - transform[:, 2])
    three = np.concatenate([two, 1.0 - two.sum(axis=1, keepdims=True)], axis=1)
    corners = triangles.simplices[found]
    values = np.where(found[:, None] >= 0, np.clip(three, 0.0, 1.0), 0.0)
    return _matrix(corners.ravel(), values.ravel(), 3, len(triangles.points))


def _matrix(columns: np.ndarray, values: np.ndarray, each: int, width: int) -> Any:
    begins = np.arange(0, columns.size + 1, each)
    return sparse.csr_matrix((values, columns, begins), (len(begins) - 1, width))


def _cleaned(weights: Any) -> Any:
    """Return weights without those of rounding; of each place they are one together."""
    weights.data[weights.data < _LEAST_WEIGHT] = 0.0
    weights.eliminate_zeros()
    total = np.asarray(weights.sum(axis=1)).ravel()
    return sparse.diags_array(1.0 / np.where(total > 0, total, 1.0)).tocsr() @ weights
