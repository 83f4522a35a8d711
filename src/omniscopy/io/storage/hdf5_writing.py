"""Writing trees into HDF5: datasets that are streamed to, and what restores a node."""

import json
import math
import re
from collections.abc import Container, Mapping
from typing import Any

import h5py
import numpy as np

from omniscopy.io.storage.attributes import plain_attrs
from omniscopy.io.storage.hdf5_groups import write_attribute, write_group
from omniscopy.io.storage.hdf5_nodes import (
    CURRENT_VERSION,
    IS_NODE,
    LAYOUT,
    NODE,
    PRIVATE,
    SIGNAL,
    VERSION,
)
from omniscopy.io.storage.stored import ChunkedTarget, StoredNode, StoredVariable, native_chunks
from omniscopy.model.errors import DataError
from omniscopy.model.provenance import PROVENANCE

# Shorter runs of a block make a contiguous dataset slow to write; chunks are used then.
LONG_RUN = 64 * 2**10

# Headers have checksums since HDF5 1.8, so that damage to them is found.
LIBRARY = ("v108", "v114")

Pair = tuple[Any, ChunkedTarget]


def create_values(
    group: Any, name: str, values: Any, *, compression: str | None = None
) -> tuple[Any, Pair]:
    """Return a new dataset, and the values with the place that they are to be streamed to.

    Blocks of lazy values that are cut evenly are written as they are; a dataset without
    compression is contiguous unless its blocks are scattered pieces of it.
    """
    values, chunks = native_chunks(values)
    shape = tuple(values.shape)
    if not shape or not math.prod(shape) or (compression is None and _has_long_runs(values)):
        dataset = group.create_dataset(name, shape=shape, dtype=values.dtype)
        return dataset, (values, ChunkedTarget(dataset, tuple(max(n, 1) for n in shape)))
    dataset = group.create_dataset(
        name,
        shape=shape,
        dtype=values.dtype,
        chunks=chunks,
        compression=compression,
        shuffle=compression is not None,
        fletcher32=compression is not None,
    )
    return dataset, (values, ChunkedTarget(dataset, chunks))


def write_texts(group: Any, name: str, texts: np.ndarray) -> Any:
    """Write an array of text as a dataset, which is returned."""
    kind = h5py.string_dtype()
    dataset = group.create_dataset(name, shape=texts.shape, dtype=kind)
    try:
        if texts.size:
            dataset[...] = texts
    except (ValueError, UnicodeError, TypeError) as error:
        message = f"text of {name!r} cannot be saved in HDF5: {error}"
        raise DataError(message) from error
    return dataset


def require_compression(compression: str | None) -> None:
    """Raise unless HDF5 itself has this compression."""
    if compression not in (None, "gzip", "lzf"):
        message = f"compression must be 'gzip', 'lzf' or None, got {compression!r}"
        raise DataError(message)


def mark_layout(file: Any, layout: str) -> None:
    """Say in a file which layout it has, and that it keeps a tree."""
    file.attrs[LAYOUT] = layout
    file.attrs[VERSION] = CURRENT_VERSION


def keep_node(group: Any, node: StoredNode, places: Mapping[str, Mapping[str, Any]]) -> None:
    """Write beside its datasets what restores a node.

    `places` says for each variable `at` (its dataset, from the group) and whatever else the
    reader of the layout has to know.
    """
    described = {
        "path": node.path,
        "attrs": plain_attrs(node.attrs),
        "variables": {
            name: {
                **places[name],
                "dims": list(variable.dims),
                "note": variable.note,
                "attrs": plain_attrs(variable.attrs),
            }
            for name, variable in node.variables.items()
        },
    }
    text = json.dumps(described, allow_nan=False).encode()
    kind = h5py.string_dtype("utf-8", len(text))
    private = group.require_group(PRIVATE)
    name = link_name(NODE, private)
    private.create_dataset(name, data=np.array(text, dtype=kind), dtype=kind)


def keep_aside(group: Any, variable: StoredVariable, pairs: list[Pair]) -> str:
    """Write what the layout has no place for; return where it is, from the group."""
    private = group.require_group(PRIVATE)
    stem = f"{variable.name}_values" if IS_NODE.fullmatch(variable.name) else variable.name
    name = link_name(stem, private)
    if variable.is_text:
        write_texts(private, name, variable.values)
    else:
        pairs.append(create_values(private, name, variable.values)[1])
    return f"{PRIVATE}/{name}"


def link_name(name: str, taken: Container[str]) -> str:
    """Return `name` as one that HDF5 allows for a link, and that is not taken."""
    stem = re.sub(r"[/\0]", "_", name).strip() or "_"
    stem = found = f"{stem}_" if stem in (".", "..") or stem.startswith(PRIVATE) else stem
    number = 1
    while found in taken:
        found, number = f"{stem}_{number}", number + 1
    return found


def write_descriptions(group: Any, node: StoredNode, root: Mapping[str, Any]) -> None:
    """Write metadata and history as groups of attributes, for other programs to read."""
    main = node.variables.get(SIGNAL)
    own = {**node.attrs, **(main.attrs if main is not None else {})}
    for key in ("metadata", "original_metadata"):
        merged = {**_mapping(root.get(key)), **_mapping(own.get(key))}
        if merged:
            write_group(group, key, merged)
    steps = [step for step in own.get(PROVENANCE) or [] if isinstance(step, Mapping)]
    if steps:
        write_group(group, PROVENANCE, dict(_history_entry(step) for step in steps))


def thumbnail_of(root: Mapping[str, Any]) -> np.ndarray | None:
    """Return the small colour image of the tree's content, where it has one."""
    image = root.get("thumbnail")
    fits = isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3
    return image if fits else None


def write_words(found: Any, **said: Any) -> None:
    """Write attributes that the layouts want as text; what is unknown is "generic"."""
    for name, value in said.items():
        text = str(value).replace("\0", "") if value is not None else ""
        write_attribute(found, name, text or "generic")


def _history_entry(step: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return a record of a history the way the original packages note one."""
    files = [
        each["file"]
        for each in _mapping(step.get("inputs")).values()
        if isinstance(each, Mapping) and "file" in each
    ]
    entry = {"package": "omniscopy", "version": step.get("version"), "id": step.get("id")}
    return f"{step.get('operation')}_{step.get('time')}_{str(step.get('id'))[:8]}", {
        **entry,
        "linked_data": files or None,
    }


def _has_long_runs(values: Any) -> bool:
    """Return whether every block is made of long contiguous pieces of the whole array."""
    blocks = getattr(values, "chunks", None)
    if not isinstance(blocks, tuple):
        return True
    split = [axis for axis, lengths in enumerate(blocks) if len(lengths) > 1]
    if len(split) == 0 or split == [0]:
        return True
    run = math.prod(max(lengths) for lengths in blocks[split[-1] :])
    return bool(run * values.dtype.itemsize >= LONG_RUN)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
