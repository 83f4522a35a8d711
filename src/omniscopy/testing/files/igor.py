"""Write Igor binary waves byte by byte, for tests and for the demo.

Written from the published layout (Igor Technical Note 003), independently of the reader.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

_TYPES = {"f4": 0x02, "f8": 0x04, "c8": 0x03, "c16": 0x05, "i1": 0x08, "i2": 0x10, "i4": 0x20,
          "i8": 0x80, "u1": 0x48, "u2": 0x50, "u4": 0x60, "u8": 0xC0}  # fmt: skip
_DEMO_SETTINGS: dict[str, Any] = {
    "ScanRate": 1.0016,
    "ScanAngle": 0,
    "ImagingMode": "AC Mode",
    "InvOLS": 1.09e-07,
    "SpringConstant": 2.8,
    "AmplitudeSetpointVolts": 0.62416,
    "DriveAmplitude": 0.44691,
    "DriveFrequency": 74243,
    "TipVoltage": 0,
    "MicroscopeModel": "Cypher",
    "Version": "15.09.112",
    "Date": "2024-05-17",
    "Time": "2:14:13 PM",
    "ImageNote": "synthetic",
}


@dataclass(frozen=True, kw_only=True)
class Wave:
    """What an Igor binary wave holds beside its values.

    Parameters
    ----------
    name : str
        31 bytes of it are kept, 17 before version 5.
    version : 1, 2, 3 or 5
        Versions before 5 hold one dimension and neither labels nor long units.
    byte_order : "<" or ">"
        Little-endian as on Windows, or big-endian as on the early Macintosh.
    scales, offsets, dim_units : sequences, one entry for each dimension
        The wave scaling, ``offset + scale * index``; 1, 0 and no units where left out.
    data_units : str
        Units of the values.
    labels : mapping of dimension to the labels of its indices
    note : str or mapping
        The wave note; of a mapping the lines ``key: value`` that Asylum Research writes.
    formula : str
        The dependency formula (versions 3 and 5).
    created : int, seconds since 1904
    footer : bytes
        What some programs append, such as thumbnails.
    """

    name: str = "wave0"
    version: Literal[1, 2, 3, 5] = 5
    byte_order: Literal["<", ">"] = "<"
    scales: Sequence[float] = ()
    offsets: Sequence[float] = ()
    dim_units: Sequence[str] = ()
    data_units: str = ""
    labels: Mapping[int, Sequence[str]] = field(default_factory=dict)
    note: str | Mapping[str, Any] = ""
    formula: str = ""
    created: int = 3_798_801_253
    footer: bytes = b""

    def note_bytes(self) -> bytes:
        """Return the note as it is stored."""
        if isinstance(self.note, str):
            return self.note.encode("latin-1")
        return "".join(f"{key}: {value}\r" for key, value in self.note.items()).encode("latin-1")

    def filled(self, values: Sequence[Any], missing: Any) -> list[Any]:
        """Return `values` for the four dimensions that the format has."""
        return [*values, *[missing] * (4 - len(values))]


def write_ibw(path: str | Path, values: np.ndarray, **description: Any) -> Path:
    """Write `values` as an Igor binary wave and return its path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    values : ndarray, up to 4 dimensions, fastest first as in Igor: (x, y, layer)
        Real, complex or integer numbers, or text (version 5 only).
    **description
        The fields of `Wave`.
    """
    wave = Wave(**description)
    values = np.asarray(values)
    body = _new_wave(values, wave) if wave.version == 5 else _old_wave(values, wave)
    path = Path(path)
    path.write_bytes(body + wave.footer)
    return path


def write_asylum_image(
    path: str | Path,
    channels: Mapping[str, np.ndarray],
    *,
    pixel_size: tuple[float, float],
    settings: Mapping[str, Any] | None = None,
    name: str = "Image0000",
    **options: Any,
) -> Path:
    """Write images as Asylum Research does: one wave (x, y, channel), y upward, and a note.

    Parameters
    ----------
    path : str or Path
        Where to write.
    channels : mapping of label to image, shape (y, x), in displayed order
        Labels as the instrument has them: `HeightTrace`, `PhaseRetrace` ...
    pixel_size : (y, x), m
    settings : mapping, optional
        Lines of the note, beside or instead of plausible ones.
    name : str
        The wave's name.
    **options
        Passed to `write_ibw`.
    """
    stack = np.stack(list(channels.values()), axis=-1)
    rows, columns, _ = stack.shape
    # The instrument spreads its pixels from edge to edge of the scan.
    slow, fast = pixel_size[0] * (rows - 1), pixel_size[1] * (columns - 1)
    note = {
        "ScanSize": f"{max(slow, fast):.6g}",
        "FastScanSize": f"{fast:.6g}",
        "SlowScanSize": f"{slow:.6g}",
        "ScanPoints": columns,
        "ScanLines": rows,
        **_DEMO_SETTINGS,
        **(settings or {}),
    }
    return write_ibw(
        path,
        stack[::-1].transpose(1, 0, 2).astype(np.float32),
        name=name,
        scales=(pixel_size[1], pixel_size[0]),
        dim_units=("m", "m"),
        data_units="m",
        labels={2: list(channels)},
        note=note,
        **options,
    )


def _new_wave(values: np.ndarray, wave: Wave) -> bytes:
    order = wave.byte_order
    data, indices, code = _encode_values(values, order)
    units = [wave.data_units, *wave.filled(wave.dim_units, "")]
    # Units of up to three letters have a place in the header, longer ones follow the data.
    long_units = [unit.encode() if len(unit) > 3 else b"" for unit in units]
    short_units = [unit.encode() if len(unit) <= 3 else b"" for unit in units]
    cells = [_label_cells(wave.labels[axis]) if axis in wave.labels else b"" for axis in range(4)]
    note, formula = wave.note_bytes(), wave.formula.encode("latin-1")
    tail = [formula, note, *long_units, *cells, indices]
    binary = struct.pack(order + "hhi12i2i", 5, 0, 320 + len(data), *map(len, tail), 0, 0)
    shape = wave.filled(values.shape, 0) if values.size else [0] * 4
    header = struct.pack(
        order + "iIIihh6xh", 0, wave.created, wave.created, values.size, code, 0, 1
    )
    header += wave.name.encode()[:31].ljust(32, b"\0") + bytes(8)
    scaling = *wave.filled(wave.scales, 1.0), *wave.filled(wave.offsets, 0.0)
    header += struct.pack(order + "4i8d", *shape, *scaling)
    header += b"".join(unit.ljust(4, b"\0") for unit in short_units)
    start = _with_checksum(binary + header.ljust(320, b"\0"), 2, order)
    return b"".join([start, data, *tail])


def _old_wave(values: np.ndarray, wave: Wave) -> bytes:
    order = wave.byte_order
    data, _, code = _encode_values(values, order)
    note, formula = wave.note_bytes(), wave.formula.encode("latin-1")
    sizes = {1: [], 2: [len(note), 0], 3: [len(note), len(formula), 0]}[wave.version]
    wave_size = 110 + len(data) + 16
    binary = struct.pack(f"{order}hi{len(sizes)}ih", wave.version, wave_size, *sizes, 0)
    header = struct.pack(order + "hi", code, 0) + wave.name.encode()[:17].ljust(20, b"\0")
    for unit in (wave.data_units, wave.filled(wave.dim_units, "")[0]):
        header = header.ljust(34, b"\0") + unit.encode()[:3].ljust(4, b"\0")
    scaling = wave.filled(wave.scales, 1.0)[0], wave.filled(wave.offsets, 0.0)[0]
    header += struct.pack(order + "ihdd32xI2xI4x", values.size, 0, *scaling, *[wave.created] * 2)
    # The first 16 bytes of the data belong to the header as far as the checksum goes.
    padded = data + bytes(16)
    head = binary + header
    head = _with_checksum(head + padded[:16], len(binary) - 2, order)[: len(head)]
    return b"".join([head, padded, *[note, formula][: wave.version - 1]])


def _encode_values(values: np.ndarray, order: Literal["<", ">"]) -> tuple[bytes, bytes, int]:
    """Return the values, the ends of the strings, and the code of their type."""
    if values.dtype.kind == "U":
        texts = [str(text).encode() for text in values.ravel(order="F")]
        ends = np.cumsum([len(text) for text in texts]).astype(order + "i4")
        return b"".join(texts), ends.tobytes(), 0
    code = _TYPES[f"{values.dtype.kind}{values.dtype.itemsize}"]
    return values.astype(values.dtype.newbyteorder(order)).tobytes(order="F"), b"", code


def _label_cells(labels: Sequence[str]) -> bytes:
    return b"".join(label.encode()[:31].ljust(32, b"\0") for label in ("", *labels))


def _with_checksum(headers: bytes, at: int, order: str) -> bytes:
    """Set the 16-bit word at `at` so that the sum of all words is 0."""
    total = int(np.frombuffer(headers, order + "u2").sum(dtype=np.int64))
    return headers[:at] + struct.pack(order + "H", -total & 0xFFFF) + headers[at + 2 :]
