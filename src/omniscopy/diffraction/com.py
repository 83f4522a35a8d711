"""Centres of mass of patterns."""

import xarray as xr

from omniscopy.diffraction.detectors import Annulus, Disk, Mask, Polygon, Segment
from omniscopy.diffraction.reductions.reading import places_of, read_for
from omniscopy.diffraction.reductions.reduce import dataset, require_detector
from omniscopy.diffraction.reductions.wanted import CentreOfMass
from omniscopy.model import operation, require_plane, require_real


@operation(example={"data": "diffraction_4d"})
def measure_com(
    data: xr.DataArray,
    *,
    mask: Disk | Annulus | Segment | Polygon | Mask | None = None,
    centres: xr.Dataset | None = None,
    dead: xr.DataArray | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Measure the centre of mass of every pattern.

    Parameters
    ----------
    data : DataArray, shape (..., ky, kx)
        Lazy or in memory; a background should have been subtracted, it pulls to the middle.
    mask : Disk, Annulus, Segment, Polygon or Mask
        The part of the patterns that counts; all of it otherwise.
    centres : Dataset, shape (y, x) or less
        Where a mask with the centre "auto" is at each position: ``ky`` and ``kx``, or ``com_y``
        and ``com_x``.
    dead : DataArray of bool, shape (ky, kx)
        Pixels that are left out.
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

    Centres of mass of patterns as the signal of differential phase contrast are those of [1]_.

    References
    ----------
    .. [1] K. Müller et al., *Nature Commun.* 5, 5653 (2014).

    Examples
    --------
    >>> import omniscopy as om
    >>> om.diffraction.measure_com(om.samples.diffraction_4d())["com_y"].attrs["units"]
    '1/nm'
    """
    plane = require_plane(data, dims, kind="reciprocal", at_least=1)
    require_real(data)
    if mask is not None:
        require_detector(mask)
    places = places_of(data, plane, centres=centres, dead=dead)
    return dataset(read_for({"com": CentreOfMass(mask)}, places), places)
