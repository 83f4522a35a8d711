"""TIFF files of Park Systems: a picture, and what was measured in tags beside it."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.testing.files.tiff import ExtraTag, write_tiff

__all__ = ["write_park_curves", "write_park_image"]

_DTYPES = {"int16": 0, "int32": 1, "float32": 2}
_BYTE, _LONG = 1, 4
_IMAGE: dict[str, Any] = {
    "kind": 0, "size": (5.0, 4.0), "offset": (0.0, 0.0), "gain": 1e-3, "scale": 1.0, "zero": 0.0,
    "unit": "um", "source": "Z Height", "rotation": 0.0, "forward": True,
}  # fmt: skip
_CURVES: dict[str, Any] = {
    "driving": 0, "columns": 0, "stiffness": 2.5, "sensitivity": 20.0, "backward_period": 1.0,
}  # fmt: skip


def write_park_image(
    path: str | Path, counts: np.ndarray, *, second: bool = True, **settings: Any
) -> Path:
    """Write an image.

    Parameters
    ----------
    path : path
        Where to write.
    counts : (rows, columns), int16, int32 or float32
        As they lie in the file, the bottom row first; only int16 in the first version.
    second : bool
        Whether the header is of the second version, which names the type of numbers.
    **settings
        `size` and `offset` (y, x) in µm, of the scan and of its middle; `gain`, `scale`, `zero`
        and `unit`, so that values are ``gain * (scale * count + zero)``; `source`, `rotation`
        in degrees, `forward`; and `kind`, 0 for an image and 1 for a profile over one.
    """
    code = _DTYPES[counts.dtype.name] if second else None
    header = _header((counts.shape[0], counts.shape[1]), {**_IMAGE, **settings}, code)
    return _write(path, header, {50434: counts.tobytes()}, second=second)


def write_park_curves(
    path: str | Path,
    numbers: np.ndarray,
    sources: Sequence[tuple[str, str, float]],
    places: np.ndarray,
    **settings: Any,
) -> Path:
    """Write curves.

    Parameters
    ----------
    path : path
        Where to write.
    numbers : (curve, source, point), int16, int32 or float32
        Both directions one after the other.
    sources : sequence of (name, unit, gain)
        Values are a gain times a number.
    places : (curve, 2), µm
        x and y of each curve.
    **settings
        `driving`, which source was driven; `columns`, how many curves are in a row of a grid;
        `stiffness` in N/m and `sensitivity` in V/µm; `backward_period` in s, 0 where curves have
        one direction only.
    """
    chosen = {**_CURVES, **settings}
    listed = [
        struct.pack("<64s16sdii", _text(name), _text(unit), gain, int(i == chosen["driving"]), 1)
        for i, (name, unit, gain) in enumerate(sources)
    ]
    listed += [bytes(96)] * (8 - len(listed))
    curves, count, points = numbers.shape
    header = b"".join(listed)
    header += struct.pack("<5i", count, 0, points, curves, chosen["driving"])
    header += struct.pack("<4fi", 1.0, chosen["backward_period"], 1.0, 1.0, chosen["columns"] > 0)
    header += bytes(8 * 8 + 8 * 4 + 8 * 4)
    header += struct.pack("<2i4d", chosen["columns"], 0, 0.0, 0.0, 0.0, 0.0)
    header += struct.pack("<2d", chosen["stiffness"], chosen["sensitivity"])
    header += struct.pack("<7fid16s2i", *[0.0] * 7, 0, 1.0, b"", 0, 2)
    header += struct.pack("<13f", *[0.0] * 13)
    header += struct.pack("<i2f22i", _DTYPES[numbers.dtype.name], 0.0, 0.0, *[0] * 22)
    header += b"".join(struct.pack("<3f", x, y, 0.0) for x, y in places)
    main = _header((8, 8), {**_IMAGE, "kind": 2}, 0)
    return _write(path, main, {50438: header, 50439: numbers.tobytes()}, second=True)


def _header(shape: tuple[int, int], said: Mapping[str, Any], data_type: int | None) -> bytes:
    (rows, columns), (height, width), (y, x) = shape, said["size"], said["offset"]
    raw = struct.pack("<i64s16sd", said["kind"], _text(said["source"]), _text("NC-AFM"), 0.0)
    raw += struct.pack("<4id", 0, 0, columns, rows, said["rotation"])
    raw += struct.pack("<id3i", 0, 0.1, said["forward"], 1, 0)
    raw += struct.pack("<4d", width, height, x, y)
    raw += struct.pack("<dd16sdd", 0.5, 12.5, _text("nm"), 0.25, -0.5)
    raw += struct.pack("<3d", said["gain"], said["scale"], said["zero"])
    raw += struct.pack("<16s6i", _text(said["unit"]), 0, 0, 0, 0, 0, 0)
    if data_type is not None:
        raw += struct.pack("<dd16s16s16s3i", 1.0, 2.0, b"", b"", b"", data_type, 0, 0)
        raw += struct.pack("<ddd32s", 10.0, 3.1e5, 0.0, _text("NCHR"))
    return raw


def _write(path: str | Path, header: bytes, tags: Mapping[int, bytes], *, second: bool) -> Path:
    extra: list[ExtraTag] = [
        (50432, _LONG, 1, 0x0E031301, True),
        (50433, _LONG, 1, 0x01000002 if second else 0x01000001, True),
        (50435, _BYTE, len(header), header, True),
        *((code, _BYTE, len(raw), raw, True) for code, raw in tags.items()),
    ]
    picture = np.arange(64, dtype=np.uint8).reshape(8, 8)
    return write_tiff(path, picture, extratags=extra, software="XEI", photometric="minisblack")


def _text(text: str) -> bytes:
    return text.encode("utf-16-le")
