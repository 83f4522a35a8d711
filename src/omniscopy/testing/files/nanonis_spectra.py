"""Nanonis curves and grids made byte by byte, for tests and demonstrations."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["write_3ds", "write_dat"]


def write_dat(
    path: str | Path,
    columns: Mapping[str, np.ndarray],
    *,
    entries: Mapping[str, Any] | None = None,
    line_end: str = "\r\n",
) -> Path:
    """Write Nanonis curves and return the path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    columns : mapping of heading to values
        The first one is the abscissa.
    entries : mapping
        Settings beside or instead of plausible ones; `None` takes one out.
    line_end : str
        Differs between versions.
    """
    known = {
        "Experiment": "bias spectroscopy",
        "Date": "11.04.2013 16:13:50",
        "User": "Jane",
        "X (m)": "-903.677E-9",
        "Y (m)": "611.259E-9",
        "Final Z (m)": "N/A",
        "Bias>Bias (V)": "1.5E+0",
        "Z-Controller>Controller name": "log Current",
        "Z-Controller>Setpoint": "200E-12",
        "Z-Controller>Setpoint unit": "A",
        **(entries or {}),
    }
    lines = [f"{key}\t{value}\t" for key, value in known.items() if value is not None]
    lines += ["", "[DATA]", "\t".join(columns)]
    rows = zip(*columns.values(), strict=True)
    lines += ["\t".join(f"{value:.9E}" for value in row) for row in rows]
    path = Path(path)
    path.write_bytes("".join(line + line_end for line in lines).encode("latin-1"))
    return path


def write_3ds(
    path: str | Path,
    channels: Mapping[str, np.ndarray],
    *,
    settings: Sequence[float] = (1e-8, 2e-8, 6e-9, 2e-9, 30.0),
    sweep: tuple[float, float] = (-1.0, 1.0),
    parameters: Mapping[str, np.ndarray] | None = None,
    points: int | None = None,
    entries: Mapping[str, Any] | None = None,
) -> Path:
    """Write a Nanonis grid and return its path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    channels : mapping of heading to array (y, x, sweep)
        Row 0 on top.
    settings : (x, y, width, height, angle)
        Of the grid, m and degrees.
    sweep : (start, end)
        Of the sweep at each point.
    parameters : mapping of heading to array (y, x)
        What else is kept of each point.
    points : int, optional
        How many were measured before the grid was stopped.
    entries : mapping
        Lines beside or instead of plausible ones; `None` takes one out.
    """
    rows, columns, steps = next(iter(channels.values())).shape
    ends = {name: np.full((rows, columns), end) for name, end in
            zip(("Sweep Start", "Sweep End"), sweep, strict=True)}  # fmt: skip
    kept = {**ends, **(parameters or {})}
    known = {
        "Grid dim": f'"{columns} x {rows}"',
        "Grid settings": ";".join(f"{value:.6E}" for value in settings),
        "Filetype": "Linear",
        "Sweep Signal": '"Bias (V)"',
        "Fixed parameters": '"Sweep Start;Sweep End"',
        "Experiment parameters": '"' + ";".join(parameters or {}) + '"',
        "# Parameters (4 byte)": len(kept),
        "Experiment size (bytes)": 4 * steps * len(channels),
        "Points": steps,
        "Channels": '"' + ";".join(channels) + '"',
        "Date": '"04.06.2016 20:13:23"',
        "User": "Jane",
        "Comment": '"on gold"',
        **(entries or {}),
    }
    text = "".join(f"{key}={value}\r\n" for key, value in known.items() if value is not None)
    records = [values[::-1].reshape(-1, 1) for values in kept.values()]
    records += [values[::-1].reshape(-1, steps) for values in channels.values()]
    table = np.concatenate(records, axis=1).astype(">f4")[:points]
    path = Path(path)
    path.write_bytes(text.encode("latin-1") + b":HEADER_END:\r\n" + table.tobytes())
    return path
