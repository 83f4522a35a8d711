"""Read signals of HyperSpy in Zarr stores: groups of an array, its axes, and nested metadata."""

from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.hspy.signals import channel_of, plain_attributes, plain_key, stored_axes
from omniscopy.io.records import Channel, Measurement
from omniscopy.io.zspy.arrays import describe_array, open_array, read_texts
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
    data = open_array(store, f"{group}/data")
    said = _tree(store, f"{group}/metadata")
    original = _tree(store, f"{group}/original_metadata")
    described = [_described(store, f"{group}/axis-{n}", size) for n, size in enumerate(data.shape)]
    axes = stored_axes(described, data.shape, said)
    return channel_of(data, axes, said, original, name=group.rpartition("/")[2])


def _described(store: Store, group: str, size: int) -> tuple[dict[str, Any], np.ndarray | None]:
    """Return what is stored of an axis, and its places where it is uneven."""
    about = store.document(f"{group}/.zattrs")
    said = describe_array(store, f"{group}/axis") or {}
    if said.get("shape") != [size] or size > _LONGEST_AXIS:
        return about, None
    return about, open_array(store, f"{group}/axis")[(slice(None),)]


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
