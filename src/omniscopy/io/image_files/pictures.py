"""Opening pictures with Pillow, and refusing what the file cannot hold before it is decoded."""

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from omniscopy.io.errors import FormatError, UnsupportedFormatError

KINDS = ("PNG", "JPEG", "BMP", "GIF")
# What Pillow raises at damage; its warnings are errors where the user has made them so.
_DAMAGE = (
    OSError, ValueError, SyntaxError, KeyError, IndexError, TypeError, AttributeError,
    OverflowError, MemoryError, RuntimeError, ArithmeticError, EOFError, AssertionError,
    struct.error, zlib.error, Warning,
)  # fmt: skip
# The most pixels that a byte of a file can become: deflate, Huffman codes of one bit for blocks
# of 64 pixels, runs, LZW.
_MOST_PER_BYTE = {"PNG": 8 * 1032, "JPEG": 1024, "BMP": 128, "GIF": 4096}
# Pictures of up to so many pixels cost nothing, however few bytes they are in.
_FREE = 1 << 22
_TAIL = 1 << 16
_DEEP_COLOUR = (2, 4, 6)


@contextmanager
def open_picture(path: str | Path) -> Iterator[Any]:
    """Open a picture without decoding it; damage met inside is a `FormatError`."""
    from PIL import Image

    try:
        with Image.open(path, formats=KINDS) as picture:
            yield picture
    except FormatError:
        raise
    except (*_DAMAGE, Image.DecompressionBombError) as error:
        message = f"the picture is cut short or damaged ({type(error).__name__}: {error})"
        raise FormatError(message, path=path) from error


def require_sound(picture: Any, path: Path) -> None:
    """Refuse a picture that is too large for its bytes, cut short, or would lose depth."""
    columns, rows = picture.size
    there = path.stat().st_size
    if columns * rows > max(_FREE, there * _MOST_PER_BYTE[picture.format]):
        message = (
            f"{rows} x {columns} pixels cannot be in the {there} bytes of the file; its header is "
            "damaged or the file cut short"
        )
        raise FormatError(message, path=path)
    with path.open("rb") as file:
        if picture.format == "PNG":
            _require_depth(path, file.read(26))
        ended = {"PNG": _png_ends, "JPEG": _jpeg_ends, "GIF": _gif_ends, "BMP": _bmp_ends}
        if not ended[picture.format](file, there):
            message = f"the {picture.format} picture does not end where it should; it is cut short"
            raise FormatError(message, path=path, offset=there)


def _require_depth(path: Path, head: bytes) -> None:
    if head[24] == 16 and head[25] in _DEEP_COLOUR:
        message = (
            "colours of 16 bits would be read with 8 only; save the picture as TIFF, or its "
            "colours one by one"
        )
        raise UnsupportedFormatError(message, path=path, offset=24)


def _png_ends(file: BinaryIO, size: int) -> bool:
    """Return whether chunks follow each other up to the last one."""
    at = 8
    while at + 12 <= size:
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        at += 12 + length
        if kind == b"IEND":
            return at <= size
    return False


def _jpeg_ends(file: BinaryIO, size: int) -> bool:
    """Return whether the mark of the end comes after the first scan, and not only in a preview."""
    at = 2
    while at + 4 <= size:
        file.seek(at)
        mark, length = struct.unpack(">HH", file.read(4))
        if mark == 0xFFDA:
            break
        if mark >> 8 != 0xFF:
            return False
        # A mark may be filled up with FF.
        at += 1 if mark == 0xFFFF else 2 + length
    start = max(at, size - _TAIL)
    file.seek(start)
    return b"\xff\xd9" in file.read(_TAIL) or _is_in(file, b"\xff\xd9", at, start)


def _is_in(file: BinaryIO, mark: bytes, start: int, end: int) -> bool:
    """Return whether a mark lies between two places of a file."""
    file.seek(start)
    before = b""
    while file.tell() < end:
        piece = before + file.read(min(1 << 20, end - file.tell() + 1))
        if mark in piece:
            return True
        before = piece[-1:]
    return False


def _gif_ends(file: BinaryIO, size: int) -> bool:
    file.seek(max(size - _TAIL, 0))
    return file.read().rstrip(b"\0").endswith(b";")


def _bmp_ends(file: BinaryIO, size: int) -> bool:
    """Return whether the rows that a plain bitmap declares are there."""
    file.seek(0, os.SEEK_SET)
    head = file.read(54).ljust(54, b"\0")
    offset, header = struct.unpack_from("<II", head, 10)
    if header == 12:
        columns, rows, _, bits = struct.unpack_from("<HHHH", head, 18)
        packed = 0
    else:
        columns, rows, _, bits, packed, stored = struct.unpack_from("<iiHHII", head, 18)
        if packed in (1, 2):
            return bool(offset + stored <= size)
    stride = (columns * bits + 31) // 32 * 4
    return bool(offset + stride * abs(rows) <= size)
