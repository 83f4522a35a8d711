"""Write orientation maps as EDAX OIM does: text."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

_HEADER = """# TEM_PIXperUM          1.000000
# x-star                0.510000
# y-star                0.790000
# z-star                0.680000
# WorkingDistance       15.000000
#
# Phase 1
# MaterialName  \tNickel
# Formula       \tNi
# Info          \t
# Symmetry              43
# LatticeConstants      3.520 3.520 3.520  90.000  90.000  90.000
# NumberFamilies        1
# hklFamilies   \t 1  1  1 1 0.000000 1
#
# GRID: {grid}
# XSTEP: {x_step:.6f}
# YSTEP: {y_step:.6f}
# NCOLS_ODD: {odd}
# NCOLS_EVEN: {even}
# NROWS: {rows}
#
# OPERATOR: \tsomebody
#
# SAMPLEID: \tfoil 7
#
# SCANID: \t
#
"""


def write_ang(
    path: Path, points: np.ndarray, shape: tuple[int, int], *, grid: str = "SqrGrid",
    steps: tuple[float, float] = (0.5, 0.25), columns: Sequence[str] = (), even: int | None = None,
) -> Path:  # fmt: skip
    """Write points, shape (points, columns), of a grid of so many rows and columns.

    `steps` are along y and x; `columns` are named in the header where they are given.
    """
    head = _HEADER.format(
        grid=grid, x_step=steps[1], y_step=steps[0], odd=shape[1],
        even=shape[1] if even is None else even, rows=shape[0],
    )  # fmt: skip
    if columns:
        head += f"# COLUMN_HEADERS: {', '.join(columns)}\n"
    body = "".join("  ".join(f"{value:.5f}" for value in row) + "\n" for row in points)
    path.write_bytes((head + body).encode("latin-1"))
    return path
