"""Looking into HDF5 files: whether they are of a kind, which groups they have, their arrays."""

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from omniscopy.io.arrays import Hdf5Array
from omniscopy.io.errors import FormatError
from omniscopy.io.storage.hdf5 import (
    MAX_DEPTH,
    MAX_OBJECTS,
    address,
    file_of,
    linked,
    names_in,
    open_hdf5,
    walk,
)
from omniscopy.io.storage.hdf5_groups import DESCRIPTIONS
from omniscopy.io.storage.hdf5_plain import UNREADABLE, read_attribute
from omniscopy.io.storage.hdf5_values import DEFLATE_RATIO, require_values

# A file of another kind may hold any number of objects; the first ones tell.
_LOOKED_AT = 1000
# Blank data that was never written takes no place in a file.
_SURELY_FITS = 2**30
# The entry of a file of NeXus is among its first members.
_FIRST = 8


def looks_inside(path: Path, check: Callable[[Any], bool]) -> bool:
    """Return what `check` says of an open HDF5 file, false where it cannot be opened."""
    try:
        with open_hdf5(path) as file:
            return check(file)
    except FormatError:
        return False


def holds_layout(path: Path, layout: str, is_main: Callable[[Any], bool]) -> bool:
    """Return whether a file of HDF5 has a layout, as we note it, or has a main dataset of it."""

    def check(file: Any) -> bool:
        noted = read_attribute(file, "omniscopy_layout")
        if noted is not UNREADABLE:
            return bool(noted == layout)
        return any(map(is_main, walk_unless_nexus(file, without=DESCRIPTIONS, limit=_LOOKED_AT)))

    return looks_inside(path, check)


def walk_unless_nexus(file: Any, **options: Any) -> Iterator[Any]:
    """Yield what `walk` does, and nothing of a file whose first groups say that it is of NeXus.

    Such files hold hundreds of small objects, in which other formats need not look for theirs.
    """
    first = itertools.islice(members(file), _FIRST)
    if not any(read_attribute(each, "NX_class") == "NXentry" for _, each in first):
        yield from walk(file, **options)


def walk_groups(root: Any) -> Iterator[Any]:
    """Yield a group and all groups in it, each once, parents first; links are not followed."""
    import h5py

    waiting, seen = deque([(root, 0)]), set()
    while waiting:
        group, depth = waiting.popleft()
        place = address(group)
        if place in seen:
            continue
        seen.add(place)
        if len(seen) > MAX_OBJECTS or depth > MAX_DEPTH:
            message = f"more than {MAX_OBJECTS} groups, or more than {MAX_DEPTH} in each other"
            raise FormatError(message, path=root.file.filename, key=group.name)
        yield group
        waiting += [(each, depth + 1) for _, each in members(group) if isinstance(each, h5py.Group)]


def members(group: Any) -> Iterator[tuple[str, Any]]:
    """Yield the names and objects that are in a group itself."""
    for name in names_in(group):
        member = linked(group, name)
        if member is not None:
            yield name, member


def handle_of(dataset: Any) -> Hdf5Array:
    """Return the handle of a dataset, after its size was compared with that of the file."""
    require_values(dataset)
    there = Path(file_of(dataset)).stat().st_size
    if math.prod(dataset.shape) * dataset.dtype.itemsize > there * DEFLATE_RATIO + _SURELY_FITS:
        message = (
            f"an array of shape {dataset.shape} of {dataset.dtype} cannot be in a file of "
            f"{there} bytes; its header is damaged"
        )
        raise FormatError(message, path=dataset.file.filename, key=dataset.name)
    return Hdf5Array.of(dataset)
