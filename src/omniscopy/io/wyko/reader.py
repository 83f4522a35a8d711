"""Read Wyko files: a directory of named blocks, then the blocks one after the other."""

import datetime as dt
import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omniscopy.io.arrays import Flipped, Transposed
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.quantities import stated
from omniscopy.io.records import Channel, LazyArray, Measurement
from omniscopy.io.surfaces import Heights, map_axes, map_grid

_BLOCK = struct.Struct("<16s h i H")
_GRID = struct.Struct("<3H")
_ARRAY, _TEXT = 3, 5
_NUMBERS = {6: ("<h", 2), 7: ("<f", 4), 8: ("<d", 8), 12: ("<i", 4)}
_HEIGHTS = {"RAW_DATA", "RAW DATA", "Raw", "OPD", "SAMPLE_DATA"}
_DTYPES = {1: "u1", 2: "<i2", 4: "<f4"}
# From which number on there is no height.
_BEYOND = {1: None, 2: 32766, 4: 1e38}
_MOST_BLOCKS, _LONGEST_TEXT = 1 << 14, 1 << 16


@dataclass(frozen=True)
class _Block:
    name: str
    kind: int
    offset: int
    size: int


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the maps of the Wyko file at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .opd.
    partial : bool
        Read a file that is cut short as far as it goes.

    Returns
    -------
    Measurement
        Heights (y, x) in nm with row 0 on top, NaN where there are none, labelled in mm; images
        of intensity, in counts. Without a wavelength, heights have no unit.

    Raises
    ------
    FormatError
        The file is cut short, or its directory or a map contradicts its size.
    UnsupportedFormatError
        It holds no map.
    """
    path = Path(path)
    blocks, said, is_cut = _read_blocks(path, partial=partial)
    channels = [
        channel
        for block in blocks
        if block.kind == _ARRAY
        and (channel := _channel(path, block, said, is_cut=is_cut)) is not None
    ]
    if not channels:
        message = "the file holds no map"
        raise UnsupportedFormatError(message, path=path)
    return Measurement(
        channels=channels,
        metadata=stated(
            {
                "title": said.get("Title"),
                "comment": said.get("Note"),
                "started": _moment(str(said.get("Date", "")), str(said.get("Time", ""))),
                "instrument": {"vendor": "Wyko"},
            }
        ),
        original_metadata=said,
    )


def _read_blocks(path: Path, *, partial: bool) -> tuple[list[_Block], dict[str, Any], bool]:
    """Return the blocks that start within the file, numbers and texts, and whether it is cut."""
    size = path.stat().st_size
    blocks: list[_Block] = []
    said: dict[str, Any] = {}
    with path.open("rb") as file:
        raw = file.read(2 + _BLOCK.size)[2:]
        name, _, length, _ = _BLOCK.unpack(raw) if len(raw) == _BLOCK.size else (b"", 0, 0, 0)
        count = length // _BLOCK.size - 1
        if name.rstrip(b"\0") != b"Directory" or not 0 < count < _MOST_BLOCKS:
            message = f"a directory was expected, {name!r} of {length} bytes was found"
            raise FormatError(message, path=path, offset=2)
        listed = file.read(count * _BLOCK.size)
        if len(listed) < count * _BLOCK.size:
            message = f"a directory of {count} blocks was expected, the file ends before"
            raise FormatError(message, path=path, offset=size)
        at = 2 + _BLOCK.size + len(listed)
        for name, kind, length, _ in _BLOCK.iter_unpack(listed):
            if length <= 0:
                continue
            block = _Block(name.split(b"\0")[0].decode("latin-1").strip(), kind, at, length)
            at += length
            if at > size and not partial:
                message = f"the block {block.name!r} was expected to end at byte {at}"
                raise FormatError(message, path=path, offset=size, key=block.name)
            if block.offset < size:
                blocks.append(block)
            if at <= size and kind != _ARRAY and block.name not in said:
                file.seek(block.offset)
                value = _value(kind, file.read(min(length, _LONGEST_TEXT)))
                said |= {} if value is None else {block.name: value}
    return blocks, said, at > size


def _value(kind: int, raw: bytes) -> float | int | str | None:
    """Return a number or a text; a number may be kept shorter than its type says."""
    if kind == _TEXT:
        return raw.split(b"\0")[0].decode("latin-1").strip() or None
    code, size = _NUMBERS.get(kind, ("", 0))
    if size and len(raw) == 2:
        code, size = "<h", 2
    if not size or len(raw) < size:
        return None
    value: float | int = struct.unpack(code, raw[:size])[0]
    return value if math.isfinite(value) else None


def _channel(path: Path, block: _Block, said: dict[str, Any], *, is_cut: bool) -> Channel | None:
    """Return a map, `None` for an array that is none."""
    with path.open("rb") as file:
        file.seek(block.offset)
        raw = file.read(_GRID.size)
    if len(raw) < _GRID.size:
        return None
    columns, rows, itemsize = _GRID.unpack(raw)
    is_height = block.name in _HEIGHTS
    wanted = _GRID.size + columns * rows * itemsize
    if itemsize not in _DTYPES or wanted > block.size or not columns * rows:
        if not is_height:
            return None
        message = f"{columns} by {rows} points of {itemsize} bytes are not in {block.size} bytes"
        raise FormatError(message, path=path, offset=block.offset, key=block.name)
    # Column after column, each from the bottom up.
    stored, missing = map_grid(
        path, block.offset + _GRID.size, (columns, rows), _DTYPES[itemsize], partial=is_cut
    )
    if is_cut and missing is None:
        missing = {"missing_from": None, "reason": "the file ends before what is said of it"}
    data: LazyArray = Flipped(Transposed(stored, (1, 0)), (0,))
    wavelength, units = said.get("Wavelength"), None
    if is_height:
        mult = said.get("Mult") if itemsize < 4 else 1
        scale = 1.0 / (mult if isinstance(mult, int | float) and mult else 1)
        if isinstance(wavelength, int | float):
            scale, units = scale * wavelength, "nm"
        data = Heights(data, scale, beyond=_BEYOND[itemsize])
    pixel, aspect = said.get("Pixel_size"), said.get("Aspect", 1.0)
    steps = [
        pixel * factor if isinstance(pixel, float) and isinstance(factor, float) else None
        for factor in (aspect, 1.0)
    ]
    return Channel(
        title="Height" if is_height else block.name,
        data=data,
        axes=map_axes((rows, columns), steps, "mm"),
        quantity="height" if units else None if is_height else "intensity",
        units=units,
        source="Wyko",
        original_metadata={"block": block.name},
        attrs={} if missing is None else {"incomplete": missing},
    )


def _moment(day: str, clock: str) -> str | None:
    """Return a moment, of which the month comes first; a year may have two digits."""
    for year in ("%y", "%Y"):
        try:
            moment = dt.datetime.strptime(f"{day} {clock}", f"%m/%d/{year} %H:%M:%S")
        except ValueError:
            continue
        return moment.isoformat()
    return None
