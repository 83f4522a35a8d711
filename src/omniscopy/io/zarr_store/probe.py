"""Whether a folder is a Zarr store."""

import json

from omniscopy.io.remote import Place

_HYPERSPY = "ZSpy"


def matches(path: Place) -> bool:
    """Return whether a folder is a Zarr store of version 2 or 3, other than HyperSpy's."""
    if (path / "zarr.json").is_file():
        return not _is_hyperspy(path / "zarr.json")
    old = [path / name for name in (".zgroup", ".zarray")]
    return any(entry.is_file() for entry in old) and not _is_hyperspy(path / ".zattrs")


def _is_hyperspy(attributes: Place) -> bool:
    try:
        said = json.loads(attributes.read_bytes())
        said = said.get("attributes", said)
        return said.get("file_format") == _HYPERSPY
    except (OSError, ValueError, AttributeError, RecursionError):
        return False
