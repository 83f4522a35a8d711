"""The numbers of a figure as text, for another program that draws."""

import csv
import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from omniscopy.model.errors import DataError


def export_numbers(figure: Figure, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write what a figure draws as a table: lines, points and images, panel after panel.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Of any function of `omniscopy.plot`, or of your own.
    path : str or Path
        The file to write: comma-separated columns, each table after a line that begins with ``#``
        and says what it is.
    overwrite : bool
        Replace a file that is there.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataError
        There are no numbers on the figure.
    FileExistsError
        The file is there and `overwrite` is false.
    """
    place = Path(path)
    if place.exists() and not overwrite:
        message = f"{place} is there already; give `overwrite=True` to replace it"
        raise FileExistsError(message)
    text = io.StringIO()
    write = csv.writer(text, lineterminator="\n")
    found = False
    for number, ax in enumerate(figure.axes, start=1):
        for words, columns, rows in _tables(ax):
            found = True
            title = ax.get_title(loc="left") or ax.get_title() or f"panel {number}"
            text.write(f"# {' '.join(f'{title}: {words}'.split())}\n")
            write.writerow(columns)
            write.writerows([[f"{value:.9g}" for value in row] for row in rows])
    if not found:
        message = "there are no numbers on this figure: no lines, points or images"
        raise DataError(message)
    place.write_text(text.getvalue(), encoding="utf-8")
    return place


def _tables(ax: Any) -> Iterator[tuple[str, list[str], np.ndarray]]:
    """Yield what it is, the names of the columns and the rows of everything that is drawn."""
    names = [ax.get_xlabel() or "x", ax.get_ylabel() or "y"]
    for line in ax.lines:
        label = str(line.get_label())
        words = "line" if label.startswith("_") else f"line {label}"
        yield words, names, np.column_stack([line.get_xdata(), line.get_ydata()]).astype(np.float64)
    for group in ax.collections:
        offsets = np.ma.filled(np.ma.asarray(group.get_offsets(), np.float64), np.nan)
        if hasattr(group, "get_segments"):
            for segment in _joined(group.get_segments()):
                yield "line", names, segment
        elif len(offsets) and offsets.any():
            values = group.get_array()
            if values is not None and np.size(values) == len(offsets):
                rows = np.column_stack([offsets, np.ma.filled(values, np.nan)])
                yield "points", [*names, "value"], rows
            else:
                yield "points", names, offsets
    for image in ax.images:
        pixels = np.ma.filled(np.ma.asarray(image.get_array(), np.float64), np.nan)
        left, right, bottom, top = image.get_extent()
        if pixels.ndim == 2:
            extent = f"x from {left:.6g} to {right:.6g}, y from {top:.6g} to {bottom:.6g}"
            columns = [f"column {number}" for number in range(pixels.shape[1])]
            yield f"image, {extent}", columns, pixels


def _joined(segments: list[Any]) -> list[np.ndarray]:
    """Return lines; pieces of two points, each going on where the last ended, are one line."""
    lines = [np.asarray(segment, np.float64) for segment in segments]
    pieces = len(lines) > 1 and all(len(line) == 2 for line in lines)
    if pieces and all(np.array_equal(a[1], b[0]) for a, b in itertools.pairwise(lines)):
        return [np.vstack([lines[0][:1], *(line[1:] for line in lines)])]
    return lines
