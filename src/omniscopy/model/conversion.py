"""Values and coordinates in other units."""

import xarray as xr

from omniscopy.model.checks import require_array, require_dim, require_units
from omniscopy.model.errors import DataError


def convert_units(data: xr.DataArray, units: str, *, dim: str | None = None) -> xr.DataArray:
    """Return `data` with its values, or the coordinate of `dim`, in other units.

    Parameters
    ----------
    data : DataArray
        Its units (or those of its coordinate) are known.
    units : str
        Units of the same quantity, such as `"nm"` for a length in metres.
    dim : str, optional
        The dimension whose coordinate is converted; the values are when it is left out.

    Returns
    -------
    DataArray
        The same numbers of pixels; integers become floating point unless nothing changes.

    Raises
    ------
    DataError
        The present units are unknown or measure something else.
    """
    require_array(data)
    if dim is None:
        factor = require_units(data, units)
        converted = data if factor == 1 else (data * factor).assign_attrs(data.attrs)
        return converted.assign_attrs(units=units)
    require_dim(data, dim, ascending=False)
    coordinate = data.coords[dim]
    if coordinate.dtype.kind not in "iuf":
        message = f"coordinate {dim!r} is not made of numbers, but of {coordinate.dtype}"
        raise DataError(message)
    factor = require_units(coordinate, units, what=f"coordinate {dim!r}")
    converted = (coordinate * factor).assign_attrs(coordinate.attrs | {"units": units})
    return data.assign_coords({dim: converted})
