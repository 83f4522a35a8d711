"""Read Gwyddion Simple Fields: lines of `key = value`, a zero byte or more, then the image."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import read_start
from omniscopy.io.errors import FormatError
from omniscopy.io.pieces import map_rows
from omniscopy.io.quantities import finite_number, known_units, quantity_of
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement

_START = b"Gwyddion Simple Field 1.0\n"
_DTYPE = np.dtype("<f4")
_MOST_BYTES = 1 << 20
_LINE = re.compile(r"\s*([^=\s][^=]*?)\s*=\s*(.*?)\s*")


@dataclass(frozen=True)
class _Header:
    path: Path
    entries: dict[str, str]
    data_offset: int

    def number(self, key: str) -> float | None:
        """Return an entry as a finite number, `None` where it is none."""
        return finite_number(self.entries.get(key, ""))

    def size(self, key: str) -> int:
        """Return a number of pixels."""
        text = self.entries.get(key, "")
        if not re.fullmatch(r"[1-9]\d{0,8}", text):
            message = f"a number of pixels was expected, {text!r} was found"
            raise FormatError(message, path=self.path, key=key)
        return int(text)


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the image of the Gwyddion Simple Field at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .gsf.
    partial : bool
        Read a file that is cut short as far as it goes.

    Returns
    -------
    Measurement
        One channel, (y, x) with row 0 on top.

    Raises
    ------
    FormatError
        The file is cut short, or its header is damaged.
    """
    path = Path(path)
    header = _read_header(path)
    data, missing = _map_image(header, partial=partial)
    title = header.entries.get("Title", "")
    units = known_units(header.entries.get("ZUnits"))
    channel = Channel(
        title=title or "Image",
        data=data,
        axes=tuple(_axis(header, name) for name in ("y", "x")),
        quantity=quantity_of(title or "height", units),
        units=units,
        source="Gwyddion",
        attrs={} if missing is None else {"incomplete": missing},
    )
    return Measurement(channels=[channel], original_metadata=header.entries)


def _read_header(path: Path) -> _Header:
    start = read_start(path, _MOST_BYTES)
    if not start.startswith(_START):
        message = f"a Gwyddion Simple Field starts with {_START!r}, this file with {start[:16]!r}"
        raise FormatError(message, path=path, offset=0)
    end = start.find(b"\0")
    if end < 0:
        message = "the header does not end with a zero byte; the file is cut short"
        raise FormatError(message, path=path, offset=len(start))
    # One to four zero bytes, so that the image starts at a multiple of four.
    data_offset = end + 4 - end % 4
    if start[end:data_offset].strip(b"\0"):
        message = "the header is not filled with zero bytes up to the image; it is damaged"
        raise FormatError(message, path=path, offset=end)
    text = start[len(_START) : end].decode("utf-8", "replace")
    matches = [_LINE.fullmatch(line) for line in text.splitlines()]
    return _Header(path, {match[1]: match[2] for match in matches if match}, data_offset)


def _map_image(header: _Header, *, partial: bool) -> tuple[LazyArray, dict[str, Any] | None]:
    rows, columns = header.size("YRes"), header.size("XRes")
    there = header.path.stat().st_size - header.data_offset
    wanted = rows * columns * _DTYPE.itemsize
    if not partial and there != wanted:
        message = (
            f"an image of {rows} by {columns} pixels needs {wanted} bytes, the file has {there}; "
            "it is cut short or its header is damaged"
        )
        raise FormatError(message, path=header.path, offset=header.data_offset)
    return map_rows(header.path, header.data_offset, (rows, columns), _DTYPE, partial=partial)


def _axis(header: _Header, name: str) -> Axis:
    size, length = header.size(f"{name.upper()}Res"), header.number(f"{name.upper()}Real")
    if length is None or length <= 0:
        return Axis(name=name, size=size)
    return Axis(
        name=name,
        size=size,
        scale=length / size,
        offset=header.number(f"{name.upper()}Offset") or 0.0,
        units=known_units(header.entries.get("XYUnits")),
    )
