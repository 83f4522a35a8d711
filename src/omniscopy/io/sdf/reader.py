"""Read surface data files (ISO 25178-71): a header in text or binary, then heights."""

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import read_start
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.quantities import finite_number, stated
from omniscopy.io.records import Channel, LazyArray, Measurement
from omniscopy.io.surfaces import Heights, map_axes, map_grid

_VERSION = 8
_BINARY = struct.Struct("<10s12s12sHH4dbbb")
_KEYS = (
    "ManufacID", "CreateDate", "ModDate", "NumPoints", "NumProfiles", "Xscale", "Yscale",
    "Zscale", "Zresolution", "Compression", "DataType", "CheckType",
)  # fmt: skip
# Types of numbers, and the number that stands for no height.
_TYPES: dict[int, tuple[str, int | None]] = {
    0: ("u1", None), 1: ("<u2", 0xFFFF), 2: ("<u4", 0xFFFFFFFF), 3: ("<f4", None),
    4: ("i1", None), 5: ("<i2", -0x8000), 6: ("<i4", -0x80000000), 7: ("<f8", None),
}  # fmt: skip
_MOST_HEADER = 1 << 16
# Some programs leave out the sign of equality; comments start with a semicolon.
_LINE = re.compile(r"\s*(\w+)\s*(?:=|\s)\s*(.*?)\s*")
_TAG = re.compile(r"<\s*(\w+)\s*>\s*([^<>]*?)\s*<\s*/\s*\1\s*>")
_BAD = (b"BAD", b"NaN", b"NAN", b"nan")
_MOST_TRAILER = 1 << 20
# Olympus puts two numbers, 5 and 1, between the header and the heights.
_OLYMPUS = struct.pack("<2I", 5, 1)


