"""Distances from a region."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import (
    DataError,
    labelled,
    operation,
    require_plane,
    require_uniform,
    units_of,
)


@operation(example={"data": "regions"})
def measure_distance(
    data: xr.DataArray, *, signed: bool = False, dims: tuple[str, str] | None = None
) -> xr.DataArray:
    r"""Measure how far every point of an image is from the nearest point of a region.

    Parameters
    ----------
    data : DataArray, shape (..., y, x)
        A mask, or numbers of regions: the region is where it is neither 0 nor NaN. Lazy or in
        memory.
    signed : bool
        Return, within the region, minus the distance to the nearest point outside; 0 otherwise.
    dims : (str, str), optional
        Dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray, shape of `data`
        Distances between points, in units of the coordinates; NaN where there is no region (or,
        for the signed ones inside, nothing else).

    Raises
    ------
    DataError
        There is no image, it is not on a uniform grid, or its coordinates have different units.

    Notes
    -----
    :math:`d(p) = \min_{q \in R} \sqrt{(y_p - y_q)^2 + (x_p - x_q)^2}`, exact, in the units of the
    coordinates, also where steps along y and x differ.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.signal.measure_distance(om.samples.regions()).attrs["units"]
    'nm'
    """
    rows, columns = require_plane(data, dims, kind="spatial")
    steps = [abs(require_uniform(data, dim)) for dim in (rows, columns)]
    units = units_of(data, rows)
    if units != units_of(data, columns):
        message = (
            f"{rows!r} is in {units!r}, {columns!r} in {units_of(data, columns)!r}; convert one"
        )
        raise DataError(message)
    sizes = {dim: data.sizes[dim] for dim in (rows, columns)}
    (found,) = map_signal(
        distances, data, dim=(rows, columns), output_dims=[sizes],
        parameters={"steps": steps, "signed": signed},
    )  # fmt: skip
    found = found.assign_coords({dim: data.coords[dim] for dim in sizes})
    return labelled(found.transpose(*data.dims), units=units, quantity="length")


def distances(values: np.ndarray, *, steps: list[float], signed: bool) -> np.ndarray:
    """Return distances from what is not 0 in images of shape (..., rows, columns)."""
    from scipy.ndimage import distance_transform_edt

    inside = np.nan_to_num(values) != 0
    found = np.full(values.shape, np.nan)
    for place in np.ndindex(values.shape[:-2]):
        mask = inside[place]
        if mask.any():
            found[place] = distance_transform_edt(~mask, sampling=steps)
        if signed and mask.any():
            depth = distance_transform_edt(mask, sampling=steps) if not mask.all() else np.nan
            found[place] = np.where(mask, -depth, found[place])
    return found
