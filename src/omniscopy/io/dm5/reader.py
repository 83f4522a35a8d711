"""Read DigitalMicrograph files of version 5."""

from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Hdf5Array
from omniscopy.io.dm.arrays import COLOUR, NUMBERS, Binary, Colours
from omniscopy.io.dm.images import Image, find_images, read_image
from omniscopy.io.dm.reader import channel_of, tags_beside
from omniscopy.io.dm.tags import TagFile
from omniscopy.io.dm5.arrays import Bytes
from omniscopy.io.dm5.tags import TagTree
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.records import LazyArray, Measurement
from omniscopy.io.storage.hdf5 import open_hdf5
from omniscopy.io.storage.hdf5_values import require_values

_BLUE_FIRST = (2, 1, 0)


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - whole or not
    """Read every image of a DM5 file; thumbnails are left out.

    Parameters
    ----------
    path : Path
        The file; it is opened for reading only.
    partial : bool
        Makes no difference: a container that is cut short cannot be opened.

    Returns
    -------
    Measurement
        One channel an image, as of DM3 and DM4 files.

    Raises
    ------
    FormatError
        The file is damaged or contradicts itself.
    UnsupportedFormatError
        Pixels are of a type that is not known.
    """
    path = Path(path)
    channels, kept = [], set()
    with open_hdf5(path) as file:
        tree = TagTree(file)
        tags = TagFile(5, "<", tree.root)
        for key, entry in find_images(tags, path):
            image = read_image(entry, key, path)
            data = _pixels(image, tree.arrays[f"{key}/ImageData/Data"], path)
            channels.append(channel_of(image, data, entry, tags, path))
            kept.add(key)
    return Measurement(channels=channels, original_metadata=tags_beside(tags, kept))


def _pixels(image: Image, dataset: Any, path: Path) -> LazyArray:
    """Return a handle of the pixels in file order."""
    kind, shape, dtype = image.data_type, image.shape[::-1], dataset.dtype
    key = f"{image.key}/ImageData"
    if kind not in NUMBERS and kind not in COLOUR:
        message = (
            f"pixels of DataType {kind} cannot be read; save the image as a plain type "
            "(for example Real 4 Bytes) in DigitalMicrograph"
        )
        raise UnsupportedFormatError(message, path=path, key=f"{key}/DataType")
    if dataset.shape != shape:
        message = f"the dimensions are {list(shape)}, but the pixels are {list(dataset.shape)}"
        raise FormatError(message, path=path, key=f"{key}/Dimensions")
    wanted = np.dtype(NUMBERS.get(kind, "u4"))
    as_bytes = wanted.kind == "b" and dtype.itemsize == 1 and dtype.kind in "biu"
    as_words = kind in COLOUR and dtype.itemsize == 4 and dtype.kind in "iu"
    if not (as_bytes or as_words or dtype.newbyteorder("=") == wanted):
        message = f"DataType {kind} means {wanted}, but the pixels are stored as {dtype}"
        raise FormatError(message, path=path, key=f"{key}/DataType")
    require_values(dataset)
    handle = Hdf5Array.of(dataset)
    if kind in COLOUR:
        return Colours(Bytes(handle), _BLUE_FIRST)
    return Binary(handle) if wanted.kind == "b" else handle
