"""Whether an HDF5 file was written by HyperSpy."""

from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError
from omniscopy.io.storage.hdf5 import linked, open_hdf5
from omniscopy.io.storage.hdf5_plain import read_attributes

EXPERIMENTS = "Experiments"


def matches(path: Path) -> bool:
    """Return whether the file says so, or has experiments with an axis each."""
    try:
        with open_hdf5(path) as file:
            if read_attributes(file).get("file_format") == "HyperSpy":
                return True
            experiments: Any = linked(file, EXPERIMENTS) if EXPERIMENTS in file else None
            names = list(experiments)[:8] if hasattr(experiments, "keys") else []
            groups = [linked(experiments, name) for name in names]
            return any(hasattr(each, "keys") and "axis-0" in each for each in groups)
    except FormatError:
        return False
