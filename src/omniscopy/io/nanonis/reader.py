"""Read Nanonis scans: every channel, forward and backward, as the sample lies.

The file keeps values as they were measured: lines from the bottom where the scan went up, and
backward lines from right to left. Here row 0 is on top and column 0 on the left in all of them, so
that the same pixel is the same place of the sample.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Flipped, Mapped, Padded
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.nanonis.header import Header, read_header
from omniscopy.io.nanonis.metadata import common_metadata, modality, quantity_of
from omniscopy.io.planes import plane_axis
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement
from omniscopy.model.units import is_unit, spell

_DIRECTIONS = {
    "both": ("forward", "backward"),
    "forward": ("forward",),
    "backward": ("backward",),
}
_SPARE_BYTES = 16


@dataclass(frozen=True)
class _Image:
    """One image of the file, in the order in which they are stored."""

    name: str
    units: str | None
    direction: str
    row: dict[str, str]


@dataclass(frozen=True)
class _Raster:
    """How many pixels were scanned, in which direction, and how they are written."""

    rows: int
    columns: int
    upward: bool
    dtype: np.dtype[Any]

    @property
    def image_bytes(self) -> int:
        """Return the bytes of one image."""
        return self.rows * self.columns * self.dtype.itemsize


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the channels of the Nanonis scan at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .sxm.
    partial : bool
        Read a file that is cut short as far as it goes.

    Returns
    -------
    Measurement
        A channel for each quantity and direction, (y, x) with row 0 on top; places that were not
        scanned are NaN. `x` and `y` are in the frame of the scanner before it is turned by the
        scan's angle about the scan's centre: `x` ascends, `y` descends.

    Raises
    ------
    FormatError
        The file is cut short, or its header is damaged or contradicts its size.
    UnsupportedFormatError
        The values are not floating-point numbers of 4 bytes.
    """
    path = Path(path)
    header = read_header(path)
    raster = _read_raster(header)
    images = _list_images(header)
    _check_size(header, raster, len(images), partial=partial)
    axes = _plane_axes(header, raster)
    measured = modality(header)
    channels = []
    for number, image in enumerate(images):
        data, missing = _map_image(header, raster, number, image, partial=partial)
        channels.append(
            Channel(
                title=f"{image.name} {image.direction}",
                data=data,
                axes=axes,
                quantity=quantity_of(image.name, image.units),
                units=image.units,
                modality=measured,
                source="Nanonis",
                metadata={"scan": {"direction": image.direction}},
                original_metadata=image.row,
                attrs={} if missing is None else {"incomplete": missing},
            )
        )
    return Measurement(
        channels=channels,
        metadata=common_metadata(header),
        original_metadata=header.tree(),
    )


def _read_raster(header: Header) -> _Raster:
    words = header.text("SCAN_PIXELS").split()
    if len(words) != 2 or not all(re.fullmatch(r"[1-9]\d{0,4}", word) for word in words):
        message = f"two numbers of pixels were expected, {header.text('SCAN_PIXELS')!r} was found"
        raise FormatError(message, path=header.path, key="SCAN_PIXELS")
    direction = header.text("SCAN_DIR").lower()
    if direction not in ("up", "down"):
        message = f"the scan goes 'up' or 'down', {direction!r} was found"
        raise FormatError(message, path=header.path, key="SCAN_DIR")
    kind = header.text("SCANIT_TYPE").upper().split() or ["FLOAT", "MSBFIRST"]
    if kind[0] != "FLOAT" or kind[1:] not in (["MSBFIRST"], ["LSBFIRST"]):
        message = f"values of the type {' '.join(kind)!r} are not read, only FLOAT MSBFIRST"
        raise UnsupportedFormatError(message, path=header.path, key="SCANIT_TYPE")
    order = ">" if kind[1] == "MSBFIRST" else "<"
    return _Raster(int(words[1]), int(words[0]), direction == "up", np.dtype(f"{order}f4"))


def _list_images(header: Header) -> list[_Image]:
    images = []
    for row in header.table("DATA_INFO"):
        directions = _DIRECTIONS.get(row.get("Direction", "").lower())
        if directions is None or not row.get("Name"):
            message = f"a channel has a name and a direction; {row} was found"
            raise FormatError(message, path=header.path, key="DATA_INFO")
        units = spell(row.get("Unit", ""))
        known = units if is_unit(units) else None
        images += [_Image(row["Name"], known, direction, row) for direction in directions]
    if not images:
        message = "the header lists no channel"
        raise FormatError(message, path=header.path, key="DATA_INFO")
    return images


def _check_size(header: Header, raster: _Raster, number: int, *, partial: bool) -> None:
    wanted = number * raster.image_bytes
    there = header.path.stat().st_size - header.data_offset
    if not partial and not wanted <= there <= wanted + _SPARE_BYTES:
        message = (
            f"{number} images of {raster.rows} by {raster.columns} pixels need {wanted} bytes, the "
            f"file has {there}; it is cut short or its header is damaged"
        )
        raise FormatError(message, path=header.path, offset=header.data_offset)


def _map_image(
    header: Header, raster: _Raster, number: int, image: _Image, *, partial: bool
) -> tuple[LazyArray, dict[str, Any] | None]:
    """Return an image as the sample lies, and what is missing of it."""
    offset = header.data_offset + number * raster.image_bytes
    there = header.path.stat().st_size - offset
    missing = None
    rows = raster.rows
    if partial and there < raster.image_bytes:
        rows = max(there, 0) // (raster.columns * raster.dtype.itemsize)
        missing = {"missing_from": rows, "reason": f"the file ends at byte {offset + there}"}
        offset = min(offset, header.path.stat().st_size)
    shape = (rows, raster.columns)
    data: LazyArray = Mapped(str(header.path), offset, shape, raster.dtype)
    if missing is not None:
        data = Padded(data, raster.rows, np.nan)
    mirrored = ((0,) if raster.upward else ()) + ((1,) if image.direction == "backward" else ())
    return (Flipped(data, mirrored) if mirrored else data), missing


def _plane_axes(header: Header, raster: _Raster) -> tuple[Axis, Axis]:
    size, centre = header.numbers("SCAN_RANGE"), header.numbers("SCAN_OFFSET")
    if len(size) != 2 or min(size) <= 0:
        return Axis(name="y", size=raster.rows), Axis(name="x", size=raster.columns)
    (width, height), (x, y) = size, centre if len(centre) == 2 else (0.0, 0.0)
    rows, columns = raster.rows, raster.columns
    # The lower left corner is the place of the first pixel, as the places that grids measured say.
    return (
        plane_axis("y", rows, y - height / 2, height / rows, "m", placed=True),
        plane_axis("x", columns, x - width / 2, width / columns, "m", placed=True),
    )
