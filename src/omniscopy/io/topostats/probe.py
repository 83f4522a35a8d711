"""Whether an HDF5 file was written by TopoStats."""

from pathlib import Path
from typing import Any

from omniscopy.io.storage.hdf5_access import looks_inside
from omniscopy.io.storage.hdf5_numbers import member

# Of the file until version 0.3, of the program after that.
VERSIONS = ("topostats_file_version", "topostats_version")


def matches(path: Path) -> bool:
    """Return whether a file states a version of TopoStats, and the size of a pixel."""
    return looks_inside(path, _is_processed)


def _is_processed(file: Any) -> bool:
    stated = any(member(file, name) is not None for name in VERSIONS)
    return stated and member(file, "pixel_to_nm_scaling") is not None
