"""Whether an HDF5 file was written by Odemis."""

from pathlib import Path
from typing import Any

from omniscopy.io.storage.hdf5_access import looks_inside
from omniscopy.io.storage.hdf5_numbers import member

FIRST = "Acquisition0"


def matches(path: Path) -> bool:
    """Return whether the first acquisition is laid out as Odemis does."""
    return looks_inside(path, _is_acquired)


def _is_acquired(file: Any) -> bool:
    return all(
        member(file, f"{FIRST}/{name}") is not None
        for name in ("ImageData/Image", "PhysicalData", "SVIData")
    )
