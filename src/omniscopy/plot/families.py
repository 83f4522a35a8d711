"""Families of lines: one for each step of a parameter, in the colour of its value."""

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from omniscopy.model.checks import require_array
from omniscopy.model.errors import DataError
from omniscopy.plot.axes import Ruler, ruler_of
from omniscopy.plot.contrast import Contrast, colour_map
from omniscopy.plot.curves import curve_dim
from omniscopy.plot.images import add_colour_bar, magnitude_and_phase
from omniscopy.plot.labels import (
    PLAIN,
    number_with_units,
    prefix,
    shortened,
    title_of,
    value_words,
    with_units,
)
from omniscopy.plot.sampling import evenly, in_reach, sample_curves
from omniscopy.plot.style import Page, label_axes, new_page, page_width, style_axes

_HEIGHT = 3.6


def line_family(
    data: xr.DataArray,
    *,
    dim: str | None = None,
    apart: float = 0.0,
    lines: int = 100,
    title: str | None = None,
    width: float = 7.0,
    colours: str = "viridis",
) -> Figure:
    """Draw lines coloured by the parameter that they belong to, with a colour bar.

    Parameters
    ----------
    data : DataArray, two dimensions
        Spectra over a temperature, loops over a field …; lazy or in memory. Complex ones are
        drawn as magnitude and phase.
    dim : str, optional
        Dimension that the lines run along; the spectral one by default. The other one gives the
        colours.
    apart : float
        How much higher each line is drawn than the one before, in parts of the span of the
        highest line. It is written below the figure.
    lines : int
        Most lines that are drawn, evenly taken; the figure says so.
    title : str, optional
        What to write above it; by default the title of the data.
    width : float
        Width in inches, about; inside `publication` that of the column.
    colours : str
        Name of a matplotlib colour map.

    Returns
    -------
    matplotlib.figure.Figure
        Not shown and not bound to any window.

    Raises
    ------
    DataError
        There are not two dimensions, no numbers, or `lines` is below 1.

    Examples
    --------
    >>> import omniscopy as om
    >>> steps = om.samples.switching_spectroscopy()[0, 0]
    >>> figure = om.plot.line_family(steps, dim="frequency")
    """
    require_array(data)
    data = data.squeeze() if data.ndim > 2 else data
    if data.ndim != 2 or data.dtype.kind not in "biufc" or not data.size:
        message = (
            f"a family of lines is numbers along two dimensions, got {dict(data.sizes)} of type "
            f"{data.dtype}; take a part, or the mean over others"
        )
        raise DataError(message)
    if dim is not None and dim not in data.dims:
        message = f"dim must be one of {tuple(map(str, data.dims))}, got {dim!r}"
        raise DataError(message)
    if not (math.isfinite(apart) and lines >= 1):
        message = f"apart must be a number and lines at least 1, got {apart!r} and {lines!r}"
        raise DataError(message)
    dim = dim or curve_dim(data)
    (other,) = (str(each) for each in data.dims if each != dim)
    title = title_of(data) if title is None else title
    chosen = evenly(data.sizes[other], int(lines))
    sample = sample_curves(in_reach(data.transpose(other, dim)).isel({other: chosen}), dim)
    parts = magnitude_and_phase(sample.values) if sample.values.dtype.kind == "c" else ()
    page = new_page(page_width(width), _HEIGHT * (1.5 if parts else 1.0))
    if len(chosen) < data.sizes[other]:
        page.note(f"{len(chosen)} of {data.sizes[other]} lines")
    page.note(sample.note)
    colour = _Colours(ruler_of(data, other), chosen, colours)
    if parts:
        above, under = page.figure.subplots(2, 1, sharex=True)
        _draw(page, above, parts[0], colour, apart=apart)
        _draw(page, under, parts[1], colour, apart=0.0)
        above.set_xlabel("")
    else:
        _draw(page, page.figure.subplots(), sample.values, colour, apart=apart, title=title)
    return page.finish(title)


@dataclass(frozen=True)
class _Colours:
    """Which value of the parameter each line has, among all."""

    ruler: Ruler
    chosen: list[int]
    name: str


def _draw(
    page: Page, ax: Axes, curves: xr.DataArray, colour: _Colours, *,
    apart: float, title: str = "",
) -> None:  # fmt: skip
    """Draw lines along the last dimension, in memory, in the colours of their parameter."""
    along = ruler_of(curves, str(curves.dims[-1]))
    values = np.asarray(curves.values, np.float64)
    factor, units = prefix(values, curves.attrs.get("units"))
    values = values * factor
    step = apart * _largest_span(values)
    if step:
        page.note(f"each line {number_with_units(abs(step), units)} from the one before")
    places = colour.ruler.positions[colour.chosen]
    low, high = float(np.min(colour.ruler.positions)), float(np.max(colour.ruler.positions))
    scale = Normalize(low, high) if high > low else Normalize(low - 0.5, high + 0.5)
    contrast = Contrast(colour_map(colour.name), scale)
    shifted = values + step * np.arange(len(values))[:, None]
    lines = [np.column_stack([along.positions, line]) for line in shifted]
    drawn = LineCollection(
        lines, colors=contrast.colours(scale(places)), linewidths=1.3 if len(lines) <= 20 else 0.9
    )
    ax.add_collection(drawn)
    ax.autoscale_view()
    style_axes(ax, grid=True)
    ax.margins(x=0.01)
    label_axes(ax, along.label, with_units(value_words(curves, title=title), units))
    bar = ScalarMappable(norm=scale, cmap=contrast.colours)
    add_colour_bar(ax, bar, colour.ruler.label, contrast)
    if colour.ruler.names:
        ax.child_axes[-1].set_yticks(
            colour.ruler.positions, [shortened(name, 18) for name in colour.ruler.names], **PLAIN
        )


def _largest_span(values: np.ndarray) -> float:
    """Return the span from the lowest to the highest point of the line where it is largest."""
    spans = [float(np.ptp(line[np.isfinite(line)])) for line in values if np.isfinite(line).any()]
    return max(spans, default=0.0)
