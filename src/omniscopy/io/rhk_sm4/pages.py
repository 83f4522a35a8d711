"""The pages of a file: lists of objects that say where headers, texts and numbers lie."""

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from omniscopy.io.errors import FormatError

SM4 = "STiMage 005".encode("utf-16-le")
_FIRST, _OBJECT = struct.Struct("<36x3I"), struct.Struct("<3I")
_COUNTS = struct.Struct("<2I8x")
_INDEX = struct.Struct("<16s4I")
_HEADER = struct.Struct("<2H3I2i6I2i11f4I")
_HEADER_BYTES = 180  # with what is reserved; a list of objects follows
_PAGE_INDEX, _PAGE_ARRAY, _PAGE_HEADER, _PAGE_DATA = 1, 2, 3, 4
_PLACES, _TEXTS, _NOTES, _NOTES_HEADER = 8, 10, 13, 15
_MOST_OBJECTS, _MOST_PAGES, _MOST_TEXT = 4096, 65536, 1 << 22
_SEQUENTIAL = 6
PLACE = np.dtype(
    [(name, "<f4") for name in ("time", "x", "y", "dx", "dy", "all_dx", "all_dy")]
)  # fmt: skip
_FIELDS = (
    "field_size", "texts", "page_type", "sub_source", "line_type", "x_corner", "y_corner",
    "columns", "rows", "image_type", "scan_direction", "group", "data_size", "least", "most",
    "x_scale", "y_scale", "z_scale", "xy_scale", "x_offset", "y_offset", "z_offset", "period",
    "bias", "current", "angle", "colours", "grid_columns", "grid_rows", "objects",
)  # fmt: skip
_TEXT_KEYS = (
    "label", "system_text", "session_text", "user_text", "path", "date", "time", "x_units",
    "y_units", "z_units", "x_label", "y_label", "status_channel", "completed_lines",
    "oversampling", "sliced_voltage", "pll_status", "setpoint_unit", "drive_values",
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where an object lies."""

    offset: int
    size: int


@dataclass(frozen=True)
class Page:
    """One page: what its header and its texts say, where its numbers are, and of which type.

    Without a `dtype`, the type follows from the kind of line.
    """

    number: int
    kind: int
    header: dict[str, float | int]
    texts: dict[str, str]
    data: Place
    places: np.ndarray = field(default_factory=lambda: np.empty(0, PLACE))
    dtype: str = ""


@dataclass(frozen=True)
class Content:
    """All pages of a file, those that are of a kind without a grid, and the notes of the file."""

    pages: list[Page]
    skipped: list[str]
    notes: bytes = b""
    is_packed: bool = False


def read_pages(path: Path) -> Content:
    """Return the pages of the file at `path`."""
    with path.open("rb") as file:
        source = _Source(path, file)
        head_bytes = int.from_bytes(source.read(0, 2, "the size of the header"), "little")
        head = source.read(2, 48, "the header")
        if not head.startswith(SM4):
            message = "the file does not start with 'STiMage 005'"
            raise FormatError(message, path=path, offset=2)
        _, count, object_bytes = _FIRST.unpack_from(head)
        if object_bytes != _OBJECT.size:
            message = f"objects of {_OBJECT.size} bytes were expected, of {object_bytes} were found"
            raise FormatError(message, path=path, offset=46)
        objects = source.objects(head_bytes + 2, count)
        index = source.required(objects, _PAGE_INDEX, "an index of pages")
        pages, inner = _COUNTS.unpack(source.read(index.offset, _COUNTS.size, "the index"))
        listed = source.objects(index.offset + _COUNTS.size, inner)
        array = source.required(listed, _PAGE_ARRAY, "a list of pages")
        if pages > _MOST_PAGES:
            message = f"{pages} pages are announced, which cannot be"
            raise FormatError(message, path=path, offset=index.offset)
        found, skipped, place = [], [], array.offset
        for number in range(pages):
            _, kind, _, own, _ = _INDEX.unpack(source.read(place, _INDEX.size, f"page {number}"))
            parts = source.objects(place + _INDEX.size, own)
            place += _INDEX.size + own * _OBJECT.size
            if kind >= _SEQUENTIAL:
                skipped.append(f"page {number}, of type {kind}")
                continue
            found.append(_read_page(source, number, kind, parts))
        notes, is_packed = _read_notes(source, objects)
    return Content(found, skipped, notes, is_packed)


@dataclass(frozen=True)
class _Source:
    path: Path
    file: BinaryIO

    def read(self, offset: int, size: int, what: str) -> bytes:
        """Return bytes, or raise where the file ends before."""
        self.file.seek(0, 2)
        end = self.file.tell()
        if offset < 0 or size < 0 or offset + size > end:
            message = f"{what} needs {size} bytes, the file has {max(end - offset, 0)} there"
            raise FormatError(message, path=self.path, offset=min(offset, end))
        self.file.seek(offset)
        return self.file.read(size)

    def objects(self, offset: int, count: int) -> dict[int, Place]:
        """Return the objects of a list by their type, the first of each."""
        if count > _MOST_OBJECTS:
            message = f"a list of {count} objects cannot be"
            raise FormatError(message, path=self.path, offset=offset)
        raw = self.read(offset, count * _OBJECT.size, "a list of objects")
        found: dict[int, Place] = {}
        for code, place, size in _OBJECT.iter_unpack(raw):
            found.setdefault(code, Place(place, size))
        return found

    def required(self, objects: dict[int, Place], code: int, what: str) -> Place:
        """Return an object that must be there."""
        if code not in objects:
            message = f"the file has no {what}; it is damaged"
            raise FormatError(message, path=self.path)
        return objects[code]


def _read_page(source: _Source, number: int, kind: int, parts: dict[int, Place]) -> Page:
    place = source.required(parts, _PAGE_HEADER, f"header of page {number}")
    raw = source.read(place.offset, _HEADER_BYTES, f"the header of page {number}")
    header = dict(zip(_FIELDS, _HEADER.unpack_from(raw), strict=True))
    objects = source.objects(place.offset + _HEADER_BYTES, header["objects"])
    texts: dict[str, str] = {}
    if _TEXTS in objects:
        at = objects[_TEXTS]
        size = min(at.size, _MOST_TEXT)
        texts = parse_texts(
            source.read(at.offset, size, f"the texts of page {number}"), header["texts"]
        )
    places = np.empty(0, PLACE)
    if _PLACES in objects and kind == 1:
        size = header["rows"] * PLACE.itemsize
        raw = source.read(objects[_PLACES].offset, size, f"the places of page {number}")
        places = np.frombuffer(raw, PLACE)
    data = source.required(parts, _PAGE_DATA, f"numbers of page {number}")
    return Page(number, kind, header, texts, data, places)


def parse_texts(raw: bytes, count: int) -> dict[str, str]:
    """Return texts, each after its length, by what they are."""
    found, at = {}, 0
    for number in range(count):
        if at + 2 > len(raw):
            break
        length = 2 * int.from_bytes(raw[at : at + 2], "little")
        text = raw[at + 2 : at + 2 + length].decode("utf-16-le", "replace")
        key = _TEXT_KEYS[number] if number < len(_TEXT_KEYS) else f"text_{number}"
        found[key] = text.split("\0", 1)[0]
        at += 2 + length
    return found


def _read_notes(source: _Source, objects: dict[int, Place]) -> tuple[bytes, bool]:
    """Return the settings of the program as text, and whether they are still compressed."""
    if _NOTES not in objects or _NOTES_HEADER not in objects:
        return b"", False
    place, header = objects[_NOTES], objects[_NOTES_HEADER]
    if header.size < 12 or not place.size:
        return b"", False
    packed, size, packed_size = struct.unpack(
        "<3I", source.read(header.offset, 12, "the head of the notes")
    )
    size = packed_size if packed else size
    if size > _MOST_TEXT:
        return b"", False
    return source.read(place.offset, size, "the notes"), bool(packed)
