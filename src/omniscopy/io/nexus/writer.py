"""Writing a tree as a NeXus file: each node with values is an NXdata group."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from dask.utils import SerializableLock

from omniscopy.io.storage.hdf5_tree import (
    VERSION,
    node_note,
    root_note,
    shown_attrs,
    storage_options,
    variable_note,
)
from omniscopy.io.storage.stored import (
    KEY,
    SIGNAL,
    ChunkedTarget,
    StoredNode,
    StoredVariable,
    native_chunks,
    stored_nodes,
    stream,
)

ENTRY = "entry"
Pair = tuple[Any, ChunkedTarget]


def write(tree: xr.DataTree, path: Path, *, compression: str | None = None, level: int = 1) -> None:
    """Write a tree as a NeXus file, streaming lazy values chunk by chunk.

    Parameters
    ----------
    tree : DataTree
        Any nodes. `<signal>_errors`, the standard deviations, are written besides from
        `<signal>_std` or `variance`.
    path : Path
        The file to write.
    compression : {"gzip"} or None
        HDF5 compresses on one core, which is slower than most disks.
    level : int
        Of the compression.
    """
    import h5py

    options = {"compression": compression, "level": level}
    pairs: list[Pair] = []
    with h5py.File(path, "w", libver=VERSION) as file:
        file.attrs.update({"NX_class": "NXroot", "default": ENTRY, "creator": "omniscopy"})
        file.attrs[KEY] = root_note()
        for node in stored_nodes(tree):
            group = file.require_group(f"{ENTRY}/{node.path.strip('/')}".rstrip("/"))
            pairs += _write_node(group, node, options)
        _point_to_data(file[ENTRY])
        stream(pairs, lock=SerializableLock())


def _write_node(group: Any, node: StoredNode, options: Mapping[str, Any]) -> list[Pair]:
    group.attrs.update(shown_attrs(node.attrs))
    group.attrs[KEY] = node_note(node)
    pairs = [_create(group, variable, options) for variable in node.variables.values()]
    main = _main(node)
    group.attrs["NX_class"] = _class_of(node, main)
    if main is not None and node.path != "/":
        _describe_data(group, node, main)
        pairs += _write_errors(group, node, options)
    return pairs


def _create(group: Any, variable: StoredVariable, options: Mapping[str, Any]) -> Pair:
    """Return the values of a variable and the dataset that was made for them."""
    import h5py

    values, chunks = native_chunks(variable.values)
    dataset = group.create_dataset(
        variable.name,
        shape=values.shape,
        dtype=h5py.string_dtype() if variable.is_text else values.dtype,
        **storage_options(variable, chunks, **options),
    )
    dataset.attrs.update({**shown_attrs(variable.attrs), **variable.hints})
    dataset.attrs[KEY] = variable_note(variable)
    return values, ChunkedTarget(dataset, chunks)


def _main(node: StoredNode) -> StoredVariable | None:
    """Return the variable that a plot of the node would show."""
    numbers = [each for each in node.data.values() if not each.is_text and each.dims]
    named = [each for each in numbers if each.name == SIGNAL]
    return next(iter([*named, *numbers]), None)


def _class_of(node: StoredNode, main: StoredVariable | None) -> str:
    if node.path == "/":
        return "NXentry"
    return "NXcollection" if main is None else "NXdata"


def _describe_data(group: Any, node: StoredNode, main: StoredVariable) -> None:
    """Name signal and axes as the class NXdata wants it."""
    coords = node.coordinates
    axes = [dim if dim in coords and coords[dim].dims == (dim,) else "." for dim in main.dims]
    others = [
        each.name
        for each in node.data.values()
        if each is not main and each.dims == main.dims and not each.is_text
    ]
    group.attrs["signal"] = main.name
    group.attrs["axes"] = axes
    if others:
        group.attrs["auxiliary_signals"] = others
    for name, each in coords.items():
        if each.dims and set(each.dims) <= set(main.dims):
            group.attrs[f"{name}_indices"] = [main.dims.index(dim) for dim in each.dims]


def _write_errors(group: Any, node: StoredNode, options: Mapping[str, Any]) -> list[Pair]:
    """Give standard deviations the name that NeXus knows, and calculate those of the signal."""
    for name in node.data:
        errors = f"{name}_errors"
        if f"{name}_std" in node.data and errors not in node.variables:
            group[errors] = group[f"{name}_std"]
    variance, errors = node.data.get("variance"), f"{SIGNAL}_errors"
    real = variance is not None and variance.values.dtype.kind in "iuf" and not variance.dtype
    if not real or variance is None or errors in group or SIGNAL not in node.data:
        return []
    values = variance.values
    root = da.sqrt(values) if isinstance(values, da.Array) else np.sqrt(values)
    values, chunks = native_chunks(root)
    layout = storage_options(variance, chunks, **options)
    dataset = group.create_dataset(errors, shape=values.shape, dtype=values.dtype, **layout)
    return [(values, ChunkedTarget(dataset, chunks))]


def _point_to_data(entry: Any) -> None:
    """Name the first data group as what to plot, level by level."""
    import h5py

    for name, child in entry.items():
        if not isinstance(child, h5py.Group):
            continue
        _point_to_data(child)
        shows = child.attrs["NX_class"] == "NXdata" or "default" in child.attrs
        if shows and "default" not in entry.attrs:
            entry.attrs["default"] = name
