"""The header of a movie, in its three versions: numbers in a row, then name and comment."""

import datetime as dt
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError, UnsupportedFormatError

_MOST_BYTES = 1 << 20
_FRAME_HEADER = 32
_OLD = struct.Struct("<2s2s5i4h3fIi?iHh6B2f12x3ih")
_OLD_FIELDS = (
    "channel_1", "channel_2", "header_bytes", "frame_header_bytes", "name_bytes",
    "comment_offset", "comment_bytes", "columns", "rows", "width", "height", "frame_time",
    "z_extension", "z_gain", "adc_range", "adc_bits", "averaged", "averages", "spare", "year",
    "month", "day", "hour", "minute", "second", "rounding", "x_most", "y_most", "first_frames",
    "frames", "instrument", "file",
)  # fmt: skip
_OLD_REST = struct.Struct("<2fi")
_OLD_REST_FIELDS = ("sensor_sensitivity", "phase_sensitivity", "direction")
_NEW = struct.Struct("<5i2s2x2s2x8i?9i3fi12x3i6f")
_NEW_FIELDS = (
    "header_bytes", "frame_header_bytes", "encoding", "name_bytes", "comment_bytes", "channel_1",
    "channel_2", "first_frames", "frames", "direction", "file", "columns", "rows", "width",
    "height", "averaged", "averages", "year", "month", "day", "hour", "minute", "second",
    "x_rounding", "y_rounding", "frame_time", "sensor_sensitivity", "phase_sensitivity", "offset",
    "instrument", "adc_range", "adc_bits", "x_most", "y_most", "x_extension", "y_extension",
    "z_extension", "z_gain",
)  # fmt: skip


@dataclass(frozen=True)
class Header:
    """What the header says, and where the frames start."""

    path: Path
    said: dict[str, Any]
    name: str
    comment: str

    @property
    def data_offset(self) -> int:
        """Return where the first frame starts."""
        return int(self.said["header_bytes"])

    @property
    def frame_header(self) -> int:
        """Return the bytes before the numbers of each frame."""
        return int(self.said["frame_header_bytes"])

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return frames, rows and columns."""
        return self.said["frames"], self.said["rows"], self.said["columns"]

    @property
    def channels(self) -> list[str]:
        """Return what was recorded: TP for topography, ER for the error, PH for the phase."""
        codes = (self.said["channel_1"], self.said["channel_2"])
        return [code for code in codes if code]

    @property
    def started(self) -> str | None:
        """Return when the movie was recorded."""
        parts = ("year", "month", "day", "hour", "minute", "second")
        try:
            return dt.datetime(*(self.said[part] for part in parts)).isoformat()
        except (ValueError, OverflowError):
            return None


def read_header(path: Path) -> Header:
    """Return the header of the movie at `path`."""
    with path.open("rb") as file:
        raw = file.read(_MOST_BYTES)
    version = int.from_bytes(raw[:4], "little")
    if version not in (0, 1, 2):
        message = f"versions 0 to 2 of the format are known, this is {version}"
        raise UnsupportedFormatError(message, path=path, offset=0)
    form, fields = (_NEW, _NEW_FIELDS) if version else (_OLD, _OLD_FIELDS)
    at = 4
    said = {"version": version, **_unpacked(path, raw, at, form, fields)}
    at += form.size
    name, at = _text(path, raw, at, said["name_bytes"], said.get("encoding"))
    if not version:
        said |= _unpacked(path, raw, at, _OLD_REST, _OLD_REST_FIELDS)
        at += _OLD_REST.size + max(said["comment_offset"], 0)
    comment, at = _text(path, raw, at, said["comment_bytes"], said.get("encoding"))
    said |= {key: said[key].rstrip(b"\0").decode("latin-1") for key in ("channel_1", "channel_2")}
    header = Header(path, said, name, comment)
    _check(header, at)
    return header


def _check(header: Header, at: int) -> None:
    frames, rows, columns = header.shape
    if min(frames, rows, columns) < 1 or not header.channels:
        message = f"{frames} frames of {rows} by {columns} pixels cannot be"
        raise FormatError(message, path=header.path, offset=4)
    if header.frame_header < _FRAME_HEADER or header.data_offset < at:
        message = (
            f"a header of {header.data_offset} bytes, and of {header.frame_header} before each "
            f"frame, is announced; at least {at} and {_FRAME_HEADER} were expected"
        )
        raise FormatError(message, path=header.path, offset=4)


def _unpacked(
    path: Path, raw: bytes, at: int, form: struct.Struct, fields: tuple[str, ...]
) -> dict[str, Any]:
    if at + form.size > len(raw):
        message = f"the header needs {at + form.size} bytes, the file has {len(raw)}"
        raise FormatError(message, path=path, offset=len(raw))
    found = dict(zip(fields, form.unpack_from(raw, at), strict=True))
    found.pop("spare", None)
    return found


def _text(path: Path, raw: bytes, at: int, size: int, encoding: int | None) -> tuple[str, int]:
    if size < 0 or at + size > len(raw):
        message = f"a text of {size} bytes does not fit into the header"
        raise FormatError(message, path=path, offset=at)
    part = raw[at : at + size]
    # A code page of Windows, such as 932 for Japanese.
    names = ["utf-8"] if encoding in (None, 65001) else [f"cp{encoding}", "utf-8"]
    for name in [*names, "latin-1"]:
        try:
            return part.decode(name).replace("\0", "").strip(), at + size
        except (UnicodeDecodeError, LookupError):
            continue
    return "", at + size
