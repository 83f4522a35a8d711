"""The records that a Semper picture consists of: what it is, title, label, then its rows.

Each Fortran record has its length before and after it.
"""

import struct
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal

from omniscopy.io.errors import FormatError, UnsupportedFormatError

_CLASSES = (
    "", "image", "macro", "fourier", "spectrum", "correlation", "undefined", "walsh", "histogram",
    "position list", "look-up table",
)  # fmt: skip
# form -> type of a number
FORMS = {0: "u1", 1: "i2", 2: "f4", 3: "c8", 4: "i4"}
MARK = struct.Struct("I").size
_START = 12
_LABEL = b"Semper"
_LABEL_BYTES = 256
_LETTERS = ("x", "y", "z")


@dataclass(frozen=True)
class Label:
    """What the label says; steps and origins are by letter, where it has them."""

    fields: dict[str, Any]
    scales: dict[str, tuple[float, float, str]]
    started: str | None
    title: str


@dataclass(frozen=True)
class Head:
    """What comes before the rows, which start at byte `offset`."""

    order: Literal["<", ">"]
    shape: tuple[int, int, int]
    form: int
    kind: str
    title: str
    label: Label | None
    offset: int


def read_head(path: Path) -> Head:
    """Return what a picture says of itself, checked."""
    with path.open("rb") as file:
        raw = file.read(MARK)
        order: Literal["<", ">"] = "<" if raw == struct.pack("<I", _START) else ">"
        file.seek(0)
        start = _record(path, file, order, expected=_START)
        columns, rows, layers, kind, form, flag = struct.unpack(f"{order}6h", start)
        if min(columns, rows, layers) < 1:
            message = f"a picture of {layers} x {rows} x {columns} pixels cannot be"
            raise FormatError(message, path=path, offset=MARK)
        if form not in FORMS:
            message = f"pixels of form {form} are not known; {sorted(FORMS)} are"
            raise UnsupportedFormatError(message, path=path, offset=MARK + 8)
        # Thousands: whether there is a label; below them the length of the title.
        length, has_label = flag % 1000, flag // 1000 % 10 == 1
        title = b""
        if length:
            title = _record(path, file, order, expected=length)
        label = None
        if has_label:
            label = _label(_record(path, file, order, expected=2 * _LABEL_BYTES, least=True), order)
        return Head(
            order=order,
            shape=(layers, rows, columns),
            form=form,
            kind=_CLASSES[kind] if 0 <= kind < len(_CLASSES) else "",
            title=title.decode("latin-1").strip("\0 "),
            label=label,
            offset=file.tell(),
        )


def _record(path: Path, file: BinaryIO, order: str, *, expected: int, least: bool = False) -> bytes:
    """Return the content of the next record, which is as long as expected, or longer."""
    at = file.tell()
    raw = file.read(MARK).ljust(MARK, b"\0")
    length: int = struct.unpack(f"{order}I", raw)[0]
    if length < expected or (length > expected and not least) or length > 1 << 16:
        message = f"a record of {expected} bytes was expected, one of {length} was found"
        raise FormatError(message, path=path, offset=at)
    content = file.read(length)
    if len(content) < length or file.read(MARK) != raw:
        message = f"a record of {length} bytes does not end where it should; the file is damaged"
        raise FormatError(message, path=path, offset=at)
    return content


def _label(raw: bytes, order: str) -> Label | None:
    """Return a label, whose bytes are stored as shorts; `None` where it is none."""
    shorts = struct.unpack_from(f"{order}{_LABEL_BYTES}h", raw)
    plain = bytes(value & 0xFF for value in shorts)
    if plain[:6] != _LABEL:
        return None
    # Numbers of the documentation count from 1. Sizes and centres are of three bytes each.
    fields: dict[str, Any] = {
        name: plain[56 + n] << 16 | plain[6 + 2 * n] << 8 | plain[7 + 2 * n]
        for n, name in enumerate(
            ("columns", "rows", "layers", "centre_column", "centre_row", "centre_layer")
        )
    }
    fields |= {"class": plain[18], "form": plain[19], "write_protected": plain[20]}
    if shorts[27] != 255:
        fields["range"] = _text(plain[28 : 28 + min(plain[27], 27)])
    has_scales = bool(plain[62])
    scales = {}
    for letter, at, unit in zip(_LETTERS, (91, 83, 75), (244, 248, 252), strict=True):
        if has_scales:
            step, origin = struct.unpack_from("<2f", plain, at)
            scales[letter] = (step, origin, _text(plain[unit : unit + 4]))
    title = _text(plain[100 : 244 if has_scales else 256])
    return Label(fields, scales, _moment(shorts), title)


def _moment(shorts: tuple[int, ...]) -> str | None:
    """Return the date; years are counted from 1900, or were written with two digits."""
    year, month, day, hour, minute, second = shorts[21:27]
    year += 1900
    year += 2000 if 0 <= year < 100 else 0
    try:
        return datetime(year, month, day, hour, minute, second).isoformat()
    except ValueError:
        return None


def _text(raw: bytes) -> str:
    return raw.decode("latin-1").strip("\0 ")
