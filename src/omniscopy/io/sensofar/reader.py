"""Read Sensofar files: layers of heights with pictures of the same size, profiles, or pictures."""

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Mapped
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.pieces import Squeezed
from omniscopy.io.quantities import moment_of, stated
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement
from omniscopy.io.surfaces import Heights, map_axes, map_grid

_CALIBRATION, _KIND, _LAYERS, _DATA = 388, 428, 488, 500
_PICTURE, _PROFILE, _PROFILES, _TOPOGRAPHY, _THICKNESS = 0, 1, 2, 3, 5
_TITLES = {_PROFILE: "Profile", _PROFILES: "Profiles", _TOPOGRAPHY: "Height",
           _THICKNESS: "Thickness"}  # fmt: skip
# Formats of 2000 and 2006 keep pictures as single brightnesses in floats.
_GREY_VERSIONS = (0, 255)
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
    """Return the layers of the Sensofar file at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .plu or .apx.
    partial : bool
        Read a file that is cut short as far as it goes.

    Returns
    -------
    Measurement
        Heights (y, x) in µm for each layer, NaN where nothing was measured, and its pictures
        (y, x, channel); row 0 is on top. Profiles and thicknesses are along `x`, several of them
        (y, x).

    Raises
    ------
    FormatError
        The file is cut short, or its header is damaged.
    UnsupportedFormatError
        It holds points of a map by their coordinates, or what is made to order.
    """
    places = _read_header(Path(path))
    is_picture = places.header["kind"] == _PICTURE
    grey = places.header["version"] in _GREY_VERSIONS
    for layer in range(places.layers):
        if partial and layer and places.at + 8 > places.path.stat().st_size:
            break
        shape = _read_shape(places, layer)
        if is_picture and not grey:
            _read_picture(places, layer, shape)
        else:
            _read_layer(places, layer, shape, partial=partial)
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
    if kind != _PICTURE and kind not in _TITLES:
        message = f"data of the kind {kind} are not read, only {[_PICTURE, *_TITLES]}"
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
        "kind": kind,
        "algorithm": algorithm,
        "method": method,
        "objective": objective,
        "area": area,
        "restored": restored,
        "version": version,
        "hardware": hardware,
    }
    return _Places(path, header, layers, pictures)


def _read_shape(places: _Places, layer: int) -> tuple[int, int]:
    """Return rows and columns of the layer that begins where the last one ended."""
    with places.path.open("rb") as file:
        file.seek(places.at)
        start = file.read(8)
    if len(start) < 8:
        message = f"the file ends before layer {layer}"
        raise FormatError(message, path=places.path, offset=places.at)
    places.at += 8
    rows, columns = struct.unpack("<2I", start)
    return rows, columns


def _read_layer(places: _Places, layer: int, shape: tuple[int, int], *, partial: bool) -> None:
    """Add a layer of floats, and the pictures of a topography."""
    kind = places.header["kind"]
    stored, gap = map_grid(places.path, places.at, shape, "<f4", partial=partial)
    number = _number(places, layer)
    is_picture = kind == _PICTURE
    values: LazyArray = Heights(stored, missing=_NO_HEIGHT)
    axes = _axes(places, shape)
    if kind in (_PROFILE, _THICKNESS) and shape[0] == 1:
        values, axes = Squeezed(values, (1,)), axes[1:]
    places.channels.append(
        Channel(
            title=f"{'Picture' if is_picture else _TITLES[kind]}{number}",
            data=values,
            axes=axes,
            quantity="intensity" if is_picture else "height",
            units=None if is_picture else "µm",
            source="Sensofar",
            attrs={} if gap is None else {"incomplete": gap},
        )
    )
    # The least and the greatest value follow, then the pictures.
    places.at += 4 * shape[0] * shape[1] + 8
    for picture in range(places.pictures if kind == _TOPOGRAPHY else 0):
        if partial and places.at + 3 * shape[0] * shape[1] > places.path.stat().st_size:
            break
        _read_picture(places, layer, shape, f" {picture + 1}" if places.pictures > 1 else "")


def _read_picture(places: _Places, layer: int, shape: tuple[int, int], which: str = "") -> None:
    """Add a picture in colours."""
    if min(shape) < 1:
        message = f"a picture of {shape[0]} by {shape[1]} points cannot be"
        raise FormatError(message, path=places.path, offset=places.at)
    colours = Axis(name="channel", size=3, values=np.array(["red", "green", "blue"]))
    places.channels.append(
        Channel(
            title=f"Picture{_number(places, layer)}{which}",
            data=Mapped(str(places.path), places.at, (*shape, 3), np.dtype("u1")),
            axes=[*_axes(places, shape), colours],
            quantity="intensity",
            source="Sensofar",
        )
    )
    places.at += 3 * shape[0] * shape[1]


def _axes(places: _Places, shape: tuple[int, int]) -> list[Axis]:
    """Return the axes; several profiles are as far apart as the header says for them."""
    several = places.header["kind"] == _PROFILES
    steps = [places.header[key] for key in ("profile_step" if several else "step_y", "step_x")]
    return map_axes(shape, steps, "µm")


def _number(places: _Places, layer: int) -> str:
    return f" {layer + 1}" if places.layers > 1 else ""


def _started(date: str) -> str | None:
    """Return a date such as `Fri Mar 10 16:35:59 2023` in the common form."""
    return moment_of(date, "%a %b %d %H:%M:%S %Y")
