"""Filters of spatial frequencies in the plane."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.image.cleaning.filling import filled
from omniscopy.image.topography import like, map_images, require_image, steps_of
from omniscopy.model import (
    DataError,
    operation,
    require_choice,
    require_conversion,
    units_of,
)
from omniscopy.model.units import reciprocal
from omniscopy.signal import LowPass
from omniscopy.signal.pass_bands import Linear

Ends = Literal["mirrored", "periodic"]


@operation(example={"image": "surface", "filters": [LowPass(0.02)], "units": "1/nm"})
def filter_bands(
    image: xr.DataArray,
    filters: Linear | Sequence[Linear],
    *,
    units: str | None = None,
    ends: Ends = "mirrored",
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Filter the spatial frequencies of every image, alike in all directions.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid. For lines there is `signal.filter_fourier`.
    filters : filter or sequence of filters
        Of `signal.LowPass`, `HighPass`, `BandPass`, `Notch` and `Harmonics`, of the magnitude
        of the spatial frequency in periods per unit; what all let through stays.
    units : str
        Units of the frequencies in `filters`; one over those of the rows otherwise.
    ends : {"mirrored", "periodic"}
        How the image goes on beyond its edges: backwards, or from the other edge on.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray, shape and units of `image`
        NaN where the image is; the nearest values stand in for such ones.

    Raises
    ------
    DataError
        There is no filter, one is of another kind or changes nothing, or y and x are not in
        units that convert.

    Notes
    -----
    :math:`F^{-1}[H(|k|)\, F(z)]` with the product H of the responses, which are real: nothing
    is moved.

    Examples
    --------
    >>> import omniscopy as om
    >>> smooth = om.image.filter_bands(om.samples.surface(), om.signal.LowPass(0.01))
    >>> smooth.attrs["units"]
    'nm'
    """
    dims = require_image(image, dims)
    require_choice("ends", ends, get_args(Ends))
    chosen = list(filters) if isinstance(filters, Sequence) else [filters]
    wrong = [each for each in chosen if not isinstance(each, Linear)]
    if wrong or not chosen:
        names = ", ".join(kind.__name__ for kind in get_args(Linear))
        message = f"filters must be one of {names} at least; got {wrong or filters!r}"
        raise DataError(message)
    steps = steps_of(image, dims)
    times = 2 if ends == "mirrored" else 1
    shape = tuple(times * image.sizes[dim] for dim in dims)
    ky, kx = np.fft.fftfreq(shape[0], steps[0]), np.fft.rfftfreq(shape[1], steps[1])
    own = reciprocal(units_of(image, dims[0]))
    factor = (
        1.0
        if units is None
        else require_conversion(own, units, what="frequencies", of="the filters")
    )
    k = np.hypot(ky[:, None], kx) * factor
    gain = np.ones(k.shape)
    for each in chosen:
        response = each.response(k)
        if np.all(response == response.flat[0]):
            message = f"{each} lets all or none of the frequencies through: 0 to {k.max():.4g}"
            raise DataError(message)
        gain *= response
    made = map_images(_filtered, image, dims, parameters={"gain": gain, "ends": ends})
    return like(made, image)


def _filtered(values: np.ndarray, used: np.ndarray, *, gain: np.ndarray, ends: Ends) -> np.ndarray:
    from scipy import fft

    if not used.any():
        return np.full(values.shape, np.nan)
    whole = filled(values, used)
    rows, columns = values.shape
    if ends == "mirrored":
        whole = np.pad(whole, ((0, rows), (0, columns)), mode="symmetric")
    made = fft.irfft2(gain * fft.rfft2(whole), whole.shape)[:rows, :columns]
    return np.where(used, made, np.nan)
