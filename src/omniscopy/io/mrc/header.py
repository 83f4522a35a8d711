"""The 1024-byte header of an MRC file (MRC2014): sizes, kind of numbers, cell and labels."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from omniscopy.io.errors import FormatError, UnsupportedFormatError

HEADER_BYTES = 1024
ByteOrder = Literal["<", ">"]
LETTERS = ("x", "y", "z")
_BYTE_ORDERS: tuple[ByteOrder, ByteOrder] = ("<", ">")
# IMOD leaves this stamp; without bit 0 of its flags, bytes are unsigned.
IMOD_STAMP = 1146047817
# Type of the extended headers that we write.
NOTE_TYPE = "OMNI"

FIELDS = np.dtype(
    {
        "names": [
            "size", "mode", "start", "grid", "cell", "angles", "axes", "density",
            "space_group", "extended_bytes", "extended_type", "version",
            "imod_stamp", "imod_flags", "origin", "map", "stamp", "rms", "label_count", "labels",
        ],
        "formats": [
            "3i4", "i4", "3i4", "3i4", "3f4", "3f4", "3i4", "3f4",
            "i4", "i4", "S4", "i4",
            "i4", "i4", "3f4", "S4", "4u1", "f4", "i4", "(10,)S80",
        ],
        "offsets": [
            0, 12, 16, 28, 40, 52, 64, 76,
            88, 92, 104, 108,
            152, 156, 196, 208, 212, 216, 220, 224,
        ],
        "itemsize": HEADER_BYTES,
    }
)  # fmt: skip

# mode -> kind of numbers; mode 3 is pairs of shorts, 16 (of IMOD) three bytes of colour, 101 two
# pixels a byte.
MODES = {0: "i1", 1: "i2", 2: "f4", 3: "i2", 4: "c8", 6: "u2", 12: "f2", 16: "u1", 101: "u1"}
COLOUR = 16


@dataclass(frozen=True, kw_only=True)
class Header:
    """What the header says, in native numbers; `size` is (columns, rows, sections)."""

    byte_order: ByteOrder
    size: tuple[int, int, int]
    mode: int
    axes: tuple[int, int, int]
    grid: tuple[int, int, int]
    cell: tuple[float, float, float]
    start: tuple[int, int, int]
    origin: tuple[float, float, float]
    space_group: int
    extended_bytes: int
    extended_type: str
    unsigned_bytes: bool
    fields: dict[str, Any]

    @property
    def data_offset(self) -> int:
        """The byte where the pixels begin."""
        return HEADER_BYTES + self.extended_bytes

    @property
    def row_items(self) -> int:
        """Numbers stored for one row: pairs in mode 3, triples in 16, whole bytes in mode 101."""
        columns = self.size[0]
        stored = {3: 2 * columns, COLOUR: 3 * columns, 101: (columns + 1) // 2}
        return stored.get(self.mode, columns)

    @property
    def file_dtype(self) -> np.dtype[Any]:
        """The kind of the stored numbers, in the byte order of the file."""
        kind = "u1" if self.mode == 0 and self.unsigned_bytes else MODES[self.mode]
        return np.dtype(kind).newbyteorder(self.byte_order)

    @property
    def data_bytes(self) -> int:
        """Bytes that the pixels need."""
        return self.row_items * self.size[1] * self.size[2] * self.file_dtype.itemsize

    def spacing(self, letter: str) -> float | None:
        """Return the distance of pixels in Å along x, y or z, `None` where it is not set."""
        at = LETTERS.index(letter)
        if not (math.isfinite(self.cell[at]) and self.cell[at] > 0 and self.grid[at] > 0):
            return None
        return self.cell[at] / self.grid[at]

    def offset(self, letter: str) -> float:
        """Return where the first pixel lies in Å: the origin, or else the start in the cell."""
        at, spacing = LETTERS.index(letter), self.spacing(letter)
        if spacing is None:
            return 0.0
        if math.isfinite(self.origin[at]) and self.origin[at] != 0:
            return self.origin[at]
        return self.start[at] * spacing


def read_header(path: Path) -> Header:
    """Return the header of an MRC file, checked."""
    with path.open("rb") as file:
        raw = file.read(HEADER_BYTES)
    if len(raw) < HEADER_BYTES:
        message = (
            f"the file has {len(raw)} bytes, but an MRC file begins with a header of "
            f"{HEADER_BYTES}; it is empty, cut short or of another format"
        )
        raise FormatError(message, path=path, offset=0)
    byte_order = find_byte_order(raw, path.stat().st_size)
    if byte_order is None:
        message = "sizes and kind of numbers make sense in neither byte order; not an MRC file"
        raise FormatError(message, path=path, offset=0)
    header = _parsed(raw, byte_order)
    _require_sense(header, path)
    return header


def find_byte_order(raw: bytes, file_bytes: int) -> ByteOrder | None:
    """Return "<" or ">" from the stamp, or from what makes sense where there is none."""
    stamp = raw[212:214]
    if stamp in (b"\x44\x44", b"\x44\x41"):
        return "<"
    if stamp == b"\x11\x11":
        return ">"
    for byte_order in _BYTE_ORDERS:
        header = _parsed(raw, byte_order)
        plain = header.mode in MODES and min(header.size) > 0 and header.extended_bytes >= 0
        if plain and header.data_offset + header.data_bytes <= file_bytes:
            return byte_order
    # A file cut short still has sizes that a camera can have.
    for byte_order in _BYTE_ORDERS:
        header = _parsed(raw, byte_order)
        if header.mode in MODES and all(0 < n < 1 << 20 for n in header.size):
            return byte_order
    return None


def is_unmarked_header(raw: bytes, file_bytes: int) -> bool:
    """Return whether a header without a stamp says exactly the size of the file."""
    if raw[208:216].strip(b"\0 "):
        return False
    return any(_fits(_parsed(raw, byte_order), file_bytes) for byte_order in _BYTE_ORDERS)


def _fits(header: Header, file_bytes: int) -> bool:
    plain = header.mode in MODES and min(header.size) > 0 and header.extended_bytes >= 0
    return plain and header.data_offset + header.data_bytes == file_bytes


def _parsed(raw: bytes, byte_order: ByteOrder) -> Header:
    record = np.frombuffer(raw, FIELDS.newbyteorder(byte_order), count=1)[0]
    fields = {name: _plain(record[name]) for name in FIELDS.names or ()}
    fields["labels"] = [text for text in fields["labels"] if text]
    imod = fields["imod_stamp"] == IMOD_STAMP
    axes = tuple(fields["axes"])
    return Header(
        byte_order=byte_order,
        size=tuple(fields["size"]),
        mode=fields["mode"],
        axes=axes if sorted(axes) == [1, 2, 3] else (1, 2, 3),
        grid=tuple(fields["grid"]),
        cell=tuple(fields["cell"]),
        start=tuple(fields["start"]),
        origin=tuple(fields["origin"]),
        space_group=fields["space_group"],
        extended_bytes=fields["extended_bytes"],
        extended_type=fields["extended_type"],
        unsigned_bytes=imod and not fields["imod_flags"] & 1,
        fields=fields,
    )


def _plain(value: Any) -> Any:
    """Return numbers and text that JSON can hold."""
    plain = value.tolist()
    if isinstance(plain, bytes):
        return plain.decode("latin-1").strip("\0 ")
    if isinstance(plain, list) and plain and isinstance(plain[0], bytes):
        return [text.decode("latin-1").strip("\0 ") for text in plain]
    return plain


def _require_sense(header: Header, path: Path) -> None:
    if header.mode not in MODES:
        known = ", ".join(map(str, MODES))
        message = f"pixels of mode {header.mode} are not supported; the modes known are {known}"
        raise UnsupportedFormatError(message, path=path, offset=12)
    if min(header.size) <= 0:
        message = f"{header.size} columns, rows and sections cannot be; the header is damaged"
        raise FormatError(message, path=path, offset=0)
    there = path.stat().st_size - HEADER_BYTES
    if not 0 <= header.extended_bytes <= there:
        message = (
            f"an extended header of {header.extended_bytes} bytes does not fit into the "
            f"{there} bytes after the header; the file is cut short or damaged"
        )
        raise FormatError(message, path=path, offset=92)
