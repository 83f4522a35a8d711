"""Read SPMLab images of the releases 3 to 7: a header of fixed places, then counts."""

import math
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Scaled, Transposed, read_start
from omniscopy.io.errors import FormatError
from omniscopy.io.pieces import map_rows
from omniscopy.io.quantities import known_units, quantity_of, stated
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement
from omniscopy.io.surfaces import map_axes

_MOST_HEADER = 1 << 18
_START = re.compile(rb"#R([3-7])[^#]{0,9}#")
# Before this many bytes there is no further header.
_BETWEEN = 2620
_KINDS = (
    "Height", "Current", "Friction", "Spectrum", "Spectrum voltage", "ADC 1", "ADC 2",
    "Tip voltage", "DAC 1", "DAC 2", "Z piezo", "Height error", "Linearized Z", "Feedback",
)  # fmt: skip


@dataclass(frozen=True)
class _Places:
    """Where a release has what; from release 5 on, numbers are of double precision."""

    pixels: int
    lengths: int
    scale: int
    units: int
    layers: int
    code: str
    kind: int | None = None
    title: int | None = None


_OLD = _Places(0x196, 0x1A2, 0x1B2, 0x1C2, 0x1E0, "f", kind=0x400)
_FIVE = _Places(0x25C, 0x268, 0x288, 0x2A0, 0x2BE, "d", kind=0x708)
_SEVEN = _Places(0x29C, 0x2A8, 0x2C8, 0x2E0, 0x2FE, "d", title=0xA58 + 312)
_RELEASES = {b"3": _OLD, b"4": _OLD, b"5": _FIVE, b"6": _FIVE, b"7": _SEVEN}
_DATA, _ABOUT = 0x104, 0x108


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the image of the SPMLab file at `path`.

    Parameters
    ----------
    path : Path
        A file such as .zfr: of a quantity, forward (f) or reverse (r), raw (r) or processed (p).
    partial : bool
        Read a file that is cut short as far as it goes.

    Returns
    -------
    Measurement
        One image (y, x) with row 0 on top, labelled from the upper left, or, of layers, (y, x,
        sample).

    Raises
    ------
    FormatError
        The file is cut short, or its header is damaged.
    """
    path = Path(path)
    head = read_start(path, _MOST_HEADER)
    found = _START.match(head)
    if found is None:
        message = f"the file starts with {head[:8]!r}, not with such as '#R5.0#'"
        raise FormatError(message, path=path, offset=0)
    places = _RELEASES[found[1]]
    start = _last_header(head, found[1]) if places is not _OLD else 0

    def take(place: int, form: str) -> tuple[Any, ...]:
        packed = struct.Struct("<" + form)
        if start + place + packed.size > len(head):
            message = "the file ends within its header"
            raise FormatError(message, path=path, offset=len(head))
        return packed.unpack_from(head, start + place)

    def text(place: int, length: int) -> str:
        raw: bytes = take(place, f"{length}s")[0]
        return raw.split(b"\0")[0].decode("latin-1").strip()

    columns, rows = take(places.pixels, "II")
    left, right, bottom, top = take(places.lengths, 4 * places.code)
    scale, zero = take(places.scale, 2 * places.code)
    layers = max(take(places.layers, "H")[0], 1)
    units, lateral = (known_units(text(places.units + 10 * n, 10)) for n in range(2))
    if not (0 < rows <= 1 << 16 and 0 < columns <= 1 << 16) or not np.isfinite([scale, zero]).all():
        message = f"{rows} lines of {columns} points, scaled by {scale} from {zero}, cannot be"
        raise FormatError(message, path=path, offset=start + places.pixels)
    offset = start + take(_DATA, "I")[0]
    shape = (rows, columns) if layers == 1 else (layers, rows, columns)
    wanted, there = 2 * math.prod(shape), max(path.stat().st_size - offset, 0)
    if there < wanted and (not partial or there * 256 < wanted):
        message = f"{shape} points were expected from byte {offset} on, there are {there} bytes"
        raise FormatError(message, path=path, offset=offset)
    stored, missing = map_rows(path, offset, shape, np.dtype("<u2"), partial=partial)
    data: LazyArray = Scaled(stored, scale, zero)
    steps = [_step(bottom, top, rows), _step(left, right, columns)]
    axes = map_axes((rows, columns), steps, lateral)
    if layers > 1:
        data, axes = Transposed(data, (1, 2, 0)), [*axes, Axis(name="sample", size=layers)]
    title, direction = _title(places, take, text)
    channel = Channel(
        title=title,
        data=data,
        axes=axes,
        quantity=quantity_of(title, units),
        units=units,
        source="SPMLab",
        metadata={"scan": {"direction": direction}} if direction else {},
        attrs={} if missing is None else {"incomplete": missing},
    )
    release, moment, about = text(_ABOUT, 16), text(_ABOUT + 16, 20), text(_ABOUT + 36, 40)
    return Measurement(
        channels=[channel],
        metadata=stated({"comment": about, "instrument": {"software": f"SPMLab {release}"}}),
        original_metadata=stated(
            {"release": release, "moment": moment, "description": about,
             "edges": [left, right, bottom, top]}
        ),
    )  # fmt: skip


def _last_header(head: bytes, release: bytes) -> int:
    """Return where the last of several headers starts: places in it count from there."""
    last, at = 0, 0
    while (at := head.find(b"#R" + release + b".", at)) >= 0 and at <= len(head) - _BETWEEN:
        last, at = at, at + _BETWEEN - 1
    return last


def _step(first: float, last: float, size: int) -> float | None:
    length = abs(last - first)
    return length / size if math.isfinite(length) and length else None


def _title(places: _Places, take: Any, text: Any) -> tuple[str, str | None]:
    """Return what was measured, and in which direction where the file says it."""
    if places.title is not None:
        return text(places.title, 64) or "Image", None
    kind, direction = take(places.kind, "hh")
    name = _KINDS[kind] if 0 <= kind < len(_KINDS) else "Image"
    return name, {0: "forward", 1: "backward"}.get(direction)
