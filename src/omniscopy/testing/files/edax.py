"""Write maps, spectra and headers of images as EDAX Genesis and TEAM do."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

DATA_START = 3840


def write_spd(
    path: str | Path,
    counts: np.ndarray,
    *,
    offset: int = 1024,
    image: str = "C:\\map.bmp",
    **fields: int,
) -> Path:
    """Write a map.

    Parameters
    ----------
    path : path
        Where to write; replaced if it exists.
    counts : ndarray, shape (y, x, channels)
        Of 1, 2 or 4 bytes, unsigned.
    offset : int
        Where the counts begin.
    image : str
        Path of the image that the map is of.
    **fields
        `spectra`, `lines`, `points`, `channels` or `count_bytes` in the place of what is right.
    """
    rows, columns, channels = counts.shape
    told = {"lines": rows, "points": columns, "channels": channels}
    told |= {"count_bytes": counts.dtype.itemsize, "spectra": rows * columns} | fields
    head = struct.pack(
        "<16s2i6I120s", b"MAPSPECTRA_DATA", 2, told["spectra"], told["points"], told["lines"],
        told["channels"], told["count_bytes"], offset, 16, image.encode(),
    )  # fmt: skip
    path = Path(path)
    stored = counts.astype(counts.dtype.newbyteorder("<")).tobytes()
    path.write_bytes(head.ljust(offset, b"\0") + stored)
    return path


def write_spc(path: str | Path, counts: np.ndarray, **fields: Any) -> Path:
    """Write a spectrum.

    Parameters
    ----------
    path : path
        Where to write; replaced if it exists.
    counts : ndarray, shape (channels,)
        Whole numbers.
    **fields
        `ev_per_channel`, `start`, `end` (keV), `live_time`, `kilovolts`, `tilt`, `points` or
        `month` in the place of those that are written.
    """
    told: dict[str, Any] = {
        "ev_per_channel": 10, "start": 0.0, "end": 10.24, "live_time": 30.5, "kilovolts": 20.0,
        "tilt": 5.0, "points": len(counts), "month": 9,
    }  # fmt: skip
    told |= fields
    raw = bytearray(DATA_START)
    struct.pack_into("<2f8s", raw, 0, 0.7, 4.3, b"spectrum")
    struct.pack_into("<h6b", raw, 16, 2014, 17, told["month"], 41, 12, 50, 33)
    struct.pack_into("<2ih", raw, 24, DATA_START + 4 * 4096, DATA_START, told["points"])
    struct.pack_into("<256s", raw, 64, b"Steel")
    struct.pack_into("<i", raw, 384, told["ev_per_channel"])
    struct.pack_into(
        "<6f", raw, 448, told["start"], told["end"], told["live_time"], told["tilt"], 35.0, 1.0
    )
    struct.pack_into("<f", raw, 472, 129.5)
    struct.pack_into("<f", raw, 532, told["kilovolts"])
    path = Path(path)
    path.write_bytes(bytes(raw) + counts.astype("<i4").tobytes() + bytes(516))
    return path


def write_ipr(path: str | Path, microns: tuple[float, float], *, version: int = 334) -> Path:
    """Write the header of an image.

    Parameters
    ----------
    path : path
        Where to write; replaced if it exists.
    microns : (x, y)
        Size of a pixel in µm.
    version : int
        Of the header.
    """
    raw = bytearray(400)
    struct.pack_into("<2H8s", raw, 0, version, 1, b"SEI")
    struct.pack_into("<H2hIH2f", raw, 52, 200, 5, 35, 1500, 10, *microns)
    path = Path(path)
    path.write_bytes(bytes(raw))
    return path


def write_line_table(path: str | Path, distances: Sequence[float]) -> Path:
    """Write the table of a line: 14 lines of settings, then a row for each point.

    Parameters
    ----------
    path : path
        Where to write; replaced if it exists.
    distances : sequence of float, nm
        From the start of the line.
    """
    settings = ["Amp Time,7.68", "Mag,40000", "kV,22", *[""] * 11]
    rows = [f"{number},{place},{7 * number}" for number, place in enumerate(distances, 1)]
    path = Path(path)
    lines = [*settings, "Point, Distance (nm), Fe K", *rows]
    path.write_text("\ufeff" + "\n".join(lines) + "\n", encoding="utf-8")
    return path
