"""Records become labelled data: one node a channel, its values in the variable `signal`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from dask.base import tokenize

from omniscopy.compute.chunks import plan_chunks
from omniscopy.io.arrays import Hdf5Array, Mapped, Viewed
from omniscopy.io.errors import FormatError
from omniscopy.io.names import channel_names
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement, Node, Variable
from omniscopy.model.fingerprints import FILE_ARRAY
from omniscopy.model.vocabulary import DEFAULT_ROLE, DIMENSIONS, kind_of, signal_type_of

SIGNAL = "signal"


def to_tree(measurement: Measurement, *, chunks: Any = "auto") -> xr.DataTree:
    """Return the tree of a measurement.

    Parameters
    ----------
    measurement : Measurement
        What a reader returned.
    chunks : "auto", mapping of dimension to length, or None
        How the lazy arrays are cut; `None` loads them.

    Returns
    -------
    DataTree
        A child for each channel, under the path of its group.
    """
    if measurement.nodes is not None:
        stored = {path: _stored_dataset(node, chunks) for path, node in measurement.nodes.items()}
        return xr.DataTree.from_dict(stored)
    root = {"metadata": dict(measurement.metadata)} if measurement.metadata else {}
    if measurement.original_metadata:
        root["original_metadata"] = dict(measurement.original_metadata)
    tree = xr.DataTree(xr.Dataset(attrs={**root, **measurement.attrs}))
    names = channel_names(measurement.channels)
    # Most channels of a file are of the same places, whose index is made once.
    known: dict[tuple[Any, ...], xr.Coordinates] = {}
    nodes: dict[tuple[str, ...], xr.Dataset] = {}
    for name, channel in zip(names, measurement.channels, strict=True):
        groups = (part for part in channel.group.split("/") if part)
        nodes[*groups, name] = to_dataset(channel, chunks=chunks, known=known)
    _grow(tree, nodes)
    return tree


def _grow(tree: xr.DataTree, nodes: Mapping[tuple[str, ...], xr.Dataset]) -> None:
    """Put nodes below a tree, all of a parent together: one by one each would be copied."""
    below: dict[str, dict[tuple[str, ...], xr.Dataset]] = {}
    for (first, *others), dataset in nodes.items():
        below.setdefault(first, {})[tuple(others)] = dataset
    tree.children = {name: xr.DataTree(found.get(())) for name, found in below.items()}
    for name, found in below.items():
        further = {path: dataset for path, dataset in found.items() if path}
        if further:
            _grow(tree.children[name], further)


def to_dataset(
    channel: Channel,
    *,
    chunks: Any = "auto",
    known: dict[tuple[Any, ...], xr.Coordinates] | None = None,
) -> xr.Dataset:
    """Return one channel as a Dataset whose main variable is `signal`.

    `known` keeps the coordinates of axes that others may have too.
    """
    dims = tuple(axis.name for axis in channel.axes)
    shared = _coordinates(channel.axes, {} if known is None else known)
    coords: dict[Any, xr.Variable] = dict(shared.variables)
    for name, further in channel.coordinates.items():
        coords[name] = _variable(further, coords, chunks)
    of_data = coords if channel.coordinates else shared
    variables = {
        name: _variable(further, coords, chunks) for name, further in channel.variables.items()
    }
    attrs = channel_attrs(channel)
    if channel.data is None:
        return xr.Dataset(variables, coords=of_data, attrs=attrs)
    main = Variable(dims=dims, data=channel.data, attrs=attrs)
    _check_shape(channel)
    variables = {SIGNAL: _variable(main, coords, chunks), **variables}
    return xr.Dataset(variables, coords=of_data)


def _coordinates(
    axes: Sequence[Axis], known: dict[tuple[Any, ...], xr.Coordinates]
) -> xr.Coordinates:
    # What lists its places is compared by being the same list.
    key = tuple(
        (axis.name, axis.size, axis.scale, axis.offset, axis.units, axis.quantity, axis.kind,
         axis.role, id(axis.attrs) if axis.attrs else None, id(axis.values))
        for axis in axes
    )  # fmt: skip
    if key not in known:
        known[key] = xr.Coordinates({axis.name: coordinate(axis) for axis in axes})
    return known[key]


def channel_attrs(channel: Channel) -> dict[str, Any]:
    """Return the attributes that the contract asks of a channel's values."""
    kinds = [axis.kind or kind_of(axis.name) for axis in channel.axes]
    attrs: dict[str, Any] = {
        "long_name": channel.title or None,
        "quantity": channel.quantity,
        "units": channel.units,
        "signal_type": channel.signal_type or (signal_type_of(kinds) if kinds else None),
        "modality": channel.modality,
        "source": channel.source,
        "metadata": dict(channel.metadata) or None,
        "original_metadata": dict(channel.original_metadata) or None,
    }
    stated = {key: value for key, value in attrs.items() if value is not None}
    return {**stated, **channel.attrs}


