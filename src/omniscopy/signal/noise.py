"""How much of a spectrum is noise."""

from typing import Any

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import DataError, dims_of_role, labelled, operation, require_dim, require_real

# Standard deviation over median absolute deviation of normal noise: 1 / Φ⁻¹(3/4).
_PER_MEDIAN = 1.482602218505602


@operation(example={"data": "spectrum_image"})
def estimate_noise(data: xr.DataArray, dim: str | None = None) -> xr.DataArray:
    r"""Estimate the standard deviation of white noise on smooth spectra.

    Parameters
    ----------
    data : DataArray, shape (..., dim)
        Lazy or in memory.
    dim : str
        Dimension along which the signal is smooth; the only one of the signal otherwise.

    Returns
    -------
    DataArray, shape (...), units of `data`
        NaN where fewer than 3 neighbouring values are finite.

    Raises
    ------
    DataError
        The dimension is missing or has fewer than 3 points, or the values are not real.

    Notes
    -----
    1.4826 times the median of :math:`|y_{i-1} - 2 y_i + y_{i+1}| / \sqrt{6}`: second
    differences remove what is straight over three points, the median what is not [1]_. Noise
    that varies along the spectrum gives a value between its ends.

    References
    ----------
    .. [1] J. Immerkær, *Comput. Vis. Image Underst.* 64, 300 (1996), in one dimension.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.signal.estimate_noise(om.samples.spectrum_image()).dims
    ('y', 'x')
    """
    require_real(data)
    dim = spectral_dim(data, dim, at_least=3)
    (noise,) = map_signal(noise_of, data, dim=dim)
    return labelled(noise, units=data.attrs.get("units"), long_name="noise", quantity="noise")


def noise_of(values: np.ndarray) -> Any:
    """Return the standard deviation of the noise along the last axis."""
    values = np.asarray(values, dtype=np.float64)
    with np.errstate(invalid="ignore", over="ignore"):  # the median leaves out what is not finite
        differences = np.abs(np.diff(values, n=2, axis=-1)) / np.sqrt(6.0)
    return _PER_MEDIAN * _median(differences)


def excess_of(counts: np.ndarray) -> float:
    """Return how much larger the noise of one spectrum is than the root of its counts."""
    local = (counts[:-2] + counts[1:-1] + counts[2:]) / 3.0
    relative = np.diff(counts, n=2) / np.sqrt(6.0 * np.maximum(local, 1.0))
    return float(_PER_MEDIAN * _median(np.abs(relative)))


def spectral_dim(data: xr.DataArray, dim: str | None, *, at_least: int) -> str:
    """Return the dimension of spectra: `dim`, or the only one of the signal, or the only one."""
    if dim is None:
        found = dims_of_role(data, "signal")
        found = found or [str(each) for each in data.dims]
        if len(found) != 1:
            message = f"dimensions {tuple(data.dims)}: name that of the spectra with `dim=`"
            raise DataError(message)
        dim = found[0]
    require_dim(data, dim, ascending=False, at_least=at_least)
    if data.coords[dim].dtype.kind not in "iuf":
        message = f"coordinate {dim!r} must be numbers, got {data.coords[dim].dtype}"
        raise DataError(message)
    return dim


def _median(values: np.ndarray) -> Any:
    """Return the median of what is finite along the last axis, NaN where nothing is."""
    finite = np.isfinite(values)
    if finite.all():
        return np.median(values, axis=-1)
    ordered = np.sort(np.where(finite, values, np.inf), axis=-1)
    count = finite.sum(axis=-1)
    low, high = (np.maximum(count - 1, 0) // 2, np.minimum(count // 2, values.shape[-1] - 1))
    picked = [np.take_along_axis(ordered, n[..., None], axis=-1)[..., 0] for n in (low, high)]
    with np.errstate(invalid="ignore"):
        return np.where(count > 0, 0.5 * (picked[0] + picked[1]), np.nan)
