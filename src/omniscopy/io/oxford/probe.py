"""Whether an HDF5 file is of AZtec, and which acquisitions it holds.

Layout: "Oxford Instruments NanoAnalysis HDF5 File Specification", versions 1.0 to 8.0.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omniscopy.io.storage.hdf5_access import looks_inside, members
from omniscopy.io.storage.hdf5_numbers import member, text_at

_GRID = ("Header/X Cells", "Header/Y Cells")
_LAYERED = "Layered Image"
_MOST_SLICES = 4096


def matches(path: Path) -> bool:
    """Return whether the file says its format, and holds a technique with the size of its grid."""
    return looks_inside(path, _is_aztec)


def _is_aztec(file: Any) -> bool:
    if text_at(file, "Format Version") is None:
        return False
    return any(True for _, slice_ in slices_of(file) for _ in techniques_of(slice_))


def slices_of(file: Any) -> Iterator[tuple[str, Any]]:
    """Yield name and group of each acquisition."""
    for number, (name, group) in enumerate(members(file)):
        if number >= _MOST_SLICES:
            return
        if hasattr(group, "keys"):
            yield name, group


def techniques_of(slice_: Any) -> Iterator[tuple[str, Any]]:
    """Yield name and group of what was measured on a grid, each layered image on its own."""
    for name, group in members(slice_):
        if not hasattr(group, "keys"):
            continue
        inner = members(group) if name == _LAYERED else [("", group)]
        for layer, found in inner:
            has_grid = hasattr(found, "keys") and all(
                member(found, each) is not None for each in _GRID
            )
            if has_grid and hasattr(member(found, "Data"), "keys"):
                yield layer or name, found
