"""Telling Nanosurf Studio files from other HDF5 files."""

from pathlib import Path

from omniscopy.io.errors import FormatError
from omniscopy.io.storage.hdf5 import open_hdf5

VERSION = "nsf_file_version_major"


def matches(path: Path) -> bool:
    """Return whether an HDF5 file says that it is one of Nanosurf."""
    try:
        with open_hdf5(path) as file:
            return VERSION in file.attrs
    except FormatError:
        return False
