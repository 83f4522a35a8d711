"""Planes of images and of patterns, and values between their pixels."""

import numpy as np
import xarray as xr

from omniscopy.image.topography import Dims
from omniscopy.model import (
    dims_of_kind,
    labelled,
    require_array,
    require_conversion,
    require_plane,
    require_real,
    require_uniform,
)

# A value between pixels counts where this much of what it is interpolated from is known.
_KNOWN = 0.999


def require_any_plane(data: xr.DataArray, dims: Dims | None, *, at_least: int = 2) -> Dims:
    """Return two dimensions of space, or of reciprocal space where there are no such two."""
    require_array(data)
    kind = "spatial" if len(dims_of_kind(data, "spatial")) >= 2 else "reciprocal"
    dims = require_plane(data, dims, kind=kind, at_least=at_least)
    require_real(data)
    return dims


def pixel_of(data: xr.DataArray, dims: Dims, place: tuple[float, float]) -> tuple[float, float]:
    """Return the row and column of a place, as fractions."""
    row, column = (
        (float(at) - float(data[dim][0])) / require_uniform(data, dim)
        for at, dim in zip(place, dims, strict=True)
    )
    return row, column


def in_units(values: xr.DataArray, units: str | None) -> xr.DataArray:
    """Return numbers in these units, as double precision without attributes."""
    factor = require_conversion(values.attrs.get("units"), units, what=repr(values.name))
    plain = labelled(values.astype(np.float64), units=None)
    return plain if factor == 1.0 else plain * factor


def sampled(values: np.ndarray, pixels: np.ndarray, order: int = 1) -> np.ndarray:
    """Return the values at places between pixels, NaN outside and beside missing ones.

    Parameters
    ----------
    values : array, shape (y, x)
    pixels : array, shape (2, ...)
        Rows and columns, as fractions.
    order : int
        Of the splines: 1 linear, 3 cubic.
    """
    from scipy.ndimage import map_coordinates

    known = np.isfinite(values)
    size = np.reshape(values.shape, (2,) + (1,) * (pixels.ndim - 1))
    inside = np.all((pixels > -0.5) & (pixels < size - 0.5), axis=0)
    places = np.clip(pixels, 0, size - 1)
    level = float(values[known].mean()) if known.any() else 0.0
    taken = map_coordinates(np.where(known, values, level), places, order=order, mode="nearest")
    if not known.all():
        part = map_coordinates(known.astype(np.float64), places, order=1, mode="nearest")
        inside = inside & (part > _KNOWN)
    return np.where(inside, taken, np.nan)
