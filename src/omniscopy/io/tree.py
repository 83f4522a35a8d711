"""Records become labelled data: one node a channel, its values in the variable `signal`."""

import functools
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from dask.array.core import getter, normalize_chunks
from dask.base import tokenize
from dask.blockwise import blockwise
from dask.highlevelgraph import HighLevelGraph
from dask.layers import ArraySliceDep
from xarray.indexes import PandasIndex

from omniscopy.compute.chunks import plan_chunks
from omniscopy.io.arrays import Viewed
from omniscopy.io.errors import FormatError
from omniscopy.io.file_states import states_of
from omniscopy.io.names import channel_names
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement, Node, Variable
from omniscopy.model.digests import digest_bytes
from omniscopy.model.fingerprints import FILE_ARRAY
from omniscopy.model.vocabulary import DEFAULT_ROLE, DIMENSIONS, kind_of, signal_type_of

SIGNAL = "signal"
Path = tuple[str, ...]
_EMPTY = xr.Dataset()
_array: Any = da.Array
_cut: Any = normalize_chunks
_layer: Any = blockwise
_PLAIN = (str, bytes, int, float, complex, type(None))


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
    return grown(to_nodes(measurement, chunks=chunks))


def to_nodes(measurement: Measurement, *, chunks: Any = "auto") -> dict[Path, xr.Dataset]:
    """Return what the nodes of the tree of a measurement hold, by path; `()` is the root."""
    if measurement.nodes is not None:
        return {
            tuple(part for part in path.split("/") if part): _stored_dataset(node, chunks)
            for path, node in measurement.nodes.items()
        }
    root = {"metadata": dict(measurement.metadata)} if measurement.metadata else {}
    if measurement.original_metadata:
        root["original_metadata"] = dict(measurement.original_metadata)
    nodes: dict[Path, xr.Dataset] = {(): xr.Dataset(attrs={**root, **measurement.attrs})}
    names = channel_names(measurement.channels)
    # Most channels of a file are of the same places, which are put together once.
    known: dict[Any, Any] = {}
    for name, channel in zip(names, measurement.channels, strict=True):
        groups = (part for part in channel.group.split("/") if part)
        nodes[*groups, name] = to_dataset(channel, chunks=chunks, known=known)
    return nodes


def grown(nodes: Mapping[Path, xr.Dataset]) -> xr.DataTree:
    """Return a tree of nodes that are its own from now on."""
    tree = _node(nodes.get(()))
    _grow(tree, {path: dataset for path, dataset in nodes.items() if path}, bare=True)
    return tree


def _grow(tree: xr.DataTree, nodes: Mapping[Path, xr.Dataset], *, bare: bool) -> None:
    """Put nodes below a tree; where it is bare, nothing above it is in any variable."""
    below: dict[str, dict[Path, xr.Dataset]] = {}
    for (first, *others), dataset in nodes.items():
        below.setdefault(first, {})[tuple(others)] = dataset
    children = {name: _node(found.get(())) for name, found in below.items()}
    bare = bare and not tree.variables
    if bare:
        # To compare each with those above it takes longer than all else, and there is nothing.
        for name, child in children.items():
            child._name, child._parent = name, tree
            tree._children[name] = child
    else:
        tree.children = children
    for name, found in below.items():
        further = {path: dataset for path, dataset in found.items() if path}
        if further:
            _grow(tree.children[name], further, bare=bare)


def _node(dataset: xr.Dataset | None) -> xr.DataTree:
    """Return a node that holds a dataset, not a copy of it."""
    node = xr.DataTree(_EMPTY)
    if dataset is not None:
        node._set_node_data(dataset)
    return node


def to_dataset(
    channel: Channel, *, chunks: Any = "auto", known: dict[Any, Any] | None = None
) -> xr.Dataset:
    """Return one channel as a Dataset whose main variable is `signal`.

    `known` keeps what channels have alike.
    """
    _check_shape(channel)
    alike = _alike(channel, {} if known is None else known, chunks)
    parts = dict(channel.variables)
    attrs = channel_attrs(channel)
    if channel.data is not None:
        parts[SIGNAL] = Variable(dims=_dims(channel), data=channel.data)
    values = {name: _values(part, alike.variables, chunks) for name, part in parts.items()}
    variables = {
        name: _filled(each, values.get(str(name))) for name, each in alike.variables.items()
    }
    # Several times quicker than to have all of it checked, and indexes copied, again.
    made = alike._replace(variables)
    (made if channel.data is None else variables[SIGNAL]).attrs = attrs
    return made


def _filled(alike: xr.Variable, values: Any) -> xr.Variable:
    """Return a copy of a variable, of the values given."""
    if values is None:
        return alike.copy(deep=False)
    checked = isinstance(values, da.Array)
    return xr.Variable(alike.dims, values, dict(alike.attrs), fastpath=checked)


def _alike(channel: Channel, known: dict[Any, Any], chunks: Any) -> xr.Dataset:
    """Return a channel with its places and without its values."""
    # What lists its places is compared by being the same list.
    places = tuple(
        (axis.name, axis.size, axis.scale, axis.offset, axis.units, axis.quantity, axis.kind,
         axis.role, id(axis.attrs) if axis.attrs else None, id(axis.values))
        for axis in channel.axes
    )  # fmt: skip
    further = channel.coordinates, channel.variables
    key = (places, channel.data is None, *(id(each) if each else None for each in further))
    if key not in known:
        if places not in known:
            known[places] = {axis.name: _indexed(axis) for axis in channel.axes}
        coords: dict[Any, xr.Variable] = {name: each for name, (each, _) in known[places].items()}
        for name, place in channel.coordinates.items():
            coords[name] = _variable(place, coords, chunks)
        parts = {
            name: xr.Variable(part.dims, _nothing(part.data), dict(part.attrs))
            for name, part in channel.variables.items()
        }
        if channel.data is not None:
            parts = {SIGNAL: xr.Variable(_dims(channel), _nothing(channel.data)), **parts}
        indexes = {name: index for name, (_, index) in known[places].items()}
        known[key] = _assembled(parts, coords, indexes)
    found: xr.Dataset = known[key]
    return found


