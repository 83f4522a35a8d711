"""How alike polygons of atoms are, however they lie and however large they are."""

import numpy as np
import xarray as xr

from omniscopy.atoms.tables import require_table
from omniscopy.compute import map_signal
from omniscopy.model import DataError, operation, result

_CORNERS = ("corner_y", "corner_x")
# Places along the outline at which directions are compared.
_PLACES = 256


@operation(example={"polygons": "atom_rings"})
def measure_similarity(polygons: xr.Dataset, reference: int | None = None) -> xr.Dataset:
    r"""Measure how unlike the shapes of polygons of atoms are, by their turning functions.

    Parameters
    ----------
    polygons : Dataset, shape (..., ring, corner) or (..., unit, corner)
        Such as `find_rings` or `find_structural_units` give, with ``corner_y`` and ``corner_x``
        in the order of the outline.
    reference : int
        The number of the polygon that all are compared with; otherwise each with the regular
        polygon of as many corners.

    Returns
    -------
    Dataset, shape (..., ring) or (..., unit)
        ``difference`` in degrees (rms): by how much the outlines turn differently, 0 for equal
        shapes; ``rotation`` in degrees from +x towards +y (-180 to 180), by which the reference
        is turned to be most alike, NaN for regular ones, which have no direction. NaN where
        there is no polygon.

    Raises
    ------
    DataError
        There are no polygons, or no such one.

    Notes
    -----
    The turning function :math:`\theta(s)` is the direction of the outline at the part s of its
    length. The difference of two is the least of :math:`\int (\theta_1(s + t) - \theta_2(s) +
    \alpha)^2 ds` over where one begins (t) and how it is turned (:math:`\alpha`) [1]_: it does
    not depend on place, size, direction and first corner. Mirror images differ.

    References
    ----------
    .. [1] E. M. Arkin et al., *IEEE Trans. Pattern Anal. Mach. Intell.* 13, 209 (1991).

    Examples
    --------
    >>> import omniscopy as om
    >>> rings = om.atoms.find_rings(om.samples.atom_positions())
    >>> bool(om.atoms.measure_similarity(rings)["difference"].median() < 20)
    True
    """
    dim = _dimension(polygons)
    count = polygons.sizes[dim]
    if reference is not None and not 0 <= reference < count:
        message = f"reference must be from 0 to {count - 1}, one of {count} polygons: {reference!r}"
        raise DataError(message)
    made = map_signal(
        _compared, polygons["corner_y"], dim=[dim, "corner"], also=[polygons["corner_x"]],
        output_dims=[{dim: count}] * 2, parameters={"reference": reference},
    )  # fmt: skip
    place = {dim: polygons.coords[dim]} if dim in polygons.coords else {}
    difference, rotation = (each.assign_coords(place) for each in made)
    return result(None, difference=(difference, "deg"), rotation=(rotation, "deg"))


def _dimension(polygons: object) -> str:
    table = require_table(polygons, _CORNERS, what="polygons", maker="find_rings")
    dims = [str(dim) for dim in table["corner_y"].dims]
    if "corner" not in dims or len(dims) < 2:
        message = f"'corner_y' must have the dimensions of polygons and 'corner', got {dims}"
        raise DataError(message)
    return next((dim for dim in ("ring", "unit") if dim in dims), dims[dims.index("corner") - 1])


def _compared(
    y: np.ndarray, x: np.ndarray, *, reference: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return differences and rotations of the polygons of a block of tables."""
    made = np.full((2, *y.shape[:-1]), np.nan)
    for place in np.ndindex(*y.shape[:-2]):
        turns = [_turning(np.stack(each, axis=-1)) for each in zip(y[place], x[place], strict=True)]
        sizes = np.isfinite(y[place] + x[place]).sum(axis=-1)
        for number, (own, size) in enumerate(zip(turns, sizes, strict=True)):
            other = turns[reference] if reference is not None else _regular(int(size))
            if own is None or other is None:
                continue
            difference, rotation = _least(own, other)
            made[(0, *place, number)] = difference
            if reference is not None:
                made[(1, *place, number)] = rotation
    return made[0], made[1]


def _turning(corners: np.ndarray) -> np.ndarray | None:
    """Return the direction (radians, unwrapped) at places along the outline, `None` of none.

    Outlines go from +x towards +y; each place has the mean direction of its stretch.
    """
    corners = corners[np.isfinite(corners).all(axis=-1)].astype(np.float64)
    if len(corners) < 3:
        return None
    following = np.roll(corners, -1, axis=0)
    area = (corners[:, 1] * following[:, 0] - corners[:, 0] * following[:, 1]).sum()
    if area < 0:
        corners = corners[::-1]
        following = np.roll(corners, -1, axis=0)
    edges = following - corners
    length = np.hypot(*edges.T)
    if not length.min() > 0:
        return None
    direction = np.arctan2(edges[:, 0], edges[:, 1])
    turn = (np.diff(direction) + np.pi) % (2 * np.pi) - np.pi
    direction = direction[0] + np.concatenate([[0.0], np.cumsum(turn)])
    # The integral of the direction is straight between corners.
    ends = np.concatenate([[0.0], np.cumsum(length)]) / length.sum()
    whole = np.concatenate([[0.0], np.cumsum(direction * length)]) / length.sum()
    return np.diff(np.interp(np.linspace(0, 1, _PLACES + 1), ends, whole)) * _PLACES


def _regular(size: int) -> np.ndarray | None:
    if size < 3:
        return None
    angle = 2 * np.pi * np.arange(size) / size
    return _turning(np.stack([np.sin(angle), np.cos(angle)], axis=-1))


def _least(own: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Return the least rms difference of two outlines in degrees, and how the other is turned."""
    # One more turn for what begins again from the first place.
    twice = np.concatenate([own, own + 2 * np.pi])
    shifted = np.lib.stride_tricks.sliding_window_view(twice, _PLACES)[:_PLACES]
    away = shifted - other
    best = int(away.var(axis=1).argmin())
    turned = np.degrees(away[best].mean())
    return float(np.degrees(away[best].std())), float((turned + 180.0) % 360.0 - 180.0)
