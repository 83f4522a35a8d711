"""Telling movies of JPK from other HDF5 files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omniscopy.io.storage.hdf5 import linked
from omniscopy.io.storage.hdf5_access import looks_inside
from omniscopy.io.storage.hdf5_plain import has_attribute

NAME, GRID = "channel.name", "position-pattern.grid.ilength"
_MOST_CHILDREN = 10_000


def matches(path: Path) -> bool:
    """Return whether a measurement has a grid and channels with the names that JPK gives them."""
    return looks_inside(path, _is_movie)


def children(group: Any, start: str) -> Iterator[tuple[str, Any]]:
    """Yield the groups in a group whose names begin so."""
    for name in list(group)[:_MOST_CHILDREN]:
        child = linked(group, name) if name.startswith(start) else None
        if hasattr(child, "keys"):
            yield name, child


def _is_movie(file: Any) -> bool:
    return any(
        has_attribute(measurement, GRID) and has_attribute(channel, NAME)
        for _, measurement in children(file, "Measurement_")
        for _, channel in children(measurement, "Channel_")
    )
