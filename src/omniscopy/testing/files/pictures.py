"""Write pictures byte by byte: PNG, bitmaps and moving GIF."""

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}


def write_png(
    path: str | Path, pixels: np.ndarray, *, texts: Mapping[str, str] | None = None
) -> Path:
    """Write a PNG picture.

    Parameters
    ----------
    path : path
        Where to write.
    pixels : ndarray of uint8 or uint16, shape (rows, columns) or (rows, columns, channels)
        Grey, grey and alpha, colour, or colour and alpha.
    texts : mapping of str to str
        Remarks.

    Returns
    -------
    Path
        The file.
    """
    rows, columns, *channels = pixels.shape
    colour = _COLOUR_TYPES[channels[0] if channels else 1]
    head = struct.pack(">IIBBBBB", columns, rows, 8 * pixels.dtype.itemsize, colour, 0, 0, 0)
    stored = pixels.astype(pixels.dtype.newbyteorder(">"))
    lines = b"".join(b"\0" + row.tobytes() for row in stored)
    content = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head)
    for key, text in (texts or {}).items():
        content += _chunk(b"tEXt", key.encode("latin-1") + b"\0" + text.encode("latin-1"))
    content += _chunk(b"IDAT", zlib.compress(lines)) + _chunk(b"IEND", b"")
    path = Path(path)
    path.write_bytes(content)
    return path


def write_bmp(path: str | Path, pixels: np.ndarray) -> Path:
    """Write a plain bitmap of 24 bits, which has its lowest row first.

    Parameters
    ----------
    path : path
        Where to write.
    pixels : ndarray of uint8, shape (rows, columns, 3)
        Red, green and blue.

    Returns
    -------
    Path
        The file.
    """
    rows, columns, _ = pixels.shape
    stride = (3 * columns + 3) // 4 * 4
    lines = b"".join(row[:, ::-1].tobytes().ljust(stride, b"\0") for row in pixels[::-1])
    head = b"BM" + struct.pack("<IHHI", 54 + len(lines), 0, 0, 54)
    head += struct.pack("<IiiHHIIiiII", 40, columns, rows, 1, 24, 0, len(lines), 0, 0, 0, 0)
    path = Path(path)
    path.write_bytes(head + lines)
    return path


def write_gif(path: str | Path, frames: np.ndarray, palette: np.ndarray) -> Path:
    """Write a GIF, moving if it has more than one frame.

    Parameters
    ----------
    path : path
        Where to write.
    frames : ndarray of uint8, shape (frames, rows, columns)
        Numbers of the palette.
    palette : ndarray of uint8, shape (256, 3)
        Red, green and blue.

    Returns
    -------
    Path
        The file.
    """
    _, rows, columns = frames.shape
    content = b"GIF89a" + struct.pack("<HHBBB", columns, rows, 0xF7, 0, 0) + palette.tobytes()
    for frame in frames:
        content += b"\x21\xf9\x04" + struct.pack("<BHBB", 4, 10, 0, 0)
        content += b"\x2c" + struct.pack("<HHHHB", 0, 0, columns, rows, 0)
        content += b"\x08" + _blocks(_packed(frame.ravel()))
    path = Path(path)
    path.write_bytes(content + b";")
    return path


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def _packed(numbers: np.ndarray) -> bytes:
    """Return codes of 9 bits, the table cleared before it would make them longer."""
    codes = [256]
    for place, number in enumerate(numbers.tolist()):
        if place and place % 250 == 0:
            codes.append(256)
        codes.append(number)
    codes.append(257)
    bits = sum(code << (9 * place) for place, code in enumerate(codes))
    return bits.to_bytes((9 * len(codes) + 7) // 8, "little")


def _blocks(content: bytes) -> bytes:
    parts = [content[at : at + 255] for at in range(0, len(content), 255)]
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"
