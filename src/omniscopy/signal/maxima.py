"""Greatest values over dimensions."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from omniscopy.model import DataError, operation
from omniscopy.signal.positions import require_same_places
from omniscopy.signal.sums import described, gone_through


@operation(example={"data": "image_stack", "dims": "frame"})
def max_over(
    data: xr.DataArray,
    dims: str | Sequence[str] | None = None,
    *,
    regions: xr.DataArray | None = None,
) -> xr.DataArray:
    r"""Take the greatest value over dimensions: rare peaks, spots and defects stay visible.

    Parameters
    ----------
    data : DataArray, any shape and units
        Lazy or in memory; of complex values the magnitudes are compared.
    dims : str or sequence of str
        Dimensions that are gone through; those of `regions`, or all navigation dimensions,
        otherwise.
    regions : DataArray of int or bool
        A map such as `label_regions` gives: only places where it is not 0 count. Its dimensions
        are among `dims`.

    Returns
    -------
    DataArray, units of `data`
        Values that are NaN are left out; NaN where there is no other.

    Raises
    ------
    DataError
        A dimension is missing or empty, `data` has no navigation dimension, or `regions` has
        other places.

    Notes
    -----
    :math:`\max_i x_i` over the places that count.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.signal.max_over(om.samples.image_stack(), "frame").dims
    ('y', 'x')
    """
    if regions is not None and dims is None:
        dims = [str(dim) for dim in regions.dims]
    over = gone_through(data, dims)
    empty = [dim for dim in over if data.sizes[dim] == 0]
    if empty:
        message = f"dimensions {empty} are empty; there is no greatest value"
        raise DataError(message)
    values = abs(data) if data.dtype.kind == "c" else data
    if regions is not None:
        outside = [str(dim) for dim in regions.dims if dim not in over]
        if outside:
            message = f"the map of regions has dimensions {outside}, which are not gone through"
            raise DataError(message)
        require_same_places(regions, data, [str(dim) for dim in regions.dims], "the map of regions")
        values = values.where(regions != 0)
    if values.dtype.kind == "f":
        # Not the plain maximum: it warns where every value is NaN, which is an answer here.
        least = values.where(values.notnull(), -np.inf).max(over)
        values = least.where(values.notnull().any(over))
    else:
        values = values.max(over)
    return described(values, data, units=data.attrs.get("units"))
