"""Strain in a region, by the distance from its edge."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import (
    DataError,
    coordinate,
    operation,
    require_array,
    require_plane,
    require_same_direction,
    require_uniform,
    result,
)
from omniscopy.model.dimensions import units_of

_STRAINS = ("strain_yy", "strain_xx", "strain_xy", "rotation")


@operation(example={"strain": "nanobeam_strain", "region": "nanobeam_region"}, lazy=False)
def profile_strain(
    strain: xr.Dataset, region: xr.DataArray, *, step: float | None = None
) -> xr.Dataset:
    r"""Average strain in a region by the distance from its edge.

    Parameters
    ----------
    strain : Dataset, shape (..., y, x)
        What `measure_strain` returned.
    region : DataArray, shape (y, x)
        The particle or layer: true, or not 0, inside.
    step : float, units of y and x
        Of the distance; the larger step of the scan otherwise.

    Returns
    -------
    Dataset, shape (..., distance)
        The mean of ``strain_yy``, ``strain_xx``, ``strain_xy``, and ``rotation`` (degrees), each
        with the standard deviation of the mean, ``_std``, and ``count`` of positions with strain.
        The ``distance`` is that of the middle of a position to the edge between positions, and
        those of the edge of the scan count as inside.

    Raises
    ------
    DataError
        `region` does not fit to the scan, is empty or all of it, or y and x are not in the same
        units.

    Notes
    -----
    The distance is :math:`\min \sqrt{\Delta y^2 + \Delta x^2}` over all points of the pixels
    outside, whose corners and sides are the edge; the deviation of a mean is that of the values
    over :math:`\sqrt n`.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.diffraction.profile_strain(
    ...     om.samples.nanobeam_strain(), om.samples.nanobeam_region()
    ... )["strain_xx"].dims
    ('distance',)
    """
    if not isinstance(strain, xr.Dataset) or not {*_STRAINS} <= {*strain.data_vars}:
        message = f"expected a Dataset with {_STRAINS}, such as `measure_strain` returns"
        raise DataError(message)
    dims = require_plane(strain["strain_xx"], None, kind="spatial", at_least=1)
    units = units_of(strain, dims[0])
    if units != units_of(strain, dims[1]):
        message = f"coordinates {dims} must have the same units; use `convert_units`"
        raise DataError(message)
    require_array(region)
    if {*region.dims} != {*dims} or any(region.sizes[dim] != strain.sizes[dim] for dim in dims):
        message = (
            f"the region has the shape {dict(region.sizes)}, the scan "
            f"{ {dim: strain.sizes[dim] for dim in dims} }"
        )
        raise DataError(message)
    require_same_direction(region, strain, what="the region")
    inside = np.asarray(region.transpose(*dims).fillna(0).values).astype(bool)
    if not inside.any():
        message = "the region holds no position"
        raise DataError(message)
    if inside.all():
        message = "the region is all of the scan, and has no edge in it"
        raise DataError(message)
    sides = [
        abs(require_uniform(strain["strain_xx"], dim)) if strain.sizes[dim] > 1 else 1.0
        for dim in dims
    ]
    away = _distances(inside, sides)
    width = max(sides) if step is None else float(step)
    if not width > 0:
        message = f"step must be above 0, in {units}, got {step!r}"
        raise DataError(message)
    ring = np.where(inside, np.minimum(away / width, 1e6), -1).astype(int)
    ring = np.where(inside, ring, -1)
    count = int(ring.max()) + 1
    made = {}
    for name in _STRAINS:
        mean, spread, number = map_signal(
            _averaged, strain[name], dim=dims, output_dims=[{"distance": count}] * 3,
            parameters={"ring": ring, "count": count},
        )  # fmt: skip
        units_of_name = "deg" if name == "rotation" else "1"
        made[name] = (mean, units_of_name)
        made[f"{name}_std"] = (spread, units_of_name)
        made["count"] = (number, "1")
    label = coordinate(
        "distance", (np.arange(count) + 0.5) * width, units, kind="parameter", quantity="distance"
    )
    return result(None, **made).assign_coords(distance=label)


def _distances(inside: np.ndarray, sides: list[float]) -> np.ndarray:
    """Return how far the middles of positions inside are from the pixels outside.

    On a grid twice as fine the middles have odd numbers, and the points of a pixel that can be
    nearest to one, its corners and the middles of its sides, lie on the grid.
    """
    from scipy.ndimage import binary_dilation, distance_transform_edt

    outside = np.zeros([2 * size + 1 for size in inside.shape], bool)
    outside[1::2, 1::2] = ~inside
    outside = binary_dilation(outside, np.ones((3, 3), bool))
    away = distance_transform_edt(~outside, sampling=[side / 2 for side in sides])
    return np.asarray(away[1::2, 1::2])


def _averaged(block: np.ndarray, *, ring: np.ndarray, count: int) -> tuple[np.ndarray, ...]:
    outer = block.shape[:-2]
    made = np.full((3, *outer, count), np.nan)
    for place in np.ndindex(*outer):
        known = np.isfinite(block[place]) & (ring >= 0)
        where, values = ring[known], block[place][known].astype(np.float64)
        number = np.bincount(where, minlength=count).astype(np.float64)
        safe = np.maximum(number, 1)
        mean = np.bincount(where, values, count) / safe
        square = np.bincount(where, (values - mean[where]) ** 2, count)
        made[(0, *place)] = np.where(number > 0, mean, np.nan)
        free = np.maximum(number - 1, 1)
        made[(1, *place)] = np.where(number > 1, np.sqrt(square / free / safe), np.nan)
        made[(2, *place)] = number
    return made[0], made[1], made[2]