@dataclass(frozen=True)
class _Header:
    path: Path
    entries: dict[str, Any]
    data_offset: int
    is_text: bool

    def number(self, key: str) -> float | None:
        return finite_number(str(self.entries.get(key, "")))

    @property
    def shape(self) -> tuple[int, int]:
        sizes = [self.number(key) or 0.0 for key in ("NumProfiles", "NumPoints")]
        if any(not 0 < size <= 1e6 or size != int(size) for size in sizes):
            message = f"a surface of {sizes[0]:g} by {sizes[1]:g} points cannot be"
            raise FormatError(message, path=self.path, key="NumPoints")
        return int(sizes[0]), int(sizes[1])


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the surface of the surface data file at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .sdf, in text or binary.
    partial : bool
        Read a binary file that is cut short as far as it goes.

    Returns
    -------
    Measurement
        One channel (y, x) in metres, NaN where nothing was measured. The first profile is row 0.

    Raises
    ------
    FormatError
        The file is cut short, or its header is damaged.
    UnsupportedFormatError
        It is compressed, or its numbers are of unknown type.
    """
    header = _read_header(Path(path))
    if header.number("Compression"):
        message = "compressed surface data files are not read; the standard knows no compression"
        raise UnsupportedFormatError(message, path=path, key="Compression")
    gap = None
    if header.is_text:
        data: LazyArray | np.ndarray = _read_text(header)
        trailer = _text_after(header)
    else:
        data, gap = _map_binary(header, partial=partial)
        end = header.data_offset + _dtype(header)[0].itemsize * header.shape[0] * header.shape[1]
        trailer = {} if gap else _trailer(header.path, end)
    steps = [header.number(f"{letter}scale") for letter in "YX"]
    channel = Channel(
        title="Height",
        data=data,
        axes=map_axes(header.shape, steps, "m"),
        quantity="height",
        units="m",
        attrs={} if gap is None else {"incomplete": gap},
    )
    return Measurement(
        channels=[channel],
        metadata=stated(
            {
                "started": _started(str(header.entries.get("CreateDate", ""))),
                "operator": trailer.get("OperatorName"),
                "sample": {"name": trailer.get("PartName")},
                "instrument": {
                    "vendor": trailer.get("InstrumentManufacturer"),
                    "model": trailer.get("Instrument"),
                },
            }
        ),
        original_metadata={**header.entries, "trailer": trailer} if trailer else header.entries,
    )


def _read_header(path: Path) -> _Header:
    start = read_start(path, _MOST_HEADER)
    if start[:1] == b"b":
        if len(start) < _VERSION + _BINARY.size:
            message = f"the header takes {_VERSION + _BINARY.size} bytes, there are {len(start)}"
            raise FormatError(message, path=path, offset=len(start))
        fields = _BINARY.unpack_from(start, _VERSION)
        plain = [
            value.decode("latin-1").strip("\0 ") if isinstance(value, bytes) else value
            for value in fields
        ]
        entries = dict(zip(_KEYS, plain, strict=True))
        past = _VERSION + _BINARY.size
        return _Header(path, entries, past + _further(path, entries, start[past:]), is_text=False)
    end = re.compile(rb"^\*", re.MULTILINE).search(start)
    if end is None:
        message = "the header does not end with a line '*'; the file is cut short"
        raise FormatError(message, path=path, offset=len(start))
    lines = start[_VERSION : end.start()].decode("latin-1").splitlines()
    matches = [_LINE.fullmatch(line) for line in lines if not line.startswith(";")]
    spelled = {key.lower(): key for key in _KEYS}
    found = {spelled.get(match[1].lower(), match[1]): match[2] for match in matches if match}
    return _Header(path, found, end.end(), is_text=True)


def _further(path: Path, entries: dict[str, Any], after: bytes) -> int:
    """Return the bytes between the header and the heights, where the size of the file says so."""
    header = _Header(path, entries, _VERSION + _BINARY.size, is_text=False)
    if not after.startswith(_OLYMPUS) or int(entries["DataType"]) not in _TYPES:
        return 0
    rows, columns = header.shape
    wanted = _dtype(header)[0].itemsize * rows * columns
    there = path.stat().st_size - header.data_offset
    return len(_OLYMPUS) if there == wanted + len(_OLYMPUS) else 0


def _dtype(header: _Header) -> tuple[np.dtype[Any], int | None]:
    """Return the type of the stored numbers, and the one that stands for no height."""
    kind = int(header.entries["DataType"])
    if kind not in _TYPES:
        message = f"numbers of the type {kind} are not known"
        raise UnsupportedFormatError(message, path=header.path, key="DataType")
    name, missing = _TYPES[kind]
    return np.dtype(name), missing


def _map_binary(header: _Header, *, partial: bool) -> tuple[LazyArray, dict[str, Any] | None]:
    dtype, missing = _dtype(header)
    stored, gap = map_grid(header.path, header.data_offset, header.shape, dtype, partial=partial)
    scale = header.number("Zscale")
    if stored.dtype.kind == "f":
        missing = None
    return Heights(stored, 1.0 if scale is None else scale, missing=missing), gap


def _read_text(header: _Header) -> np.ndarray:
    rows, columns = header.shape
    size = header.path.stat().st_size - header.data_offset
    if rows * columns > size:
        message = f"{rows} by {columns} heights cannot be in {size} bytes"
        raise FormatError(message, path=header.path, offset=header.data_offset)
    with header.path.open("rb") as file:
        file.seek(header.data_offset)
        words = file.read().partition(b"*")[0].split()
    if len(words) != rows * columns:
        message = f"{rows * columns} heights were expected, {len(words)} were found"
        raise FormatError(message, path=header.path, offset=header.data_offset)
    try:
        values = np.array([np.nan if word in _BAD else float(word) for word in words])
    except ValueError as error:
        message = f"heights were expected ({error})"
        raise FormatError(message, path=header.path, offset=header.data_offset) from error
    scale = header.number("Zscale")
    with np.errstate(over="ignore", invalid="ignore"):  # numbers of a damaged file
        return values.reshape(rows, columns) * (1.0 if scale is None else scale)


def _text_after(header: _Header) -> dict[str, str]:
    """Return what is said after the heights of a text."""
    with header.path.open("rb") as file:
        file.seek(header.data_offset)
        rest = file.read()
    return _trailer(header.path, header.data_offset + len(rest.partition(b"*")[0]))


def _trailer(path: Path, start: int) -> dict[str, str]:
    """Return the texts in tags, or the lines of a key and its value, from a byte on."""
    with path.open("rb") as file:
        file.seek(start)
        text = file.read(_MOST_TRAILER).decode("latin-1")
    tags = dict(_TAG.findall(text))
    lines = [re.fullmatch(r"\s*(\w+)\s*=\s*(.*?)\s*", line) for line in text.splitlines()]
    return tags or {match[1]: match[2] for match in lines if match and match[1].isascii()}


def _started(date: str) -> str | None:
    """Return a date such as `040120100853`: day, month, year, hour and minute."""
    found = re.fullmatch(r"(\d\d)(\d\d)(\d{4})(\d\d)(\d\d)", date)
    return "{2}-{1}-{0}T{3}:{4}".format(*found.groups()) if found else None
