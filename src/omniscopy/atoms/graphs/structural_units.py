"""Structural units: the tiles that atoms make around the holes between them."""

import numpy as np
import xarray as xr

from omniscopy.atoms.graphs.bonds import triangles_of
from omniscopy.atoms.graphs.polygons import measure_polygons, padded, polygon_columns
from omniscopy.atoms.neighbourhoods.distances import usual_distance
from omniscopy.atoms.tables import (
    ATOM,
    Arrays,
    Column,
    map_tables,
    require_count,
    require_length,
    require_positions,
)
from omniscopy.model import DataError, operation

# A triangle of atoms on a line holds no hole.
_FLAT = 1e-9


@operation(example={"positions": "atom_positions"})
def find_structural_units(
    positions: xr.Dataset,
    *,
    atom_radius: float | None = None,
    overlap: float = 1.0,
    max_size: int = 16,
) -> xr.Dataset:
    """Find the structural units: tiles of atoms around the holes between them.

    Parameters
    ----------
    positions : Dataset, shape (..., atom)
        ``y`` and ``x`` in the same units; lazy or in memory.
    atom_radius : float, units of the positions
        Radius of the discs that stand for atoms; otherwise half the usual distance (the median
        over atoms of the mean distance to their three nearest), so that neighbours touch.
    overlap : float
        Holes are one if their middles are nearer than this part of the sum of their radii:
        more than 1 merges more.
    max_size : int
        The most corners of a unit; larger ones are left out.

    Returns
    -------
    Dataset, shape (..., unit, corner)
        The columns of `find_rings`, ``size`` being the number of corners, with ``hole_y`` and
        ``hole_x``, the mean middle of the holes that were merged, and ``hole_radius`` that of
        the largest. Of tables in memory as many units as there are; otherwise two for each atom,
        with NaN after the last.

    Raises
    ------
    DataError
        There are no positions, or a parameter is out of its range.

    Notes
    -----
    Every Delaunay triangle has a circle through its three atoms; what is left of its radius beside
    an atom is a hole [1]_. Triangles of which the holes overlap are one unit: two in a square,
    four in a hexagon. Holes outside of the field of the atoms, or without room, are left out.

    References
    ----------
    .. [1] A. D. Banadaki, S. Patala, *npj Comput. Mater.* 3, 13 (2017).

    Examples
    --------
    >>> import omniscopy as om
    >>> units = om.atoms.find_structural_units(om.samples.atom_positions())
    >>> float(units["size"].median())
    4.0
    """
    units = require_positions(positions)
    require_length("atom_radius", atom_radius)
    require_count("max_size", max_size, 3)
    if not overlap > 0:
        message = f"overlap must be above 0, got {overlap!r}"
        raise DataError(message)
    columns = {
        **polygon_columns("unit", units), "hole_y": Column(units, ("unit",)),
        "hole_x": Column(units, ("unit",)), "hole_radius": Column(units, ("unit",)),
    }  # fmt: skip
    return map_tables(
        _tiled, positions, columns, trim="unit",
        sizes={"unit": 2 * positions.sizes[ATOM], "corner": max_size},
        parameters={"atom_radius": atom_radius, "overlap": overlap, "max_size": max_size},
    )  # fmt: skip


def circumcircles(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return centres (triangles, 2) and radii of the circles through the corners of triangles.

    Infinite where the three are on a line.
    """
    start = points[triangles[:, 0]]
    one, other = points[triangles[:, 1]] - start, points[triangles[:, 2]] - start
    twice = 2 * (one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0])
    square_one, square_other = (one**2).sum(axis=1), (other**2).sum(axis=1)
    flat = np.abs(twice) <= _FLAT * (square_one + square_other)
    with np.errstate(divide="ignore", invalid="ignore"):
        y = (other[:, 1] * square_one - one[:, 1] * square_other) / twice
        x = (one[:, 0] * square_other - other[:, 0] * square_one) / twice
    away = np.stack([y, x], axis=-1)
    away[flat] = np.inf
    return start + away, np.hypot(*away.T)


def _tiled(
    points: np.ndarray, rows: np.ndarray, *, atom_radius: float | None, overlap: float,
    max_size: int,
) -> Arrays:  # fmt: skip
    radius = usual_distance(points) / 2 if atom_radius is None else atom_radius
    triangles = triangles_of(points)
    centres, around = circumcircles(points, triangles)
    low, high = points.min(axis=0), points.max(axis=0)
    hole = around - radius
    inside = (hole > 0) & ((centres >= low) & (centres <= high)).all(axis=1)
    triangles, centres, hole = triangles[inside], centres[inside], hole[inside]
    if not len(triangles):
        return {}
    unit = _merged(centres, hole, overlap)
    polygons, numbers = [], []
    for number, members in enumerate(_members(unit)):
        corners = np.unique(triangles[members])
        # Around the hole, the corners of a unit are in the order of their angles.
        away = points[corners] - points[corners].mean(axis=0)
        if len(corners) <= max_size:
            polygons.append(corners[np.argsort(np.arctan2(away[:, 0], away[:, 1]))])
            numbers.append(number)
    weight = np.bincount(unit)
    middle = np.stack([np.bincount(unit, centres[:, axis]) / weight for axis in (0, 1)], axis=-1)
    largest = np.zeros(len(weight))
    np.maximum.at(largest, unit, hole)
    return measure_polygons(
        points, rows, *padded(polygons, max_size), hole_y=middle[numbers, 0],
        hole_x=middle[numbers, 1], hole_radius=largest[numbers],
    )  # fmt: skip


def _merged(centres: np.ndarray, hole: np.ndarray, overlap: float) -> np.ndarray:
    """Return for each hole the number of the unit that it is part of."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import KDTree

    near = KDTree(centres).query_pairs(2 * overlap * float(hole.max()), output_type="ndarray")
    apart = np.hypot(*(centres[near[:, 0]] - centres[near[:, 1]]).T)
    near = near[apart < overlap * hole[near].sum(axis=1)]
    graph = coo_array((np.ones(len(near)), near.T), shape=(len(centres),) * 2)
    return np.asarray(connected_components(graph, directed=False)[1])


def _members(unit: np.ndarray) -> list[np.ndarray]:
    order = np.argsort(unit, kind="stable")
    return np.split(order, np.cumsum(np.bincount(unit))[:-1])
