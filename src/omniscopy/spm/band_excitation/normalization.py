"""Responses over what excited them."""

import numpy as np
import xarray as xr

from omniscopy.model import (
    DataError,
    labelled,
    operation,
    require_array,
    require_dim,
    require_units,
)
from omniscopy.model.units import product


@operation(example={"data": "band_excitation", "excitation": "band_excitation"})
def correct_excitation(
    data: xr.DataArray,
    excitation: xr.DataArray,
    *,
    floor: float = 1e-3,
    dim: str = "frequency",
) -> xr.DataArray:
    r"""Divide spectra by the spectrum of the excitation, which is not the same in all bins.

    Parameters
    ----------
    data : DataArray, shape (..., frequency), complex
        Lazy or in memory.
    excitation : DataArray, shape (frequency) or (..., frequency), complex
        Such as the variable ``excitation`` beside a measurement, or the ``spectrum`` of
        `band_excitation_waveform`.
    floor : float
        Part of the largest excitation below which a bin was not excited.
    dim : str
        Dimension of the frequency.

    Returns
    -------
    DataArray, shape (..., frequency), units of `data` by those of `excitation`
        NaN in bins that were not excited; fits leave them out.

    Raises
    ------
    DataError
        The bins of both are not the same, one is not complex, or the floor is not from 0 to 1.

    Notes
    -----
    :math:`h = y / x`: a chirp or a sinc turns the phase of each bin, and its edges are weak. An
    oscillator shows its amplitude and phase only without that.

    The transfer function of [1]_.

    References
    ----------
    .. [1] S. Jesse, S. V. Kalinin, R. Proksch, A. P. Baddorf, B. J. Rodriguez, *Nanotechnology*
       18, 435503 (2007).

    Examples
    --------
    >>> import omniscopy as om
    >>> data = om.samples.band_excitation()
    >>> om.spm.correct_excitation(data, data).attrs["units"]
    '1'
    """
    for each, what in ((data, "spectra"), (excitation, "excitation")):
        require_array(each)
        require_dim(each, dim, units="Hz", at_least=1)
        if each.dtype.kind != "c":
            message = f"expected a complex {what}, got {each.dtype}: phases are corrected too"
            raise DataError(message)
    if not 0 <= floor < 1:
        message = f"floor must be from 0 to below 1, got {floor!r}"
        raise DataError(message)
    own, other = (
        each.coords[dim].values * require_units(each.coords[dim], "Hz")
        for each in (data, excitation)
    )
    if own.shape != other.shape or not np.allclose(own, other, rtol=1e-9, atol=0.0):
        message = f"spectra and excitation must have the same bins along {dim!r}"
        raise DataError(message)
    drive = excitation.drop_attrs(deep=False).assign_coords({dim: data.coords[dim]})
    size = abs(drive)
    known = (size > 0) & (size >= floor * size.max(dim))
    made = data.drop_attrs(deep=False) / drive.where(known)
    units = product((data.attrs.get("units"), 1.0), (excitation.attrs.get("units"), -1.0))
    return labelled(
        made.transpose(*data.dims, ...), units=units, long_name="Response", quantity="response"
    )
