"""Writing one array as a signal of HyperSpy."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from dask.utils import SerializableLock

from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.io.hspy.conventions import METADATA, nested
from omniscopy.io.hspy.probe import EXPERIMENTS
from omniscopy.io.hspy.reader import NOTE
from omniscopy.io.names import slug
from omniscopy.io.regular import even_line
from omniscopy.io.single_arrays import describe_array, only_array
from omniscopy.io.storage.stored import ChunkedTarget, native_chunks, stream
from omniscopy.model.checks import dims_of_role, kind_of_dim

_VERSION = "3.1"


def write(tree: xr.DataTree, path: Path, *, compression: str | None = "gzip") -> None:
    """Write the one array of a tree as a signal of HyperSpy, streaming lazy values.

    Parameters
    ----------
    tree : DataTree
        One array of numbers. Its signal dimensions (the last two spatial ones where it has
        none) become the signal axes; they are written last, and so are read back.
    path : Path
        The file to write.
    compression : {"gzip", "lzf"} or None
        Of the values.

    Raises
    ------
    UnsupportedFormatError
        There is more than one variable, or it holds no numbers.
    """
    import h5py

    data = only_array(tree, what="a file of HyperSpy", ndims=range(1, 16))
    if data.dtype.kind not in "biufc":
        message = f"a file of HyperSpy holds numbers, not values of type {data.dtype}"
        raise UnsupportedFormatError(message)
    inner = _signal_dims(data)
    data = data.transpose(..., *inner)
    values, chunks = native_chunks(data.data)
    with h5py.File(path, "w") as file:
        file.attrs.update({"file_format": "HyperSpy", "file_format_version": _VERSION})
        title = str(data.attrs.get("long_name") or data.name or "signal")
        group = file.create_group(f"{EXPERIMENTS}/{slug(title)}")
        group.attrs.update({"package": "omniscopy", "package_version": ""})
        stored = group.create_dataset(
            "data", data.shape, data.dtype, chunks=chunks if data.size else None,
            compression=compression if data.size else None,
        )  # fmt: skip
        for number, dim in enumerate(map(str, data.dims)):
            _write_axis(group.create_group(f"axis-{number}"), data, dim, navigate=dim not in inner)
        _write_tree(group.create_group("metadata"), _metadata(data, title, len(inner)))
        notes = group.create_group("original_metadata")
        notes.create_dataset(NOTE, data=describe_array(tree, data), dtype=h5py.string_dtype())
        if data.size:
            stream([(values, ChunkedTarget(stored, chunks))], lock=SerializableLock())


def _signal_dims(data: xr.DataArray) -> list[str]:
    inner = [str(dim) for dim in dims_of_role(data, "signal")]
    spatial = [str(dim) for dim in data.dims if kind_of_dim(data, str(dim)) == "spatial"]
    return inner or spatial[-2:] or [str(data.dims[-1])]


def _write_axis(group: Any, data: xr.DataArray, dim: str, *, navigate: bool) -> None:
    line = even_line(data, dim)
    said: dict[str, Any] = {"name": dim, "navigate": navigate, "is_binned": False}
    units = data.coords[dim].attrs.get("units") if dim in data.coords else None
    said["units"] = str(units) if units else "_None_"
    group.attrs["size"] = data.sizes[dim]
    if line is not None:
        step = line.length / max(line.size, 1) * (-1 if line.descends else 1)
        said |= {"_type": "UniformDataAxis", "scale": step or 1.0}
        said["offset"] = -line.offset if line.descends else line.offset
    elif data.coords[dim].dtype.kind in "iuf":
        said["_type"] = "DataAxis"
        group.create_dataset("axis", data=np.asarray(data.coords[dim].values))
    else:
        said |= {"_type": "UniformDataAxis", "scale": 1.0, "offset": 0.0}
    group.attrs.update(said)


def _metadata(data: xr.DataArray, title: str, inner: int) -> dict[str, Any]:
    own = data.attrs.get("metadata", {})
    quantity, units = data.attrs.get("quantity"), data.attrs.get("units")
    made: dict[str, Any] = {
        "General": {"title": title},
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


_SIGNAL_TYPES = {"EELS": "EELS", "EDS": "EDS_TEM"}


def _write_tree(group: Any, tree: Mapping[str, Any]) -> None:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            _write_tree(group.create_group(key), value)
        else:
            group.attrs[key] = value
