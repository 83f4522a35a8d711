"""Write files of Andor Solis byte by byte."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["AndorArea", "AndorSection", "write_sif"]


@dataclass(frozen=True)
class AndorArea:
    """A part of the sensor (left, top, right, bottom, from 1), its binning and values.

    `values` have the shape (frames, rows, columns), the lowest row first.
    """

    values: np.ndarray
    edges: tuple[int, int, int, int]
    binning: tuple[int, int] = (1, 1)


@dataclass(frozen=True)
class AndorSection:
    """A signal or a background; `entries` replace the usual words of its text.

    The entries are `version` (of the settings), `time`, `temperature`, `exposure`, `cycle`,
    `mode`, `axis` (1 pixels, 2 wavelength, 3 Raman shift), `x` (the coefficients), `laser`,
    `names` (of the three axes), `text` (bytes that users or programs add), `flag` (before the
    numbers: "0", "1" or ""), `calibration` (its version), `frames` and `length` (as they are
    announced).
    """

    areas: Sequence[AndorArea]
    entries: Mapping[str, Any] = field(default_factory=dict)


def write_sif(
    path: str | Path,
    signal: AndorSection,
    *,
    background: AndorSection | None = None,
    trailer: str = "<?xml version='1.0' ?>\n<Signals><Signal><mSec>409</mSec></Signal></Signals>\n",
) -> Path:
    """Write a file and return its path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    signal, background : AndorSection
        What was measured.
    trailer : str
        The XML of newer versions.
    """
    content = b"Andor Technology Multi-Channel File\n65538 1\n" + _section(signal)
    content += b"0\n" + (b"1\n" + _section(background) if background else b"0\n") + b"0\n0\n"
    path = Path(path)
    path.write_bytes(content + trailer.encode() + bytes(8) + b"SIFX")
    return path


def _section(section: AndorSection) -> bytes:
    said: dict[str, Any] = {
        "version": 65567, "time": 1690545064, "temperature": -25, "exposure": 3.0, "cycle": 3.5,
        "mode": 3, "axis": 2, "x": (500.0, 0.25, 1e-4, 0.0), "laser": 532.0, "flag": "0",
        "names": ("Wavelength", "Counts", "Pixel number"), "calibration": 65540,
    } | dict(section.entries)  # fmt: skip
    frames = len(section.areas[0].values)
    length = sum(area.values[0].size for area in section.areas)
    frames, length = said.get("frames", frames), said.get("length", length)
    total = frames * length
    text = said.get("text", bytes(range(256)) * 8)
    head = _settings(said) + f"65538 {len(text)}\n".encode() + text + b"\n"
    head += b"65538 \x01 \x02 \x03 \x00 0 0\n65540 1 1 561.47 1 1 599.566 650NM\n0 10\n"
    head += b"0 KY193i\n65539 0 0 0 0\n-1\n"
    head += _calibration(said)
    edges = section.areas[0].edges
    head += f"65541 {edges[0]} {edges[1]} {edges[2]} {edges[3]} ".encode()
    head += f"{frames} {len(section.areas)} {total} {length}\n".encode()
    start = 0
    for area in section.areas:
        words = (*area.edges, *area.binning, start)
        head += ("65538 " + " ".join(str(word) for word in words) + "\n").encode()
        start += area.values[0].size
    times = b"         0\n" * len(section.areas[0].values)
    flag = f"{said['flag']}\n".encode() if said["flag"] else b""
    head += times + flag + (times if said["flag"] == "1" else b"")
    rows = [area.values.reshape(len(area.values), -1) for area in section.areas]
    return head + np.concatenate(rows, axis=1).astype("<f4").tobytes()


def _settings(said: Mapping[str, Any]) -> bytes:
    head = f"{said['version']} 0 0 1 {said['time']} {said['temperature']} ".encode()
    head += bytes([0, 32, 0, 32, 10, 32, said["mode"], 32, 1, 32])
    head += f"0 {said['exposure']} 3.0221 3.0221 4 ".encode() + b"\x00 "
    head += f"{said['cycle']} 1e-06 0 1 2500 0 0 1e-08 0 0 ".encode() + b"\x00 \x00 "
    head += b"1 0 5 0 0 0 0 0 0 1 500000 0 6.5e-06 0 4 6390 1 1 -999 0 0 13\nDH334T-18F-63 \n"
    name = "C:\\data\\roomtemp.sif"
    return head + f" 1024 1024 {len(name)}\n{name} \n".encode()


def _calibration(said: Mapping[str, Any]) -> bytes:
    head = f"{said['calibration']} ".encode() + bytes([said["axis"], 32, 0, 32, 1, 32, 0, 32])
    head += b"\x01 \x00\n" + (" ".join(str(value) for value in said["x"]) + "\n").encode()
    head += b"0 1 0 0\n" * 2 + f"{said['laser']}\n13\n13\n".encode()
    head += b"1\n" if said["calibration"] >= 65540 else b""
    return head + b"".join(f"{len(name)}\n{name}".encode() for name in said["names"])
