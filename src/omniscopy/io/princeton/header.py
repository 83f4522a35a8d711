"""The header of 4100 bytes that all SPE files have, and what is in it."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import require_bytes
from omniscopy.io.errors import FormatError

HEADER_SIZE = 4100
_MARK, _MARK_AT = 0x01234567, 2996
_TYPES = {0: "<f4", 1: "<i4", 2: "<i2", 3: "<u2", 5: "<f8", 6: "u1", 8: "<u4"}
_FIELDS = {
    # name: offset, type
    "exposure": (10, "f"), "sensor_columns": (6, "H"), "sensor_rows": (18, "H"),
    "date": (20, "10s"), "temperature": (36, "f"), "columns": (42, "H"),
    "centre_wavelength": (72, "f"), "type": (108, "h"), "local_time": (172, "7s"),
    "gain": (198, "H"), "geometric": (600, "H"), "grooves": (650, "f"), "rows": (656, "H"),
    "accumulations": (668, "i"), "footer": (678, "Q"), "software": (688, "16s"),
    "frames": (1446, "i"), "regions": (1510, "h"), "version": (1992, "f"),
    "current_unit": (3016, "B"), "calibrated": (3098, "B"), "polynomial_unit": (3100, "B"),
    "polynomial_order": (3101, "B"), "polynomial": (3263, "6d"), "laser": (3311, "d"),
}  # fmt: skip
LIGHTFIELD, _MOST_VERSION = 3.0, 4.0
_TO_FIT = ("type", "version", "columns", "rows", "frames", "footer")
_COMMENTS, _COMMENT_SIZE = 200, 80
_REGIONS, _REGION = 1512, struct.Struct("<6H")
_MOST_REGIONS = 10


@dataclass(frozen=True)
class Region:
    """A part of the sensor, in its pixels: first ones, numbers, and how many make one."""

    column: int
    row: int
    columns: int
    rows: int
    column_bin: int = 1
    row_bin: int = 1

    @property
    def shape(self) -> tuple[int, int]:
        """Return rows and columns of the image."""
        return self.rows, self.columns


@dataclass(frozen=True)
class Header:
    """What the header says; texts are decoded, and the regions are those of version 2."""

    fields: dict[str, Any]
    regions: list[Region]
    comments: list[str]

    @property
    def file_dtype(self) -> np.dtype[Any]:
        """Return the type of the numbers in the file."""
        return np.dtype(_TYPES[self.fields["type"]])


def read_header(path: Path) -> Header:
    """Return the header of a file."""
    require_bytes(path, 0, HEADER_SIZE, what="the header of an SPE file")
    with path.open("rb") as file:
        raw = file.read(HEADER_SIZE)
    if struct.unpack_from("<I", raw, _MARK_AT) != (_MARK,) and not is_unmarked(path, raw):
        message = "the file has not the mark of an SPE file"
        raise FormatError(message, path=path, offset=_MARK_AT)
    fields = {name: _field(raw, at, kind) for name, (at, kind) in _FIELDS.items()}
    if fields["type"] not in _TYPES:
        message = f"numbers of type {fields['type']} are not known; the header is damaged"
        raise FormatError(message, path=path, offset=108)
    texts = (raw[_COMMENTS + _COMMENT_SIZE * n :][:_COMMENT_SIZE] for n in range(5))
    comments = [text for text in map(_text, texts) if text]
    return Header(fields, _regions(raw, fields), comments)


def is_unmarked(path: Path, raw: bytes) -> bool:
    """Return whether a header without the mark, as other programs write it, fits the file."""
    if len(raw) < HEADER_SIZE or struct.unpack_from("<I", raw, _MARK_AT) != (0,):
        return False
    fields = {name: _field(raw, *_FIELDS[name]) for name in _TO_FIT}
    size = path.stat().st_size
    if fields["type"] not in _TYPES or not 1 <= fields["version"] < _MOST_VERSION:
        return False
    if fields["version"] >= LIGHTFIELD:
        with path.open("rb") as file:
            file.seek(min(max(fields["footer"], HEADER_SIZE), size))
            return file.read(1) == b"<"
    values = fields["columns"] * fields["rows"] * fields["frames"]
    return values > 0 and size == HEADER_SIZE + values * np.dtype(_TYPES[fields["type"]]).itemsize


def _field(raw: bytes, at: int, kind: str) -> Any:
    values = struct.unpack_from(f"<{kind}", raw, at)
    if len(values) > 1:
        return list(values)
    return _text(values[0]) if isinstance(values[0], bytes) else values[0]


def _regions(raw: bytes, fields: dict[str, Any]) -> list[Region]:
    """Return the regions; where the first one is not the image, the image is all there is."""
    whole = [Region(1, 1, fields["columns"], fields["rows"])]
    count = max(fields["regions"], 1)
    if count > _MOST_REGIONS:
        return whole
    found = []
    for number in range(count):
        words = _REGION.unpack_from(raw, _REGIONS + number * _REGION.size)
        left, right, column_bin, top, bottom, row_bin = words
        column_bin, row_bin = max(column_bin, 1), max(row_bin, 1)
        columns, rows = (right - left + 1) // column_bin, (bottom - top + 1) // row_bin
        found.append(Region(left, top, columns, rows, column_bin, row_bin))
    if count == 1 and found[0].shape != (fields["rows"], fields["columns"]):
        return whole
    return found if all(min(region.shape) > 0 for region in found) else whole


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("latin-1").strip()
