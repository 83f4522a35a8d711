"""Write mass spectra of Pfeiffer Quadstar byte by byte."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["write_sac", "write_sbc"]

_STARTED = 1_776_758_337


def write_sac(
    path: str | Path,
    scans: Mapping[str, np.ndarray],
    times: Sequence[float],
    *,
    first_mass: float = 1.0,
    per_mass: int = 2,
    units: str = "cps",
    header: Mapping[str, Any] | None = None,
) -> Path:
    """Write analog scans and return the path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    scans : mapping of str to ndarray, shape (cycles, points)
        By the titles of their values.
    times : sequence of float, s
        Of each cycle after the start.
    first_mass, per_mass : number
        The mass of the first point, and points in one unit of mass.
    units : str
        Of the values.
    header : mapping, optional
        `cycles`, `traces`, `kind` and `stride` that are announced.
    """
    lists = list(scans.values())
    cycles, count = len(lists[0]), 1 + len(lists)
    infos = 200 + 9 * count
    start = infos + 137 * len(lists)
    offsets, at = [], start + 6
    for values in lists:
        offsets.append(at)
        at += 6 + 4 * values.shape[1]
    stride = at - start + 4
    said = {"cycles": cycles, "traces": count, "kind": 0x02C6, "stride": stride} | dict(
        header or {}
    )
    head = _head(said) + struct.pack("<Bii", 0x0F, 0, start)
    for number, offset in enumerate(offsets):
        head += struct.pack("<Bii", 0x11, infos + 137 * number, offset)
    for title, values in scans.items():
        head += struct.pack("<H13s14s13s14s66s", 6, title.encode(), units.encode(), b"Mass",
                            b"amu", b"air")  # fmt: skip
        width = values.shape[1] // per_mass
        head += struct.pack("<fHB2f", first_mass, width, per_mass, 0.0, 0.0)
    body = b""
    for cycle, time in enumerate(times):
        body += _time(time)
        for values in lists:
            body += struct.pack("<Ih", values.shape[1], 5) + values[cycle].astype("<f4").tobytes()
        body += bytes(4)
    path = Path(path)
    path.write_bytes(head.ljust(start, b"\0") + body)
    return path


def write_sbc(
    path: str | Path,
    values: np.ndarray,
    times: Sequence[float],
    *,
    masses: Sequence[float] | None = None,
    header: Mapping[str, Any] | None = None,
) -> Path:
    """Write bar graphs (cycles, masses) at times in s after the start, and return the path."""
    cycles, points = values.shape
    said = {"cycles": cycles, "traces": 0, "kind": 0x02D0, "stride": 0} | dict(header or {})
    head = _head(said) + struct.pack("<BHHhhff", 3, 1, points - 1, -13, -5, 1e-6, 1e-6)
    head += struct.pack("<I", cycles) * points
    head += b"".join(struct.pack("<BH", n % 16, n) for n in range(points))
    listed = np.arange(1, points + 1) if masses is None else np.asarray(masses)
    body = b""
    for row, time in zip(values, times, strict=True):
        pairs = np.stack([listed, row], axis=1).astype("<f4")
        body += _time(time) + struct.pack("<Hbf", points, -5, row.max()) + pairs.tobytes()
    path = Path(path)
    path.write_bytes(head + body)
    return path


def _head(said: Mapping[str, Any]) -> bytes:
    head = struct.pack("<h4s", said["kind"], b"33" + bytes(2)) + bytes([7, 2])
    head += bytes([57, 58, 8, 21, 4, 126]) + b"Ada".ljust(86, b"\0")
    head += struct.pack("<ihi", said["cycles"], said["traces"], said["stride"])
    return head.ljust(0xC2, b"\0") + struct.pack("<IH", _STARTED, 2500)


def _time(seconds: float) -> bytes:
    return struct.pack("<IH", int(seconds), round(1e4 * (seconds % 1)))
