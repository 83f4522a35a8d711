"""Labelled data for formats that hold one array: which it is, and a note that brings it back."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.io.records import line_of
from omniscopy.io.storage.attributes import encode_attrs
from omniscopy.io.tree import SIGNAL


def only_array(tree: xr.DataTree, *, what: str, ndims: Collection[int]) -> xr.DataArray:
    """Return the one variable of a tree, named after its node.

    Raises
    ------
    UnsupportedFormatError
        There is none or more than one, or its number of dimensions is not one of `ndims`.
    """
    found = [
        (node.path, str(name), values)
        for node in tree.subtree
        for name, values in node.to_dataset(inherit=False).data_vars.items()
    ]
    if len(found) != 1 or found[0][2].ndim not in ndims:
        held = ", ".join(f"{path}: {dict(values.sizes)}" for path, _, values in found) or "nothing"
        wanted = " or ".join(map(str, sorted(ndims)))
        if len(ndims) > 3:
            wanted = f"{min(ndims)} to {max(ndims)}"
        message = (
            f"{what} holds one array of {wanted} dimensions, but there is {held}; save one "
            "channel by itself, or all of them to .zarr, .nc or .h5"
        )
        raise UnsupportedFormatError(message)
    path, name, values = found[0]
    return values.rename(path.rpartition("/")[2] or name) if name == SIGNAL else values


def describe_array(tree: xr.DataTree, data: xr.DataArray) -> str:
    """Return as text what `restore_array` needs to bring back `data` with its history."""
    axes: list[dict[str, Any]] = []
    for dim in map(str, data.dims):
        if dim not in data.coords:
            axes.append({"name": dim})
            continue
        values = data.coords[dim]
        line = line_of(np.asarray(values.values)) if values.dtype.kind == "f" else None
        axes.append({"name": dim, "attrs": dict(values.attrs)})
        axes[-1] |= {"offset": line[0], "scale": line[1]} if line else {"values": values.values}
    note = {"name": data.name, "root": dict(tree.attrs), "axes": axes, "attrs": dict(data.attrs)}
    return encode_attrs(note)


def shape_note(data: xr.DataArray) -> str:
    """Return what comes before a note in formats that have not as many dimensions."""
    return f"{'x'.join(map(str, data.shape))} "


def metadata_at(metadata: Mapping[str, Any], path: str) -> Any:
    """Return what nested metadata have at a path such as `beam.voltage`, `None` where nothing."""
    found: Any = metadata
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found
