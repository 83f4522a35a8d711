"""Writing a tree as a netCDF file of version 4."""

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from dask.utils import SerializableLock

from omniscopy.io.storage.hdf5_tree import (
    VERSION,
    node_note,
    shown_attrs,
    storage_options,
    variable_note,
)
from omniscopy.io.storage.stored import (
    KEY,
    ChunkedTarget,
    StoredNode,
    StoredVariable,
    native_chunks,
    stored_nodes,
    stream,
)

# Types that netCDF does not have, and what their values are written as.
_WIDER = {"?": np.dtype(np.int8), "e": np.dtype(np.float32)}


def write(tree: xr.DataTree, path: Path, *, compression: str | None = None, level: int = 1) -> None:
    """Write a tree as a netCDF file (version 4), streaming lazy values chunk by chunk.

    Parameters
    ----------
    tree : DataTree
        Any nodes.
    path : Path
        The file to write.
    compression : {"gzip"} or None
        HDF5 compresses on one core, which is slower than most disks.
    level : int
        Of the compression.
    """
    import h5netcdf  # type: ignore[import-untyped]

    pairs: list[tuple[Any, ChunkedTarget]] = []
    with h5netcdf.File(path, "w", libver=VERSION) as file:
        file.attrs["Conventions"] = "CF-1.11"
        for node in stored_nodes(tree):
            group = file if node.path == "/" else _group(file, node.path)
            _describe(group, node)
            pairs += [
                _create(group, variable, compression, level) for variable in node.variables.values()
            ]
        stream(pairs, lock=SerializableLock())


def _group(file: Any, path: str) -> Any:
    group = file
    for name in path.strip("/").split("/"):
        group = group.groups[name] if name in group.groups else group.create_group(name)
    return group


def _describe(group: Any, node: StoredNode) -> None:
    for dim, size in _sizes(node).items():
        group.dimensions[dim] = size
    further = [name for name, each in node.coordinates.items() if each.dims != (name,)]
    if further and not any(" " in name for name in further):
        group.attrs["coordinates"] = " ".join(further)
    for key, value in {**shown_attrs(node.attrs), KEY: node_note(node)}.items():
        group.attrs[key] = value


def _sizes(node: StoredNode) -> dict[str, int]:
    return {
        dim: size
        for variable in node.variables.values()
        for dim, size in zip(variable.dims, variable.values.shape, strict=True)
    }


def _create(
    group: Any, variable: StoredVariable, compression: str | None, level: int
) -> tuple[Any, ChunkedTarget]:
    """Return the values of a variable and the place that was made for them."""
    import h5py

    values, chunks = native_chunks(variable.values)
    dtype = values.dtype
    attrs: dict[str, Any] = {**shown_attrs(variable.attrs), **variable.hints}
    note = variable
    if dtype.char in _WIDER:
        note = StoredVariable(**{**vars(variable), "dtype": dtype.str})
        attrs |= {"dtype": "bool"} if dtype.char == "?" else {}
        values = values.astype(_WIDER[dtype.char])
    made = group.create_variable(
        variable.name,
        variable.dims,
        dtype=h5py.string_dtype() if variable.is_text else values.dtype,
        **storage_options(variable, chunks, compression, level),
    )
    for key, value in {**attrs, KEY: variable_note(note)}.items():
        made.attrs[key] = value
    return values, ChunkedTarget(made, chunks)
