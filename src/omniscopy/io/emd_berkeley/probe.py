"""Whether an HDF5 file is laid out as the EMD files of Berkeley are."""

from pathlib import Path
from typing import Any

from omniscopy.io.emd_berkeley.layouts import group_type
from omniscopy.io.storage.hdf5_access import looks_inside, walk_unless_nexus

# The groups that are marked are among the first objects of a file.
_LOOKED_AT = 512


def matches(path: Path) -> bool:
    """Return whether a group of the file says of what type of EMD it is."""
    return looks_inside(path, _is_marked)


def _is_marked(file: Any) -> bool:
    return any(group_type(found) for found in walk_unless_nexus(file, limit=_LOOKED_AT))
