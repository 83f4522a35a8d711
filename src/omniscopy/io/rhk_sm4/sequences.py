"""Pages of the older files, one after the other: .sm3 in binary, .sm2 with headers of text."""

import re
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.quantities import finite_number
from omniscopy.io.rhk_sm4.pages import PLACE, Content, Page, Place, parse_texts

SM3, SM2 = "STiMage 004.".encode("utf-16-le"), b"STiMage 3.1"
_IMAGE, _LINE, _NOTED_LINE = 0, 1, 3
# Pages of lines for which no places are kept.
_WITHOUT_PLACES = {7, 31}
_FLOATS = frozenset({5, 6, 11, 13, 18, 19, 21})
_SM3 = struct.Struct("<H12iI2i11f4I")
_SM3_KEYS = (
    "texts", "kind", "page_type", "sub_source", "line_type", "x_corner", "y_corner", "columns",
    "rows", "source_type", "image_type", "scan_direction", "group", "data_size", "least", "most",
    "x_scale", "y_scale", "z_scale", "xy_scale", "x_offset", "y_offset", "z_offset", "period",
    "bias", "current", "angle",
)  # fmt: skip
_SM2_BYTES = 512
_SM2_DTYPES = {0: "<f4", 1: "<i2", 2: "<i4", 3: "i1"}
_SM2_PLACE = np.dtype(
    {"names": ["x", "y"], "formats": ["<f4", "<f4"], "offsets": [8, 12], "itemsize": 32}
)
_MOST_PAGES, _MOST_TEXTS = 65536, 64


def read_sequence(path: Path, *, partial: bool) -> Content:
    """Return the pages of a file that has no index of them.

    Raises
    ------
    FormatError
        A page is not whole; with `partial`, it and those after it are left out instead.
    """
    size = path.stat().st_size
    pages: list[Page] = []
    skipped: list[str] = []
    with path.open("rb") as file:
        is_text = file.read(len(SM2)) == SM2
        at = 0
        while at < size and len(pages) < _MOST_PAGES:
            try:
                page, at = (_read_sm2 if is_text else _read_sm3)(_Cursor(path, file, size, at),
                                                                 len(pages))  # fmt: skip
            except FormatError:
                if not partial:
                    raise
                skipped.append(f"page {len(pages)}, which is not whole")
                break
            pages.append(page)
    return Content(pages, skipped)


class _Cursor:
    """A place in a file that moves on as it is read."""

    def __init__(self, path: Path, file: BinaryIO, size: int, at: int) -> None:
        self.path, self.file, self.size, self.at = path, file, size, at

    def skip(self, count: int, what: str) -> Place:
        """Move over bytes that must be there, and return where they are."""
        place = Place(self.at, count)
        if count < 0 or self.at + count > self.size:
            message = f"{what} needs {count} bytes, the file has {self.size - self.at} there"
            raise FormatError(message, path=self.path, offset=self.at)
        self.at += count
        return place

    def take(self, count: int, what: str) -> bytes:
        place = self.skip(count, what)
        self.file.seek(place.offset)
        return self.file.read(count)


def _read_sm3(source: _Cursor, number: int) -> tuple[Page, int]:
    what = f"page {number}"
    start = source.at
    length = int.from_bytes(source.take(2, what), "little")
    raw = source.take(length, f"the header of {what}")
    if not raw.startswith(SM3) or length < 36 + _SM3.size:
        message = f"{what} was expected, which starts with 'STiMage 004.'"
        raise FormatError(message, path=source.path, offset=start)
    said = dict(zip(_SM3_KEYS, _SM3.unpack_from(raw, 36), strict=False))
    rows, columns, kind = int(said["rows"]), int(said["columns"]), int(said["kind"])
    texts = b""
    for _ in range(min(int(said["texts"]), _MOST_TEXTS)):
        head = source.take(2, f"the texts of {what}")
        texts += head + source.take(2 * int.from_bytes(head, "little"), f"the texts of {what}")
    if min(rows, columns) < 1 or int(said["data_size"]) != 4 * rows * columns:
        message = f"{what} has {rows} rows of {columns} numbers in {said['data_size']} bytes"
        raise FormatError(message, path=source.path, offset=start)
    data = source.skip(4 * rows * columns, f"the numbers of {what}")
    places = np.empty(0, PLACE)
    if kind == _IMAGE:
        known = length >= 36 + _SM3.size + 4
        count = struct.unpack_from("<i", raw, 36 + _SM3.size)[0] if known else 1
        for _ in range(min(max(count, 0), _MOST_TEXTS)):
            head = source.take(2, f"the colours of {what}")
            source.skip(int.from_bytes(head, "little"), f"the colours of {what}")
    elif kind in (_LINE, _NOTED_LINE) and said["page_type"] not in _WITHOUT_PLACES:
        found = np.frombuffer(source.take(8 * rows, f"the places of {what}"), "<f4")
        places = np.zeros(rows, PLACE)
        places["x"], places["y"] = found[:rows], found[rows:]
    dtype = "<f4" if kind != _IMAGE and said["line_type"] in _FLOATS else "<i4"
    parsed = parse_texts(texts, int(said["texts"]))
    return Page(number, min(kind, _LINE), said, parsed, data, places, dtype), source.at


