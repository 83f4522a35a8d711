"""Groups of attributes as nested dictionaries, read and written."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from omniscopy.io.storage.hdf5 import DAMAGE, MAX_DEPTH, address, linked, names_in
from omniscopy.io.storage.hdf5_plain import ATTRIBUTE_BYTES, MAX_ENTRIES, plain, read_attributes
from omniscopy.io.storage.hdf5_values import load

# Written on every object by the original packages; says nothing about the measurement.
BOOK_KEEPING = frozenset(
    {"machine_id", "timestamp", "platform", "sidpy_version", "pyNSID_version", "pyUSID_version"}
)

# Groups of attributes, in which there is no data to be found.
DESCRIPTIONS = frozenset({"metadata", "original_metadata", "provenance", "point_cloud"})


def read_group(group: Any, *, without: frozenset[str] = frozenset()) -> Any:
    """Return a group of attributes as a nested dictionary; sub-groups 0, 1, … are a list."""
    return _read_group(group, without, [MAX_ENTRIES], {address(group)})


def _read_group(group: Any, without: frozenset[str], left: list[int], above: set[int]) -> Any:
    import h5py

    found = read_attributes(group, without=without)
    left[0] -= len(found) + 1
    children: dict[str, Any] = {}
    for name in names_in(group):
        if left[0] <= 0 or len(above) >= MAX_DEPTH:
            break
        with suppress(*DAMAGE):
            child = linked(group, name)
            if child is None or address(child) in above:
                continue
            if isinstance(child, h5py.Group):
                children[name] = _read_group(child, without, left, above | {address(child)})
            elif child.size is not None and child.size <= MAX_ENTRIES:
                children[name] = plain(load(child), child)
    numbered = [str(number) for number in range(len(children))]
    if children and not found and sorted(children) == sorted(numbered):
        return [children[number] for number in numbered]
    return {**found, **children}


def read_ancestors(groups: Iterable[Any]) -> dict[str, Any]:
    """Return the attributes of all groups above some groups, nested as the groups are."""
    groups = list(groups)
    tree: dict[str, Any] = {}
    for path in sorted({above for group in groups for above in groups_above(group.name)}):
        found = read_attributes(groups[0].file[path], without=BOOK_KEEPING)
        if found:
            inner = tree
            for part in path.strip("/").split("/") if path != "/" else ():
                inner = inner.setdefault(part, {})
            inner.update(found)
    return tree


def groups_above(path: str) -> list[str]:
    """Return the paths of all groups above one: "/" and "/a" for "/a/b"."""
    parts = path.strip("/").split("/")[:-1]
    return ["/" + "/".join(parts[:number]) for number in range(len(parts) + 1)]


def write_group(parent: Any, name: str, content: Any) -> None:
    """Write a nested dictionary as a group of attributes, for other programs to read.

    What an attribute cannot hold is left out: `None`, and values of 64 kB and more.
    """
    if name in parent:
        return
    group = parent.create_group(name)
    items = content.items() if isinstance(content, Mapping) else enumerate(content)
    for key, value in items:
        word = re.sub(r"[/\0]", "_", str(key).strip()) or "_"
        word = "_" if word in (".", "..") else word
        if _is_nested(value):
            write_group(group, word, value)
        else:
            write_attribute(group, word, value)


def write_attribute(found: Any, name: str, value: Any) -> None:
    """Write an attribute in the way of the open formats; one that HDF5 cannot hold is left out."""
    with suppress(TypeError, ValueError, OSError, RuntimeError, OverflowError):
        if value is None:
            return
        if isinstance(value, list | tuple) and any(isinstance(item, str) for item in value):
            value = np.array([str(item).encode() for item in value])
        if isinstance(value, str):
            value = value.replace("\0", "")
        size = len(value.encode()) if isinstance(value, str) else np.asarray(value).nbytes
        if size < ATTRIBUTE_BYTES and not (isinstance(value, np.ndarray) and not value.size):
            found.attrs[name] = value


def _is_nested(value: Any) -> bool:
    if isinstance(value, Mapping):
        return True
    return isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value)
