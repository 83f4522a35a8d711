"""Whether an HDF5 file is of NeXus."""

from pathlib import Path
from typing import Any

from omniscopy.io.nexus.groups import attribute, class_of
from omniscopy.io.storage.hdf5 import walk
from omniscopy.io.storage.hdf5_access import looks_inside

# The entry is among the first objects of a file.
_LOOKED_AT = 64


def matches(path: Path) -> bool:
    """Return whether a file has an entry of NeXus, or the extension that only NeXus has."""
    return path.suffix.lower() == ".nxs" or looks_inside(path, _is_nexus)


def _is_nexus(file: Any) -> bool:
    return any(_is_marked(found) for found in walk(file, limit=_LOOKED_AT))


def _is_marked(found: Any) -> bool:
    """Return whether an object has a class of NeXus, or says its own path as its libraries do."""
    return class_of(found) in ("NXroot", "NXentry") or attribute(found, "target") == found.name
