"""Write TIA series byte by byte."""

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

_CODES = {
    "uint8": 1, "uint16": 2, "uint32": 3, "int8": 4, "int16": 5, "int32": 6, "float32": 7,
    "float64": 8, "complex64": 9, "complex128": 10,
}  # fmt: skip


def write_ser(
    path: str | Path,
    elements: np.ndarray,
    *,
    calibration: Sequence[tuple[float, float, int]] = ((0.0, 1.0, 0),),
    dimensions: Sequence[tuple[int, float, float, int, str, str]] | None = None,
    positions: np.ndarray | None = None,
    total: int | None = None,
    version: int = 0x0210,
    gaps: Sequence[int] = (),
) -> Path:
    """Write a series.

    Parameters
    ----------
    path : path
        Where to write; replaced if it exists.
    elements : ndarray, shape (elements, channels) or (elements, rows, columns)
        Spectra or images; rows are written from the bottom.
    calibration : sequence of (offset, step, element)
        Of the channels, or of columns and rows.
    dimensions : sequence of (size, offset, step, element, description, units), optional
        The fastest first; a number of elements where left out.
    positions : ndarray, shape (elements, 2), m, optional
        x and y of every element.
    total : int, optional
        Number of elements that were asked for.
    version : {0x0210, 0x0220}
        With places of 4 or of 8 bytes.
    gaps : sequence of int
        Bytes of something else after each element.

    Returns
    -------
    Path
        The file.
    """
    total = len(elements) if total is None else total
    dims = dimensions or [(total, 0.0, 1.0, 0, "Number", "")]
    word = "<q" if version >= 0x0220 else "<i"
    images = elements.ndim == 3
    described = b"".join(
        struct.pack("<iddi", *numbers) + _text(label) + _text(units)
        for *numbers, label, units in dims
    )
    places = 22 + struct.calcsize(word) + 4 + len(described)
    start = places + 2 * total * struct.calcsize(word)
    body, offsets, tags = b"", [], []
    for number, element in enumerate(elements):
        offsets.append(start + len(body))
        for offset, step, at in calibration:
            body += struct.pack("<ddi", offset, step, at)
        body += struct.pack("<h", _CODES[element.dtype.name])
        body += struct.pack(f"<{element.ndim}i", *element.shape[::-1])
        body += (element[::-1] if images else element).tobytes()
        tags.append(start + len(body))
        body += struct.pack("<HHI", 0x4142 if positions is not None else 0x4152, 0, 1_456_000_000)
        if positions is not None:
            body += struct.pack("<dd", *positions[number])
        body += b"\xee" * (gaps[number] if gaps else 0)
    table = [*offsets, *[0] * (total - len(offsets)), *tags, *[0] * (total - len(tags))]
    head = struct.pack(
        "<HHHIIii", 0x4949, 0x0197, version, 0x4122 if images else 0x4120,
        0x4142 if positions is not None else 0x4152, total, len(elements),
    )  # fmt: skip
    head += struct.pack(word, places) + struct.pack("<i", len(dims)) + described
    path = Path(path)
    path.write_bytes(head + b"".join(struct.pack(word, each) for each in table) + body)
    return path


def write_emi(path: str | Path, descriptions: Sequence[str]) -> Path:
    """Write a description of series.

    Parameters
    ----------
    path : path
        Such as `name.emi` for `name_1.ser`.
    descriptions : sequence of str
        XML inside `<ObjectInfo>`, one for each series.

    Returns
    -------
    Path
        The file.
    """
    path = Path(path)
    blocks = [f"<ObjectInfo>{each}</ObjectInfo>".encode() for each in descriptions]
    path.write_bytes(bytes.fromhex("4a4b000200000000") + b"\x01\x02\0".join([b"", *blocks, b""]))
    return path


def _text(text: str) -> bytes:
    return struct.pack("<i", len(text)) + text.encode("latin-1")