def _read_sm2(source: _Cursor, number: int) -> tuple[Page, int]:
    what = f"page {number}"
    start = source.at
    lines = _Lines(source.take(_SM2_BYTES, f"the header of {what}").decode("cp437"))
    numbers = lines.numbers(1)
    dtype = _SM2_DTYPES.get(int(numbers[1])) if len(numbers) >= 7 else None
    if not lines.text.startswith(SM2.decode()) or dtype is None:
        message = f"{what} was expected, which starts with 'STiMage 3.1'"
        raise FormatError(message, path=source.path, offset=start)
    kind, _, line_type, columns, rows, size, page_type = (int(each) for each in numbers[:7])
    said: dict[str, float | int] = {
        "kind": kind, "line_type": line_type, "columns": columns, "rows": rows,
        "page_type": page_type,
    }  # fmt: skip
    texts: dict[str, str] = {"label": lines.between(320, 352), "user_text": lines.between(352, 512)}
    for line, name in ((2, "x"), (3, "y"), (4, "z")):
        scale, offset, *_ = [*lines.numbers(line), 0.0, 0.0]
        said |= {f"{name}_scale": scale, f"{name}_offset": offset}
        texts[f"{name}_units"] = lines.units(line)
    skew, angle, *_ = [*lines.numbers(5), 0.0, 0.0]
    current, bias, *_ = [*lines.numbers(6), 0.0, 0.0]
    direction, period, *_ = [*lines.numbers(7), 0.0, 0.0]
    group, offset, *_ = [*lines.numbers(8), 0.0, float(_SM2_BYTES)]
    said |= {"xy_scale": skew, "angle": angle, "current": current, "bias": bias}
    said |= {"scan_direction": int(direction), "period": period, "group": int(group)}
    texts |= dict(zip(("date", "time"), lines.between(11, 32).split(), strict=False))
    if min(rows, columns) < 1 or offset < _SM2_BYTES:
        message = f"{what} has {rows} rows of {columns} numbers from byte {offset:g} on"
        raise FormatError(message, path=source.path, offset=start)
    source.skip(int(offset) - _SM2_BYTES, f"the header of {what}")
    count = rows * columns * np.dtype(dtype).itemsize
    data = source.skip(count, f"the numbers of {what}")
    places = np.empty(0, PLACE)
    if kind == _NOTED_LINE and size == count + _SM2_PLACE.itemsize * rows:
        raw = source.take(_SM2_PLACE.itemsize * rows, f"the places of {what}")
        found = np.frombuffer(raw, _SM2_PLACE)
        places = np.zeros(rows, PLACE)
        places["x"], places["y"] = found["x"], found["y"]
    elif size > count:
        source.skip(size - count, f"the numbers of {what}")
    return Page(number, min(kind, _LINE), said, texts, data, places, dtype), source.at


class _Lines:
    """A header of lines of 32 characters: numbers, and words before and after them."""

    def __init__(self, text: str) -> None:
        self.text = text

    def between(self, start: int, stop: int) -> str:
        return self.text[start:stop].partition("\0")[0].strip()

    def numbers(self, line: int) -> list[float]:
        """Return the numbers of a line; one that is infinite is no number."""
        found = (finite_number(word) for word in self.between(32 * line, 32 * line + 32).split())
        return [number for number in found if number is not None]

    def units(self, line: int) -> str:
        match = re.search(r"([^\s\d.+-]\S*)\s*$", self.between(32 * line + 2, 32 * line + 32))
        return match[1] if match else ""
