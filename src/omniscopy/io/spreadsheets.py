"""The first sheet of a spreadsheet as rows of numbers and texts: `.xlsx` and the older `.xls`.

Formulas count as what they came to. ECMA-376, part 1, section 18; Microsoft, *[MS-XLS]*.
"""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from omniscopy.io.compound_files import MAGIC, read_stream
from omniscopy.io.errors import FormatError
from omniscopy.io.xml_trees import parse_xml

Cell = float | str | None
_MOST_BYTES, _MOST_CELLS = 2**26, 2**22
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error, StopIteration, KeyError, ValueError,
    IndexError, EOFError, NotImplementedError, RuntimeError, OSError, OverflowError,
)  # fmt: skip
_SHEET, _RELATED = (
    "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}",
    ("{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"),
)
# Kinds of records of an older sheet.
_BEGIN, _END, _CONTINUED, _SHARED, _SHEETS = 0x809, 0x0A, 0x3C, 0xFC, 0x85
_NUMBER, _SHORT, _SHORTS, _TEXT_AT, _TEXT, _FORMULA = 0x203, 0x27E, 0xBD, 0xFD, 0x204, 0x06
_CELLS = (_NUMBER, _SHORT, _SHORTS, _TEXT_AT, _TEXT, _FORMULA)
_LATER = 0x600  # version from which on texts may be of 16 bits


def read_rows(path: Path) -> list[list[Cell]]:
    """Return the cells of the first sheet, row by row; `None` where a cell is empty.

    Raises
    ------
    FormatError
        The file is damaged, or no spreadsheet.
    """
    with path.open("rb") as file:
        older = file.read(len(MAGIC)) == MAGIC
    try:
        cells = _older_cells(path) if older else _newer_cells(path)
    except FormatError:
        raise
    except _DAMAGE as error:
        message = f"the spreadsheet cannot be read ({type(error).__name__}: {error})"
        raise FormatError(message, path=path) from error
    rows = 1 + max((row for row, _ in cells), default=-1)
    columns = 1 + max((column for _, column in cells), default=-1)
    if rows * columns > _MOST_CELLS:
        message = f"a sheet of {rows} x {columns} cells is not read"
        raise FormatError(message, path=path)
    return [[cells.get((row, column)) for column in range(columns)] for row in range(rows)]


def _newer_cells(path: Path) -> dict[tuple[int, int], Cell]:
    with zipfile.ZipFile(path) as archive:
        book = _xml(archive, "xl/workbook.xml")
        first = next(book.iter(f"{_SHEET}sheet")).attrib[f"{_RELATED}id"]
        related = _xml(archive, "xl/_rels/workbook.xml.rels")
        target = next(each.attrib["Target"] for each in related if each.attrib["Id"] == first)
        name = target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
        texts = []
        if "xl/sharedStrings.xml" in archive.namelist():
            shared = _xml(archive, "xl/sharedStrings.xml")
            texts = [_text(each) for each in shared.iter(f"{_SHEET}si")]
        sheet = _xml(archive, name)
    return {_place(cell.attrib["r"]): _cell(cell, texts) for cell in sheet.iter(f"{_SHEET}c")}


def _xml(archive: zipfile.ZipFile, name: str) -> ElementTree.Element:
    if archive.getinfo(name).file_size > _MOST_BYTES:
        message = f"{name} is larger than {_MOST_BYTES} bytes"
        raise ValueError(message)
    root = parse_xml(archive.read(name).decode("utf-8-sig"))
    if root is None:
        message = f"{name} is damaged, or declares entities"
        raise ValueError(message)
    return root


def _text(element: ElementTree.Element) -> str:
    return "".join(each.text or "" for each in element.iter(f"{_SHEET}t"))


def _place(name: str) -> tuple[int, int]:
    match = re.fullmatch(r"([A-Z]{1,3})([1-9]\d{0,6})", name)
    if match is None:
        message = f"a cell at {name!r}"
        raise ValueError(message)
    column = 0
    for letter in match[1]:
        column = 26 * column + ord(letter) - ord("A") + 1
    return int(match[2]) - 1, column - 1


def _cell(cell: ElementTree.Element, texts: list[str]) -> Cell:
    kind = cell.attrib.get("t", "n")
    if kind == "inlineStr":
        return _text(cell)
    said = cell.find(f"{_SHEET}v")
    if said is None or said.text is None or kind == "e":
        return None
    if kind == "s":
        return texts[int(said.text)]
    return said.text if kind == "str" else float(said.text)


