"""Whether an HDF5 file is the master file of a Dectris detector."""

from pathlib import Path
from typing import Any

from omniscopy.io.storage.hdf5_access import looks_inside
from omniscopy.io.storage.hdf5_numbers import member

SPECIFIC = "entry/instrument/detector/detectorSpecific"


def matches(path: Path) -> bool:
    """Return whether the file has the settings that only these detectors have."""
    return looks_inside(path, _is_master)


def _is_master(file: Any) -> bool:
    specific = member(file, SPECIFIC)
    return hasattr(specific, "keys") and "nimages" in specific and "ntrigger" in specific
