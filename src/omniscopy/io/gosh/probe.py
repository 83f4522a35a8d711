"""Whether an HDF5 file says that it holds oscillator strengths."""

from pathlib import Path
from typing import Any

from omniscopy.io.storage.hdf5_access import looks_inside
from omniscopy.io.storage.hdf5_numbers import attribute


def matches(path: Path) -> bool:
    """Return whether a file states the format GOSH."""
    return looks_inside(path, _is_gosh)


def _is_gosh(file: Any) -> bool:
    return bool(attribute(file, "file_format") == "GOSH")
