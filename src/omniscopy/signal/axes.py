"""Axes of spectra: that they are sorted, and how many channels a length on them has."""

import numpy as np
import xarray as xr

from omniscopy.model import DataError, require_uniform, units_of


def require_sorted(data: xr.DataArray, dim: str) -> np.ndarray:
    """Return the coordinate of `dim` as doubles; raise unless it ascends or descends throughout."""
    values = np.asarray(data.coords[dim].values, dtype=np.float64)
    steps = np.diff(values)
    if not (np.isfinite(values).all() and (np.all(steps > 0) or np.all(steps < 0))):
        message = (
            f"coordinate {dim!r} must ascend or descend without equal or missing values; sort it "
            f"with `data.sortby({dim!r})` after `data.drop_duplicates({dim!r})`"
        )
        raise DataError(message)
    return values


def require_length(
    data: xr.DataArray, dim: str, length: float, *, name: str, at_least: float
) -> float:
    """Return how many channels `length` has; raise where too few, or more than there are.

    On an axis that is not uniform, channels of the mean step are counted.
    """
    if not (np.isfinite(length) and length > 0):
        message = f"{name} must be above 0, in the units of {dim!r}, got {length!r}"
        raise DataError(message)
    values = np.asarray(data.coords[dim].values, dtype=np.float64)
    step = abs(float(values[-1] - values[0])) / (len(values) - 1)
    channels = length / step
    units = units_of(data, dim) or ""
    if channels < at_least * (1 - 1e-9):
        message = (
            f"{name} {length:g} {units} is {channels:.3g} channels of {dim!r} ({step:.4g} {units} "
            f"each); at least {at_least:g} are needed"
        )
        raise DataError(_single_spaced(message))
    if channels > len(values) * (1 + 1e-9):
        message = (
            f"{name} {length:g} {units} is more than the whole of {dim!r}, which spans "
            f"{step * len(values):.4g} {units}"
        )
        raise DataError(_single_spaced(message))
    return channels


def require_step(data: xr.DataArray, dim: str, *, what: str) -> float:
    """Return the step of a uniform axis; raise where it is not, and say what needs one."""
    require_sorted(data, dim)
    try:
        return require_uniform(data, dim)
    except DataError as error:
        message = f"{what} needs a uniform axis: {error}"
        raise DataError(message) from None


def _single_spaced(text: str) -> str:
    return " ".join(text.replace(" )", ")").replace(" ;", ";").split())
