"""ARDF files of Asylum Research, entry by entry, for tests and demonstrations."""

import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["encode_ardf"]

# Of each row, if it was measured, the curves of each column and pass.
Curves = Sequence[Sequence[Sequence[Mapping[str, np.ndarray]]] | None]

_SETTINGS = {
    "FastScanSize": 6e-6,
    "SlowScanSize": 2e-6,
    "ScanRate": 1.5,
    "SpringConstant": 2.5,
    "InvOLS": 1e-7,
    "ImagingMode": "Contact",
    "MicroscopeModel": "Cypher",
    "Version": "16.10",
    "NumPtsPerSec": 1000,
    "Date": "2020-02-14",
    "Time": "1:41:25 PM",
}


def encode_ardf(
    *,
    images: Mapping[str, np.ndarray] | None = None,
    curves: Curves | None = None,
    turns: np.ndarray | None = None,
    units: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
    descending: bool = False,
    gap: int = 0,
) -> bytes:
    """Return an ARDF file.

    Parameters
    ----------
    images : mapping of name to array (y, x)
        Row 0 on top; rows of NaN only were not measured.
    curves : nested sequences, [y][x][pass] of channel to values
        Row 0 on top; all channels of a curve are as long, and all rows have as many columns.
        The first pass goes along the line, a second one back. `None` for a row was not measured.
    turns : array of int, shape (y, x)
        Values on the way to the surface.
    units : mapping of name to text
        Of images and channels, "m" for others.
    settings : mapping
        Lines of the note beside or instead of plausible ones.
    descending : bool
        The scan went from the top to the bottom.
    gap : int
        Bytes that are lost between curves, more with each curve.
    """
    file = _File()
    known = dict(units or {})
    note = "\r".join(f"{key}: {value}" for key, value in {**_SETTINGS, **(settings or {})}.items())
    file.add(_entry(b"ARDF", b""))
    contents = file.reserve(_TABLE + 24 * (len(images or {}) + 2))
    texts = file.reserve(_TABLE + 32)
    text = file.add(_text(0, note))
    listed = []
    for name, values in (images or {}).items():
        listed.append((b"IMAG", file.size))
        _add_image(file, name, values, known.get(name, "m"))
    if curves is not None and turns is not None:
        listed.append((b"VOLM", file.size))
        _add_map(file, curves, turns, known, descending=descending, gap=gap)
    file.fill(contents, _contents(b"FTOC", listed, len(images or {}) + 2))
    file.fill(texts, _table(b"TTOC", [_entry(b"TOFF", struct.pack("<QQ", 0, text))], 1, 32))
    return bytes(file.content)


_TABLE = 32


class _File:
    """A file that grows, with places that are filled in later."""

    def __init__(self) -> None:
        self.content = bytearray()

    @property
    def size(self) -> int:
        return len(self.content)

    def add(self, part: bytes) -> int:
        place = self.size
        self.content += part
        return place

    def reserve(self, size: int) -> int:
        return self.add(bytes(size))

    def fill(self, place: int, part: bytes) -> None:
        self.content[place : place + len(part)] = part


def _entry(kind: bytes, content: bytes) -> bytes:
    checked = struct.pack("<I4sI", 16 + len(content), kind, 0) + content
    return struct.pack("<I", zlib.crc32(checked)) + checked


def _table(kind: bytes, entries: Sequence[bytes], room: int, stride: int) -> bytes:
    head = _entry(kind, struct.pack("<QII", _TABLE + room * stride, room, stride))
    return (head + b"".join(entries)).ljust(_TABLE + room * stride, b"\0")


def _contents(kind: bytes, listed: Sequence[tuple[bytes, int]], room: int) -> bytes:
    entries = [_entry(name, struct.pack("<Q", place)) for name, place in listed]
    return _table(kind, entries, room, 24)


def _text(number: int, text: str) -> bytes:
    raw = text.encode("cp1252")
    return _entry(b"TEXT", struct.pack("<II", number, len(raw)) + raw + b"\0\0")


