"""Writing one array as an EMD file, for emdfile and HyperSpy, or for ncempy."""

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from dask.utils import SerializableLock

from omniscopy.io.emd_berkeley.reader import NOTE
from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.io.names import slug
from omniscopy.io.regular import even_line
from omniscopy.io.single_arrays import describe_array, only_array
from omniscopy.io.storage.stored import ChunkedTarget, native_chunks, stream
from omniscopy.model.errors import DataError

_VERSIONS = ("1.0", "0.2")
# Groups that every file of version 0.2 has.
_DESCRIPTIONS = ("microscope", "sample", "user", "comments")


def write(
    tree: xr.DataTree, path: Path, *, version: str = "1.0", compression: str | None = None
) -> None:
    """Write the one array of a tree as an EMD file, streaming lazy values.

    Parameters
    ----------
    tree : DataTree
        One array of numbers.
    path : Path
        The file to write.
    version : {"1.0", "0.2"}
        Of the layout: 1.0 is read by emdfile, py4DSTEM and HyperSpy; 0.2 by ncempy, and by
        HyperSpy with the dimensions reversed.
    compression : {"gzip", "lzf"} or None
        Of the values.

    Raises
    ------
    UnsupportedFormatError
        There is more than one variable, or it holds no numbers.
    """
    import h5py

    data = only_array(tree, what="an EMD file", ndims=range(1, 16))
    if data.dtype.kind not in "biufc":
        message = (
            f"an EMD file holds numbers, not values of type {data.dtype}; save to .nc, .h5 or .zarr"
        )
        raise UnsupportedFormatError(message)
    if version not in _VERSIONS:
        message = f"version must be '1.0' or '0.2', got {version!r}"
        raise DataError(message)
    values, chunks = native_chunks(data.data)
    name = slug(str(data.attrs.get("long_name") or data.name or "signal"))
    with h5py.File(path, "w") as file:
        note = describe_array(tree, data)
        group = _lay_out_words(file, name, note) if version == "1.0" else None
        group = _lay_out_numbers(file, name, note) if group is None else group
        if version == "0.2":
            _describe(file, data)
        stored = group.create_dataset(
            "data", data.shape, data.dtype, chunks=chunks if data.size else None,
            compression=compression if data.size else None,
        )  # fmt: skip
        stored.attrs["units"] = str(data.attrs.get("units", ""))
        for number, dim in enumerate(map(str, data.dims)):
            key = f"dim{number + int(version == '0.2')}"
            _write_axis(group, key, data, dim, bracketed=version == "0.2")
        if data.size:
            stream([(values, ChunkedTarget(stored, chunks))], lock=SerializableLock())


def _lay_out_words(file: Any, name: str, note: str) -> Any:
    """Return the group of the array in a file of version 1.0."""
    file.attrs.update(
        {
            "emd_group_type": "file", "version_major": 1, "version_minor": 0,
            "authoring_program": "omniscopy", "authoring_user": "", "UUID": str(uuid.uuid4()),
        }
    )  # fmt: skip
    root = file.create_group(f"{name}_root")
    root.attrs.update({"emd_group_type": "root", "python_class": "Root"})
    group = root.create_group(name)
    group.attrs.update({"emd_group_type": "array", "python_class": "Array"})
    bundle = group.create_group("metadatabundle")
    bundle.attrs["emd_group_type"] = "metadatabundle"
    own = bundle.create_group(NOTE)
    own.attrs.update({"emd_group_type": "metadata", "python_class": "Metadata"})
    own.create_dataset("note", data=note).attrs["type"] = "string"
    return group


def _lay_out_numbers(file: Any, name: str, note: str) -> Any:
    """Return the group of the array in a file of version 0.2."""
    file.attrs.update({"version_major": 0, "version_minor": 2})
    for description in _DESCRIPTIONS:
        file.create_group(description)
    file["comments"].create_dataset(NOTE, data=note)
    group = file.create_group(f"data/{name}")
    group.attrs["emd_group_type"] = 1
    return group


def _describe(file: Any, data: xr.DataArray) -> None:
    """Write what others look for beside the array: the microscope, the sample, the user."""
    said = data.attrs.get("metadata", {})
    beam, instrument, sample = (
        said.get(key, {}) if isinstance(said, Mapping) else {}
        for key in ("beam", "instrument", "sample")
    )
    entries = {
        "microscope": {"voltage": beam.get("voltage"), "name": instrument.get("model")},
        "sample": {"name": sample.get("name")},
        "user": {"name": said.get("operator")},
    }
    for place, values in entries.items():
        known = {
            key: value for key, value in values.items() if isinstance(value, str | int | float)
        }
        file[place].attrs.update(known)


def _write_axis(group: Any, key: str, data: xr.DataArray, dim: str, *, bracketed: bool) -> None:
    """Write the places of an axis: all of an uneven one, the first two of an even one."""
    line = even_line(data, dim)
    size = data.sizes[dim]
    places = np.arange(min(size, 2), dtype=np.float64)
    if line is not None:
        step = line.length / max(size, 1) * (-1 if line.descends else 1)
        places = (-line.offset if line.descends else line.offset) + step * places
    elif data.coords[dim].dtype.kind in "iuf":
        places = np.asarray(data.coords[dim].values)
    if bracketed and line is not None:  # ncempy wants all places
        places = places[:1] + step * np.arange(size)
    stored = group.create_dataset(key, data=places)
    units = str(data.coords[dim].attrs.get("units", "")) if dim in data.coords else ""
    stored.attrs.update({"name": dim, "units": f"[{units}]" if bracketed else units})
