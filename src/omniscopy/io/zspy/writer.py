"""Writing one array as a signal of HyperSpy in a Zarr store of version 2."""

import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.io.hspy.descriptions import describe_axis, describe_signal, only_signal, title_of
from omniscopy.io.hspy.signals import NOTE
from omniscopy.io.names import slug
from omniscopy.io.single_arrays import describe_array
from omniscopy.io.storage.stored import ChunkedTarget, native_chunks, stream
from omniscopy.io.zspy.reader import EXPERIMENTS

_VERSION = "3.3"
# What tells a packed store comes first.
_FIRST = (".zgroup", ".zattrs")


def write(tree: xr.DataTree, path: Path, *, packed: bool = False) -> None:
    """Write the one array of a tree as a store of HyperSpy, streaming lazy values.

    Parameters
    ----------
    tree : DataTree
        One array of numbers. Its signal dimensions (the last two spatial ones where it has
        none) become the signal axes; they are written last, and so are read back.
    path : Path
        The folder to write.
    packed : bool
        Write one file instead, with the folder packed in it.

    Raises
    ------
    UnsupportedFormatError
        There is more than one variable, or it holds no numbers.
    """
    data, inner = only_signal(tree, what="a store of HyperSpy")
    if not packed:
        _write_folder(tree, data, inner, path)
        return
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f"{path.stem}-") as folder:
        _write_folder(tree, data, inner, Path(folder))
        _pack(Path(folder), path)


def _write_folder(tree: xr.DataTree, data: xr.DataArray, inner: list[str], folder: Path) -> None:
    import zarr
    from numcodecs import Blosc  # type: ignore[import-untyped]

    values, chunks = native_chunks(data.data)
    root = zarr.open_group(str(folder), mode="w", zarr_format=2)
    root.update_attributes({"file_format": "ZSpy", "file_format_version": _VERSION})
    group = root.create_group(EXPERIMENTS).create_group(slug(title_of(data)))
    group.update_attributes({"package": "omniscopy", "package_version": ""})
    stored = group.create_array(
        "data",
        shape=values.shape,
        dtype=values.dtype,
        chunks=tuple(max(n, 1) for n in chunks),
        compressors=Blosc(cname="zstd", clevel=1),
        chunk_key_encoding={"name": "v2", "separator": "/"},
        config={"write_empty_chunks": True},
    )
    for number, dim in enumerate(map(str, data.dims)):
        said, places = describe_axis(data, dim, navigate=dim not in inner)
        axis = group.create_group(f"axis-{number}")
        axis.update_attributes(_plain(said))
        if places is not None:
            axis.create_array("axis", data=places, compressors=None)
    _write_tree(group.create_group("metadata"), describe_signal(data, len(inner)))
    notes = group.create_group("original_metadata")
    notes.update_attributes({NOTE: describe_array(tree, data)})
    for name in ("learning_results", "attributes"):
        group.create_group(name)
    if data.size:
        stream([(values, ChunkedTarget(stored, chunks))])


def _write_tree(group: Any, tree: Mapping[str, Any]) -> None:
    group.update_attributes(
        _plain({key: value for key, value in tree.items() if not isinstance(value, Mapping)})
    )
    for key, value in tree.items():
        if isinstance(value, Mapping):
            _write_tree(group.create_group(key), value)


def _plain(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes as JSON has them."""
    return {
        key: value.item() if isinstance(value, np.generic) else value for key, value in said.items()
    }


def _pack(folder: Path, path: Path) -> None:
    """Put the files of a folder in one file, as they are."""
    files = [each for each in folder.rglob("*") if each.is_file()]
    names = sorted(each.relative_to(folder).as_posix() for each in files)
    names.sort(key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in names:
            archive.write(folder / name, name)
