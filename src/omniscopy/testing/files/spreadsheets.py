"""Write spreadsheets of one sheet: `.xlsx`, and `.xls` in a compound file."""

import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

Cell = float | str | None
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_SECTOR, _FREE, _END, _TABLE = 512, 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def write_xlsx(path: Path, rows: Sequence[Sequence[Cell]]) -> Path:
    """Write rows of numbers and texts, which are shared; `None` writes no cell."""
    texts = sorted({each for row in rows for each in row if isinstance(each, str)})
    lines = []
    for number, row in enumerate(rows, 1):
        cells = []
        for column, each in enumerate(row):
            place = f"{_letters(column)}{number}"
            if isinstance(each, str):
                cells.append(f'<c r="{place}" t="s"><v>{texts.index(each)}</v></c>')
            elif each is not None:
                cells.append(f'<c r="{place}"><v>{each!r}</v></c>')
        lines.append(f'<row r="{number}">{"".join(cells)}</row>')
    shared = "".join(f"<si><t>{escape(each)}</t></si>" for each in texts)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{_SHEET}" xmlns:r="{_OFFICE}">'
            '<sheets><sheet name="steps" sheetId="1" r:id="rId7"/></sheets></workbook>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            '<Relationship Id="rId7" Type="t" Target="worksheets/sheet1.xml"/></Relationships>',
        )
        archive.writestr("xl/sharedStrings.xml", f'<sst xmlns="{_SHEET}">{shared}</sst>')
        archive.writestr(
            "xl/worksheets/sheet1.xml",
            f'<worksheet xmlns="{_SHEET}"><sheetData>{"".join(lines)}</sheetData></worksheet>',
        )
    return path


def write_xls(path: Path, rows: Sequence[Sequence[Cell]], *, short: bool = False) -> Path:
    """Write the same as a book of 1997; with `short`, integers in the form of 30 bits."""
    texts = sorted({each for row in rows for each in row if isinstance(each, str)})
    total = sum(isinstance(each, str) for row in rows for each in row)
    shared = struct.pack("<2I", total, len(texts)) + b"".join(map(_text, texts))
    begin = struct.pack("<4H2I", 0x600, 0x05, 0x0DBB, 0x07CC, 0, 6)
    name = b"steps"

    def book(place: int) -> bytes:
        sheets = struct.pack("<IHBB", place, 0, len(name), 0) + name
        return (
            _record(0x809, begin) + _record(0x42, struct.pack("<H", 1200))
            + _record(0x85, sheets) + _record(0xFC, shared) + _record(0x0A, b"")
        )  # fmt: skip

    cells = b""
    for number, row in enumerate(rows):
        for column, each in enumerate(row):
            head = struct.pack("<3H", number, column, 0)
            if isinstance(each, str):
                cells += _record(0xFD, head + struct.pack("<I", texts.index(each)))
            elif each is not None and short and float(each).is_integer():
                cells += _record(0x27E, head + struct.pack("<i", (int(each) << 2) | 2))
            elif each is not None:
                cells += _record(0x203, head + struct.pack("<d", each))
    sizes = struct.pack("<2I3H", 0, len(rows), 0, max(map(len, rows), default=0), 0)
    start = struct.pack("<4H2I", 0x600, 0x10, 0x0DBB, 0x07CC, 0, 6)
    sheet = _record(0x809, start) + _record(0x200, sizes) + cells + _record(0x0A, b"")
    path.write_bytes(_compound("Workbook", book(len(book(0))) + sheet))
    return path


def _record(kind: int, data: bytes) -> bytes:
    return struct.pack("<2H", kind, len(data)) + data


def _text(text: str) -> bytes:
    """Return a text of 8 bits, or of 16 where it has to be."""
    try:
        return struct.pack("<HB", len(text), 0) + text.encode("latin-1")
    except UnicodeEncodeError:
        return struct.pack("<HB", len(text), 1) + text.encode("utf-16-le")


def _compound(name: str, content: bytes) -> bytes:
    """Return a file with one stream, long enough not to be among the small ones."""
    content = content.ljust(4096, b"\0")
    sectors = -(-len(content) // _SECTOR)
    tables = -(-(sectors + 1) // (_SECTOR // 4 - 1))
    # The directory comes first, the stream then, the tables of sectors last.
    chain = [_END, *range(2, sectors + 1), _END, *[_TABLE] * tables]
    chain += [_FREE] * (tables * _SECTOR // 4 - len(chain))
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    head += struct.pack("<5H6x", 0x3E, 3, 0xFFFE, 9, 6)
    head += struct.pack("<9I", 0, tables, 0, 0, 4096, _END, 0, _END, 0)
    listed = [sectors + 1 + each for each in range(tables)]
    head += struct.pack("<109I", *listed, *[_FREE] * (109 - tables))
    directory = _entry("Root Entry", 5, _END, 0, child=1) + _entry(name, 2, 1, len(content))
    body = content.ljust(sectors * _SECTOR, b"\0")
    return head + directory.ljust(_SECTOR, b"\0") + body + struct.pack(f"<{len(chain)}I", *chain)


def _entry(name: str, kind: int, start: int, size: int, *, child: int = _FREE) -> bytes:
    word = name.encode("utf-16-le") + b"\0\0"
    made = word.ljust(64, b"\0") + struct.pack("<H2B3I", len(word), kind, 1, _FREE, _FREE, child)
    return made + bytes(36) + struct.pack("<3I", start, size, 0)


def _letters(column: int) -> str:
    made = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        made = chr(ord("A") + rest) + made
    return made
