"""A part of labelled data, given by the labels at its ends."""

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from omniscopy.model.errors import DataError

Labelled = TypeVar("Labelled", xr.DataArray, xr.Dataset)


def select(data: Labelled, selection: Mapping[str, Any]) -> Labelled:
    """Return the part of `data` that a recorded selection describes.

    Parameters
    ----------
    data : DataArray or Dataset
        What the part was taken from.
    selection : mapping
        `labels`: for each dimension either `{"label": value}` or `{"first": ..., "last": ...,
        "size": ...}`; `dims`: the order of dimensions of the part.

    Returns
    -------
    DataArray or Dataset
        The part, without copying.

    Raises
    ------
    DataError
        A label is not there, or the points between the ends are not evenly taken.
    """
    for dim, wanted in selection["labels"].items():
        data = data.isel({dim: _positions(data, dim, wanted)})
    order = [dim for dim in selection["dims"] if dim in data.dims]
    return data.transpose(*order, ...)


def _positions(data: xr.DataArray | xr.Dataset, dim: str, wanted: Mapping[str, Any]) -> Any:
    if dim not in data.dims:
        message = f"expected a dimension {dim!r}, got {tuple(data.dims)}"
        raise DataError(message)
    if "label" in wanted:
        return _position(data, dim, wanted["label"])
    size = wanted["size"]
    if size == 0:
        return slice(0, 0)
    if "first" not in wanted:
        return slice(0, size)
    first, last = (_position(data, dim, wanted[end]) for end in ("first", "last"))
    span = last - first
    step = span // (size - 1) if size > 1 else 1
    if size > 1 and (step == 0 or span % (size - 1)):
        ends = f"{wanted['first']} and {wanted['last']}"
        message = f"{size} points of {dim!r} between {ends} are not evenly taken"
        raise DataError(message)
    stop = last + (1 if step > 0 else -1)
    return slice(first, None if stop < 0 else stop, step)


def _position(data: xr.DataArray | xr.Dataset, dim: str, label: Any) -> int:
    labels = (
        np.asarray(data.coords[dim].values) if dim in data.coords else np.arange(data.sizes[dim])
    )
    found = np.flatnonzero(labels == label)
    if found.size == 0:
        message = f"{dim!r} has no point at {label!r}"
        raise DataError(message)
    return int(found[0])
