"""Polarization: how far atoms are from the middle of the cage around them."""

import numpy as np
import xarray as xr

from omniscopy.atoms.neighbourhoods.distances import angles_of
from omniscopy.atoms.tables import (
    ATOM,
    STATUS,
    Arrays,
    Column,
    known,
    map_tables,
    require_count,
    require_length,
    require_positions,
)
from omniscopy.model import DataError, Status, operation

_CAGE = "cage_atom"
# The largest gap between corners, over that of a regular cage, before the cage is open.
_OPEN = 1.6


@operation(example={"positions": "centre_positions", "cage": "corner_positions"})
def measure_polarization(
    positions: xr.Dataset,
    cage: xr.Dataset,
    *,
    corners: int = 4,
    max_distance: float | None = None,
) -> xr.Dataset:
    r"""Measure how far atoms are displaced from the middle of their cage.

    Parameters
    ----------
    positions : Dataset, shape (..., atom)
        The atoms inside, such as the B sites of a perovskite: ``y`` and ``x`` in the same units,
        and if known ``y_std`` and ``x_std``; lazy or in memory.
    cage : Dataset, shape (..., atom)
        The atoms of the cage, such as the A sites, likewise and in the same units.
    corners : int
        How many atoms make a cage: the nearest ones.
    max_distance : float, units of the positions
        From an atom to the corners of its cage; otherwise 1.5 times the median.

    Returns
    -------
    Dataset, shape (..., atom)
        ``displacement_y`` and ``displacement_x`` from the centroid of the cage to the atom,
        ``displacement`` and its ``displacement_angle`` in degrees from +x towards +y (down in
        the image), all with ``_std`` where the positions have one; ``cage_y`` and ``cage_x``, the
        centroid; ``y`` and ``x`` as they are given. NaN with `status` 4 (no data) where the cage
        is not closed, as at the edge.

    Raises
    ------
    DataError
        There are no positions, or they are in different units.

    Notes
    -----
    The variance of a displacement is that of the atom and of the mean of n corners,
    :math:`\sigma^2 + \sum \sigma_i^2 / n^2`, carried to length and angle in first order. A
    length that is near its standard deviation is larger than what is true.

    Displacements from the middle of the oxygen or the A-site cage are what polarisation is mapped
    by [1]_, [2]_.

    References
    ----------
    .. [1] C.-L. Jia et al., *Nature Mater.* 6, 64 (2007).
    .. [2] C. T. Nelson et al., *Nano Lett.* 11, 828 (2011).

    Examples
    --------
    >>> import omniscopy as om
    >>> inside, cage = om.samples.centre_positions(), om.samples.corner_positions()
    >>> found = om.atoms.measure_polarization(inside, cage)
    >>> round(float(found["displacement_x"].mean()), 2), found["displacement_x"].attrs["units"]
    (0.02, 'nm')
    """
    units = require_positions(positions)
    require_count("corners", corners, 2)
    require_length("max_distance", max_distance)
    if require_positions(cage, at_least=corners, what="cage") != units:
        message = f"positions are in {units!r} and cage in {cage['y'].attrs.get('units')!r}"
        raise DataError(message)
    own, others = known(positions, "y_std", "x_std"), known(cage, "y_std", "x_std")
    spread = len(own) == len(others) == 2
    vectors = ("displacement_y", "displacement_x", "displacement")
    columns = {
        "y": Column(units), "x": Column(units), "cage_y": Column(units), "cage_x": Column(units),
        **{name: Column(units) for name in vectors}, "displacement_angle": Column("deg"),
        "status": STATUS,
    }  # fmt: skip
    if spread:
        columns |= {f"{name}_std": Column(units) for name in vectors}
        columns["displacement_angle_std"] = Column("deg")
    names = ["y", "x", *(others if spread else ())]
    return map_tables(
        _displaced, positions, columns, given=own if spread else (),
        others={
            f"cage_{name}": cage[name].drop_vars(ATOM, errors="ignore").rename({ATOM: _CAGE})
            for name in names
        },
        whole=(_CAGE,), parameters={"corners": corners, "max_distance": max_distance},
    )  # fmt: skip


def _displaced(
    points: np.ndarray, _rows: np.ndarray, y_std: np.ndarray | None = None,
    x_std: np.ndarray | None = None, *, corners: int, max_distance: float | None,
    **cage: np.ndarray,
) -> Arrays:  # fmt: skip
    from scipy.spatial import KDTree

    made: Arrays = {"y": points[:, 0], "x": points[:, 1]}
    around = np.stack([cage["cage_y"], cage["cage_x"]], axis=-1)
    there = np.isfinite(around).all(axis=-1)
    around = around[there]
    if len(around) < corners:
        return made
    distance, index = KDTree(around).query(points, corners)
    limit = 1.5 * np.median(distance) if max_distance is None else max_distance
    places = around[index]
    closed = (distance <= limit).all(axis=1) & _closed(places - points[:, None], corners)
    centre = places.mean(axis=1)
    away = np.where(closed[:, None], points - centre, np.nan)
    length = np.hypot(away[:, 0], away[:, 1])
    made |= {
        "cage_y": np.where(closed, centre[:, 0], np.nan),
        "cage_x": np.where(closed, centre[:, 1], np.nan),
        "displacement_y": away[:, 0], "displacement_x": away[:, 1], "displacement": length,
        "displacement_angle": angles_of(away),
        "status": np.where(closed, Status.CONVERGED, Status.NO_DATA),
    }  # fmt: skip
    if y_std is None or x_std is None:
        return made
    std = np.stack([cage["cage_y_std"], cage["cage_x_std"]], axis=-1)[there]
    variance = np.stack([y_std, x_std], axis=-1) ** 2
    variance = variance + (std[index] ** 2).sum(axis=1) / corners**2
    variance[~closed] = np.nan
    with np.errstate(invalid="ignore", divide="ignore"):
        along = away / length[:, None]
        across = along[:, ::-1]
        radial = np.sqrt((along**2 * variance).sum(axis=1))
        turning = np.degrees(np.sqrt((across**2 * variance).sum(axis=1)) / length)
    return made | {
        "displacement_y_std": np.sqrt(variance[:, 0]),
        "displacement_x_std": np.sqrt(variance[:, 1]),
        "displacement_std": radial, "displacement_angle_std": turning,
    }  # fmt: skip


def _closed(vectors: np.ndarray, corners: int) -> np.ndarray:
    """Return which cages have corners all around."""
    if corners == 2:  # of a pair, both sides
        return np.asarray((vectors[:, 0] * vectors[:, 1]).sum(axis=-1) < 0)
    angles = np.sort(angles_of(vectors), axis=1)
    gaps = np.diff(np.concatenate([angles, angles[:, :1] + 360.0], axis=1), axis=1)
    return np.asarray(gaps.max(axis=1) < min(_OPEN * 360.0 / corners, 179.0))
