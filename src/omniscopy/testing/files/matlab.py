"""Write MATLAB files of version 5, byte by byte."""

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

_CLASSES = {"f8": (6, 9), "f4": (7, 7), "i2": (10, 3), "u1": (9, 2), "i4": (12, 5)}


def encode_element(kind: int, data: bytes, order: str = "<") -> bytes:
    """Return an element: tag, data, and zeros up to the next eight bytes."""
    return struct.pack(f"{order}II", kind, len(data)) + data + bytes(-len(data) % 8)


def encode_matrix(value: Any, name: str = "", order: str = "<") -> bytes:
    """Return a variable: numbers, text, an array of objects (cells) or a dictionary."""
    shape: tuple[int, ...]
    if isinstance(value, str):
        shape, content = (1, len(value)), encode_element(16, value.encode(), order)
        kind, flag = 4, 0
    elif isinstance(value, Mapping):
        names = b"".join(key.encode().ljust(32, b"\0") for key in value)
        content = struct.pack(f"{order}HHI", 5, 4, 32)
        if order == ">":
            content = struct.pack(">HHI", 4, 5, 32)
        content += encode_element(1, names, order)
        content += b"".join(encode_matrix(each, order=order) for each in value.values())
        shape, kind, flag = (1, 1), 2, 0
    elif isinstance(value, np.ndarray) and value.dtype == object:
        items = [encode_matrix(each, order=order) for each in value.ravel(order="F")]
        shape, kind, flag, content = value.shape, 1, 0, b"".join(items)
    else:
        shape, kind, flag, content = _encode_numbers(np.asarray(value), order)
    head = encode_element(6, struct.pack(f"{order}II", flag | kind, 0), order)
    head += encode_element(5, np.array(shape, f"{order}i4").tobytes(), order)
    return encode_element(14, head + encode_element(1, name.encode(), order) + content, order)


def write_mat(
    path: Path, variables: Mapping[str, Any], *, packed: bool = False, order: str = "<"
) -> Path:
    """Write variables, each compressed by itself where `packed`."""
    content = b"MATLAB 5.0 MAT-file, made by hand".ljust(124) + struct.pack(f"{order}H", 0x0100)
    content += b"IM" if order == "<" else b"MI"
    for name, value in variables.items():
        element = encode_matrix(value, name, order)
        if packed:
            data = zlib.compress(element)
            element = struct.pack(f"{order}II", 15, len(data)) + data
        content += element
    path.write_bytes(content)
    return path


def _encode_numbers(value: np.ndarray, order: str) -> tuple[tuple[int, ...], int, int, bytes]:
    shape = value.shape if value.ndim > 1 else (1, value.size)
    parts = [value.real, value.imag] if value.dtype.kind == "c" else [value]
    key = "f8" if value.dtype.kind == "c" else value.dtype.str[1:]
    kind, stored = _CLASSES[key]
    content = b"".join(
        encode_element(
            stored, part.reshape(shape).astype(f"{order}{key}").tobytes(order="F"), order
        )
        for part in parts
    )
    return shape, kind, 0x800 if len(parts) > 1 else 0, content
