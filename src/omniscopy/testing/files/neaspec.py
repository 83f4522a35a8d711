"""Spectra of neaSPEC microscopes as text, for tests and demonstrations."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["write_neaspec"]

_SETTINGS = {
    "Scan": " \tFourier Scan", "Project": " \tSamples", "Description": " \tGold",
    "Date": " \t05/18/2019 15:12:53", "Scanner Center Position (X, Y)": "[µm]\t49.76\t49.71\t ",
    "Rotation": "[°]\t30\t \t ", "Scan Area (X, Y, Z)": "[µm]\t2.000\t1.500\t0.000",
    "Tip Frequency": "[Hz]\t237,581.187\t \t ", "Version": " \t1.8.4702.0",
}  # fmt: skip


def write_neaspec(
    path: str | Path,
    values: Mapping[str, np.ndarray],
    labels: np.ndarray | None = None,
    *,
    settings: Mapping[str, Any] = {},
) -> Path:
    """Write a table with a line for each point.

    Parameters
    ----------
    path : path
        Where to write.
    values : mapping of (row, column, run, point)
        By the title of the column; a point that is NaN in all of them has no line.
    labels : (point,), optional
        Wavenumbers in 1/cm; without, the table is one of interferograms, with runs.
    settings : mapping
        Settings that differ.
    """
    first = next(iter(values.values()))
    rows, columns, _, points = first.shape
    said = {**_SETTINGS, "Pixel Area (X, Y, Z)": f"[px]\t{columns}\t{rows}\t{points}", **settings}
    lines = ["# www.neaspec.com", *(f"# {key}:\t{value}" for key, value in said.items())]
    places = ["Row", "Column", *(["Omega", "Wavenumber"] if labels is not None else
                                 ["Run", "Depth"])]  # fmt: skip
    lines.append("\t".join([*places, *values, ""]))
    for row, column, run, point in np.ndindex(*first.shape):
        found = [float(array[row, column, run, point]) for array in values.values()]
        if np.isnan(found).all():
            continue
        after = [point, labels[point]] if labels is not None else [run, point]
        lines.append("\t".join(f"{number:.10g}" for number in [row, column, *after, *found]) + "\t")
    path = Path(path)
    path.write_bytes("\r\n".join([*lines, ""]).encode("utf-8"))
    return path
