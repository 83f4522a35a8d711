"""Whether an HDF5 file holds images of DigitalMicrograph."""

from pathlib import Path
from typing import Any

from omniscopy.io.storage.hdf5 import names_in
from omniscopy.io.storage.hdf5_access import looks_inside
from omniscopy.io.storage.hdf5_numbers import member

IMAGES, PIXELS = "ImageList", "ImageData/Data"
_LOOKED_AT = 8


def matches(path: Path) -> bool:
    """Return whether the file has a list of images with pixels."""
    return looks_inside(path, _has_images)


def _has_images(file: Any) -> bool:
    images = member(file, IMAGES)
    if not hasattr(images, "keys"):
        return False
    named = [name for name in names_in(images)[:_LOOKED_AT] if name.startswith("[")]
    return any(hasattr(member(images, f"{name}/{PIXELS}"), "dtype") for name in named)
