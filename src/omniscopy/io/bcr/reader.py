"""Read BCR and BCRF maps: lines of `key = value`, filled with blanks, then numbers."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omniscopy.io.arrays import read_start
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.quantities import finite_number, known_units, quantity_of
from omniscopy.io.records import Axis, Channel, Measurement
from omniscopy.io.surfaces import Heights, map_axes, map_grid

_LENGTH, _MOST_HEADER = 2048, 1 << 20
_LINE = re.compile(r"\s*([^=\s][^=]*?)\s*=\s*(.*?)\s*")
# Of each kind: how numbers are stored, and from which one on they stand for no height.
_KINDS = {"bcrstm": ("i2", 32767), "bcrf": ("f4", 1.7e38)}


@dataclass(frozen=True)
class _Header:
    path: Path
    entries: dict[str, str]
    data_offset: int
    kind: str

    def number(self, key: str) -> float | None:
        return finite_number(self.entries.get(key, ""))

    def size(self, key: str) -> int:
        text = self.entries.get(key, "")
        if not re.fullmatch(r"[1-9]\d{0,8}", text):
            message = f"a number of points was expected, {text!r} was found"
            raise FormatError(message, path=self.path, key=key)
        return int(text)


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the map of the BCR or BCRF file at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .bcr (16 bits) or .bcrf (floating point), its header in Latin-1 or
        UTF-16.
    partial : bool
        Read a file that is cut short as far as it goes.

    Returns
    -------
    Measurement
        One channel (y, x) in the file's unit, NaN where nothing was measured, row 0 on top.

    Raises
    ------
    FormatError
        The file is cut short, or its header is damaged.
    UnsupportedFormatError
        The header says another kind.
    """
    header = _read_header(Path(path))
    dtype, beyond = _KINDS[header.kind]
    little = (header.number("intelmode") or 0.0) != 0.0 or "intelmode" not in header.entries
    shape = (header.size("ypixels"), header.size("xpixels"))
    order = "<" if little else ">"
    stored, gap = map_grid(header.path, header.data_offset, shape, order + dtype, partial=partial)
    units = known_units(header.entries.get("zunit", "nm"))
    channel = Channel(
        title="Height" if quantity_of("height", units) == "height" else "Image",
        data=Heights(stored, header.number("bit2nm") or 1.0, beyond=beyond),
        axes=_axes(header, shape),
        quantity=quantity_of("height", units),
        units=units,
        attrs={} if gap is None else {"incomplete": gap},
    )
    return Measurement(channels=[channel], original_metadata=header.entries)


def _read_header(path: Path) -> _Header:
    start = read_start(path, _MOST_HEADER)
    mark = 2 if start.startswith(b"\xff\xfe") else 0
    coding, width = ("utf-16-le", 2) if start[mark + 1 : mark + 2] == b"\0" else ("latin-1", 1)
    # The length of the header is itself a line of it, within its first part.
    entries = _parse(start[mark : mark + _LENGTH * width], coding)
    length = finite_number(entries.get("headersize", "")) or _LENGTH
    if not 0 < length * width <= _MOST_HEADER or length != int(length):
        message = f"a header of {length} characters cannot be"
        raise FormatError(message, path=path, key="headersize")
    size = int(length) * width
    entries = _parse(start[mark:size], coding)
    kind = entries.get("fileformat", "").removesuffix("_unicode")
    if kind not in _KINDS:
        message = f"files of the format {kind!r} are not read, only bcrstm and bcrf"
        raise UnsupportedFormatError(message, path=path, key="fileformat")
    return _Header(path, entries, size, kind)


def _parse(raw: bytes, coding: str) -> dict[str, str]:
    text = raw.decode(coding, "replace")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith(("%", "#"))]
    matches = [_LINE.fullmatch(line.replace("\0", "")) for line in lines]
    return {match[1]: match[2] for match in matches if match}


def _axes(header: _Header, shape: tuple[int, int]) -> list[Axis]:
    lengths: list[Any] = [header.number(f"{letter}length") for letter in "yx"]
    steps = [length and length / size for length, size in zip(lengths, shape, strict=True)]
    units = [known_units(header.entries.get(f"{letter}unit", "nm")) for letter in "yx"]
    return map_axes(shape, steps, units)