def _add_image(file: _File, name: str, values: np.ndarray, units: str) -> None:
    lines, points = values.shape
    file.add(_contents(b"IMAG", [], 2))
    file.add(_table(b"TTOC", [], 1, 32))
    words = [text.encode("cp1252") for text in ("m", "m", name, units)]
    sizes = (points, lines, 0, 0, 6e-6 / points, 2e-6 / lines)
    file.add(_entry(b"IDEF", struct.pack("<IIQQdd32s32s32s32s", *sizes, *words)))
    rows = [
        bytes(16 + 4 * points)
        if np.isnan(row).all()
        else _entry(b"IDAT", row.astype("<f4").tobytes())
        for row in values[::-1]
    ]
    file.add(_table(b"IBOX", rows, lines, 16 + 4 * points))
    file.add(_entry(b"GAMI", b""))


def _add_map(
    file: _File,
    curves: Curves,
    turns: np.ndarray,
    units: Mapping[str, str],
    *,
    descending: bool,
    gap: int,
) -> None:
    lines, points = turns.shape
    measured = [row for row in curves if row is not None]
    first = measured[0][0]
    file.add(_contents(b"VOLM", [(b"NSET", len(measured) * points * len(first))], 4))
    file.add(_table(b"TTOC", [], 1, 32))
    words = [text.encode() for text in ("m", "m", "s", "Ext;Ret;")]
    sizes = (6e-6 / points, 2e-6 / lines, 1e-3)
    packed = struct.pack("<II24xddd32s32s32s32sQ", points, lines, *sizes, *words, 2)
    file.add(_entry(b"VDEF", packed))
    for name in first[0]:
        pair = (name.encode(), units.get(name, "m").encode("cp1252"))
        file.add(_entry(b"VCHN", struct.pack("<32s32s", *pair)))
    file.add(_entry(b"XDEF", struct.pack("<II72s", 0, 5, b"Time;")))
    table = file.reserve(_TABLE + 40 * lines)
    file.add(_entry(b"MLOV", b""))
    order = range(lines) if descending else range(lines)[::-1]
    offsets, number = [], 0
    for row in order:
        line = curves[row]
        if line is None:
            continue
        pointer = struct.pack("<IIQQ", number, lines - 1 - row, 0, file.size)
        offsets.append(_entry(b"VOFF", pointer))
        passes = len(first)
        for which in range(passes):
            for column in range(points)[:: 1 if which == 0 else -1]:
                kind = 5 if passes == 1 else 10 + which
                place = (number, lines - 1 - row, column)
                lost = gap * (number % 3)
                _add_curve(file, (*place, kind), line[column][which], int(turns[row, column]), lost)
                number += 1
    file.fill(table, _table(b"VTOC", offsets, lines, 40))
    file.add(_entry(b"THMB", b""))


def _add_curve(
    file: _File,
    place: tuple[int, int, int, int],
    values: Mapping[str, np.ndarray],
    turn: int,
    lost: int,
) -> None:
    """Add a curve; its head says where the next one is, behind bytes that are lost."""
    parts = [_entry(b"VNAM", struct.pack("<IIII8s", *place[:3], 4, b"Map0"))]
    for channel, each in enumerate(values.values()):
        # Places of segments that there are not, as the instrument fills them.
        unused = (0, 0, 2**32 + 1 - each.size)
        head = struct.pack("<10I", *place[:3], each.size, channel, 0, turn, *unused)
        parts.append(_entry(b"VDAT", head + each.astype("<f4").tobytes()))
    parts.append(_entry(b"XDAT", struct.pack("<IIII", *place[:3], 0)))
    rest = b"".join(parts)
    following = file.size + 48 + len(rest) + lost
    file.add(_entry(b"VSET", struct.pack("<IIIIQQ", *place, 0, following)) + rest)
    file.reserve(lost)
