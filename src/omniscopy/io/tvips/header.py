"""The header of a series, and the one before each frame: little-endian numbers."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.recorded import Part

# After the size of the header itself.
_FIELDS = np.dtype(
    [
        ("size", "<u4"), ("version", "<u4"), ("columns", "<u4"), ("rows", "<u4"),
        ("bits", "<u4"), ("offset_x", "<i4"), ("offset_y", "<i4"), ("binning_x", "<u4"),
        ("binning_y", "<u4"), ("pixel_size", "<u4"), ("high_tension", "<u4"),
        ("magnification", "<u4"), ("frame_header_bytes", "<u4"),
    ]
)  # fmt: skip
FRAME_FIELDS = np.dtype(
    [
        ("number", "<u4"), ("seconds", "<u4"), ("milliseconds", "<u4"), ("lut_index", "<u4"),
        ("current", "<f4"), ("magnification", "<u4"), ("mode", "<u4"), ("stage_x", "<f4"),
        ("stage_y", "<f4"), ("stage_z", "<f4"), ("stage_alpha", "<f4"), ("stage_beta", "<f4"),
        ("rotator_index", "<u4"), ("temperature", "<f4"), ("objective", "<f4"),
    ]
)  # fmt: skip
_HEADER_BYTES = 256
_DTYPES = {8: "<u1", 16: "<u2", 32: "<u4"}
_MOST_FRAME_HEADER = 1 << 16
_NUMBERED = re.compile(r"(?P<stem>.*_)(?P<number>\d{3,9})")


@dataclass(frozen=True)
class Header:
    """What the first file says of all frames."""

    fields: dict[str, int]

    @property
    def shape(self) -> tuple[int, int]:
        """Return rows and columns of a frame."""
        return self.fields["rows"], self.fields["columns"]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the type of a pixel."""
        return np.dtype(_DTYPES[self.fields["bits"]])

    @property
    def before(self) -> int:
        """Return the bytes before each frame."""
        return self.fields["frame_header_bytes"]

    @property
    def stride(self) -> int:
        """Return the bytes from one frame to the next."""
        rows, columns = self.shape
        return self.before + rows * columns * self.dtype.itemsize


def read_header(path: Path) -> Header:
    """Return the header of a series, checked."""
    with path.open("rb") as file:
        raw = file.read(_HEADER_BYTES)
    if len(raw) < _HEADER_BYTES:
        message = f"a header of {_HEADER_BYTES} bytes was expected, the file has {len(raw)}"
        raise FormatError(message, path=path, offset=0)
    record = np.frombuffer(raw, _FIELDS, 1)[0]
    fields = {name: int(record[name]) for name in _FIELDS.names or ()}
    if fields["size"] != _HEADER_BYTES or not all(
        0 < fields[name] < 2**16 for name in ("rows", "columns")
    ):
        message = (
            f"a header of {fields['size']} bytes and frames of {fields['rows']} x "
            f"{fields['columns']} pixels make no sense"
        )
        raise FormatError(message, path=path, offset=0)
    if fields["bits"] not in _DTYPES:
        message = f"pixels of {fields['bits']} bits are not known; {sorted(_DTYPES)} are"
        raise UnsupportedFormatError(message, path=path, offset=16)
    if not FRAME_FIELDS.itemsize <= fields["frame_header_bytes"] <= _MOST_FRAME_HEADER:
        message = (
            f"headers of {fields['frame_header_bytes']} bytes before each frame (version "
            f"{fields['version']}) are not known; {FRAME_FIELDS.itemsize} or more are"
        )
        raise UnsupportedFormatError(message, path=path, offset=48)
    return Header(fields)


def frame_field(name: str) -> tuple[np.dtype[Any], int]:
    """Return type and place of a field of the header of a frame."""
    assert FRAME_FIELDS.fields is not None
    dtype, at = FRAME_FIELDS.fields[name][:2]
    return dtype, at


def find_parts(path: Path, header: Header, *, partial: bool) -> tuple[list[Part], str | None]:
    """Return the files of a series with their frames, and why some are missing.

    Raises
    ------
    FormatError
        A file of the series is missing or cut short. With `partial`, it ends there.
    """
    parts: list[Part] = []
    for number, file in enumerate(_files(path)):
        start = header.fields["size"] if number == 0 else 0
        reason = None
        if not file.is_file():
            reason = f"{file.name} of the series is missing"
        else:
            count, rest = divmod(max(file.stat().st_size - start, 0), header.stride)
            if rest or not (count or number):
                reason = (
                    f"frames of {header.stride} bytes do not fill {file.name}: {rest} bytes are "
                    f"left after {count} frames; it is cut short"
                )
            if count:
                parts.append(Part(str(file), start, count))
        if reason is not None:
            if not (partial and parts):
                message = f"{reason}; partial=True reads the frames before"
                raise FormatError(message, path=path, offset=start)
            return parts, reason
    return parts, None


def _files(path: Path) -> list[Path]:
    """Return the files of a series that starts with number 0, missing ones too."""
    match = _NUMBERED.fullmatch(path.stem)
    if match is None or int(match["number"]) != 0:
        return [path]
    width, found = len(match["number"]), {0}
    for file in path.parent.iterdir():
        other = _NUMBERED.fullmatch(file.stem)
        if other is not None and other["stem"] == match["stem"] and file.suffix == path.suffix:
            found |= {int(other["number"])} if len(other["number"]) == width else set()
    numbers = range(max(found) + 1) if max(found) < 2 * len(found) + 16 else sorted(found)
    return [path.with_stem(f"{match['stem']}{number:0{width}}") for number in numbers]
