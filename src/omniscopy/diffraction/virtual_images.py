"""Images that a detector of any shape would have made."""

import numpy as np
import xarray as xr

from omniscopy.compute import read_again
from omniscopy.diffraction.centre import find_centre
from omniscopy.diffraction.detectors import Annulus, Disk
from omniscopy.diffraction.patterns import mean_pattern
from omniscopy.model import (
    DataError,
    dims_of_kind,
    kind_of_dim,
    labelled,
    operation,
    require_plane,
    require_real,
    signal_type_of,
)


@operation(example={"data": "diffraction_4d", "detector": Disk(2.0)})
def virtual_image(
    data: xr.DataArray, detector: Disk | Annulus, *, dims: tuple[str, str] | None = None
) -> xr.DataArray:
    """Sum the part of every pattern that falls on a detector.

    Parameters
    ----------
    data : DataArray, shape (..., y, x, ky, kx)
        Lazy or in memory.
    detector : Disk or Annulus
        Radii and centre in the units of ky and kx. The centre "auto" is that of the disc in
        the mean of the patterns over the scan, as `find_centre` finds it: `data` are then read
        twice.
    dims : (str, str)
        The dimensions of the patterns; the last two reciprocal ones otherwise.

    Returns
    -------
    DataArray, shape (..., y, x), units of `data`
        In float64. Pixels that are NaN are left out; NaN where all of a pattern on the detector
        are, or where the centre could not be found.

    Raises
    ------
    DataError
        There are no two reciprocal dimensions, or no pixel is on a detector that has a centre.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.diffraction.virtual_image(om.samples.diffraction_4d(), om.diffraction.Disk(1.6)).dims
    ('y', 'x')
    """
    ky, kx = require_plane(data, dims, kind="reciprocal", at_least=1)
    require_real(data)
    if not hasattr(detector, "mask"):
        message = f"detector must be a Disk or an Annulus, got {type(detector).__name__}"
        raise DataError(message)
    mask, known = detector_mask(data, detector, (ky, kx))
    data = read_again(data, mask)
    total = xr.dot(_filled(data), mask.astype(np.float64), dim=[ky, kx])
    if data.dtype.kind == "f":
        total = total.where((data.notnull() & mask).any([ky, kx]))
    image = total if known is None else total.where(known)
    image = image.transpose(*(dim for dim in data.dims if dim not in (ky, kx)))
    return labelled(
        image, units=data.attrs.get("units"), quantity=data.attrs.get("quantity", "intensity"),
        long_name=_title(detector), signal_type=signal_type_of(
            [kind_of_dim(image, dim) for dim in image.dims]
        ),
    )  # fmt: skip


def detector_mask(
    data: xr.DataArray, detector: Disk | Annulus, dims: tuple[str, str]
) -> tuple[xr.DataArray, xr.DataArray | None]:
    """Return the pixels on a detector, and where its centre is known unless it was given."""
    ky, kx = dims
    centre_y, centre_x, known = _centre(data, detector, dims)
    away = ((data.coords[ky] - centre_y) ** 2 + (data.coords[kx] - centre_x) ** 2) ** 0.5
    mask = detector.mask(away.drop_attrs(deep=False))
    if detector.centre != "auto" and not bool(mask.any()):
        spans = ", ".join(
            f"{dim!r} spans {float(data[dim].min()):g} to {float(data[dim].max()):g}"
            for dim in (ky, kx)
        )
        message = f"no pixel is on {detector}: {spans}"
        raise DataError(message)
    return mask, known


def _centre(
    data: xr.DataArray, detector: Disk | Annulus, dims: tuple[str, str]
) -> tuple[xr.DataArray | float, xr.DataArray | float, xr.DataArray | None]:
    """Return the centre of a detector, and where it is known unless it was given."""
    if detector.centre != "auto":
        return (*detector.centre, None)
    scan = [dim for dim in dims_of_kind(data, "spatial", "point") if dim not in dims]
    others = [str(dim) for dim in data.dims if dim not in dims]
    pattern = mean_pattern(data, scan or others) if others else data
    found = find_centre(pattern, dims=dims)
    middle = [found[name].drop_attrs(deep=False) for name in ("ky", "kx")]
    return middle[0], middle[1], middle[0].notnull()


def _filled(data: xr.DataArray) -> xr.DataArray:
    wide = data.drop_attrs(deep=False)
    return wide.fillna(0.0) if data.dtype.kind == "f" else wide.astype(np.float64)


def _title(detector: Disk | Annulus) -> str:
    if isinstance(detector, Disk):
        return f"Virtual image, disc of {detector.radius:g}"
    return f"Virtual image, ring from {detector.inner:g} to {detector.outer:g}"
