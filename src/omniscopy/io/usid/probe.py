"""Telling USID files from other HDF5 files."""

from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError
from omniscopy.io.storage.hdf5 import DAMAGE, open_hdf5
from omniscopy.io.storage.hdf5_access import walk_unless_nexus
from omniscopy.io.storage.hdf5_groups import DESCRIPTIONS
from omniscopy.io.storage.hdf5_plain import UNREADABLE, read_attribute
from omniscopy.io.usid.acquisition import is_unlinked

# A file of another kind may hold any number of objects; the first ones tell.
LOOKED_AT = 1000
# Marks a dataset that holds, for other programs, what the file holds in others too.
COPY = "omniscopy_copy"
REFERENCES = (
    "Position_Indices", "Position_Values", "Spectroscopic_Indices", "Spectroscopic_Values",
)  # fmt: skip


def matches(path: Path) -> bool:
    """Return whether an HDF5 file holds a USID dataset, or is one that Omniscopy wrote."""
    try:
        with open_hdf5(path) as file:
            layout = read_attribute(file, "omniscopy_layout")
            if layout is not UNREADABLE:
                return bool(layout == "usid")
            return any(
                is_main(found)
                for found in walk_unless_nexus(file, without=DESCRIPTIONS, limit=LOOKED_AT)
            )
    except FormatError:
        return False


def is_main(found: Any) -> bool:
    """Return whether a group or dataset is a table with references to its four ancillaries.

    Tables that the acquisition program left without them count too.
    """
    import h5py

    if not isinstance(found, h5py.Dataset) or found.shape is None or found.ndim != 2:
        return False
    try:
        if found.dtype.kind not in "biufcV":
            return False
        return all(name in found.attrs for name in REFERENCES) or is_unlinked(found)
    except DAMAGE:
        return False
