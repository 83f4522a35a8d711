"""Whether an HDF5 file holds orientation maps as OIM writes them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omniscopy.io.storage.hdf5_access import looks_inside, members
from omniscopy.io.storage.hdf5_numbers import member

_LOOKED_AT = 64


def matches(path: Path) -> bool:
    """Return whether a group at the top is a scan with angles and the size of its grid."""
    return looks_inside(path, lambda file: any(True for _ in scans_of(file)))


def scans_of(file: Any) -> Iterator[tuple[str, Any]]:
    """Yield name and group of the scans of a file."""
    for number, (name, group) in enumerate(members(file)):
        if number >= _LOOKED_AT:
            return
        wanted = ("EBSD/Data/Phi1", "EBSD/Header/nColumns", "EBSD/Header/nRows")
        if hasattr(group, "keys") and all(member(group, each) is not None for each in wanted):
            yield name, group
