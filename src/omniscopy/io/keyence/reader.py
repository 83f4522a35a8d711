"""Read Keyence files: a table of places, then heights, intensities and colours of a surface.

Layout as in D. Blume et al., "vk4-python-driver", OSTI 1419732 (2018).
"""

import datetime as dt
import struct
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Flipped, require_bytes
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.pieces import map_rows
from omniscopy.io.quantities import stated
from omniscopy.io.records import Axis, Channel, Measurement
from omniscopy.io.surfaces import Heights, map_axes, map_grid

_TABLE = struct.Struct("<12x17I")
_PLACES = (
    "conditions", "colour_peak", "colour_light", "light_1", "light_2", "light_3", "height_1",
    "height_2", "height_3", "colour_peak_small", "colour_light_small", "light_small",
    "height_small", "assembly", "lines", "thickness", "texts",
)  # fmt: skip
_CONDITIONS = struct.Struct("<7Ii68I")
_KEYS = {
    # place in the conditions: what it is
    1: "year", 2: "month", 3: "day", 4: "hour", 5: "minute", 6: "second", 7: "minutes_to_utc",
    9: "mode", 12: "run_mode", 16: "distance", 17: "pitch", 18: "optical_zoom",
    24: "magnification", 42: "x_step", 43: "y_step", 44: "height_step", 56: "aperture",
    57: "head",
}  # fmt: skip
_FALSE_COLOUR, _TRUE_COLOUR = 28 + 768, 20
_DTYPES = {8: "u1", 16: "<u2", 32: "<u4"}
_MOST_PIXELS, _LONGEST_TEXT = 1 << 20, 1 << 12


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the maps of the Keyence file at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .vk4 or .vk3.
    partial : bool
        Read a file that is cut short as far as it goes.

    Returns
    -------
    Measurement
        Heights and intensities (y, x), row 0 on top, in µm and in counts, and pictures (y, x,
        channel), which are labelled in µm.

    Raises
    ------
    FormatError
        The file is cut short, or a map contradicts its size.
    UnsupportedFormatError
        It holds no map.
    """
    path = Path(path)
    places, said = _header(path)
    steps = [said[f"{name}_step"] * 1e-6 or None for name in "yx"]
    channels = []
    for name, offset in places.items():
        if not offset or name.endswith("small") or name[:5] not in ("heigh", "light", "colou"):
            continue
        made = _picture if name.startswith("colour") else _map
        channels.append(made(path, name, offset, {"steps": steps, **said}, partial=partial))
    if not channels:
        message = "the file holds no map"
        raise UnsupportedFormatError(message, path=path)
    title, lens = _texts(path, places["texts"])
    return Measurement(
        channels=channels,
        metadata=stated(
            {
                "title": title,
                "started": _moment(said),
                "instrument": {"vendor": "Keyence"},
                "optics": {
                    "objective": lens,
                    "magnification": said["magnification"] / 10 or None,
                    "numerical_aperture": said["aperture"] / 1000 or None,
                },
            }
        ),
        original_metadata=said,
    )


def _header(path: Path) -> tuple[dict[str, int], dict[str, int]]:
    """Return the places of what a file holds, and the conditions of the measurement."""
    require_bytes(path, 0, _TABLE.size, what="the table of places")
    with path.open("rb") as file:
        head = file.read(_TABLE.size)
        places = dict(zip(_PLACES, _TABLE.unpack(head), strict=True))
        offset = places["conditions"]
        require_bytes(path, offset, _CONDITIONS.size, what="the conditions")
        file.seek(offset)
        found = _CONDITIONS.unpack(file.read(_CONDITIONS.size))
    if head[:4] not in (b"VK3_", b"VK4_"):
        message = f"the file starts with {head[:4]!r}, not with 'VK4_'"
        raise FormatError(message, path=path, offset=0)
    return places, {name: found[place] for place, name in _KEYS.items()}


def _sizes(path: Path, name: str, offset: int) -> tuple[int, int, int]:
    """Return rows, columns and bits of a map."""
    require_bytes(path, offset, _TRUE_COLOUR, what=f"the head of {name}")
    with path.open("rb") as file:
        file.seek(offset)
        columns, rows, bits, packed, size = struct.unpack("<5I", file.read(_TRUE_COLOUR))
    if not 0 < columns <= _MOST_PIXELS or not 0 < rows <= _MOST_PIXELS:
        message = f"a map of {columns} by {rows} points cannot be"
        raise FormatError(message, path=path, offset=offset, key=name)
    if packed or size != columns * rows * bits // 8:
        message = f"{columns} by {rows} points of {bits} bits do not fill {size} bytes"
        raise FormatError(message, path=path, offset=offset, key=name)
    return rows, columns, bits


def _map(path: Path, name: str, offset: int, said: dict[str, Any], *, partial: bool) -> Channel:
    rows, columns, bits = _sizes(path, name, offset)
    if bits not in _DTYPES:
        message = f"points of {bits} bits are not known"
        raise FormatError(message, path=path, offset=offset, key=name)
    start = offset + _FALSE_COLOUR
    data, missing = map_grid(path, start, (rows, columns), _DTYPES[bits], partial=partial)
    is_height = name.startswith("height")
    step = said["height_step"]
    kind, number = name.split("_")
    title = {"height": "Height", "light": "Intensity"}[kind]
    return Channel(
        title=title if number == "1" else f"{title} {number}",
        data=Heights(data, step * 1e-6) if is_height and step else data,
        axes=map_axes((rows, columns), said["steps"], "µm"),
        quantity="height" if is_height else "intensity",
        units="µm" if is_height and step else None,
        source="Keyence",
        attrs={} if missing is None else {"incomplete": missing},
    )


def _picture(path: Path, name: str, offset: int, said: dict[str, Any], *, partial: bool) -> Channel:
    rows, columns, bits = _sizes(path, name, offset)
    if bits != 24:
        message = f"colours of 24 bits were expected, of {bits} were found"
        raise FormatError(message, path=path, offset=offset, key=name)
    data, missing = map_rows(
        path, offset + _TRUE_COLOUR, (rows, columns, 3), np.dtype("u1"), partial=partial
    )
    colours = Axis(name="channel", size=3, values=np.array(["red", "green", "blue"]))
    return Channel(
        title={"colour_peak": "Colour", "colour_light": "Laser and colour"}[name],
        data=Flipped(data, (2,)),  # stored blue, green, red
        axes=[*map_axes((rows, columns), said["steps"], "µm"), colours],
        quantity="intensity",
        signal_type="image",
        modality="optical microscopy",
        source="Keyence",
        attrs={} if missing is None else {"incomplete": missing},
    )


def _texts(path: Path, offset: int) -> tuple[str, str]:
    """Return the title and the name of the lens, empty where there are none."""
    found = ["", ""]
    with path.open("rb") as file:
        file.seek(offset)
        for number in range(2 if offset else 0):
            length = 2 * int.from_bytes(file.read(4), "little")
            if length > _LONGEST_TEXT:
                break
            found[number] = file.read(length).decode("utf-16-le", "replace").strip("\0 ")
    return found[0], found[1]


def _moment(said: dict[str, int]) -> str | None:
    """Return when a surface was measured, with the difference of its clock to UTC."""
    minutes = said["minutes_to_utc"]
    try:
        zone = dt.timezone(dt.timedelta(minutes=minutes))
        moment = dt.datetime(
            said["year"], said["month"], said["day"], said["hour"], said["minute"], said["second"],
            tzinfo=zone,
        )  # fmt: skip
    except (ValueError, OverflowError):
        return None
    return moment.isoformat()
