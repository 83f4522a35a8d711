"""AIST-NT files, for tests and demonstrations."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

__all__ = ["write_aist"]


def write_aist(
    path: str | Path,
    images: Mapping[str, np.ndarray],
    *,
    edges: Sequence[float] = (10.0, 15.0, 2.0, -2.0),
    curve: bool = False,
) -> Path:
    """Write images (y, x) by their names, such as "Height [nm]".

    Parameters
    ----------
    path : path
        Where to write.
    images : mapping of (y, x)
        With row 0 on top.
    edges : (float, float, float, float)
        Left, right, top and bottom, in µm.
    curve : bool
        Write a curve after them.
    """
    parts = []
    for number, (name, image) in enumerate(images.items()):
        rows, columns = image.shape
        unit = name.partition("[")[2].partition("]")[0]
        values = image[::-1].astype("<f8").tobytes()
        raw = struct.pack(">I", number) + _text(name) + _text("forward") + struct.pack(">I", 0)
        raw += struct.pack(">II4d", columns, rows, *edges)
        raw += _text("Ox [um]") + _text("Oy [um]") + _text(unit)
        raw += struct.pack(">I", len(values)) + values
        raw += struct.pack(">I", image.size) + bytes(image.size) + struct.pack(">I", 0)
        parts.append(_node("raster", raw, name))
    if curve:
        parts.append(_node("curve", bytes(20), "Curve"))
    path = Path(path)
    head = b"\0" + _text("noname") + struct.pack(">I", len(parts))
    path.write_bytes(head + b"".join(parts))
    return path


def _text(text: str) -> bytes:
    raw = text.encode("utf-16-be")
    return struct.pack(">I", len(raw)) + raw


def _node(kind: str, raw: bytes, name: str) -> bytes:
    data = b"\1" + _text(kind) + struct.pack(">I", len(raw)) + raw
    return data + _text(name) + struct.pack(">I", 0)
