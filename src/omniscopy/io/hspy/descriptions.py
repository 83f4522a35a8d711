"""What is stored beside the values of a signal of HyperSpy: its axes and its metadata."""

from typing import Any

import numpy as np
import xarray as xr

from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.io.hspy.conventions import METADATA, nested
from omniscopy.io.regular import even_line
from omniscopy.io.single_arrays import only_array
from omniscopy.model.dimensions import dims_of_role, kind_of_dim

_SIGNAL_TYPES = {"EELS": "EELS", "EDS": "EDS_TEM"}


def only_signal(tree: xr.DataTree, *, what: str) -> tuple[xr.DataArray, list[str]]:
    """Return the one array of a tree with its signal dimensions last, and their names."""
    data = only_array(tree, what=what, ndims=range(1, 16))
    if data.dtype.kind not in "biufc":
        message = (
            f"{what} holds numbers, not values of type {data.dtype}; save to .nc, .h5 or .zarr"
        )
        raise UnsupportedFormatError(message)
    inner = [str(dim) for dim in dims_of_role(data, "signal")]
    spatial = [str(dim) for dim in data.dims if kind_of_dim(data, str(dim)) == "spatial"]
    inner = inner or spatial[-2:] or [str(data.dims[-1])]
    return data.transpose(..., *inner), inner


def title_of(data: xr.DataArray) -> str:
    """Return the title of a signal."""
    return str(data.attrs.get("long_name") or data.name or "signal")


def describe_axis(
    data: xr.DataArray, dim: str, *, navigate: bool
) -> tuple[dict[str, Any], np.ndarray | None]:
    """Return what is stored of an axis, and its places where they are uneven."""
    line = even_line(data, dim)
    said: dict[str, Any] = {"name": dim, "navigate": navigate, "is_binned": False}
    units = data.coords[dim].attrs.get("units") if dim in data.coords else None
    said |= {"units": str(units) if units else "_None_", "size": data.sizes[dim]}
    if line is not None:
        step = line.length / max(line.size, 1) * (-1 if line.descends else 1)
        said |= {"_type": "UniformDataAxis", "scale": step or 1.0}
        return {**said, "offset": -line.offset if line.descends else line.offset}, None
    if data.coords[dim].dtype.kind in "iuf":
        return {**said, "_type": "DataAxis"}, np.asarray(data.coords[dim].values)
    return {**said, "_type": "UniformDataAxis", "scale": 1.0, "offset": 0.0}, None


def describe_signal(data: xr.DataArray, inner: int) -> dict[str, Any]:
    """Return the metadata of a signal of `inner` signal dimensions."""
    own = data.attrs.get("metadata", {})
    quantity, units = data.attrs.get("quantity"), data.attrs.get("units")
    made: dict[str, Any] = {
        "General": {"title": title_of(data)},
        "Signal": {
            "quantity": f"{quantity or 'Intensity'} ({units})" if units else quantity or "",
            "signal_type": _SIGNAL_TYPES.get(data.attrs.get("modality", ""), ""),
            "record_by": {1: "spectrum", 2: "image"}.get(inner, ""),
        },
    }
    date, _, time = str(own.get("started", "")).partition("T")
    made["General"] |= {"date": date, "time": time} if date else {}
    for theirs, (ours, factor) in METADATA.items():
        value = nested(own, ours)
        if isinstance(value, int | float) and ".SEM." not in theirs:
            *groups, key = theirs.split(".")
            place = made
            for name in groups:
                place = place.setdefault(name, {})
            place[key] = value / factor
    return made
