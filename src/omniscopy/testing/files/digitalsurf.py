"""Write MountainsMap files of Digital Surf byte by byte."""

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["SurObject", "write_sur"]

_OFFSETS = {
    "objects": (14, "h"), "type": (18, "h"), "name": (20, "30s"), "operator": (50, "30s"),
    "special": (86, "h"), "absolute": (88, "h"), "depth": (94, "i"), "bits": (98, "h"),
    "z_min": (100, "i"),
    "z_max": (104, "i"), "columns": (108, "i"), "rows": (112, "i"), "total": (116, "i"),
    "x_step": (120, "f"), "y_step": (124, "f"), "z_step": (128, "f"), "x_name": (132, "16s"),
    "y_name": (148, "16s"), "z_name": (164, "16s"), "x_units": (180, "16s"),
    "y_units": (196, "16s"), "z_units": (212, "16s"), "date": (306, "6h"),
    "packed_size": (324, "I"), "comment_size": (334, "h"), "private_size": (336, "h"),
    "x_offset": (466, "f"), "y_offset": (470, "f"), "z_offset": (474, "f"),
    "t_step": (478, "f"), "t_offset": (482, "f"), "t_name": (486, "13s"), "t_units": (499, "13s"),
}  # fmt: skip


@dataclass(frozen=True)
class SurObject:
    """Numbers of int16 or int32, (rows, columns) or (rows, columns, depth).

    The type is 1 for a profile, 2 for a surface, 4 and 5 for series of them, 10 for an
    intensity, 12 for colours, 20 for spectra, 21 for a map of spectra. `fields` replace the
    usual ones.
    """

    numbers: np.ndarray
    type: int = 2
    fields: Mapping[str, Any] = field(default_factory=dict)


def write_sur(
    path: str | Path, objects: Sequence[SurObject], *, streams: int = 0, comment: str = "$_a = 1"
) -> Path:
    """Write a file and return its path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    objects : sequence of SurObject
        One after another.
    streams : int
        In how many packed streams numbers are written; 0 leaves them plain.
    comment : str
        Of each object, before 5 private bytes.
    """
    path = Path(path)
    path.write_bytes(b"".join(_object(each, streams, comment.encode()) for each in objects))
    return path


def _object(made: SurObject, streams: int, comment: bytes) -> bytes:
    numbers = made.numbers
    rows, columns, *depth = numbers.shape
    content = numbers.astype(numbers.dtype.newbyteorder("<")).tobytes()
    if streams:
        step = -(-len(content) // streams)
        parts = [content[at : at + step] for at in range(0, len(content), step)]
        packed = [zlib.compress(part) for part in parts]
        head = struct.pack("<I", len(parts))
        pairs = zip(parts, packed, strict=True)
        head += b"".join(struct.pack("<II", len(plain), len(part)) for plain, part in pairs)
        content = head + b"".join(packed)
    fields: dict[str, Any] = {
        "objects": 1, "type": made.type, "name": b"* a map *", "operator": b"Ada", "special": 0,
        "absolute": 1,        "depth": depth[0] if depth else 0, "bits": 8 * numbers.dtype.itemsize,
        "z_min": int(numbers.min()), "z_max": int(numbers.max()), "columns": columns,
        "rows": rows, "total": rows * columns, "x_step": 0.5, "y_step": 0.25, "z_step": 0.125,
        "x_name": b"Width", "y_name": b"Height", "z_name": b"Z", "x_units": b"mm",
        "y_units": b"\xb5m", "z_units": b"\xb5m", "date": (30, 20, 10, 28, 7, 2024),
        "packed_size": len(content) if streams else 0, "comment_size": len(comment),
        "private_size": 5, "x_offset": 8.0, "y_offset": -2.0, "z_offset": 16.0,
    } | dict(made.fields)  # fmt: skip
    header = bytearray(512)
    header[:12] = b"DSCOMPRESSED" if streams else b"DIGITAL SURF"
    for name, value in fields.items():
        at, kind = _OFFSETS[name]
        struct.pack_into(f"<{kind}", header, at, *(value if isinstance(value, tuple) else (value,)))
    return bytes(header) + comment + b"other" + content