def coordinate(axis: Axis) -> xr.Variable:
    """Return the coordinate of an axis with its units, quantity and kind."""
    known = DIMENSIONS.get(axis.name)
    kind = axis.kind or kind_of(axis.name)
    stated = {
        "units": axis.units,
        "quantity": axis.quantity or (known.quantity if known else None),
        "kind": kind,
        "role": axis.role if axis.role != DEFAULT_ROLE.get(kind or "") else None,
    }
    attrs = {key: value for key, value in stated.items() if value is not None}
    values = axis.coordinate()
    if values.dtype.kind == "U":
        values = values.astype(object) if values.size == 0 else values
    return xr.Variable((axis.name,), values, {**attrs, **axis.attrs})


def lazy_array(data: LazyArray | np.ndarray, *, whole: tuple[int, ...], chunks: Any) -> Any:
    """Return a handle as a dask array, cut along its chunks on disk."""
    if isinstance(data, np.ndarray):
        return data
    if chunks is None:
        return data[tuple(slice(None) for _ in data.shape)]
    native = data.chunks
    if chunks == "auto":
        chunks = plan_chunks(data.shape, data.dtype.itemsize, whole=whole, native=native)
    # A Zarr or HDF5 chunk is read once when dask's chunks are multiples of it.
    name = f"{FILE_ARRAY}{tokenize(data, _age(data), chunks)}"
    return da.from_array(  # type: ignore[no-untyped-call]
        # What is put together from blocks would otherwise be copied twice.
        Viewed(data) if isinstance(data, Mapped | Hdf5Array) else data,
        chunks=chunks,
        name=name,
        meta=np.empty((0,) * len(data.shape), data.dtype),
        inline_array=True,
    )


def _stored_dataset(node: Node, chunks: Any) -> xr.Dataset:
    """Return a node that was saved before, as it was."""
    coords: dict[str, Any] = {
        name: xr.Variable(values.dims, values.data, dict(values.attrs))
        for name, values in node.coordinates.items()
        if values.dims == (name,)
    }
    for name, values in node.coordinates.items():
        coords[name] = coords.get(name, _variable(values, coords, chunks))
    variables = {name: _variable(each, coords, chunks) for name, each in node.variables.items()}
    return xr.Dataset(variables, coords=coords, attrs=dict(node.attrs))


def _variable(variable: Variable, coords: Mapping[str, xr.Variable], chunks: Any) -> xr.Variable:
    whole = tuple(
        number
        for number, dim in enumerate(variable.dims)
        if dim in coords and _role(coords[dim], dim) == "signal"
    )
    if isinstance(chunks, dict):
        chunks = {variable.dims.index(dim): n for dim, n in chunks.items() if dim in variable.dims}
    values = lazy_array(variable.data, whole=whole, chunks=chunks)
    return xr.Variable(variable.dims, values, dict(variable.attrs))


def _role(values: xr.Variable, dim: str) -> str:
    kind = values.attrs.get("kind") or kind_of(dim) or ""
    return values.attrs.get("role") or DEFAULT_ROLE.get(kind, "navigation")


def _age(data: Any) -> Any:
    """Return when the file of a handle was written, so that a new file is a new array."""
    while hasattr(data, "inner"):
        data = data.inner
    path = Path(getattr(data, "path", ""))
    return path.stat().st_mtime_ns if path.is_file() else None


def _check_shape(channel: Channel) -> None:
    shape = tuple(axis.size for axis in channel.axes)
    if channel.data is not None and tuple(channel.data.shape) != shape:
        message = f"{channel.title!r} has values of shape {channel.data.shape}, axes of {shape}"
        raise FormatError(message)
