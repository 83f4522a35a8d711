"""Images that a detector of any shape would have made."""

import xarray as xr

from omniscopy.diffraction.detectors import Annulus, Disk, Mask, Polygon, Segment
from omniscopy.diffraction.reductions.reading import answers
from omniscopy.diffraction.reductions.reduce import require_detector
from omniscopy.model import (
    kind_of_dim,
    labelled,
    operation,
    require_plane,
    require_real,
    signal_type_of,
)


@operation(example={"data": "diffraction_4d", "detector": Disk(2.0)})
def virtual_image(
    data: xr.DataArray,
    detector: Disk | Annulus | Segment | Polygon | Mask,
    *,
    centres: xr.Dataset | None = None,
    dead: xr.DataArray | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Sum the part of every pattern that falls on a detector.

    Parameters
    ----------
    data : DataArray, shape (..., y, x, ky, kx)
        Lazy or in memory.
    detector : Disk, Annulus, Segment, Polygon or Mask
        Radii and centre in the units of ky and kx. The centre "auto" is that of the disc in
        the mean of the patterns over the scan, as `find_centre` finds it: `data` are then read
        twice.
    centres : Dataset, shape (y, x) or less
        Where a detector with the centre "auto" is at each position: ``ky`` and ``kx``, or
        ``com_y`` and ``com_x``.
    dead : DataArray of bool, shape (ky, kx)
        Pixels that are left out.
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

    Notes
    -----
    :math:`S(r) = \sum_k D(k) I(r, k)` with the detector D, 1 on it and 0 beside, or the weights
    of a `Mask`.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.diffraction.virtual_image(om.samples.diffraction_4d(), om.diffraction.Disk(1.6)).dims
    ('y', 'x')
    """
    plane = require_plane(data, dims, kind="reciprocal", at_least=1)
    require_real(data)
    require_detector(detector)
    made = answers(data, {"image": detector}, plane, centres=centres, dead=dead)
    image, units, title = made["image"]
    return labelled(
        image, units=units, quantity=data.attrs.get("quantity", "intensity"), long_name=title,
        signal_type=signal_type_of([kind_of_dim(image, dim) for dim in image.dims]),
    )  # fmt: skip
