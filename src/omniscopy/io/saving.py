"""Keeping results: labelled data into an open file, streamed and all at once or not at all."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, overload

import xarray as xr

from omniscopy.io.atomic import atomic_target, remote_target
from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.io.manifests import Format, all_formats, find_format
from omniscopy.io.names import slug
from omniscopy.io.opening import open
from omniscopy.io.remote import Place, RemotePath, is_url, locate
from omniscopy.io.tree import SIGNAL
from omniscopy.model.errors import DataError
from omniscopy.model.provenance import records

# What was saved, so that it can be given back as the same kind of object.
SAVED_AS = "saved_as"

Saved = xr.DataArray | xr.Dataset | xr.DataTree


@overload
def save(obj: Saved, path: Path, **options: Any) -> Path: ...


@overload
def save(obj: Saved, path: str, **options: Any) -> Path | str: ...


def save(
    obj: Saved,
    path: str | Path,
    *,
    format: str | None = None,
    overwrite: bool = False,
    storage_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> Path | str:
    """Save labelled data with its metadata and history; lazy data is streamed, never gathered.

    Parameters
    ----------
    obj : DataArray, Dataset or DataTree
        What to save.
    path : str or Path
        Where to; its extension says the format unless `format` does. Zarr is also written to
        the URL of an object store, such as ``"s3://bucket/name.zarr"``.
    format : str, optional
        A writable format of `omniscopy.io.formats()`, such as `"nsid"` or `"zarr"`.
    overwrite : bool
        Replace a file that is there.
    storage_options : mapping, optional
        Options of fsspec for a URL, such as keys; they are recorded nowhere.
    **options
        Further options of the writer, such as `compression`.

    Returns
    -------
    Path or str
        The file that was written, a URL as it was given. A file appears when it is complete: a
        crash leaves the old one or none. A store behind a URL is none before it is complete;
        one that is replaced is deleted first.

    Raises
    ------
    FileExistsError
        The file is there and `overwrite` is false.
    DataError
        The file is one that the data come from: raw data are never written to.
    UnsupportedFormatError
        The extension is of no writable format, or the format cannot hold this data.
    """
    place = locate(path, storage_options).absolute()
    form = find_format(format) if format else format_for(place)
    refuse_own_source(obj, place)
    if isinstance(place, Path):
        for suffix in form.companions:
            refuse_own_source(obj, place.with_suffix(suffix))
    tree = as_tree(obj)
    write: Callable[..., None] = form.writer()
    if isinstance(place, RemotePath):
        if not form.remote:
            message = f"{form.title} files cannot be written to a URL; use the extension .zarr"
            raise UnsupportedFormatError(message, path=place)
        with remote_target(place, overwrite=overwrite) as target:
            write(tree, target, **options)
        return place.url
    with atomic_target(place, overwrite=overwrite, companions=form.companions) as temporary:
        write(tree, temporary, **options)
    return Path(path) if not is_url(path) else place


def convert(
    source: str | Path,
    target: str | Path,
    *,
    format: str | None = None,
    overwrite: bool = False,
    storage_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> Path | str:
    """Convert a file of any instrument into an open format, with all its channels.

    Parameters
    ----------
    source, target : str or Path
        The file to read, and the one to write; either may be the URL of a Zarr store.
    format, overwrite
        As for `save`.
    storage_options : mapping, optional
        Options of fsspec, for whichever is a URL.
    **options
        Options of the reader.

    Returns
    -------
    Path or str
        The file that was written.
    """
    given, taken = (storage_options if is_url(each) else None for each in (source, target))
    if storage_options and not (given or taken):
        locate(source, storage_options)
    tree = open(source, storage_options=given, **options)
    return save(tree, target, format=format, overwrite=overwrite, storage_options=taken)


def as_tree(obj: Any) -> xr.DataTree:
    """Return `obj` as a tree that remembers what it was made of."""
    if isinstance(obj, xr.DataTree):
        tree = obj.copy(deep=False)
        tree.attrs = {**tree.attrs, SAVED_AS: "tree"}
        return tree
    if isinstance(obj, xr.Dataset):
        name = slug(str(obj.attrs.get("long_name") or _operation(obj) or "result"))
        root = xr.Dataset(attrs={SAVED_AS: "dataset"})
        return xr.DataTree.from_dict({"/": root, f"/{name}": obj})
    if isinstance(obj, xr.DataArray):
        title = obj.attrs.get("long_name") or obj.name or "signal"
        root = xr.Dataset(attrs={SAVED_AS: "array"})
        own = None if obj.name is None else str(obj.name)
        array = obj.assign_attrs(name=own) if own is not None else obj
        node = array.rename(SIGNAL).to_dataset()
        return xr.DataTree.from_dict({"/": root, f"/{slug(str(obj.name or title))}": node})
    message = f"expected a DataArray, Dataset or DataTree, got {type(obj).__name__}"
    raise DataError(message)


def from_tree(tree: xr.DataTree) -> xr.DataArray | xr.Dataset | xr.DataTree:
    """Return what `as_tree` was given."""
    kind = tree.attrs.get(SAVED_AS, "tree")
    children = list(tree.children.values())
    if kind == "tree" or len(children) != 1:
        return tree
    dataset = children[0].to_dataset()
    if kind == "dataset":
        return dataset
    array = dataset[SIGNAL]
    attrs = dict(array.attrs)
    return array.rename(attrs.pop("name", None)).drop_attrs(deep=False).assign_attrs(attrs)


def _operation(obj: xr.Dataset) -> str | None:
    steps = records(obj)
    return steps[-1]["operation"].rpartition(".")[2] if steps else None


def format_for(path: Place) -> Format:
    """Return the format that is written with the extension of `path`."""
    writable = [form for form in all_formats().values() if form.writes]
    for form in writable:
        if any(path.name.lower().endswith(extension) for extension in form.extensions):
            return form
    known = sorted({extension for form in writable for extension in form.extensions})
    message = (
        f"no format is written with the extension {Path(path.name).suffix!r}; use one of "
        f"{', '.join(known)}, or name the format with `format=`"
    )
    raise UnsupportedFormatError(message)


def refuse_own_source(obj: Any, path: Place) -> None:
    """Raise where `path` is a file that `obj` was made from."""
    if isinstance(path, Path) and not path.exists():
        return
    for step in records(obj):
        for reference in step["inputs"].values():
            file = reference.get("file") if isinstance(reference, dict) else None
            if file and _is_same(file, path):
                message = f"{path} is a source of this data and is not written to; save elsewhere"
                raise DataError(message)


def _is_same(file: str, path: Place) -> bool:
    if isinstance(path, RemotePath) or is_url(file):
        return file == str(path)
    return Path(file).exists() and Path(file).samefile(path)
