"""Telling USID files from other HDF5 files."""

from pathlib import Path
from typing import Any

from omniscopy.io.storage.hdf5 import DAMAGE
from omniscopy.io.storage.hdf5_access import holds_layout
from omniscopy.io.usid.acquisition import is_unlinked

# Marks a dataset that holds, for other programs, what the file holds in others too.
COPY = "omniscopy_copy"
REFERENCES = (
    "Position_Indices", "Position_Values", "Spectroscopic_Indices", "Spectroscopic_Values",
)  # fmt: skip


def matches(path: Path) -> bool:
    """Return whether an HDF5 file holds a USID dataset, or is one that Omniscopy wrote."""
    return holds_layout(path, "usid", is_main)


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
