"""Images and element maps: a short tree of tags, then one with the pixels in it."""

import math
import mmap
import struct
from pathlib import Path

import numpy as np

from omniscopy.io.arrays import Mapped
from omniscopy.io.errors import FormatError
from omniscopy.io.jeol.calibration import microscopy, scan_axes
from omniscopy.io.jeol.tags import Tag, parse_tags
from omniscopy.io.quantities import stated
from omniscopy.io.records import Channel

_HEAD = struct.Struct("<36x3I")  # place and bytes of the short tree, place of the long one
_NOT_DESCRIBED = ("Palette", "HistgramInfo")


def read_image(path: Path) -> Channel:
    """Return the image or element map in a file.

    Raises
    ------
    FormatError
        The file is cut short or damaged before the end of the pixels.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            message = f"an image starts with {_HEAD.size} bytes, {len(head)} are there"
            raise FormatError(message, path=path, offset=0)
        *_, start = _HEAD.unpack(head)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
            tree = parse_tags(raw, start, len(raw))
    size, bits = tree.find("Image", "Size"), tree.find("Image", "Bits")
    if size is None or bits is None or not isinstance(size.value, list) or len(size.value) != 2:
        message = "there is no size or there are no pixels; the file is cut short or damaged"
        raise FormatError(message, path=path, offset=start)
    columns, rows = size.value
    width, rest = divmod(bits.size, max(columns * rows, 1))
    if rest or width not in (1, 2, 4) or min(rows, columns) < 1:
        message = f"an image of {rows} x {columns} pixels cannot be in {bits.size} bytes"
        raise FormatError(message, path=path, offset=bits.offset)
    is_map = tree.find("Map") is not None
    step = _step(tree, columns)
    tree.inner = {name: tag for name, tag in tree.inner.items() if name not in _NOT_DESCRIBED}
    return Channel(
        title=tree.text("Image", "Title") or path.stem,
        data=Mapped(str(path), bits.offset, (rows, columns), np.dtype(f"<u{width}")),
        axes=scan_axes((rows, columns), step),
        quantity="intensity",
        units="counts" if is_map else None,
        modality="EDS" if is_map else microscopy(tree.text("Instrument", "Name")),
        source=tree.text("Instrument", "Name") or "JEOL",
        metadata=_metadata(tree),
        original_metadata=tree.described() or {},
    )


def _step(tree: Tag, columns: int) -> float | None:
    """Return the size of a pixel in µm: the width of the picture in mm over the magnification."""
    width, magnification = tree.number("Instrument", "ScanSize"), tree.number("Instrument", "Mag")
    if not width or not magnification or min(width, magnification) <= 0:
        return None
    step = width * 1e3 / magnification / columns
    return step if math.isfinite(step) else None


def _metadata(tree: Tag) -> dict[str, object]:
    kilovolts, nanoamperes = (tree.number("Instrument", key) for key in ("AccV", "Currnnt"))
    dwell = tree.number("Map", "DwellTime")
    return stated(
        {
            "started": tree.moment("Image", "Created"),
            "instrument": {"vendor": "JEOL", "model": tree.text("Instrument", "Name")},
            "beam": {
                "voltage": kilovolts * 1e3 if kilovolts else None,
                "current": nanoamperes * 1e-9 if nanoamperes else None,
                "magnification": tree.number("Instrument", "Mag") or None,
            },
            "scan": {"dwell_time": dwell * 1e-3 if dwell else None},
        }
    )
