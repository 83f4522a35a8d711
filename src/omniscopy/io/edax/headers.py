"""The headers of maps (.spd, .lsd), spectra (.spc) and images (.ipr), and where they are kept.

Layouts: "SpcMap spd file format", "Spectrum V70" and "Image IPR", EDAX Inc.
"""

import csv
import datetime as dt
import itertools
import math
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from omniscopy.io.arrays import read_start
from omniscopy.io.errors import FormatError

MAP_MARK = b"MAPSPECTRA_DATA"
_MAP = struct.Struct("<16s2i6I120s")
_MAP_FIELDS = (
    "tag", "version", "spectra", "points", "lines", "channels", "count_bytes", "data_offset",
    "frames", "file_name",
)  # fmt: skip
# field: byte in the header, struct code
_SPECTRUM_FIELDS = {
    "file_version": (0, "f"), "application_version": (4, "f"), "file_name": (8, "8s"),
    "year": (16, "h"), "day": (18, "b"), "month": (19, "b"), "minute": (20, "b"),
    "hour": (21, "b"), "hundredths": (22, "b"), "second": (23, "b"), "file_size": (24, "i"),
    "data_start": (28, "i"), "points": (32, "h"), "working_distance": (36, "h"),
    "label": (64, "256s"), "ev_per_channel": (384, "i"), "time_constant": (388, "h"),
    "analysis_type": (390, "h"), "preset": (392, "f"), "analyzer_type": (444, "I"),
    "start_energy": (448, "f"), "end_energy": (452, "f"), "live_time": (456, "f"),
    "tilt": (460, "f"), "take_off": (464, "f"), "resolution": (472, "f"),
    "detector_type": (476, "I"), "azimuth": (508, "f"), "elevation": (512, "f"),
    "kilovolts": (532, "f"),
}  # fmt: skip
_SPECTRUM_BYTES = 540
_IMAGE_FIELDS = {
    "version": (0, "H"), "image_type": (2, "H"), "label": (4, "8s"), "tilt": (54, "h"),
    "take_off": (56, "h"), "magnification": (58, "I"), "working_distance": (62, "H"),
    "microns_x": (64, "f"), "microns_y": (68, "f"),
}  # fmt: skip
_IMAGE_BYTES = 72
_IMAGE_VERSIONS = range(300, 400)
_DISTANCE = "Distance (nm)"
_MOST_TABLE_BYTES = 1 << 24


def read_map_header(path: Path) -> dict[str, Any]:
    """Return the header of a map."""
    with path.open("rb") as file:
        raw = file.read(_MAP.size)
    if len(raw) < _MAP.size or not raw.startswith(MAP_MARK):
        message = f"a map starts with {MAP_MARK!r} and {_MAP.size} bytes, {len(raw)} are there"
        raise FormatError(message, path=path, offset=0)
    fields = dict(zip(_MAP_FIELDS, map(_readable, _MAP.unpack(raw)), strict=True))
    if fields["count_bytes"] not in (1, 2, 4) or not 0 < fields["channels"] <= 1 << 16:
        message = f"{fields['channels']} channels of {fields['count_bytes']} bytes make no sense"
        raise FormatError(message, path=path, key="count_bytes")
    return fields


def read_spectrum_header(path: Path) -> dict[str, Any]:
    """Return the header of a spectrum."""
    found = _read(path, _SPECTRUM_FIELDS, _SPECTRUM_BYTES)
    if found is None:
        message = f"a spectrum starts with {_SPECTRUM_BYTES} bytes; the file is cut short"
        raise FormatError(message, path=path, offset=0)
    return found


def read_image_header(path: Path) -> dict[str, Any]:
    """Return the header of an image, {} where it is not one."""
    found = _read(path, _IMAGE_FIELDS, _IMAGE_BYTES) or {}
    return found if found.get("version") in _IMAGE_VERSIONS else {}


def read_line_table(path: Path) -> tuple[dict[str, str], np.ndarray | None]:
    """Return the settings above the table of a line, and the distances in it, in nm."""
    text = read_start(path, _MOST_TABLE_BYTES).decode("utf-8-sig", "replace")
    rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines())]
    settings: dict[str, str] = {}
    for number, row in enumerate(rows):
        if _DISTANCE in row:
            column = row.index(_DISTANCE)
            cells = [each[column] for each in rows[number + 1 :] if len(each) > column]
            try:
                return settings, np.array([float(cell) for cell in cells])
            except ValueError:
                break
        if len(row) > 1 and row[0]:
            settings[row[0]] = ", ".join(row[1:]).rstrip(", ")
    return settings, None


def beside(path: Path, endings: Sequence[str], said: str = "") -> Path | None:
    """Return the file of the same stem with one of some endings, `None` where there is none.

    `said` is the path of another file, whose stem may be that which is looked for.
    """
    stems = [path.stem, *([PureWindowsPath(said).stem] if said else [])]
    for stem, ending in itertools.product(stems, endings):
        for written in (ending, ending.upper(), ending.lower()):
            found = path.with_name(stem + written)
            if found != path and found.is_file():
                return found
    return None


def energies(fields: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return width and start of the channels of a spectrum in keV, where they are known."""
    width, start = fields.get("ev_per_channel", 0) * 1e-3, fields.get("start_energy", math.nan)
    points, end = fields.get("points", 0), fields.get("end_energy", math.nan)
    if width <= 0 and points > 0:
        width = (end - start) / points
    known = math.isfinite(width) and width > 0
    return (width, start if math.isfinite(start) else 0.0) if known else None


def collected(fields: Mapping[str, Any]) -> str | None:
    """Return when a spectrum was collected."""
    try:
        parts = [fields[name] for name in ("year", "month", "day", "hour", "minute", "second")]
        return dt.datetime(*parts).isoformat()
    except (KeyError, ValueError):
        return None


def _read(path: Path, layout: Mapping[str, tuple[int, str]], size: int) -> dict[str, Any] | None:
    with path.open("rb") as file:
        raw = file.read(size)
    if len(raw) < size:
        return None
    return {
        name: _readable(struct.unpack_from("<" + code, raw, at)[0])
        for name, (at, code) in layout.items()
    }


def _readable(value: Any) -> Any:
    if not isinstance(value, bytes):
        return value
    return value.partition(b"\0")[0].decode("latin-1").strip()
