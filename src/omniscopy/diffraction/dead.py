"""Pixels of a camera that are left out of whatever is measured."""

import numpy as np
import xarray as xr

from omniscopy.model import DataError, require_plane, require_same_direction


def without_dead(
    data: xr.DataArray, dead: xr.DataArray | None, plane: tuple[str, str]
) -> xr.DataArray:
    """Return patterns with NaN where pixels are dead; what uses them leaves NaN out.

    Parameters
    ----------
    data : DataArray, shape (..., ky, kx)
        Lazy or in memory.
    dead : DataArray of bool, shape (..., ky, kx), or None
        Which pixels, as of `find_dead_pixels`.
    plane : (str, str)
        The dimensions of the patterns.

    Returns
    -------
    DataArray, shape and attributes of `data`
        `data` itself without dead pixels; otherwise in float32, in float64 where that does not
        hold the values.

    Raises
    ------
    DataError
        The pixels do not fit to the patterns.
    """
    if dead is None:
        return data
    require_plane(dead, plane, kind="reciprocal", at_least=1)
    sizes = {dim: data.sizes[dim] for dim in plane}
    if {dim: dead.sizes[dim] for dim in plane} != sizes or not {*dead.dims} <= {*data.dims}:
        message = f"dead pixels of shape {dict(dead.sizes)} do not fit to patterns of {sizes}"
        raise DataError(message)
    require_same_direction(dead, data, what="dead pixels")
    dropped = [name for name in dead.coords if {*dead[name].dims} & {*plane}]
    bare = dead.drop_vars(dropped).drop_attrs().astype(bool)
    wide = np.result_type(data.dtype, np.float32)
    return data.astype(wide).where(~bare).transpose(*data.dims).assign_attrs(data.attrs)
