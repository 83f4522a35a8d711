"""Dumbbells: atoms that are pairs."""

import numpy as np
import xarray as xr

from omniscopy.atoms.neighbourhoods.distances import angles_of
from omniscopy.atoms.tables import (
    ATOM,
    COUNT,
    Arrays,
    Column,
    known,
    map_tables,
    require_length,
    require_positions,
    with_brightness,
)
from omniscopy.model import operation

# How much nearer the partner is than the next atom, at least.
_PAIRED = 0.8


@operation(example={"positions": "dumbbell_positions"})
def find_dumbbells(positions: xr.Dataset, *, max_separation: float | None = None) -> xr.Dataset:
    r"""Find atoms that are pairs, and measure their separation and direction.

    Parameters
    ----------
    positions : Dataset, shape (..., atom)
        ``y`` and ``x`` in the same units, perhaps with ``y_std``, ``x_std`` and ``intensity``;
        lazy or in memory.
    max_separation : float, units of the positions
        Between the two of a pair; otherwise less than 0.8 of the distance from either to the
        next atom.

    Returns
    -------
    Dataset, shape (..., pair)
        ``y`` and ``x`` of the middle, ``separation``, both with ``_std`` where positions have
        one; ``angle`` in degrees from +x towards +y, with ``_std``: from the brighter to the
        weaker atom, -180 to 180, where they have an intensity, otherwise that of the line through
        both, 0 to 180; ``first`` and ``second``, the numbers of the atoms, and
        ``intensity_ratio`` of the second over the first. ``count`` of pairs; NaN after the last.

    Raises
    ------
    DataError
        There are no positions, or the separation is not above 0.

    Notes
    -----
    With the vector :math:`(\Delta_y, \Delta_x)` of length d between the two and the variances
    :math:`v = \sigma_1^2 + \sigma_2^2` of its parts,
    :math:`\sigma_d^2 = (\Delta_y^2 v_y + \Delta_x^2 v_x) / d^2` and, in radians,
    :math:`\sigma_\vartheta^2 = (\Delta_x^2 v_y + \Delta_y^2 v_x) / d^4`.

    Examples
    --------
    >>> import omniscopy as om
    >>> pairs = om.atoms.find_dumbbells(om.samples.dumbbell_positions())
    >>> round(float(pairs["separation"].median()), 3), round(float(pairs["angle"].median()))
    (0.136, 90)
    """
    units = require_positions(positions)
    require_length("max_separation", max_separation)
    along = ("pair",)
    positions = with_brightness(positions)
    bright = known(positions, "intensity")
    both = known(positions, "y_std", "x_std")
    spread = both if len(both) == 2 else []
    columns = {
        "y": Column(units, along), "x": Column(units, along), "separation": Column(units, along),
        "angle": Column("deg", along), "first": Column("1", along), "second": Column("1", along),
        "count": COUNT,
    }  # fmt: skip
    if bright:
        columns["intensity_ratio"] = Column("1", along)
    if spread:
        for name in ("y", "x", "separation", "angle"):
            columns[f"{name}_std"] = Column(columns[name].units, along)
    return map_tables(
        _paired, positions, columns, sizes={"pair": max(positions.sizes[ATOM] // 2, 1)},
        given=[*spread, *bright], trim="pair", parameters={"limit": max_separation},
    )  # fmt: skip


def _paired(
    points: np.ndarray, rows: np.ndarray, y_std: np.ndarray | None = None,
    x_std: np.ndarray | None = None, intensity: np.ndarray | None = None, *, limit: float | None,
) -> Arrays:  # fmt: skip
    from scipy.spatial import KDTree

    if len(points) < 2:
        return {}
    near = min(3, len(points))
    distance, index = KDTree(points).query(points, near)
    partner = index[:, 1]
    every = np.arange(len(points))
    chosen = (partner[partner] == every) & (every < partner)
    if limit is not None:
        chosen &= distance[:, 1] <= limit
    elif near == 3:
        chosen &= distance[:, 1] < _PAIRED * np.minimum(distance[:, 2], distance[partner, 2])
    first, second = every[chosen], partner[chosen]
    if not len(first):
        return {}
    made: Arrays = {}
    if intensity is not None:
        weaker = intensity[first] < intensity[second]
        first, second = np.where(weaker, second, first), np.where(weaker, first, second)
        with np.errstate(divide="ignore", invalid="ignore"):
            made["intensity_ratio"] = intensity[second] / intensity[first]
    away = points[second] - points[first]
    length = np.hypot(*away.T)
    middle = (points[first] + points[second]) / 2
    angle = angles_of(away) if intensity is not None else angles_of(away) % 180.0
    if y_std is not None and x_std is not None:
        variance = np.stack([y_std, x_std], axis=-1) ** 2
        variance = variance[first] + variance[second]
        with np.errstate(divide="ignore", invalid="ignore"):
            along = away / length[:, None]
            turning = np.sqrt((along[:, ::-1] ** 2 * variance).sum(axis=1)) / length
        made |= {
            "y_std": np.sqrt(variance[:, 0]) / 2, "x_std": np.sqrt(variance[:, 1]) / 2,
            "separation_std": np.sqrt((along**2 * variance).sum(axis=1)),
            "angle_std": np.degrees(turning),
        }  # fmt: skip
    return made | {
        "y": middle[:, 0], "x": middle[:, 1], "separation": length, "angle": angle,
        "first": rows[first], "second": rows[second], "count": np.asarray(len(first)),
    }  # fmt: skip
