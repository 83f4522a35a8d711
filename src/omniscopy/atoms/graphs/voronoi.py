"""Voronoi cells: the area that is nearest to each atom."""

import numpy as np
import xarray as xr

from omniscopy.atoms.graphs.polygons import areas_and_centres
from omniscopy.atoms.tables import (
    ATOM,
    STATUS,
    Arrays,
    Column,
    map_tables,
    require_count,
    require_positions,
)
from omniscopy.model import Status, operation
from omniscopy.model.units import product

_CORNERS = (ATOM, "corner")


@operation(example={"positions": "atom_positions"})
def voronoi(positions: xr.Dataset, *, max_size: int = 16) -> xr.Dataset:
    r"""Find the Voronoi cell of each atom: what is nearer to it than to any other.

    Parameters
    ----------
    positions : Dataset, shape (..., atom)
        ``y`` and ``x`` in the same units; lazy or in memory.
    max_size : int
        The most corners of a cell.

    Returns
    -------
    Dataset, shape (..., atom, corner)
        In units of the positions, areas in their square:
        ``area``, ``perimeter``, ``size`` (how many neighbours share a side), ``centroid_y`` and
        ``centroid_x``, and ``corner_y``, ``corner_x`` in order, NaN after the last. Cells at the
        edge reach outside of the atoms: they have no numbers, and `status` 4 (no data), as those
        of atoms without a position; with more corners than `max_size` `status` 5 (invalid).
        ``y`` and ``x`` as they are given.

    Raises
    ------
    DataError
        There are no positions, or `max_size` is below 3.

    Notes
    -----
    The dual of Delaunay's triangulation, found by Quickhull [1]_. Area and centroid are those of
    the polygon of corners :math:`(x_i, y_i)`, :math:`A = \frac12 \sum (x_i y_{i+1} - x_{i+1}
    y_i)`.

    References
    ----------
    .. [1] C. B. Barber, D. P. Dobkin, H. Huhdanpaa, *ACM Trans. Math. Softw.* 22, 469 (1996).

    Examples
    --------
    >>> import omniscopy as om
    >>> cells = om.atoms.voronoi(om.samples.atom_positions())
    >>> round(float(cells["area"].median()), 3), cells["area"].attrs["units"]
    (0.08, 'nm^2')
    """
    units = require_positions(positions)
    require_count("max_size", max_size, 3)
    columns = {
        "y": Column(units), "x": Column(units), "area": Column(product((units, 2))),
        "perimeter": Column(units), "size": Column("1"), "centroid_y": Column(units),
        "centroid_x": Column(units), "corner_y": Column(units, _CORNERS),
        "corner_x": Column(units, _CORNERS), "status": STATUS,
    }  # fmt: skip
    return map_tables(
        _cells, positions, columns, sizes={"corner": max_size}, parameters={"max_size": max_size}
    )


def _cells(points: np.ndarray, _rows: np.ndarray, *, max_size: int) -> Arrays:
    from scipy.spatial import QhullError, Voronoi

    places = {"y": points[:, 0], "x": points[:, 1]}
    if len(points) < 4:
        return places
    shift = points.mean(axis=0)
    try:
        found = Voronoi(points - shift)
    except QhullError:
        return places
    low, high = points.min(axis=0) - shift, points.max(axis=0) - shift
    out = ~((found.vertices >= low) & (found.vertices <= high)).all(axis=1)
    corners = np.full((len(points), max_size, 2), np.nan)
    sizes = np.zeros(len(points), dtype=np.int64)
    status = np.full(len(points), Status.NO_DATA, dtype=np.uint8)
    for atom, region in enumerate(found.point_region):
        cell = found.regions[region]
        if not cell or -1 in cell or out[cell].any():
            continue
        if len(cell) > max_size:
            status[atom] = Status.INVALID
            continue
        away = found.vertices[cell] + shift - points[atom]
        order = np.argsort(np.arctan2(away[:, 0], away[:, 1]))
        corners[atom, : len(cell)] = away[order] + points[atom]
        sizes[atom], status[atom] = len(cell), Status.CONVERGED
    inside = np.arange(max_size) < sizes[:, None]
    closed = np.where(inside[..., None], corners, corners[:, :1])
    area, centre = areas_and_centres(closed)
    sides = np.hypot(*np.moveaxis(np.roll(closed, -1, axis=1) - closed, -1, 0))
    there = status == Status.CONVERGED
    return {
        **places, "area": area, "perimeter": np.where(there, sides.sum(axis=1), np.nan),
        "size": np.where(there, sizes, np.nan), "centroid_y": centre[:, 0],
        "centroid_x": centre[:, 1], "corner_y": corners[..., 0], "corner_x": corners[..., 1],
        "status": status,
    }  # fmt: skip