def _older_cells(path: Path) -> dict[tuple[int, int], Cell]:
    content = read_stream(path, "Workbook", "Book")
    version, first, texts = _book(content)
    cells: dict[tuple[int, int], Cell] = {}
    for kind, data in _records(content, first):
        if kind == _END:
            break
        if kind in _CELLS:
            row, column = struct.unpack_from("<2H", data)
            for further, value in enumerate(_values(kind, data, texts, version)):
                cells[row, column + further] = value
    return cells


def _book(content: bytes) -> tuple[int, int, list[str]]:
    """Return the version of a book, where its first sheet begins, and the texts that are shared."""
    version, sheets, shared = 0, list[int](), list[bytes]()
    before = 0
    for kind, data in _records(content, 0):
        if kind == _BEGIN:
            version = struct.unpack_from("<H", data)[0]
        elif kind == _SHEETS:
            sheets.append(struct.unpack_from("<I", data)[0])
        elif kind == _SHARED or (kind == _CONTINUED and before == _SHARED):
            shared.append(data)
        elif kind == _END:
            break
        before = before if kind == _CONTINUED else kind
    if not sheets:
        message = "there is no sheet"
        raise ValueError(message)
    return version, sheets[0], _shared_texts(shared) if shared else []


def _records(content: bytes, begin: int) -> Iterator[tuple[int, bytes]]:
    """Yield kind and content of the records from a byte on."""
    while begin + 4 <= len(content):
        kind, length = struct.unpack_from("<2H", content, begin)
        data = content[begin + 4 : begin + 4 + length]
        if len(data) < length:
            message = f"a record at byte {begin} is cut short"
            raise ValueError(message)
        yield kind, data
        begin += 4 + length


def _values(kind: int, data: bytes, texts: list[str], version: int) -> list[Cell]:
    """Return the cells of a record: one, or several in a row."""
    if kind == _NUMBER:
        return [float(struct.unpack_from("<d", data, 6)[0])]
    if kind == _SHORT:
        return [_short_number(struct.unpack_from("<I", data, 6)[0])]
    if kind == _SHORTS:
        pairs = struct.iter_unpack("<HI", data[4:-2])
        return [_short_number(number) for _, number in pairs]
    if kind == _TEXT_AT:
        return [texts[struct.unpack_from("<I", data, 6)[0]]]
    if kind == _FORMULA:
        # What came to a text, a truth value or an error has no number here.
        return [None if data[12:14] == b"\xff\xff" else struct.unpack_from("<d", data, 6)[0]]
    if version < _LATER:
        length = struct.unpack_from("<H", data, 6)[0]
        return [data[8 : 8 + length].decode("cp1252", "replace")]
    return [_Texts([data[6:]]).text()]


def _short_number(number: int) -> float:
    """Return a number kept in 30 bits: an integer or the upper part of a double, or a hundredth."""
    if number & 2:
        value = float(struct.unpack("<i", struct.pack("<I", number & 0xFFFFFFFC))[0] >> 2)
    else:
        value = float(struct.unpack("<d", struct.pack("<2I", 0, number & 0xFFFFFFFC))[0])
    return value / 100.0 if number & 1 else value


def _shared_texts(parts: list[bytes]) -> list[str]:
    count = struct.unpack_from("<I", parts[0], 4)[0]
    if count > sum(map(len, parts)):
        message = f"{count} texts are said to be shared"
        raise ValueError(message)
    texts = _Texts([parts[0][8:], *parts[1:]])
    return [texts.text() for _ in range(count)]


class _Texts:
    """Texts in records that continue each other; characters that do begin anew with their width."""

    def __init__(self, parts: list[bytes]) -> None:
        self.parts, self.part, self.place = parts, 0, 0

    def text(self) -> str:
        length, flags = struct.unpack("<HB", self._take(3))
        runs = struct.unpack("<H", self._take(2))[0] if flags & 8 else 0
        further = struct.unpack("<I", self._take(4))[0] if flags & 4 else 0
        made = ""
        while len(made) < length:
            if self.place >= len(self.parts[self.part]):
                self.part, self.place = self.part + 1, 0
                flags = self._take(1)[0]
            width = 1 + (flags & 1)
            left = (len(self.parts[self.part]) - self.place) // width
            some = self._take(width * min(length - len(made), left))
            if not some:
                message = "a text is cut within a character"
                raise ValueError(message)
            made += some.decode("utf-16-le" if width == 2 else "latin-1", "replace")
        self._take(4 * runs + further)
        return made

    def _take(self, count: int) -> bytes:
        made = b""
        while len(made) < count:
            if self.place >= len(self.parts[self.part]):
                self.part, self.place = self.part + 1, 0
            some = self.parts[self.part][self.place : self.place + count - len(made)]
            made, self.place = made + some, self.place + len(some)
        return made
