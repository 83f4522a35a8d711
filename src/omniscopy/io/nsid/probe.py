"""Telling NSID files from other HDF5 files."""

from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError
from omniscopy.io.storage.hdf5 import DAMAGE, open_hdf5
from omniscopy.io.storage.hdf5_access import walk_unless_nexus
from omniscopy.io.storage.hdf5_groups import DESCRIPTIONS
from omniscopy.io.storage.hdf5_plain import UNREADABLE, has_attribute, read_attribute

# A file of another kind may hold any number of objects; the first ones tell.
LOOKED_AT = 1000
MARKS = ("main_data_name", "pyNSID_version")


def matches(path: Path) -> bool:
    """Return whether an HDF5 file holds an NSID dataset, or is one that Omniscopy wrote."""
    try:
        with open_hdf5(path) as file:
            layout = read_attribute(file, "omniscopy_layout")
            if layout is not UNREADABLE:
                return bool(layout == "nsid")
            return any(
                is_main(found)
                for found in walk_unless_nexus(file, without=DESCRIPTIONS, limit=LOOKED_AT)
            )
    except FormatError:
        return False


def is_main(found: Any) -> bool:
    """Return whether a group or dataset is a main dataset, of numbers or records of them."""
    import h5py

    if not isinstance(found, h5py.Dataset):
        return False
    try:
        is_marked = any(has_attribute(found, mark) for mark in MARKS)
        return is_marked and found.shape is not None and found.dtype.kind in "biufcV"
    except DAMAGE:
        return False
