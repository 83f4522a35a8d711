"""Whether an HDF5 file is of NeXus."""

import itertools
from pathlib import Path
from typing import Any

from omniscopy.io.hdf5_tree import looks_inside
from omniscopy.io.nexus.groups import class_of

# The entry is among the first groups of a file.
_LOOKED_AT = 64


def matches(path: Path) -> bool:
    """Return whether a file has an entry of NeXus, or the extension that only NeXus has."""
    return path.suffix.lower() == ".nxs" or looks_inside(path, _has_entry)


def _has_entry(file: Any) -> bool:
    if class_of(file) == "NXroot":
        return True
    firsts = itertools.islice(file, _LOOKED_AT)
    return any(class_of(file.get(name)) == "NXentry" for name in firsts)
