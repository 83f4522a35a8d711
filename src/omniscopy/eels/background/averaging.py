"""Means of spectra over their neighbourhood."""

import numpy as np
import xarray as xr
from scipy import ndimage

from omniscopy.compute import map_signal
from omniscopy.model import DataError, dims_of_kind, require_uniform


def averaged(data: xr.DataArray, radius: float, dim: str) -> xr.DataArray:
    """Return the mean of all spectra within a radius along the spatial dimensions.

    Spectra with a missing value are left out. Chunks along these dimensions are joined.
    """
    dims = [each for each in dims_of_kind(data, "spatial") if each != dim][-2:]
    if not dims:
        message = f"radius= averages over neighbours, and {tuple(data.dims)} has no spatial ones"
        raise DataError(message)
    if not (np.isfinite(radius) and radius > 0):
        message = f"radius must be above 0, in units of {dims}, got {radius!r}"
        raise DataError(message)
    steps = [
        abs(require_uniform(data, each)) if data.sizes[each] > 1 else np.inf for each in dims
    ]  # fmt: skip
    reach = [int(radius / step + 1e-9) for step in steps]
    grids = np.meshgrid(
        *(step * np.arange(-n, n + 1) if n else np.zeros(1) for step, n in zip(steps, reach,
                                                                              strict=True)),
        indexing="ij",
    )  # fmt: skip
    disc = (sum(grid**2 for grid in grids) <= radius**2 * (1 + 1e-9)).astype(np.float64)
    size = {each: data.sizes[each] for each in (*dims, dim)}
    (made,) = map_signal(
        _mean, data, dim=[*dims, dim], output_dims=[size], parameters={"disc": disc[..., None]}
    )
    return made.assign_coords({each: data.coords[each] for each in size if each in data.coords})


def _mean(block: np.ndarray, *, disc: np.ndarray) -> np.ndarray:
    good = np.isfinite(block).all(axis=-1, keepdims=True)
    values = np.where(good, block, 0.0).astype(np.float64)
    shape = (1,) * (block.ndim - disc.ndim) + disc.shape
    total = ndimage.convolve(values, disc.reshape(shape), mode="constant")
    count = ndimage.convolve(good.astype(np.float64), disc.reshape(shape), mode="constant")
    with np.errstate(all="ignore"):
        made: np.ndarray = np.where(count > 0.5, total / count, np.nan)
    return made
