"""HDF5 files as AZtec exports them (H5OINA), for tests and demonstrations."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

_HEADER = {
    "Acquisition Date": "2024-05-06T07:08:09", "Project Label": "Project 1",
    "Specimen Label": "Specimen 1", "Site Notes": "a grain", "Beam Voltage": np.float32(20),
    "Magnification": np.float32(500), "Scan Rotation": np.float32(np.pi / 2),
    "Stage Position/X": np.float32(1.5), "Stage Position/Y": np.float32(-2.5),
    "Stage Position/Tilt": np.float32(np.pi / 4),
}  # fmt: skip


def write_h5oina(
    path: str | Path,
    techniques: Mapping[str, Mapping[str, np.ndarray]],
    *,
    grid: tuple[int, int],
    steps: tuple[float, float] = (0.5, 0.25),
    headers: Mapping[str, Mapping[str, Any]] | None = None,
    slices: tuple[str, ...] = ("1",),
    columns: bool = False,
) -> Path:
    """Write what was measured on a grid.

    Parameters
    ----------
    path : path
        Where to write; replaced if it exists.
    techniques : mapping of str to mapping of str to array
        Such as ``{"EDS": {"Window Integral/Al Ka1": counts}}``; arrays are (rows, columns, ...).
    grid : (rows, columns)
        Of all of them; a line has one row.
    steps : (y, x), µm
        Of the grid; that of a line is 0 along y.
    headers : mapping of str to mapping, optional
        Further entries of the headers of techniques.
    slices : tuple of str
        Names of the acquisitions, which are all alike.
    columns : bool
        Write plain values as a table of one column.

    Returns
    -------
    Path
        The file.
    """
    import h5py

    path = Path(path)
    points = grid[0] * grid[1]
    with h5py.File(path, "w") as file:
        file["Manufacturer"] = ["Oxford Instruments"]
        file["Software Version"] = ["6.2.1"]
        file["Format Version"] = ["7.0"]
        file["Index"] = list(slices)
        for name in slices:
            for technique, quantities in techniques.items():
                group = file.create_group(f"{name}/{technique}")
                said = {
                    "X Cells": np.int32(grid[1]), "Y Cells": np.int32(grid[0]),
                    "X Step": np.float32(steps[1]), "Y Step": np.float32(steps[0]), **_HEADER,
                    **(headers or {}).get(technique, {}),
                }  # fmt: skip
                for key, value in said.items():
                    is_text = isinstance(value, str)
                    group[f"Header/{key}"] = [value] if is_text else np.atleast_1d(value)
                for key, values in quantities.items():
                    flat = values.reshape(points, *values.shape[2:])
                    flat = flat[:, np.newaxis] if columns and flat.ndim == 1 else flat
                    group[f"Data/{key}"] = flat
                group["Data/X"] = np.tile(np.arange(grid[1]) * steps[1], grid[0])
    return path
