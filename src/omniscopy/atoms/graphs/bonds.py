"""Bonds between atoms: near pairs that do not cross each other."""

import numpy as np
import xarray as xr

from omniscopy.atoms.neighbourhoods.distances import angles_of, bond_length_limit
from omniscopy.atoms.tables import (
    ATOM,
    COUNT,
    Arrays,
    Column,
    map_tables,
    require_length,
    require_positions,
)
from omniscopy.model import operation

_ALONG = ("bond",)


@operation(example={"positions": "atom_positions"})
def find_bonds(positions: xr.Dataset, *, max_length: float | None = None) -> xr.Dataset:
    """Find the bonds between neighbouring atoms of a plane.

    Parameters
    ----------
    positions : Dataset, shape (..., atom)
        ``y`` and ``x`` in the same units; lazy or in memory.
    max_length : float, units of the positions
        The longest bond; otherwise 1.3 times the usual distance (the median over atoms of the
        mean distance to their three nearest).

    Returns
    -------
    Dataset, shape (..., bond)
        ``y`` and ``x`` of the middle; ``length``; ``angle`` in degrees from +x towards +y, 0 to
        180; ``strain``, how much longer than the mean of the table; ``first`` and ``second``, the
        numbers of the atoms. ``count`` of all bonds. Of tables in memory as many as there are;
        otherwise three for each atom, with NaN after the last.

    Raises
    ------
    DataError
        There are no positions, or the length is not above 0.

    Notes
    -----
    Bonds are the edges of a Delaunay triangulation that are short enough, so that no two cross.

    The triangulation is found by Quickhull [1]_.

    References
    ----------
    .. [1] C. B. Barber, D. P. Dobkin, H. Huhdanpaa, *ACM Trans. Math. Softw.* 22, 469 (1996).

    Examples
    --------
    >>> import omniscopy as om
    >>> bonds = om.atoms.find_bonds(om.samples.atom_positions())
    >>> round(float(bonds["length"].mean()), 3)
    0.283
    """
    units = require_positions(positions)
    require_length("max_length", max_length)
    columns = {
        "y": Column(units, _ALONG), "x": Column(units, _ALONG), "length": Column(units, _ALONG),
        "angle": Column("deg", _ALONG), "strain": Column("1", _ALONG),
        "first": Column("1", _ALONG), "second": Column("1", _ALONG), "count": COUNT,
    }  # fmt: skip
    return map_tables(
        _listed, positions, columns, sizes={"bond": 3 * positions.sizes[ATOM]}, trim="bond",
        parameters={"max_length": max_length},
    )  # fmt: skip


def planar_bonds(points: np.ndarray, max_length: float | None) -> np.ndarray:
    """Return pairs of atoms, the lower number first: short edges of the triangulation."""
    limit = bond_length_limit(points, max_length)
    edges = edges_of(triangles_of(points), points)
    length = np.hypot(*(points[edges[:, 0]] - points[edges[:, 1]]).T)
    return edges[length <= limit]


def triangles_of(points: np.ndarray) -> np.ndarray:
    """Return the Delaunay triangles, (triangles, 3); none for points on a line."""
    from scipy.spatial import Delaunay, QhullError

    if len(points) < 3:
        return np.empty((0, 3), dtype=np.int64)
    try:
        return np.asarray(Delaunay(points - points.mean(axis=0)).simplices, dtype=np.int64)
    except QhullError:
        return np.empty((0, 3), dtype=np.int64)


def edges_of(triangles: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the edges of triangles, each once; along the line for points that make none."""
    if not len(triangles):
        order = np.lexsort(points.T)
        return np.sort(np.stack([order[:-1], order[1:]], axis=-1), axis=1)
    sides = triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    return np.unique(np.sort(sides, axis=1), axis=0)


def _listed(points: np.ndarray, rows: np.ndarray, *, max_length: float | None) -> Arrays:
    bonds = planar_bonds(points, max_length)
    if not len(bonds):
        return {}
    one, other = points[bonds[:, 0]], points[bonds[:, 1]]
    away = other - one
    length = np.hypot(*away.T)
    middle = (one + other) / 2
    mean = float(length.mean())
    return {
        "y": middle[:, 0], "x": middle[:, 1], "length": length, "angle": angles_of(away) % 180.0,
        "strain": length / (mean if mean > 0 else np.nan) - 1.0, "first": rows[bonds[:, 0]],
        "second": rows[bonds[:, 1]], "count": np.asarray(len(bonds)),
    }  # fmt: skip
