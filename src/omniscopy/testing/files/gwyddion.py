"""Gwyddion files made byte by byte, for tests and demonstrations."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

__all__ = [
    "GwyObject",
    "gwy_brick",
    "gwy_field",
    "gwy_graph",
    "gwy_lawn",
    "gwy_spectra",
    "gwy_surface",
    "gwy_unit",
    "write_gsf",
    "write_gwy",
]

_OLD_TYPES = {"b": 20, "i": 24, "q": 40, "d": 60, "s": 64, "o": 80}
_ARRAYS = {"f8": "D", "i4": "I", "i8": "Q", "i1": "C"}


@dataclass(frozen=True)
class GwyObject:
    """An object of a Gwyddion file: a class, and components by name.

    Components are written by their Python type: bool, int (4 bytes), numpy.int64 (8 bytes),
    float, str, arrays of numbers, objects, and lists of texts or of objects.
    """

    kind: str
    items: Mapping[str, Any] = field(default_factory=dict)


def write_gwy(path: str | Path, container: Mapping[str, Any], *, old: bool = False) -> Path:
    """Write a Gwyddion file and return its path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    container : mapping
        Components of the container, such as ``{"/0/data": gwy_field(...)}``.
    old : bool
        Write the kind of file that was used before version 1.2 (GWYO), with text in Latin-1.
    """
    path = Path(path)
    magic = b"GWYO" if old else b"GWYP"
    path.write_bytes(magic + _object(GwyObject("GwyContainer", container), old=old))
    return path


def gwy_unit(units: str) -> GwyObject:
    """Return the object of a unit."""
    return GwyObject("GwySIUnit", {"unitstr": units})


def gwy_field(
    values: np.ndarray,
    *,
    size: tuple[float, float] = (1e-6, 1e-6),
    offset: tuple[float, float] = (0.0, 0.0),
    units: str = "m",
    lateral: str = "m",
) -> GwyObject:
    """Return an image; `size` and `offset` are those of x and y."""
    rows, columns = values.shape
    items = {
        "xres": columns,
        "yres": rows,
        "xreal": float(size[0]),
        "yreal": float(size[1]),
        "xoff": float(offset[0]),
        "yoff": float(offset[1]),
        "si_unit_xy": gwy_unit(lateral),
        "si_unit_z": gwy_unit(units),
        "data": np.asarray(values, "f8"),
    }
    return GwyObject("GwyDataField", items)


def gwy_brick(
    values: np.ndarray,
    *,
    size: tuple[float, float, float] = (1e-6, 1e-6, 1.0),
    units: str = "",
    depth: str = "m",
    calibration: np.ndarray | None = None,
) -> GwyObject:
    """Return a volume (z, y, x); `size` is that of x, y and z, `calibration` the values of z."""
    items: dict[str, Any] = {}
    for letter, number, length in zip("zyx", values.shape, size[::-1], strict=True):
        items |= {f"{letter}res": number, f"{letter}real": float(length), f"{letter}off": 0.0}
    named = {"x": "m", "y": "m", "z": depth, "w": units}
    items |= {f"si_unit_{letter}": gwy_unit(unit) for letter, unit in named.items()}
    if calibration is not None:
        items["calibration"] = _line(calibration, "", depth)
    return GwyObject("GwyBrick", {**items, "data": np.asarray(values, "f8")})


def gwy_graph(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]],
    *,
    title: str = "Profiles",
    units: tuple[str, str] = ("m", "m"),
    labels: tuple[str, str] = ("x", "Height"),
) -> GwyObject:
    """Return a graph of curves: pairs of x and y by their descriptions."""
    items = {
        "title": title,
        "x_unit": gwy_unit(units[0]),
        "y_unit": gwy_unit(units[1]),
        "bottom_label": labels[0],
        "left_label": labels[1],
        "curves": [
            GwyObject(
                "GwyGraphCurveModel",
                {
                    "xdata": np.asarray(x, "f8"),
                    "ydata": np.asarray(y, "f8"),
                    "description": description,
                },
            )
            for description, (x, y) in curves.items()
        ],
    }
    return GwyObject("GwyGraphModel", items)


def gwy_spectra(
    places: np.ndarray,
    spectra: Sequence[np.ndarray],
    *,
    title: str = "I-V",
    units: tuple[str, str] = ("V", "A"),
    length: float = 2.0,
    offset: float = -1.0,
) -> GwyObject:
    """Return spectra at places (n, 2), each of the same extent along its abscissa."""
    items = {
        "title": title,
        "si_unit_xy": gwy_unit("m"),
        "coords": np.asarray(places, "f8"),
        "data": [_line(line, *units, length=length, offset=offset) for line in spectra],
        "spec_xlabel": "Bias",
        "spec_ylabel": "Current",
    }
    return GwyObject("GwySpectra", items)


def gwy_surface(points: np.ndarray, *, units: str = "m") -> GwyObject:
    """Return a cloud of points: rows of x, y and z."""
    units_of = {"si_unit_xy": gwy_unit("m"), "si_unit_z": gwy_unit(units)}
    return GwyObject("GwySurface", {**units_of, "data": np.asarray(points, "f8")})


def gwy_lawn(
    curves: Sequence[Sequence[Sequence[np.ndarray]]],
    *,
    labels: Sequence[str] = (),
    units: Sequence[str] = (),
    segments: np.ndarray | None = None,
    segment_labels: Sequence[str] = (),
    size: tuple[float, float] = (4e-6, 6e-6),
) -> GwyObject:
    """Return a curve map: of each pixel (y, x) its curves; `segments` (y, x, segment, ends)."""
    rows, columns, count = len(curves), len(curves[0]), len(curves[0][0])
    flat = [pixel for row in curves for pixel in row]
    items: dict[str, Any] = {
        "xres": columns,
        "yres": rows,
        "xreal": size[1],
        "yreal": size[0],
        "si_unit_xy": gwy_unit("m"),
        "ncurves": count,
        "curvelengths": np.array([len(pixel[0]) for pixel in flat], "i4"),
        "data": np.concatenate([curve for pixel in flat for curve in pixel]).astype("f8"),
    }
    if units:
        items["si_units_curves"] = [gwy_unit(each) for each in units]
    if labels:
        items["curve_labels"] = list(labels)
    if segments is not None:
        items |= {"nsegments": segments.shape[2], "segments": segments.astype("i4")}
        items |= {"segment_labels": list(segment_labels)} if segment_labels else {}
    return GwyObject("GwyLawn", items)


def write_gsf(path: str | Path, values: np.ndarray, entries: Mapping[str, Any]) -> Path:
    """Write a Gwyddion Simple Field of `values` with further `entries`; `None` takes one out."""
    rows, columns = values.shape
    lines = [
        f"{key} = {value}\n"
        for key, value in {"XRes": columns, "YRes": rows, **entries}.items()
        if value is not None
    ]
    header = ("Gwyddion Simple Field 1.0\n" + "".join(lines)).encode()
    path = Path(path)
    path.write_bytes(header + bytes(4 - len(header) % 4) + values.astype("<f4").tobytes())
    return path


def _line(
    values: np.ndarray, across: str, units: str, *, length: float = 1.0, offset: float = 0.0
) -> GwyObject:
    items = {
        "res": len(values),
        "real": float(length),
        "off": float(offset),
        "si_unit_x": gwy_unit(across),
        "si_unit_y": gwy_unit(units),
        "data": np.asarray(values, "f8"),
    }
    return GwyObject("GwyDataLine", items)


def _object(made: GwyObject, *, old: bool) -> bytes:
    numbered = old and made.kind == "GwyContainer"
    parts = []
    for name, value in made.items.items():
        code, raw = _value(value, old=old)
        words = _text(name, old=old)
        kind = struct.pack("<I", _OLD_TYPES[code]) + words if numbered else words + code.encode()
        parts.append(kind + raw)
    body = b"".join(parts)
    return _text(made.kind, old=old) + struct.pack("<I", len(body)) + body


def _value(value: Any, *, old: bool) -> tuple[str, bytes]:
    """Return the type and the bytes of a component."""
    if isinstance(value, GwyObject):
        return "o", _object(value, old=old)
    if isinstance(value, str):
        return "s", _text(value, old=old)
    if isinstance(value, bool):
        return "b", bytes([value])
    if isinstance(value, np.ndarray):
        raw = value.astype(value.dtype.newbyteorder("<")).tobytes()
        return _ARRAYS[value.dtype.str[1:]], struct.pack("<I", value.size) + raw
    if isinstance(value, list):
        raw = b"".join(_value(item, old=old)[1] for item in value)
        code = "S" if value and isinstance(value[0], str) else "O"
        return code, struct.pack("<I", len(value)) + raw
    form, code = {int: ("<i", "i"), float: ("<d", "d")}.get(type(value), ("<q", "q"))
    return code, struct.pack(form, value)


def _text(text: str, *, old: bool) -> bytes:
    return text.encode("latin-1" if old else "utf-8") + b"\0"
