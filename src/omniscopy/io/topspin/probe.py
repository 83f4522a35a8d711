"""Whether an HDF5 file was written by Topspin."""

from pathlib import Path
from typing import Any

from omniscopy.io.storage.hdf5_access import looks_inside
from omniscopy.io.topspin.documents import document_groups


def matches(path: Path) -> bool:
    """Return whether the file, or a group of it, has the description of a procedure."""
    return looks_inside(path, _is_described)


def _is_described(file: Any) -> bool:
    return any(True for _ in document_groups(file, most=8))
