"""Which images may show atoms."""

import xarray as xr

from omniscopy.model import (
    DataError,
    conversion_factor,
    dims_of_kind,
    is_unit,
    require_uniform,
    units_of,
)
from omniscopy.model.units import parse

# Atoms are told apart by pixels up to this, in nm, of at least so many rows and columns.
_PIXEL, _SMALLEST = 0.08, 32
# What an image without calibration may be of, to show atoms; most say nothing.
_ATOMIC = (None, "STEM", "TEM", "STM")


def may_resolve_atoms(data: xr.DataArray) -> bool:
    """Return whether data are one image whose pixels are finer than atoms."""
    dims = dims_of_kind(data, "spatial")
    if data.ndim != 2 or len(dims) != 2 or data.dtype.kind not in "iuf":
        return False
    return min(data.shape) >= _SMALLEST and all(_is_fine(data, dim) for dim in dims)


def _is_fine(data: xr.DataArray, dim: str) -> bool:
    """Return whether pixels along a dimension are finer than atoms."""
    units = units_of(data, dim)
    if not is_unit(units) or parse(str(units)).powers != parse("nm").powers:
        return False
    try:
        step = abs(require_uniform(data, dim))
    except DataError:
        return False
    return bool(step * conversion_factor(str(units), "nm") <= _PIXEL)


def is_uncalibrated(data: xr.DataArray) -> bool:
    """Return whether data are one image that counts its pixels, and may show atoms."""
    dims = dims_of_kind(data, "spatial")
    if data.ndim != 2 or len(dims) != 2 or data.dtype.kind not in "iuf":
        return False
    if min(data.shape) < _SMALLEST or data.attrs.get("modality") not in _ATOMIC:
        return False
    try:
        return all(
            units_of(data, dim) in (None, "px") and abs(require_uniform(data, dim)) == 1.0
            for dim in dims
        )
    except DataError:
        return False
