"""Keeping results: labelled data into an open file, streamed and all at once or not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import xarray as xr

from omniscopy.io.atomic import atomic_target
from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.io.manifests import Format, all_formats, find_format
from omniscopy.io.names import slug
from omniscopy.io.opening import open
from omniscopy.io.tree import SIGNAL
from omniscopy.model.errors import DataError
from omniscopy.model.provenance import records

# What was saved, so that it can be given back as the same kind of object.
SAVED_AS = "saved_as"


def save(
    obj: xr.DataArray | xr.Dataset | xr.DataTree,
    path: str | Path,
    *,
    format: str | None = None,
    overwrite: bool = False,
    **options: Any,
) -> Path:
    """Save labelled data with its metadata and history; lazy data is streamed, never gathered.

    Parameters
    ----------
    obj : DataArray, Dataset or DataTree
        What to save.
    path : str or Path
        Where to; its extension says the format unless `format` does.
    format : str, optional
        A writable format of `omniscopy.io.formats()`, such as `"nsid"` or `"zarr"`.
    overwrite : bool
        Replace a file that is there.
    **options
        Further options of the writer, such as `compression`.

    Returns
    -------
    Path
        The file that was written. It appears when it is complete: a crash leaves the old one
        or none.

    Raises
    ------
    FileExistsError
        The file is there and `overwrite` is false.
    DataError
        The file is one that the data come from: raw data are never written to.
    UnsupportedFormatError
        The extension is of no writable format, or the format cannot hold this data.
    """
    path = Path(path)
    form = find_format(format) if format else _format_for(path)
    _refuse_own_source(obj, path)
    tree = as_tree(obj)
    write: Callable[..., None] = form.writer()
    with atomic_target(path, overwrite=overwrite) as temporary:
        write(tree, temporary, **options)
    return path


def convert(
    source: str | Path,
    target: str | Path,
    *,
    format: str | None = None,
    overwrite: bool = False,
    **options: Any,
) -> Path:
    """Convert a file of any instrument into an open format, with all its channels.

    Parameters
    ----------
    source, target : str or Path
        The file to read, and the one to write.
    format, overwrite
        As for `save`.
    **options
        Options of the reader.

    Returns
    -------
    Path
        The file that was written.
    """
    return save(open(source, **options), target, format=format, overwrite=overwrite)


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


def _format_for(path: Path) -> Format:
    writable = [form for form in all_formats().values() if form.writes]
    for form in writable:
        if any(path.name.lower().endswith(extension) for extension in form.extensions):
            return form
    known = sorted({extension for form in writable for extension in form.extensions})
    message = (
        f"no format is written with the extension {path.suffix!r}; use one of "
        f"{', '.join(known)}, or name the format with `format=`"
    )
    raise UnsupportedFormatError(message)


def _refuse_own_source(obj: Any, path: Path) -> None:
    if not path.exists():
        return
    for step in records(obj):
        for reference in step["inputs"].values():
            file = reference.get("file") if isinstance(reference, dict) else None
            if file and Path(file).exists() and Path(file).samefile(path):
                message = f"{path} is a source of this data and is not written to; save elsewhere"
                raise DataError(message)
