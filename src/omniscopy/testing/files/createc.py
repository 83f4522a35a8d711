"""Createc files (.dat, .VERT), for tests and demonstrations."""

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["write_createc", "write_vert"]

_SETTINGS: dict[str, Any] = {
    "Titel / Titel": "Cu(111)", "GainX / GainX": 10, "GainZ / GainZ": 3, "ZPiezoconst": 7.5,
    "Dacto[A]z": 1.5e-4, "Gainpreamp / GainPre 10^": 9, "DAC-Type": "20bit", "Current[A]": 1e-10,
    "Biasvolt[mV]": -50, "Rotation / Rotation": 15, "Sec/Image:": 120, "memo:0": "CO",
    "Length x[A]": 200, "Length y[A]": 150,
}  # fmt: skip


def write_createc(
    path: str | Path,
    images: Sequence[np.ndarray],
    *,
    kind: str = "Paramco32",
    settings: Mapping[str, Any] = {},
) -> Path:
    """Write images of one shape.

    Parameters
    ----------
    path : path
        Where to write.
    images : sequence of (y, x)
        Counts: all quantities forward, then all of them backward.
    kind : str
        "Parameter" (int16), "Paramet32" (float32) or "Paramco32" (float32, compressed).
    settings : mapping
        Entries of the header that differ; `None` leaves one out.
    """
    rows, columns = images[0].shape
    said = {
        **_SETTINGS, "Num.X / Num.X": columns, "Num.Y / Num.Y": rows,
        "Channels / Channels": len(images), "Channelselectval": 3, **settings,
    }  # fmt: skip
    dtype = "<i2" if kind == "Parameter" else "<f4"
    raw = np.concatenate([[0], *(image.ravel() for image in images)]).astype(dtype).tobytes()
    head = _header(kind, said)
    path = Path(path)
    content = zlib.compress(raw + bytes(4 * 4 * columns)) if kind == "Paramco32" else raw
    path.write_bytes(head.ljust(16380, b"\0") + b"DATA" + content)
    return path


def write_vert(
    path: str | Path, table: np.ndarray, *, code: int, settings: Mapping[str, Any] = {}
) -> Path:
    """Write a spectrum: columns of bias in mV, height in counts, and what `code` says bit by bit.

    Parameters
    ----------
    path : path
        Where to write.
    table : (point, column)
        Without the number of each point, which is written too.
    code : int
        Which quantities were recorded: 1 the current, 2 dI/dV and so on.
    settings : mapping
        Entries of the header that differ.
    """
    rows = [[number, *row] for number, row in enumerate(table.tolist())]
    text = "\r\n".join("\t".join(f"{value:.10g}" for value in row) for row in rows)
    head = _header("ParVERT30", {**_SETTINGS, **settings})
    path = Path(path)
    words = f"DATA\r\n    {len(table)}  -12  34  {code}\r\n"
    path.write_bytes(head + words.encode() + text.encode() + b"\r\n")
    return path


def _header(kind: str, said: Mapping[str, Any]) -> bytes:
    lines = [f"[{kind}]", *(f"{key}={value}" for key, value in said.items() if value is not None)]
    return "\r\n".join([*lines, ""]).encode("cp1252")
