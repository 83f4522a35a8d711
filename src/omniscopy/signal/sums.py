"""Sums and means over dimensions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.model import (
    DataError,
    dims_of_role,
    kind_of_dim,
    labelled,
    operation,
    require_dims,
    signal_type_of,
)

# What still describes the values after they were summed, filtered or moved.
_KEPT = ("long_name", "quantity", "modality", "source", "metadata")


@operation(example={"data": "spectrum_image", "dims": ["y", "x"]})
def sum_over(data: xr.DataArray, dims: str | Sequence[str] | None = None) -> xr.DataArray:
    r"""Sum over dimensions: the total spectrum, the total image, the total pattern.

    Parameters
    ----------
    data : DataArray, any shape and units
        Lazy or in memory.
    dims : str or sequence of str
        Dimensions that are summed; all navigation dimensions otherwise.

    Returns
    -------
    DataArray, units of `data`
        Floating-point values are summed and returned as float64, integers as 64-bit integers.
        Values that are NaN are left out; NaN where there is no other.

    Raises
    ------
    DataError
        A dimension is missing, or `data` has no navigation dimension.

    Notes
    -----
    :math:`\sum_i x_i`.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.signal.sum_over(om.samples.spectrum_image()).dims
    ('energy_loss',)
    """
    over = gone_through(data, dims)
    if _may_miss(data):
        total = data.astype(_wide(data.dtype)).sum(over, min_count=1)
    else:
        # Widened as they are added, whole numbers take a third of the time.
        total = data.sum(over, dtype=_wide(data.dtype))
    return described(total, data, units=data.attrs.get("units"))


@operation(example={"data": "image_stack", "dims": "frame"})
def mean_over(data: xr.DataArray, dims: str | Sequence[str] | None = None) -> xr.DataArray:
    r"""Average over dimensions.

    Parameters
    ----------
    data : DataArray, any shape and units
        Lazy or in memory.
    dims : str or sequence of str
        Dimensions that are averaged; all navigation dimensions otherwise.

    Returns
    -------
    DataArray, units of `data`
        In float64. Values that are NaN are left out; NaN where there is no other.

    Raises
    ------
    DataError
        A dimension is missing or empty, or `data` has no navigation dimension.

    Notes
    -----
    :math:`\frac1n \sum_i x_i` of the n values that are not NaN.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.signal.mean_over(om.samples.image_stack(), "frame").dims
    ('y', 'x')
    """
    over = gone_through(data, dims)
    empty = [dim for dim in over if data.sizes[dim] == 0]
    if empty:
        message = f"dimensions {empty} are empty; there is nothing to average"
        raise DataError(message)
    if _may_miss(data):
        wide = data.astype(_wide(data.dtype))
        # Not `mean`: it warns where every value is NaN, which is an answer here.
        mean = wide.sum(over, min_count=1) / wide.notnull().sum(over)
    else:
        mean = data.mean(over, dtype=np.float64)
    return described(mean, data, units=data.attrs.get("units"))


def gone_through(data: xr.DataArray, dims: str | Sequence[str] | None) -> list[str]:
    """Return the dimensions that are summed: those that are named, or all of the navigation."""
    require_dims(data, [] if dims is None else [dims] if isinstance(dims, str) else dims)
    if dims is not None:
        return [dims] if isinstance(dims, str) else list(dims)
    found = dims_of_role(data, "navigation")
    if not found:
        message = (
            f"dimensions {tuple(data.dims)} are all of the signal; name those to take with `dims=`"
        )
        raise DataError(message)
    return found


def _wide(dtype: np.dtype) -> Any:
    return {"f": np.float64, "c": np.complex128, "u": np.uint64}.get(dtype.kind, np.int64)


def _may_miss(data: xr.DataArray) -> bool:
    """Return whether values may be NaN."""
    return data.dtype.kind in "fc"


def described(values: xr.DataArray, data: xr.DataArray, *, units: str | None) -> xr.DataArray:
    """Return `values` with the title and origin of `data`, whose quantity they still are."""
    kept = {key: data.attrs[key] for key in _KEPT if key in data.attrs}
    kinds = [kind_of_dim(values, dim) for dim in values.dims]
    kept["signal_type"] = signal_type_of(kinds)
    return labelled(values, units=units, **kept)
