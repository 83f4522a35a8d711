"""Medians over a scan, of what is known."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal


def median_over(values: xr.DataArray, over: Sequence[str]) -> xr.DataArray:
    """Return the median along dimensions, lazy where the values are; NaN where there is none."""
    if not over:
        return values
    (found,) = map_signal(_median, values, dim=list(over), parameters={"count": len(over)})
    return found


def _median(block: np.ndarray, *, count: int) -> np.ndarray:
    flat = block.reshape(*block.shape[: block.ndim - count], -1).astype(np.float64)
    size = np.isfinite(flat).sum(axis=-1)
    if flat.shape[-1] == 0:
        return np.full(size.shape, np.nan)
    ordered = np.sort(np.where(np.isfinite(flat), flat, np.inf), axis=-1)
    low, high = (np.maximum(size - 1, 0) // 2, np.minimum(size // 2, flat.shape[-1] - 1))
    pair = [np.take_along_axis(ordered, place[..., None], axis=-1)[..., 0] for place in (low, high)]
    return np.where(size > 0, 0.5 * (pair[0] + pair[1]), np.nan)
