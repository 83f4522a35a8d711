"""Whether an HDF5 file holds arrays of numbers."""

from pathlib import Path
from typing import Any

from omniscopy.io.storage.hdf5 import walk
from omniscopy.io.storage.hdf5_access import looks_inside
from omniscopy.io.storage.hdf5_numbers import is_array


def matches(path: Path) -> bool:
    """Return whether there is an array, whatever else there is."""
    return looks_inside(path, _has_arrays)


def _has_arrays(file: Any) -> bool:
    return any(is_array(found) for found in walk(file))
