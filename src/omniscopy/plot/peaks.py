"""Tables of peaks: where each is, how high, how wide."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from omniscopy.model.dimensions import units_of
from omniscopy.model.vocabulary import DIMENSIONS
from omniscopy.plot.labels import in_words, number_with_units, prefix, with_units
from omniscopy.plot.marks import background_for, draw_marked_curve
from omniscopy.plot.results import outcome, strength_of, variables_of
from omniscopy.plot.style import COLOURS, Look, label_axes, new_page, style_axes
from omniscopy.plot.tables import draw_table

_POSITIONS = ("position", "centre", "center", *DIMENSIONS)
_WIDTHS = ("fwhm", "width")
_ROWS, _COLUMNS = 12, 4


def position_of(results: xr.Dataset, dim: str) -> str | None:
    """Return the variable, or coordinate, that says where on an axis the peaks are."""
    known = [
        str(name)
        for name in (*results.data_vars, *results.coords)
        if results[name].dims == (dim,) and results[name].dtype.kind in "iuf" and name != dim
    ]
    return next((name for name in _POSITIONS if name in known), None)


def peaks_figure(results: xr.Dataset, dim: str, look: Look, title: str) -> Figure:
    """Return the peaks as stems with their widths, beside a table of the strongest."""
    results = results.compute()
    names = [name for name in variables_of(results) if results[name].dims == (dim,)]
    position = position_of(results, dim)
    rows = min(results.sizes[dim], _ROWS)
    page = new_page(look.width + 2.5, max(2.6, 0.9 + 0.26 * rows))
    page.note(outcome(results))
    if results.sizes[dim] > rows:
        page.note(f"the table has the {rows} strongest of {results.sizes[dim]} peaks")
    strength = strength_of(results, dim, without=(position or "",))
    columns = [position] if position else []
    columns += [name for name in names if name not in columns][: _COLUMNS - len(columns)]
    if position and strength:
        left, right = page.figure.subplots(1, 2, width_ratios=[1, 0.15 + 0.28 * len(columns)])
        curve = background_for(look, (position,))
        if curve is not None:
            draw_marked_curve(left, results, position, curve)
        else:
            _draw_stems(left, results, position, strength)
    else:
        right = page.figure.subplots()
    draw_table(right, *_table(results, dim, columns, strength, rows))
    return page.finish(title)


def _draw_stems(ax: Axes, results: xr.Dataset, position: str, strength: str) -> None:
    x = np.asarray(results[position].values, np.float64)
    y = np.asarray(results[strength].values, np.float64)
    x_units = results[position].attrs.get("units") or units_of(results, position)
    x_factor, x_units = prefix(x, x_units)
    y_factor, y_units = prefix(y, results[strength].attrs.get("units"))
    x, y = x * x_factor, y * y_factor
    ax.vlines(x, 0, y, color=COLOURS[0], linewidth=1.2)
    ax.plot(x, y, "o", color=COLOURS[0], markersize=4)
    width = next((name for name in _WIDTHS if name in results), None)
    if width and results[width].dims == results[position].dims:
        half = np.asarray(results[width].values, np.float64) * x_factor / 2
        ax.hlines(y / 2, x - half, x + half, color=COLOURS[1], linewidth=1.2, label=width)
        ax.legend(fontsize=8, frameon=False)
    style_axes(ax, grid=True)
    label_axes(
        ax,
        with_units(in_words(position), x_units),
        with_units(in_words(strength), y_units),
    )


def _table(
    results: xr.Dataset, dim: str, columns: list[str], strength: str | None, rows: int
) -> tuple[list[str], list[list[str]]]:
    order = np.arange(results.sizes[dim])
    if strength is not None:
        strongest = np.argsort(-np.nan_to_num(np.asarray(results[strength].values, np.float64)))
        order = np.sort(strongest[:rows])
    head = ["#", *(in_words(name) for name in columns)]
    body = [
        [str(number + 1), *(_cell(results, name, int(number)) for name in columns)]
        for number in order[:rows]
    ]
    return head, body


def _cell(results: xr.Dataset, name: str, number: int) -> str:
    value = float(np.asarray(results[name].values)[number])
    return number_with_units(value, results[name].attrs.get("units"))
