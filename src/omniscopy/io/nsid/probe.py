"""Telling NSID files from other HDF5 files."""

from pathlib import Path
from typing import Any

from omniscopy.io.storage.hdf5 import DAMAGE
from omniscopy.io.storage.hdf5_access import holds_layout
from omniscopy.io.storage.hdf5_plain import has_attribute

MARKS = ("main_data_name", "pyNSID_version")


def matches(path: Path) -> bool:
    """Return whether an HDF5 file holds an NSID dataset, or is one that Omniscopy wrote."""
    return holds_layout(path, "nsid", is_main)


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
