"""Centres of mass of patterns."""

import numpy as np
import xarray as xr

from omniscopy.diffraction.detectors import Annulus, Disk
from omniscopy.diffraction.virtual_images import detector_mask
from omniscopy.model import Status, operation, require_plane, require_real, result, units_of

_COUNTS = ("counts", "electrons")


@operation(example={"data": "diffraction_4d"})
def measure_com(
    data: xr.DataArray,
    *,
    mask: Disk | Annulus | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Measure the centre of mass of every pattern.

    Parameters
    ----------
    data : DataArray, shape (..., ky, kx)
        Lazy or in memory; a background should have been subtracted, it pulls to the middle.
    mask : Disk or Annulus
        The part of the patterns that counts; all of it otherwise.
    dims : (str, str)
        The dimensions of the patterns; the last two reciprocal ones otherwise.

    Returns
    -------
    Dataset, shape (...)
        ``com_y`` and ``com_x`` in units of ky and kx: absolute positions, so that what the
        sample does is the difference from those without it. ``com_y_std`` and ``com_x_std``
        where `data` are in counts or electrons, else NaN. ``status``: 4 (no data) and NaN
        where the sum of a pattern is not positive. Pixels that are NaN are left out.

    Raises
    ------
    DataError
        There are no two reciprocal dimensions, or the values are not real.

    Notes
    -----
    :math:`\bar k = \sum k I / \sum I`, with the variance :math:`\sum (k - \bar k)^2 I /
    (\sum I)^2` for Poisson noise.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.diffraction.measure_com(om.samples.diffraction_4d())["com_y"].attrs["units"]
    '1/nm'
    """
    ky, kx = require_plane(data, dims, kind="reciprocal", at_least=1)
    require_real(data)
    weights = data.drop_attrs(deep=False).astype(np.float64)
    weights = weights.fillna(0.0) if data.dtype.kind == "f" else weights
    if mask is not None:
        weights = weights * detector_mask(data, mask, (ky, kx))[0]
    total = weights.sum([ky, kx])
    usable = total > 0
    total = total.where(usable)
    known = data.attrs.get("units") in _COUNTS
    found = {}
    for name, dim in (("com_y", ky), ("com_x", kx)):
        k = data.coords[dim].drop_attrs(deep=False)
        # Around the middle of the axis, so that no digits are lost far from zero.
        k = k - float(k.mean())
        mean = xr.dot(weights, k, dim=[ky, kx]) / total
        spread = xr.dot(weights, k**2, dim=[ky, kx]) / total - mean**2
        std = (spread.clip(min=0.0) / total) ** 0.5
        units = units_of(data, dim)
        found[name] = (mean + float(data.coords[dim].mean()), units)
        found[f"{name}_std"] = (std if known else std * np.nan, units)
    return result(None, **found, status=((~usable) * int(Status.NO_DATA), "1"))
