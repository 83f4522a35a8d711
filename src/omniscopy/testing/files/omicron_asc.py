"""SPIP text exports made for tests and demonstrations."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["write_asc"]


def write_asc(
    path: str | Path,
    values: np.ndarray,
    *,
    size: tuple[float, float] = (6.0, 4.0),
    units: str = "nA",
    ramp: tuple[str, str] = ("-1 Volt", "1 Volt"),
    entries: Mapping[str, Any] | None = None,
) -> Path:
    """Write a SPIP text export and return its path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    values : array, shape (y, x) or (y, x, point)
        An image, or a spectrum at every pixel.
    size : (x, y), nm
        Lengths of the scan.
    units : str
        Of the values.
    ramp : (start, end)
        Of the spectra.
    entries : mapping
        Lines of the first part beside or instead of plausible ones; `None` takes one out.
    """
    rows, columns, *points = values.shape
    known = {
        "x-pixels": columns,
        "y-pixels": rows,
        "z-points": points[0] if points else None,
        "x-length": size[0],
        "y-length": size[1],
        "x-offset": 12.5,
        "value-unit" if points else "z-unit": units,
        "description": "Au(111)",
        **(entries or {}),
    }
    text = "# File Format = ASCII\n# Created by SPIP 6.5.1 2016-09-22 13:32\n"
    text += "# Original file: C:\\d\\spec_0001.Aux2(V)_mtrx\n"
    text += "".join(f"# {key} = {value}\n" for key, value in known.items() if value is not None)
    text += ".  GapVoltageControl:\n.  .  Voltage = 0.5 Volt\n"
    text += ".  Regulator:\n.  .  Setpoint_1 = 1e-10 Ampere\n.  .  Alternate = false --\n"
    text += f".  Spectroscopy:\n.  .  Device_1_Start = {ramp[0]}\n.  .  Device_1_End = {ramp[1]}\n"
    text += ".  XYScanner:\n.  .  Angle = 30 Degree\n"
    text += "# Start of Data:\n"
    for line in values.reshape(-1, values.shape[-1]):
        text += "".join(f"{value:.9g}\t" for value in line) + "\n"
    path = Path(path)
    path.write_text(text, "latin-1")
    return path
