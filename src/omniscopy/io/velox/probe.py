"""Whether an HDF5 file was written by Velox."""

from pathlib import Path

from omniscopy.io.errors import FormatError
from omniscopy.io.storage.hdf5 import open_hdf5
from omniscopy.io.velox.container import data_groups, read_json


def matches(path: Path) -> bool:
    """Return whether the file says "Velox", or has data sets laid out as Velox does."""
    try:
        with open_hdf5(path) as file:
            if read_json(file, "Version").get("format") == "Velox":
                return True
            return any("Metadata" in group for _, group in data_groups(file))
    except FormatError:
        return False
