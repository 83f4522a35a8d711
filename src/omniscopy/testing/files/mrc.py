"""Write MRC files byte by byte, with FEI and Direct Electron metadata."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

_MODES = {"int8": 0, "int16": 1, "float32": 2, "complex64": 4, "uint16": 6, "float16": 12}

# field: (byte in the record, struct code, number of the mask, bit in the mask)
_FEI_FIELDS: dict[str, tuple[int, str, int, int]] = {
    "timestamp": (12, "d", 0, 0),
    "microscope": (20, "16s", 0, 1),
    "application": (52, "16s", 0, 3),
    "application_version": (68, "16s", 0, 4),
    "voltage": (84, "d", 0, 5),
    "alpha_tilt": (100, "d", 0, 7),
    "beta_tilt": (108, "d", 0, 8),
    "stage_x": (116, "d", 0, 9),
    "stage_y": (124, "d", 0, 10),
    "stage_z": (132, "d", 0, 11),
    "pixel_size_x": (156, "d", 0, 14),
    "pixel_size_y": (164, "d", 0, 15),
    "instrument_mode": (244, "i", 0, 25),
    "magnification": (289, "d", 0, 31),
    "camera_length": (301, "d", 1, 0),
    "convergence_angle": (329, "d", 1, 4),
    "integration_time": (419, "d", 1, 16),
    "camera_name": (435, "16s", 1, 19),
    "stem_detector": (519, "16s", 2, 7),
    "dwell_time": (571, "d", 2, 15),
    "frame_time": (579, "d", 2, 16),
    "scan_left": (587, "i", 2, 17),
    "scan_top": (591, "i", 2, 18),
    "scan_right": (595, "i", 2, 19),
    "scan_bottom": (599, "i", 2, 20),
    "scan_view_x": (603, "d", 2, 21),
    "scan_view_y": (611, "d", 2, 22),
}
_FEI_MASKS = (8, 297, 490, 748)


def write_mrc(  # noqa: PLR0913
    path: str | Path,
    data: np.ndarray,
    *,
    byte_order: Literal["<", ">"] = "<",
    mode: int | None = None,
    cell: Sequence[float] | None = None,
    grid: Sequence[int] | None = None,
    start: Sequence[int] = (0, 0, 0),
    origin: Sequence[float] = (0.0, 0.0, 0.0),
    axes: Sequence[int] = (1, 2, 3),
    space_group: int = 0,
    extended: bytes = b"",
    extended_type: bytes = b"\0\0\0\0",
    map_text: bytes = b"MAP ",
    stamp: bytes | None = None,
    labels: Sequence[str] = (),
    imod_flags: int | None = None,
    header_changes: Mapping[int, bytes] | None = None,
) -> Path:
    """Write an MRC file.

    Parameters
    ----------
    path : path
        Where to write; replaced if it exists.
    data : ndarray, shape (rows, columns) or (sections, rows, columns)
        int8, int16, uint16, float16, float32 or complex64; uint8 for modes 0 and 101, and with a
        last dimension of 3 for mode 16.
    byte_order : {"<", ">"}
        Little- or big-endian.
    mode : int, optional
        Follows from the dtype; 3 stores complex numbers as pairs of shorts, 101 stores numbers
        below 16 in half a byte.
    cell : (x, y, z), Å, optional
        Size of the cell; 0 where left out.
    grid : (x, y, z), optional
        Intervals along the cell; the size of `data` where left out.
    start, origin : (x, y, z)
        First pixel in the cell (pixels), and its place (Å).
    axes : (columns, rows, sections)
        Which of x (1), y (2), z (3) they are.
    space_group : int
        0 images, 1 volume, 401 volumes one after another.
    extended, extended_type : bytes
        Extended header and its kind, such as ``b"FEI1"``.
    map_text, stamp : bytes
        The marks of the format at bytes 208 and 212.
    labels : sequence of str
        Up to ten lines of text.
    imod_flags : int, optional
        Flags of IMOD; bit 0 says that bytes are signed.
    header_changes : mapping of int to bytes, optional
        Bytes to put over the header at the end, by offset.
    """
    sections = data if data.ndim >= 3 else data[np.newaxis]
    if mode is None:
        mode = _MODES[sections.dtype.name]
    depth, rows, columns = sections.shape[:3]
    header = bytearray(1024)
    pack = struct.Struct
    pack(byte_order + "10i").pack_into(
        header, 0, columns, rows, depth, mode, *start, *(grid or (columns, rows, depth))
    )
    pack(byte_order + "6f").pack_into(header, 40, *(cell or (0, 0, 0)), 90, 90, 90)
    pack(byte_order + "3i").pack_into(header, 64, *axes)
    real = sections.real.astype(np.float32)
    pack(byte_order + "3f").pack_into(header, 76, real.min(), real.max(), real.mean())
    pack(byte_order + "2i").pack_into(header, 88, space_group, len(extended))
    header[104:108] = extended_type
    pack(byte_order + "i").pack_into(header, 108, 20141)
    if imod_flags is not None:
        pack(byte_order + "2i").pack_into(header, 152, 1146047817, imod_flags)
    pack(byte_order + "3f").pack_into(header, 196, *origin)
    header[208:212] = map_text
    if stamp is None:
        stamp = b"\x44\x44\0\0" if byte_order == "<" else b"\x11\x11\0\0"
    header[212:216] = stamp
    pack(byte_order + "i").pack_into(header, 220, len(labels))
    for number, label in enumerate(labels):
        header[224 + 80 * number : 304 + 80 * number] = label.encode("latin-1").ljust(80)[:80]
    for offset, replacement in (header_changes or {}).items():
        header[offset : offset + len(replacement)] = replacement
    path = Path(path)
    path.write_bytes(bytes(header) + extended + _encoded(sections, mode, byte_order))
    return path


def encode_fei_record(
    fields: Mapping[str, Any], *, version: Literal[1, 2] = 2, byte_order: Literal["<", ">"] = "<"
) -> bytes:
    """Return one record of an extended header of Thermo Fisher (type FEI1 or FEI2).

    Parameters
    ----------
    fields : mapping
        Any of `timestamp` (days since 1899-12-30), `microscope`, `application`,
        `application_version`, `voltage` (V), `alpha_tilt`, `beta_tilt` (deg), `stage_x`,
        `stage_y`, `stage_z` (m), `pixel_size_x`, `pixel_size_y` (m or 1/m), `instrument_mode`
        (1 TEM, 2 STEM), `magnification`, `camera_length` (m), `convergence_angle` (rad),
        `integration_time` (s), `camera_name`, `stem_detector`, `dwell_time`, `frame_time` (s),
        `scan_left`, `scan_top`, `scan_right`, `scan_bottom` (pixels), `scan_view_x`,
        `scan_view_y` (m). Others are marked as not filled.
    version : {1, 2}
        FEI1 (768 bytes) or FEI2 (888 bytes).
    byte_order : {"<", ">"}
        Little- or big-endian.
    """
    size = {1: 768, 2: 888}[version]
    record = bytearray(size)
    struct.pack_into(byte_order + "2i", record, 0, size, version)
    masks = [0, 0, 0, 0]
    for name, value in fields.items():
        at, code, mask, bit = _FEI_FIELDS[name]
        stored = value.encode("latin-1") if isinstance(value, str) else value
        struct.pack_into(byte_order + code, record, at, stored)
        masks[mask] |= 1 << bit
    for at, number in zip(_FEI_MASKS, masks, strict=True):
        struct.pack_into(byte_order + "I", record, at, number)
    return bytes(record)


def write_direct_electron_info(path: str | Path, values: Mapping[str, Any]) -> Path:
    """Write the text file that a Direct Electron camera puts beside its movie.

    Parameters
    ----------
    path : path
        Such as ``20250429_06699_info.txt`` for ``20250429_06699_movie.mrc``.
    values : mapping
        Lines ``name = value``, such as ``{"Scan - Size X": 5}``.
    """
    path = Path(path)
    lines = [f"{name:<63} = {value}" for name, value in values.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_direct_electron_positions(path: str | Path, places: Sequence[tuple[int, int]]) -> Path:
    """Write the list of positions (x, y) that a scan followed, a line for each.

    Parameters
    ----------
    path : path
        Such as ``20250429_06699_scan_coordinates.csv`` for ``20250429_06699_movie.mrc``.
    places : sequence of (x, y)
        In the order of the frames.
    """
    path = Path(path)
    path.write_text("".join(f"{x},{y}\n" for x, y in places), encoding="utf-8")
    return path


def _encoded(sections: np.ndarray, mode: int, byte_order: Literal["<", ">"]) -> bytes:
    if mode == 3:
        pairs = np.stack([sections.real, sections.imag], axis=-1)
        return pairs.astype(byte_order + "i2").tobytes()
    if mode == 101:
        odd = sections.shape[-1] % 2
        padded = np.pad(sections.astype(np.uint8), [(0, 0), (0, 0), (0, odd)])
        return (padded[..., 0::2] | padded[..., 1::2] << 4).tobytes()
    return sections.astype(sections.dtype.newbyteorder(byte_order)).tobytes()
