"""Movies of high-speed AFMs (.asd), for tests and demonstrations."""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["write_asd"]

_SETTINGS: dict[str, Any] = {
    "size": (80, 100), "frame_time": 66.7, "z_extension": 10.5, "z_gain": 2.0,
    "sensor_sensitivity": 30.0, "phase_sensitivity": 12.0, "adc_range": 0x40000, "adc_bits": 12,
    "name": b"ando", "comment": b"myosin V", "encoding": 65001,
    "date": (2012, 3, 4, 15, 16, 17),
}  # fmt: skip


def write_asd(
    path: str | Path, channels: Mapping[str, np.ndarray], *, version: int = 1, **settings: Any
) -> Path:
    """Write a movie of one or two channels.

    Parameters
    ----------
    path : path
        Where to write.
    channels : mapping of code to (frame, y, x), int16
        Counts by TP (topography), ER (error) or PH (phase).
    version : int
        0, 1 or 2.
    **settings
        `size` (y, x) in nm, `frame_time` in ms, `z_extension` in nm/V and `z_gain`,
        `sensor_sensitivity` in nm/V, `phase_sensitivity` in deg/V, `adc_range` (a code),
        `adc_bits`, `name` and `comment` in bytes, `encoding` (a code page), `date`.
    """
    said = {**_SETTINGS, **settings}
    codes = [*(code.encode() for code in channels), b""][:2]
    frames, rows, columns = next(iter(channels.values())).shape
    make = _old if version == 0 else _new
    # The header says its own length.
    size = len(make(said, codes, (frames, rows, columns), 0, version))
    raw = make(said, codes, (frames, rows, columns), size, version)
    for movie in channels.values():
        for number, frame in enumerate(movie):
            raw += struct.pack("<i2H2h2f2bh2i", number, 4095, 0, 1, -1, 0.0, 0.0, 0, 0, 0, 0, 0)
            raw += frame.astype("<i2").tobytes()
    path = Path(path)
    path.write_bytes(raw)
    return path


def _old(
    said: Mapping[str, Any], codes: list[bytes], shape: tuple[int, ...], size: int, version: int
) -> bytes:
    frames, rows, columns = shape
    year, *rest = said["date"]
    raw = struct.pack("<i2s2s", version, *codes)
    raw += struct.pack("<5i", size, 32, len(said["name"]), 0, len(said["comment"]))
    raw += struct.pack("<4h", columns, rows, said["size"][1], said["size"][0])
    raw += struct.pack("<3f", said["frame_time"], said["z_extension"], said["z_gain"])
    raw += struct.pack("<Iibih", said["adc_range"], said["adc_bits"], 0, 1, 0)
    raw += struct.pack("<h6B", year, *rest, 5) + struct.pack("<2f3i", 3000.0, 1000.0, 0, 0, 0)
    raw += struct.pack("<3ih", frames, frames, 1, 7) + said["name"]
    raw += struct.pack("<2fi", said["sensor_sensitivity"], said["phase_sensitivity"], 0)
    return raw + said["comment"]


def _new(
    said: Mapping[str, Any], codes: list[bytes], shape: tuple[int, ...], size: int, version: int
) -> bytes:
    frames, rows, columns = shape
    raw = struct.pack("<4i", version, size, 32, said["encoding"])
    raw += struct.pack("<2i4s4s", len(said["name"]), len(said["comment"]), *codes)
    raw += struct.pack("<8i", frames, frames, 0, 7, columns, rows, said["size"][1], said["size"][0])
    raw += struct.pack("<bi6i2i", 0, 1, *said["date"], 5, 5)
    raw += struct.pack("<3fi", said["frame_time"], said["sensor_sensitivity"],
                       said["phase_sensitivity"], 0) + bytes(12)  # fmt: skip
    raw += struct.pack("<3i", 1, said["adc_range"], said["adc_bits"])
    raw += struct.pack("<6f", 3000.0, 1000.0, 40.0, 15.0, said["z_extension"], said["z_gain"])
    raw += said["name"] + said["comment"]
    return raw + (struct.pack("<2id5i", frames, 0, 0.0, 255, 0, 0, 0, 0) if version == 2 else b"")
