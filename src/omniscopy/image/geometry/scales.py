"""Scales of images: what a calibration standard says of the axes and of the values."""

import numpy as np
import xarray as xr

from omniscopy.image.topography import Dims, like, require_image
from omniscopy.model import DataError, is_unit, operation
from omniscopy.model.units import parse


@operation(example={"image": "surface", "y": 1.02, "values": 0.95})
def calibrate(
    image: xr.DataArray,
    *,
    y: float = 1.0,
    x: float = 1.0,
    values: float = 1.0,
    offset: float = 0.0,
    units: str | None = None,
    dims: Dims | None = None,
) -> xr.DataArray:
    """Correct the scales of every image: of its rows and columns, and of its values.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory.
    y, x : float
        What lengths along rows and columns are multiplied with: the true over the measured pitch
        of a standard. The first row and column stay where they are.
    values : float
        What the values are multiplied with, such as a sensitivity; in `units` over those of
        `image`.
    offset : float
        What is added to the values after that.
    units : str
        Of the values that result; those of `image` otherwise.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray, shape (..., y, x), `units`
        The values on corrected places.

    Raises
    ------
    DataError
        A scale is 0 or not finite, that of an axis is below 0, or `units` are not known.

    Notes
    -----
    :math:`z' = f z + o`, at :math:`x_0 + s_x (x - x_0)` with the first label :math:`x_0`.

    Examples
    --------
    >>> import omniscopy as om
    >>> volts = om.samples.surface().assign_attrs(units="V")
    >>> om.image.calibrate(volts, values=12.5, units="nm").attrs["units"]
    'nm'
    """
    dims = require_image(image, dims, at_least=1)
    for name, scale in (("y", y), ("x", x)):
        if not (np.isfinite(scale) and scale > 0):
            message = f"the scale of {name} must be above 0, got {scale!r}"
            raise DataError(message)
    if not (np.isfinite(values) and values != 0 and np.isfinite(offset)):
        message = f"values must be a scale that is not 0, got {values!r} and offset {offset!r}"
        raise DataError(message)
    if units is not None and not is_unit(units):
        message = f"units {units!r} are not known; give such as 'nm', 'V' or '1'"
        raise DataError(message)
    made = like(values * image + offset, image)
    if units is not None:
        made.attrs["units"] = units
        before = image.attrs.get("units")
        if before is None or not is_unit(before) or parse(before).powers != parse(units).powers:
            made.attrs.pop("quantity", None)
            if parse(units).powers == parse("m").powers:
                made.attrs["quantity"] = "height"
    axes = {}
    for dim, scale in zip(dims, (y, x), strict=True):
        along = image[dim].values.astype(np.float64)
        axes[dim] = (dim, along[0] + scale * (along - along[0]), image[dim].attrs)
    return made.assign_coords(axes)
