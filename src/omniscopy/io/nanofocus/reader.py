"""Read NanoFocus maps: a header of fixed size, heights of 16 bits, and brightness."""

import math
import struct
from pathlib import Path

import numpy as np

from omniscopy.io.arrays import Mapped
from omniscopy.io.errors import FormatError
from omniscopy.io.quantities import stated
from omniscopy.io.records import Channel, Measurement
from omniscopy.io.surfaces import Heights, map_axes, map_grid

_HEADER = 3468
_VERSION = b"OM_MS"
_FULL = 65535


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the maps of heights and of brightness of the file at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .nms.
    partial : bool
        Read a file that is cut short as far as it goes.

    Returns
    -------
    Measurement
        The height (y, x) in µm and, where the file has it, the brightness in counts. Row 0 is
        on top.

    Raises
    ------
    FormatError
        The file is cut short, or its header is damaged.
    """
    path = Path(path)
    with path.open("rb") as file:
        header = file.read(_HEADER)
    if len(header) < _HEADER or header[32:37] != _VERSION:
        message = f"a NanoFocus file has {_VERSION!r} in a header of {_HEADER} bytes"
        raise FormatError(message, path=path, offset=32)
    low, high = struct.unpack_from("<2d", header, 16)
    columns, rows = struct.unpack_from("<2I", header, 1368)
    across, down = struct.unpack_from("<2d", header, 1376)
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        message = f"heights from {low} to {high} cannot be; the header is damaged"
        raise FormatError(message, path=path, offset=16)
    shape = (rows, columns)
    stored, gap = map_grid(path, _HEADER, shape, "<u2", partial=partial)
    axes = map_axes(shape, (down, across), "nm")
    title, version, date = (_text(header, place) for place in (52, 32, 1076))
    heights = Channel(
        title=title or "Height",
        # The least number is the lowest height, the greatest the highest one.
        data=Heights(stored, (high - low) / _FULL, low),
        axes=axes,
        quantity="height",
        units="µm",
        source="NanoFocus",
        attrs={} if gap is None else {"incomplete": gap},
    )
    channels = [heights]
    behind = _HEADER + 2 * rows * columns
    if path.stat().st_size >= behind + rows * columns:
        brightness = Mapped(str(path), behind, shape, np.dtype("u1"))
        channels.append(
            Channel(
                title="Brightness",
                data=brightness,
                axes=axes,
                quantity="intensity",
                units="counts",
                source="NanoFocus",
            )
        )
    return Measurement(
        channels=channels,
        metadata=stated({"started": date, "instrument": {"vendor": "NanoFocus"}}),
        original_metadata={
            "version": version,
            "title": title,
            "date": date,
            "heights": [low, high],
            "steps": [across, down],
        },
    )


def _text(header: bytes, place: int) -> str:
    return header[place : place + 256].split(b"\0")[0].decode("latin-1").strip()
