"""Read signals of HyperSpy in Zarr stores: groups of an array, its axes, and nested metadata."""

from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.hspy.functional import formula_places
from omniscopy.io.hspy.ragged import filled_up
from omniscopy.io.hspy.signals import VARIANCE, channel_of, plain_attributes, plain_key, stored_axes
from omniscopy.io.records import Channel, Measurement
from omniscopy.io.zspy.arrays import (
    ChunkedArray,
    describe_array,
    open_array,
    read_lists,
    read_texts,
)
from omniscopy.io.zspy.stores import Store

EXPERIMENTS = "Experiments"
_DEEPEST, _MOST_ENTRIES, _LONGEST_LIST = 20, 4096, 4096
_LONGEST_AXIS = 10_000_000


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - what is there is read
    """Read a store of HyperSpy.

    Parameters
    ----------
    path : Path
        The folder, or the file that it is packed in.
    partial : bool
        Has no effect: a chunk that is not there was empty when it was written.

    Returns
    -------
    Measurement
        A channel for each experiment, navigation axes first, lazy. What was pickled into metadata
        is left out.

    Raises
    ------
    FormatError
        The store is damaged or holds no signal; `UnsupportedFormatError` where it is of another
        version of Zarr than 2, or packed in a way that is not known.
    """
    path = Path(path)
    store = Store(str(path))
    if store.size("zarr.json") is not None:
        message = "the store is of version 3 of Zarr, HyperSpy's are of version 2"
        raise UnsupportedFormatError(message, path=path)
    names = store.children(EXPERIMENTS)[:_MOST_ENTRIES]
    groups = [f"{EXPERIMENTS}/{name}" for name in names]
    made = [_channel(store, group) for group in groups if describe_array(store, f"{group}/data")]
    if not made:
        message = "there is no signal under 'Experiments'; the store is damaged"
        raise FormatError(message, path=path, key=EXPERIMENTS)
    roots = [root for _, root in made if root]
    return Measurement(
        channels=[channel for channel, _ in made], attrs=roots[0] if len(roots) == 1 else {}
    )


def _channel(store: Store, group: str) -> tuple[Channel, dict[str, Any]]:
    """Return a signal, and the attributes of the root that were saved with it."""
    name = f"{group}/data"
    found = read_lists(store, name)
    data = open_array(store, name) if found is None else None
    shape = data.shape if data is not None else (found or ((), []))[0]
    said = _tree(store, f"{group}/metadata")
    original = _tree(store, f"{group}/original_metadata")
    described = [_described(store, f"{group}/axis-{n}", size) for n, size in enumerate(shape)]
    axes = stored_axes(described, shape, said)
    title = group.rpartition("/")[2]
    if data is None:
        _, values = found or ((), [])
        _, forms = read_lists(store, f"{group}/_ragged_shapes_data") or ((), [])
        filled, further = filled_up(values, forms, shape, store.path)
        return channel_of(filled, axes, said, original, name=title, further=further)
    return channel_of(
        data, axes, said, original, name=title, variance=_variance(store, group, data)
    )


def _variance(store: Store, group: str, data: ChunkedArray) -> ChunkedArray | None:
    """Return the variance of each value, which HyperSpy keeps as a signal in the metadata."""
    name = f"{group}/{VARIANCE}"
    said = describe_array(store, name) or {}
    if said.get("shape") != list(data.shape):
        return None
    found = open_array(store, name)
    return found if found.dtype.kind in "iuf" else None


def _described(store: Store, group: str, size: int) -> tuple[dict[str, Any], np.ndarray | None]:
    """Return what is stored of an axis, and its places where it is uneven."""
    about = store.document(f"{group}/.zattrs")
    if "expression" in about:
        inner = store.document(f"{group}/x/.zattrs")
        return about, formula_places(about, inner, _places(store, f"{group}/x/axis", size), size)
    return about, _places(store, f"{group}/axis", size)


def _places(store: Store, name: str, size: int) -> np.ndarray | None:
    said = describe_array(store, name) or {}
    if said.get("shape") != [size] or size > _LONGEST_AXIS:
        return None
    return open_array(store, name)[(slice(None),)]


def _tree(store: Store, group: str, depth: int = 0) -> dict[str, Any]:
    """Return nested metadata; arrays of more than a few thousand values are left out."""
    if depth > _DEEPEST:
        return {}
    tree = plain_attributes(store.document(f"{group}/.zattrs"))
    tree = {plain_key(key)[0]: value for key, value in tree.items()}
    for name in store.children(group)[:_MOST_ENTRIES]:
        key, listed = plain_key(name)
        if describe_array(store, f"{group}/{name}"):
            tree[key] = _plain(store, f"{group}/{name}")
        else:
            inner = _tree(store, f"{group}/{name}", depth + 1)
            tree[key] = [inner[each] for each in sorted(inner)] if listed else inner
    return tree


def _plain(store: Store, name: str) -> Any:
    """Return the values of a short array, `None` where they are not plain."""
    texts = read_texts(store, name, _LONGEST_LIST)
    if texts is not None:
        return texts
    try:
        values = open_array(store, name)
        whole = tuple(slice(None) for _ in values.shape)
        small = int(np.prod(values.shape, dtype=object)) <= _LONGEST_LIST
        return values[whole].tolist() if small else None
    except FormatError:
        return None
