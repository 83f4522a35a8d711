"""Measurements of Omicron SCALA (.par with its data), for tests and demonstrations."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["write_scala"]

_SETTINGS = {
    "Date": "03.02.01 14:05", "User": "Binnig", "Comment": "Si(111)",
    "Field X Size in nm": "20.0     ;[nm]", "Field Y Size in nm": "15.0     ;[nm]",
    "Scan Angle": "30.0     ;[Degree]", "X Offset": "100.0     ;[nm]",
    "SPM Method": "STM", "Dual mode": "On", "Scan Speed": "40.0   ;[nm/s]",
    "Gap Voltage": "-1.5     ;[V] (Forward)\n          1.5    ;[V] (Backward)",
    "Feedback Set": "0.25     ;[nA] (Forward)",
}  # fmt: skip


def write_scala(
    path: str | Path,
    images: Sequence[tuple[str, str, np.ndarray]],
    curves: Sequence[np.ndarray] = (),
    *,
    places: Sequence[tuple[float, float]] = (),
    grid: np.ndarray | None = None,
    settings: Mapping[str, Any] = {},
) -> Path:
    """Write a parameter file and the files of data beside it.

    Parameters
    ----------
    path : path
        Of the parameter file.
    images : sequence of (channel, direction, (y, x))
        Counts with row 0 on top. 65535 counts are 131.07 nm of the channel Z, or else 65.535 nA.
    curves : sequence of (bin,)
        Counts of spectra of the current between -1 and 1 V.
    places : sequence of (x, y)
        Where the spectra are, in nm.
    grid : (y, x, bin), optional
        Counts of spectra at every second column and every third line of the images, row 0 on top.
    settings : mapping
        Settings that differ.
    """
    path = Path(path)
    rows, columns = images[0][2].shape if images else (1, 1)
    sizes = {"Image Size in X": columns, "Image Size in Y": rows}
    said = {"Format": 1, "System": "SCALA", **_SETTINGS, **sizes, **settings}
    lines = [";", ";               Omicron SPM Control.", ";           Parameter file.", ";", ""]
    for channel, direction, counts in images:
        name = f"{path.stem}.t{direction[0].lower()}{0 if channel == 'Z' else 1}"
        path.with_name(name.upper()).write_bytes(counts[::-1].astype(">i2").tobytes())
        units, step = ("nm", 0.002) if channel == "Z" else ("nA", 0.001)
        ranges = ["-32768", "32767", -32768 * step, 32767 * step, step, units]
        lines += _block("Topographic Channel", [channel, direction, *ranges, name, channel])
    if len(curves):
        name = f"{path.stem}.cs0"
        path.with_name(name).write_text(_curves(curves, places), encoding="latin-1")
        lines += _spectra(name, len(curves[0]))
    if grid is not None:
        name = f"{path.stem}.sf0"
        path.with_name(name).write_bytes(grid[::-1].transpose(2, 0, 1).astype(">i2").tobytes())
        lines += _spectra(name, grid.shape[-1])
        said = {**said, "Spectroscopy Grid Value in X": 2, "Spectroscopy Grid Value in Y": 3}
    lines += [f"{key:<32}: {value}" for key, value in said.items()]
    path.write_text("\r\n".join([*lines, ""]), encoding="latin-1")
    return path


def _block(title: str, values: Sequence[Any]) -> list[str]:
    first, *others = values
    return [f"{title:<32}: {first}   ;Channel", *(f"{'':34}{value}   ;" for value in others), ""]


def _spectra(name: str, points: int) -> list[str]:
    ranges = ["-32768", "32767", -32.768, 32.767, 0.001, "nA", points, -1.0, 1.0]
    times = [2 / max(points - 1, 1), 100, 50, "Off"]
    return _block("Spectroscopy Channel", ["I", "V", "Forward", *ranges, *times, name, "I(V)"])


def _curves(curves: Sequence[np.ndarray], places: Sequence[tuple[float, float]]) -> str:
    lines = [f";n_curves : {len(curves)}", "BEGIN COORD"]
    lines += [*(f"{x:16.4f}{y:16.4f}" for x, y in places), "END", ""]
    for curve in curves:
        bias = np.linspace(-1, 1, len(curve))
        lines.append("BEGIN")
        lines += [f"{v:13.5f}{count:12d}" for v, count in zip(bias, curve.tolist(), strict=True)]
        lines += ["END", ""]
    return "\n".join([*lines, ""])