def _indexed(axis: Axis) -> tuple[xr.Variable, PandasIndex]:
    """Return the coordinate of an axis and its index."""
    given = {axis.name: coordinate(axis)}
    index = PandasIndex.from_variables(given, options={})
    return index.create_variables(given)[axis.name], index


def _assembled(
    parts: dict[str, xr.Variable],
    coords: dict[Any, xr.Variable],
    indexes: dict[str, PandasIndex],
) -> xr.Dataset:
    """Return a Dataset, without a search for what needs none where its sizes agree."""
    whole: dict[Any, xr.Variable] = {**parts, **coords}
    sizes: dict[Any, int] = {}
    agree = all(
        sizes.setdefault(dim, size) == size
        for each in whole.values()
        for dim, size in zip(each.dims, each.shape, strict=True)
    )
    # A dimension may be among the coordinates that no axis gives.
    if (
        not agree
        or parts.keys() & (coords.keys() | sizes.keys())
        or coords.keys() & (sizes.keys() - indexes.keys())
    ):
        return xr.Dataset(parts, coords)
    return xr.Dataset._construct_direct(whole, set(coords), sizes, None, dict(indexes))


def _dims(channel: Channel) -> tuple[str, ...]:
    return tuple(axis.name for axis in channel.axes)


def _nothing(data: LazyArray | np.ndarray) -> np.ndarray:
    """Return an array of a shape that takes no memory."""
    return np.broadcast_to(np.zeros((), np.int8), tuple(data.shape))


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
        chunks, cut = _planned(tuple(data.shape), data.dtype, whole, native and tuple(native))
    else:
        cut = _blocks(chunks, data.shape, data.dtype)
    # A Zarr or HDF5 chunk is read once when dask's chunks are multiples of it.
    files = states_of(data)
    written = tuple(each.written for each in files)  # a new file is a new array
    name = f"{FILE_ARRAY}{digest_bytes(repr((_identity(data), written, chunks)).encode())}"
    # What is put together from blocks would otherwise be copied twice.
    handle = Viewed(data, name, files)
    # As `dask.array.from_array` does it, which looks at each array for three times as long.
    axes = tuple(range(len(data.shape)))
    layer = _layer(
        getter,
        name,
        axes,
        handle,
        None,
        ArraySliceDep(cut),
        axes,
        numblocks={},
        _data_producer=True,
    )
    graph = HighLevelGraph({name: layer}, {name: set()})
    return _array(graph, name, cut, meta=np.empty((0,) * len(data.shape), data.dtype))


@functools.lru_cache(maxsize=256)
def _planned(
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    whole: tuple[int, ...],
    native: tuple[int, ...] | None,
) -> tuple[tuple[int, ...], Any]:
    """Return the chunks of an array, and the lengths of its blocks along each axis."""
    chunks = plan_chunks(shape, dtype.itemsize, whole=whole, native=native)
    return chunks, _blocks(chunks, shape, dtype)


def _blocks(chunks: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """Return the lengths of the blocks along each axis."""
    if chunks == tuple(shape) and 0 not in shape:
        return tuple((size,) for size in shape)
    return _cut(chunks, shape, dtype=dtype)


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


def _variable(variable: Variable, coords: Mapping[Any, xr.Variable], chunks: Any) -> xr.Variable:
    return xr.Variable(variable.dims, _values(variable, coords, chunks), dict(variable.attrs))


def _values(variable: Variable, coords: Mapping[Any, xr.Variable], chunks: Any) -> Any:
    whole = tuple(
        number
        for number, dim in enumerate(variable.dims)
        if dim in coords and _role(coords[dim], dim) == "signal"
    )
    if isinstance(chunks, dict):
        chunks = {variable.dims.index(dim): n for dim, n in chunks.items() if dim in variable.dims}
    return lazy_array(variable.data, whole=whole, chunks=chunks)


def _role(values: xr.Variable, dim: str) -> str:
    kind = values.attrs.get("kind") or kind_of(dim) or ""
    return values.attrs.get("role") or DEFAULT_ROLE.get(kind, "navigation")


def _identity(value: Any) -> Any:
    """Return plain values that tell a handle from all others, also in other processes."""
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, tuple):
        return tuple(_identity(each) for each in value)
    if isinstance(value, np.dtype):
        return value.str if value.names is None else repr(value)
    kind = type(value)
    if is_dataclass(value) and not hasattr(kind, "__dask_tokenize__"):
        held = (_identity(getattr(value, each.name)) for each in fields(value))
        return (kind.__module__, kind.__qualname__, *held)
    return tokenize(value)


def _check_shape(channel: Channel) -> None:
    shape = tuple(axis.size for axis in channel.axes)
    if channel.data is not None and tuple(channel.data.shape) != shape:
        message = f"{channel.title!r} has values of shape {channel.data.shape}, axes of {shape}"
        raise FormatError(message)
