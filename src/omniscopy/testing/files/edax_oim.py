"""HDF5 files as EDAX OIM writes orientation maps, for tests and demonstrations."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

__all__ = ["write_oim"]


def write_oim(
    path: str | Path, quantities: Mapping[str, np.ndarray], *, steps: tuple[float, float],
    grid: str = "SqrGrid", shape: tuple[int, int] | None = None, scans: tuple[str, ...] = ("1",),
    start: tuple[float, float] = (0.0, 0.0),
) -> Path:  # fmt: skip
    """Write quantities, each of shape (rows, columns) or with a picture for each point.

    Parameters
    ----------
    path : str or Path
        Where to write.
    quantities : mapping of str to array
        By their names in the file; `Phi1` among them.
    steps : (y, x), µm
        From row to row and from column to column.
    grid : str
        Kind of the grid.
    shape : (rows, columns), optional
        What the header says of the grid, if it is not true.
    scans : tuple of str
        Groups, which all hold the same.
    start : (y, x), µm
        Place of the first point.
    """
    import h5py

    rows, columns = next(iter(quantities.values())).shape[:2]
    said = shape or (rows, columns)
    places = np.indices((rows, columns)).astype(np.float32)
    with h5py.File(path, "w") as file:
        file["Manufacturer"] = [b"EDAX"]
        file["Version"] = [b"OIM Analysis 8.6.0101 x64 [12-04-20]"]
        for scan in scans:
            header, data = (file.create_group(f"{scan}/EBSD/{n}") for n in ("Header", "Data"))
            for name, value in {
                "nRows": np.int32(said[0]), "nColumns": np.int32(said[1]),
                "Step Y": np.float32(steps[0]), "Step X": np.float32(steps[1]),
                "Grid Type": grid.encode(), "Operator": b"somebody", "Sample ID": b"foil 7",
                "Phase/1/MaterialName": b"Nickel", "Phase/1/Symmetry": np.int32(43),
                "Phase/1/Lattice Constant a": np.float32(3.52),
            }.items():  # fmt: skip
                header[name] = np.array([value])
            for name, values in quantities.items():
                data[name] = values.reshape(rows * columns, *values.shape[2:])
            data["Y Position"] = (start[0] + steps[0] * places[0]).ravel()
            data["X Position"] = (start[1] + steps[1] * places[1]).ravel()
            file.create_group(f"{scan}/SEM-PRIAS Images")
    return Path(path)
