"""What is done with images when nobody says what to do."""

import numpy as np
import xarray as xr

from omniscopy.image.fourier_spots import find_fourier_spots
from omniscopy.image.roughness import measure_roughness
from omniscopy.image.spectra import power_spectrum
from omniscopy.image.spectral_density import power_spectral_density
from omniscopy.image.topography import are_lengths
from omniscopy.model import DataError, analysis, dims_of_kind, require_uniform, units_of
from omniscopy.model.analyses import Results


def _is_image(data: xr.DataArray) -> bool:
    """Return whether there are images on a uniform grid, of numbers and large enough."""
    dims = dims_of_kind(data, "spatial")
    if len(dims) != 2 or data.dtype.kind not in "biuf" or "channel" in data.dims:
        return False
    try:
        for dim in dims:
            require_uniform(data, dim)
    except DataError:
        return False
    return all(data.sizes[dim] >= 8 for dim in dims) and bool(np.prod(data.shape))


@analysis("Power spectrum", "image", applies=_is_image)
def spectrum_of_image(data: xr.DataArray) -> Results:
    """Calculate the power spectrum of an image and find its spots."""
    found: dict[str, xr.DataArray | xr.Dataset] = {"Power spectrum": power_spectrum(data)}
    if len({units_of(data, dim) for dim in dims_of_kind(data, "spatial")}) == 1:
        found["Spots"] = find_fourier_spots(data)
    return found


def _is_topography(data: xr.DataArray) -> bool:
    """Return whether there are images of heights."""
    if not _is_image(data):
        return False
    rows, columns = dims_of_kind(data, "spatial")
    return are_lengths(data, (rows, columns))


@analysis("Roughness", "image", applies=_is_topography)
def roughness_of_topography(data: xr.DataArray) -> Results:
    """Measure the roughness of a surface without its tilt, and what waves it is made of."""
    return {
        "Roughness": measure_roughness(data, detrend="plane"),
        "Power spectral density": power_spectral_density(data, along="radial", detrend="plane"),
    }
