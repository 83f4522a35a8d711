"""Read pictures; pixels stay as they are stored, and no tag turns or stretches them.

Resolutions are dots per inch for printing, no calibration. Only the program WiRE of Renishaw says
where on the stage its pictures are, and electron microscopes write a text beside theirs.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.image_files.arrays import Picture
from omniscopy.io.image_files.pictures import open_picture, require_sound
from omniscopy.io.quantities import moment_of, stated
from omniscopy.io.records import Axis, Channel, Measurement
from omniscopy.io.sem_settings import SemSettings, settings_beside

# mode of Pillow -> type of a pixel and names of its channels
_MODES: dict[str, tuple[str, tuple[str, ...]]] = {
    "1": ("?", ()),
    "L": ("u1", ()),
    "I;16": ("u2", ()),
    "I": ("i4", ()),
    "F": ("f4", ()),
    "LA": ("u1", ("intensity", "alpha")),
    "RGB": ("u1", ("red", "green", "blue")),
    "RGBA": ("u1", ("red", "green", "blue", "alpha")),
}
_DATE, _MAKE, _SOFTWARE, _DESCRIPTION = 306, 271, 305, 270
# Of Renishaw: the place of the upper left corner and the size of the field, (x, y) in µm.
_PLACE, _FIELD = 0xFEA0, 0xFEA1
_DETAILS, _RESOLUTION_UNIT, _MICROMETRES = 0x8769, 0xA210, 5
_LONGEST = 1 << 12


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - nothing of a cut one
    """Read a picture.

    Parameters
    ----------
    path : Path
        A PNG, JPEG, BMP or GIF file.
    partial : bool
        Makes no difference: what is cut short is refused.

    Returns
    -------
    Measurement
        One channel, (y, x) or (y, x, channel), of a moving picture (frame, y, x, channel). A
        palette is resolved; 16-bit grey stays 16-bit.

    Raises
    ------
    FormatError
        The file is cut short or damaged, or declares more pixels than its bytes can hold.
    UnsupportedFormatError
        Colours have 16 bits.
    """
    path = Path(path)
    with open_picture(path) as picture:
        require_sound(picture, path)
        count = int(getattr(picture, "n_frames", 1))
        mode = _mode(picture, moves=count > 1)
        columns, rows = picture.size
        tags = _tags(picture)
        texts = {str(k): v for k, v in picture.info.items() if isinstance(v, (str, int, float))}
    kind, names = _MODES[mode]
    lead = (count,) if count > 1 else ()
    shape = (*lead, rows, columns, *((len(names),) if names else ()))
    axes = [Axis(name="frame", size=count)] if lead else []
    settings = settings_beside(path, columns) or SemSettings()
    axes += [_axis(tags, settings, name, size) for name, size in (("y", rows), ("x", columns))]
    if names:
        axes.append(Axis(name="channel", size=len(names), values=np.array(names)))
    channel = Channel(
        title=path.stem,
        data=Picture(str(path), shape, np.dtype(kind), mode, moves=bool(lead)),
        axes=axes,
        quantity="intensity",
        modality="SEM" if settings.entries else None,
        metadata={**_metadata(tags), **settings.metadata},
        original_metadata=stated(
            {"texts": texts, "exif": _named(tags), "settings": dict(settings.entries)}
        ),
    )
    return Measurement(channels=[channel])


def _mode(picture: Any, *, moves: bool) -> str:
    """Return the mode in which nothing of a picture is lost."""
    has_alpha = "transparency" in picture.info or picture.mode in ("PA", "RGBa", "La")
    if moves:
        return "RGBA" if has_alpha or picture.mode == "RGBA" else "RGB"
    if picture.mode == "P" and not has_alpha:
        colours = np.array(picture.getpalette("RGB") or [0, 0, 0]).reshape(-1, 3)
        return "L" if (colours == colours[:, :1]).all() else "RGB"
    if picture.mode.startswith("I;16"):
        return "I;16"
    if picture.mode in _MODES and not has_alpha:
        return str(picture.mode)
    if picture.mode in ("1", "L", "La", "I", "F"):
        return "LA" if picture.mode in ("L", "La") else str(picture.mode)
    return "RGBA" if has_alpha else "RGB"


def _tags(picture: Any) -> dict[int, Any]:
    """Return the EXIF tags by number; damaged ones are left out."""
    found: dict[int, Any] = {}
    try:
        exif = picture.getexif()
        found.update(exif)
        found.update(exif.get_ifd(_DETAILS))
    except (ValueError, TypeError, KeyError, IndexError, SyntaxError, OSError, Warning):
        return found
    except (OverflowError, ArithmeticError, AttributeError, MemoryError, RuntimeError):
        return found
    return found


def _axis(tags: Mapping[int, Any], settings: SemSettings, name: str, size: int) -> Axis:
    at = "xy".index(name)
    if settings.pixel is not None:
        return Axis(name=name, size=size, scale=settings.pixel[at], units=settings.units)
    field, place = _pair(tags, _FIELD), _pair(tags, _PLACE)
    if "renishaw" not in str(tags.get(_MAKE, "")).lower() or field is None or place is None:
        return Axis(name=name, size=size)
    if tags.get(_RESOLUTION_UNIT) != _MICROMETRES or field[at] <= 0:
        return Axis(name=name, size=size)
    return Axis(name=name, size=size, scale=field[at] / size, offset=place[at], units="µm")


def _pair(tags: Mapping[int, Any], number: int) -> tuple[float, float] | None:
    try:
        x, y = (float(value) for value in tags[number])
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None
    return (x, y) if math.isfinite(x) and math.isfinite(y) else None


def _metadata(tags: Mapping[int, Any]) -> dict[str, Any]:
    return stated(
        {
            "started": _started(tags.get(_DATE)),
            "comment": _text(tags.get(_DESCRIPTION)),
            "instrument": {
                "vendor": _text(tags.get(_MAKE)),
                "software": _text(tags.get(_SOFTWARE)),
            },
        }
    )


def _started(value: Any) -> str | None:
    return moment_of(_text(value), "%Y:%m:%d %H:%M:%S")


def _text(value: Any) -> str | None:
    return value.strip("\0 ") or None if isinstance(value, str) else None


def _named(tags: Mapping[int, Any]) -> dict[str, Any]:
    from PIL.ExifTags import TAGS

    return {TAGS.get(number, f"0x{number:04X}"): _plain(value) for number, value in tags.items()}


def _plain(value: Any) -> Any:
    """Return what JSON can hold."""
    if isinstance(value, bytes):
        return value[:_LONGEST].hex()
    if isinstance(value, (tuple, list)):
        return [_plain(each) for each in value[:_LONGEST]]
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (str, bool, int)):
        return value
    try:
        return float(value)
    except (TypeError, ValueError, ArithmeticError):
        return str(value)
