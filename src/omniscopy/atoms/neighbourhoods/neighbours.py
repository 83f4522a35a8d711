"""The nearest neighbours of each atom: how far, in which direction, how many."""

import numpy as np
import xarray as xr

from omniscopy.atoms.neighbourhoods.distances import angles_of, bond_length_limit
from omniscopy.atoms.tables import (
    ATOM,
    STATUS,
    Arrays,
    Column,
    map_tables,
    require_count,
    require_length,
    require_positions,
)
from omniscopy.model import DataError, Status, operation

_WIDE = (ATOM, "neighbour")


@operation(example={"positions": "atom_positions", "n_neighbours": 4})
def measure_neighbours(
    positions: xr.Dataset, n_neighbours: int = 6, *, max_length: float | None = None
) -> xr.Dataset:
    r"""Measure distance and direction of the nearest neighbours of each atom.

    Parameters
    ----------
    positions : Dataset, shape (..., atom)
        ``y`` and ``x`` in the same units; lazy or in memory. Atoms without a position (NaN) are
        no neighbours.
    n_neighbours : int
        How many, the nearest first.
    max_length : float, units of the positions
        Neighbours up to here are counted; otherwise up to 1.3 times the usual distance (the
        median over atoms of the mean distance to their three nearest).

    Returns
    -------
    Dataset, shape (..., atom, neighbour)
        ``distance``; ``angle`` in degrees from +x towards +y (down in the image), -180 to 180;
        ``dy`` and ``dx`` from the atom to its neighbour; ``index``, the number of the neighbour,
        -1 where there are fewer atoms. Along the atoms ``coordination``, how many are within
        `max_length`, ``mean_distance`` and ``distance_deviation`` (standard deviation) of those;
        ``bond_angle_deviation``, that of the angles between successive ones in degrees. NaN and
        `status` 4 (no data) for atoms without a position or any other atom.

    Raises
    ------
    DataError
        There are no positions, or `n_neighbours` is below 1.

    Notes
    -----
    :math:`d = \sqrt{\Delta y^2 + \Delta x^2}`, :math:`\vartheta = \operatorname{atan2}(\Delta y,
    \Delta x)`, with Δ from the atom to its neighbour.

    Examples
    --------
    >>> import omniscopy as om
    >>> near = om.atoms.measure_neighbours(om.samples.atom_positions(), 4)
    >>> round(float(near["distance"].median()), 2), near["distance"].attrs["units"]
    (0.28, 'nm')
    """
    units = require_positions(positions)
    require_count("n_neighbours", n_neighbours)
    require_length("max_length", max_length)
    if n_neighbours >= positions.sizes[ATOM]:
        message = f"n_neighbours is {n_neighbours}; there are {positions.sizes[ATOM]} atoms"
        raise DataError(message)
    columns = {
        "distance": Column(units, _WIDE), "angle": Column("deg", _WIDE),
        "dy": Column(units, _WIDE), "dx": Column(units, _WIDE),
        "index": Column("1", _WIDE, np.int64, -1), "coordination": Column("1"),
        "mean_distance": Column(units), "distance_deviation": Column(units),
        "bond_angle_deviation": Column("deg"), "status": STATUS,
    }  # fmt: skip
    return map_tables(
        _measured, positions, columns, sizes={"neighbour": n_neighbours},
        parameters={"count": n_neighbours, "max_length": max_length},
    )  # fmt: skip


def nearest(points: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers (-1 for none) and vectors of the nearest other atoms, (atoms, count, 2)."""
    from scipy.spatial import KDTree

    distances, index = KDTree(points).query(points, count + 1)
    # Two atoms at one place: the first found need not be the atom itself.
    own = index == np.arange(len(points))[:, None]
    own[~own.any(axis=1), -1] = True
    index, distances = (each[~own].reshape(len(points), count) for each in (index, distances))
    there = np.isfinite(distances)
    vectors = points[np.where(there, index, 0)] - points[:, None]
    vectors[~there] = np.nan
    return np.where(there, index, -1), vectors


def _measured(
    points: np.ndarray, rows: np.ndarray, *, count: int, max_length: float | None
) -> Arrays:
    from scipy.spatial import KDTree

    if len(points) < 2:
        return {}
    index, vectors = nearest(points, count)
    limit = bond_length_limit(points, max_length)
    pairs = KDTree(points).query_pairs(limit, output_type="ndarray")
    one, other = np.concatenate([pairs, pairs[:, ::-1]]).T
    away = points[other] - points[one]
    length = np.hypot(*away.T)
    bonds = np.bincount(one, minlength=len(points))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(one, length, len(points)) / bonds
        deviation = np.sqrt(np.bincount(one, (length - mean[one]) ** 2, len(points)) / bonds)
    return {
        "distance": np.hypot(vectors[..., 0], vectors[..., 1]), "angle": angles_of(vectors),
        "dy": vectors[..., 0], "dx": vectors[..., 1],
        "index": np.where(index >= 0, rows[index], -1), "coordination": bonds,
        "mean_distance": mean, "distance_deviation": deviation,
        "bond_angle_deviation": _angle_deviation(one, angles_of(away), bonds),
        "status": np.full(len(points), Status.CONVERGED),
    }  # fmt: skip


def _angle_deviation(atoms: np.ndarray, angles: np.ndarray, bonds: np.ndarray) -> np.ndarray:
    """Return the standard deviation of the angles between successive bonds of each atom."""
    order = np.lexsort((angles, atoms))
    ends = np.cumsum(bonds)
    starts = ends - bonds
    following = np.arange(1, len(atoms) + 1)
    last = ends[bonds > 0] - 1
    following[last] = starts[bonds > 0]
    gaps = angles[order][following] - angles[order]
    gaps[last] += 360.0
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = 360.0 / bonds
        square = np.bincount(atoms[order], (gaps - mean[atoms[order]]) ** 2, len(bonds)) / bonds
    return np.where(bonds > 1, np.sqrt(square), np.nan)
