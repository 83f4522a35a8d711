"""Write pictures of Semper record by record."""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np

_FORMS = {"uint8": 0, "int16": 1, "float32": 2, "complex64": 3, "int32": 4}


def write_semper(
    path: str | Path,
    picture: np.ndarray,
    *,
    title: str = "",
    scales: Mapping[str, tuple[float, float, str]] | None = None,
    label: bool = True,
    kind: int = 1,
    year: int = 2015,
    order: Literal["<", ">"] = "<",
) -> Path:
    """Write a picture.

    Parameters
    ----------
    path : path
        Where to write.
    picture : ndarray, shape (rows, columns) or (layers, rows, columns)
        Of type uint8, int16, int32, float32 or complex64.
    title : str
        Of the picture.
    scales : mapping of letter to (step, origin, units)
        Real coordinates along x, y and z.
    label : bool
        Write a label.
    kind : int
        Class of the picture: 1 image, 3 Fourier transform.
    year : int
        Of the creation, on 27 October at 14:28:22.
    order : {"<", ">"}
        Byte order.

    Returns
    -------
    Path
        The file.
    """
    form = _FORMS[picture.dtype.name]
    layers, rows, columns = picture.shape if picture.ndim == 3 else (1, *picture.shape)
    flag = 20000 + 1000 * label + len(title)
    content = _record(struct.pack(f"{order}6h", columns, rows, layers, kind, form, flag), order)
    if title:
        content += _record(title.encode("latin-1"), order)
    if label:
        plain = bytearray(256)
        plain[:6] = b"Semper"
        plain[6:12] = struct.pack(">3H", columns, rows, layers)
        plain[12:18] = struct.pack(">3H", columns // 2 + 1, rows // 2 + 1, layers // 2 + 1)
        plain[18:21] = bytes([kind, form, 0])
        plain[27:31] = b"\x030,7"
        plain[62] = scales is not None
        places = {"x": (91, 244), "y": (83, 248), "z": (75, 252)}
        for letter, (step, origin, units) in (scales or {}).items():
            at, unit = places[letter]
            plain[at : at + 8] = struct.pack("<2f", step, origin)
            plain[unit : unit + 4] = units.encode("latin-1").ljust(4, b"\0")
        plain[99] = len(title)
        plain[100 : 100 + len(title)] = title.encode("latin-1")
        shorts = list(plain)
        shorts[21:27] = [year - 1900, 10, 27, 14, 28, 22]
        content += _record(struct.pack(f"{order}256h", *shorts), order)
    stored = picture.astype(picture.dtype.newbyteorder(order)).reshape(-1, columns)
    content += b"".join(_record(row.tobytes(), order) for row in stored)
    path = Path(path)
    path.write_bytes(content)
    return path


def _record(content: bytes, order: str) -> bytes:
    mark = struct.pack(f"{order}I", len(content))
    return mark + content + mark
