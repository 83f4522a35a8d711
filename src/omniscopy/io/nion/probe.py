"""Whether an HDF5 file is a data item of Nion Swift."""

from pathlib import Path
from typing import Any

from omniscopy.io.nion.properties import parse_properties
from omniscopy.io.storage.hdf5_access import looks_inside
from omniscopy.io.storage.hdf5_numbers import attribute, member

PROPERTIES = "properties"


def matches(path: Path) -> bool:
    """Return whether the file has an array with the properties of a data item."""
    return looks_inside(path, _is_item)


def _is_item(file: Any) -> bool:
    data = member(file, "data")
    if data is None or not hasattr(data, "dtype"):
        return False
    return bool(parse_properties(attribute(data, PROPERTIES)))
