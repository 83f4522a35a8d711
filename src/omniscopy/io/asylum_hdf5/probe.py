"""Telling Asylum Research's force maps from other HDF5 files."""

from pathlib import Path

from omniscopy.io.errors import FormatError
from omniscopy.io.storage.hdf5 import linked, open_hdf5


def matches(path: Path) -> bool:
    """Return whether an HDF5 file has a note and a force map with its segments."""
    try:
        with open_hdf5(path) as file:
            maps = linked(file, "ForceMap") if "Note" in file.attrs else None
            first = None if maps is None else linked(maps, "0")
            return first is not None and linked(first, "Segments") is not None
    except FormatError:
        return False
