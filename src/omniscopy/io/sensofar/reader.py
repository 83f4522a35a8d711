"""Read Sensofar topographies: layers of heights, each with pictures of the same size."""

import struct
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Mapped
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.quantities import stated
from omniscopy.io.records import Axis, Channel, Measurement
from omniscopy.io.surfaces import Heights, map_axes, map_grid

_CALIBRATION, _KIND, _LAYERS, _DATA = 388, 428, 488, 500
_TOPOGRAPHY = 3
_NO_HEIGHT = 1000001.0
_CALIBRATED = (
    "rows", "columns", "profile_points", "profile_step", "step_x", "step_y", "offset_x",
    "offset_y", "step_z", "offset_z",
)  # fmt: skip


@dataclass
class _Places:
    """What is known of a file so far: its header, and where the next layer begins."""

    path: Path
    header: dict[str, Any]
    layers: int
    pictures: int
    at: int = _DATA
    channels: list[Channel] = field(default_factory=list)


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the layers of the Sensofar topography at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .plu.
    partial : bool
        Read a file that is cut short as far as it goes.

    Returns
    -------
    Measurement
        Heights (y, x) in µm for each layer, NaN where nothing was measured, and its pictures
        (y, x, channel). Row 0 is on top.

    Raises
    ------
    FormatError
        The file is cut short, or its header is damaged.
    UnsupportedFormatError
        It holds a profile, coordinates or a picture instead of a topography.
    """
    places = _read_header(Path(path))
    for layer in range(places.layers):
        if partial and layer and places.at + 8 > places.path.stat().st_size:
            break
        _read_layer(places, layer, partial=partial)
    header = places.header
    return Measurement(
        channels=places.channels,
        metadata=stated(
            {
                "started": header["started"],
                "comment": header["comment"],
                "instrument": {"vendor": "Sensofar"},
            }
        ),
        original_metadata=header,
    )


def _read_header(path: Path) -> _Places:
    with path.open("rb") as file:
        start = file.read(_DATA)
    if len(start) < _DATA:
        message = f"a Sensofar file has a header of {_DATA} bytes, this one {len(start)}"
        raise FormatError(message, path=path, offset=len(start))
    date, comment = (part.split(b"\0")[0].decode("latin-1") for part in (start[:128], start[132:]))
    calibration = struct.unpack_from("<3I7f", start, _CALIBRATION)
    kind, algorithm, method, objective, area = struct.unpack_from("<5I", start, _KIND)
    restored, layers, version, hardware, pictures = struct.unpack_from("5B", start, _LAYERS)
    if kind != _TOPOGRAPHY:
        message = f"data of the kind {kind} are not read, only topographies (3)"
        raise UnsupportedFormatError(message, path=path, offset=_KIND)
    if not layers:
        message = "the header says that there are 0 layers"
        raise FormatError(message, path=path, offset=_LAYERS + 1)
    known = comment.strip()
    header = {
        "date": date,
        "started": _started(date),
        "comment": "" if known == "(None)" else known,
        **dict(zip(_CALIBRATED, calibration, strict=True)),
        "algorithm": algorithm,
        "method": method,
        "objective": objective,
        "area": area,
        "restored": restored,
        "version": version,
        "hardware": hardware,
    }
    return _Places(path, header, layers, pictures)


def _read_layer(places: _Places, layer: int, *, partial: bool) -> None:
    """Add the layer that begins where the last one ended."""
    with places.path.open("rb") as file:
        file.seek(places.at)
        start = file.read(8)
    if len(start) < 8:
        message = f"the file ends before layer {layer}"
        raise FormatError(message, path=places.path, offset=places.at)
    shape = struct.unpack("<2I", start)
    heights, gap = map_grid(places.path, places.at + 8, shape, "<f4", partial=partial)
    axes = map_axes(shape, [places.header[f"step_{letter}"] for letter in "yx"], "µm")
    number = f" {layer + 1}" if places.layers > 1 else ""
    places.channels.append(
        Channel(
            title=f"Height{number}",
            data=Heights(heights, missing=_NO_HEIGHT),
            axes=axes,
            quantity="height",
            units="µm",
            source="Sensofar",
            attrs={} if gap is None else {"incomplete": gap},
        )
    )
    # The least and the greatest height follow, then the pictures.
    places.at += 8 + 4 * shape[0] * shape[1] + 8
    for picture in range(places.pictures):
        size = 3 * shape[0] * shape[1]
        if partial and places.at + size > places.path.stat().st_size:
            break
        colours = Axis(name="channel", size=3, values=np.array(["red", "green", "blue"]))
        places.channels.append(
            Channel(
                title=f"Picture{number}" + (f" {picture + 1}" if places.pictures > 1 else ""),
                data=Mapped(str(places.path), places.at, (*shape, 3), np.dtype("u1")),
                axes=[*axes, colours],
                quantity="intensity",
                source="Sensofar",
            )
        )
        places.at += size


def _started(date: str) -> str | None:
    """Return a date such as `Fri Mar 10 16:35:59 2023` in the common form."""
    try:
        return datetime.strptime(" ".join(date.split()), "%a %b %d %H:%M:%S %Y").isoformat()
    except ValueError:
        return None
