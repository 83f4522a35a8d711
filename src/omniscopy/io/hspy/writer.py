"""Writing one array as a signal of HyperSpy."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr
from dask.utils import SerializableLock

from omniscopy.io.hspy.descriptions import describe_axis, describe_signal, only_signal, title_of
from omniscopy.io.hspy.probe import EXPERIMENTS
from omniscopy.io.hspy.signals import NOTE
from omniscopy.io.names import slug
from omniscopy.io.single_arrays import describe_array
from omniscopy.io.storage.stored import ChunkedTarget, native_chunks, stream

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

    data, inner = only_signal(tree, what="a file of HyperSpy")
    values, chunks = native_chunks(data.data)
    with h5py.File(path, "w") as file:
        file.attrs.update({"file_format": "HyperSpy", "file_format_version": _VERSION})
        group = file.create_group(f"{EXPERIMENTS}/{slug(title_of(data))}")
        group.attrs.update({"package": "omniscopy", "package_version": ""})
        stored = group.create_dataset(
            "data", data.shape, data.dtype, chunks=chunks if data.size else None,
            compression=compression if data.size else None,
        )  # fmt: skip
        for number, dim in enumerate(map(str, data.dims)):
            said, places = describe_axis(data, dim, navigate=dim not in inner)
            axis = group.create_group(f"axis-{number}")
            axis.attrs.update(said)
            if places is not None:
                axis.create_dataset("axis", data=places)
        _write_tree(group.create_group("metadata"), describe_signal(data, len(inner)))
        notes = group.create_group("original_metadata")
        notes.create_dataset(NOTE, data=describe_array(tree, data), dtype=h5py.string_dtype())
        if data.size:
            stream([(values, ChunkedTarget(stored, chunks))], lock=SerializableLock())


def _write_tree(group: Any, tree: Mapping[str, Any]) -> None:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            _write_tree(group.create_group(key), value)
        else:
            group.attrs[key] = value
