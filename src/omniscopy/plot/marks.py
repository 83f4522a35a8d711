"""Findings drawn over what they were found in: peaks on a curve, spots on an image."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from omniscopy.model.units import conversion_factor, is_unit, parse
from omniscopy.plot.axes import grid_of, ruler_of
from omniscopy.plot.curves import draw_curves
from omniscopy.plot.images import draw_image, picture_size
from omniscopy.plot.results import outcome
from omniscopy.plot.sampling import sample_plane, thin
from omniscopy.plot.style import COLOURS, Look, new_page

_MARK = COLOURS[1]


def background_for(look: Look, places: tuple[str, ...]) -> xr.DataArray | None:
    """Return the curve or image that findings at `places` are drawn over, if there is one."""
    over = look.over
    if over is None or over.dtype.kind == "c":
        return None
    fits = over.ndim == 1 if len(places) == 1 else tuple(map(str, over.dims)) == places
    return over if fits else None


def marked_image_figure(
    results: xr.Dataset, image: xr.DataArray, places: tuple[str, str], look: Look, title: str
) -> Figure:
    """Return an image with a ring about every point."""
    sample = sample_plane(image)
    plane = sample.values
    grid = grid_of(plane)
    width, height = picture_size(grid.aspect, look.width - 2.4)
    page = new_page(width + 1.75, height + 0.95)
    ax = page.figure.subplots()
    draw_image(ax, plane, look)
    rows, columns = (
        positions_in(results[place], ruler.units)
        for place, ruler in zip(places, (grid.rows, grid.columns), strict=True)
    )
    ax.scatter(columns, rows, s=70, facecolor="none", edgecolor="white", linewidth=1.6)
    ax.scatter(columns, rows, s=70, facecolor="none", edgecolor=_MARK, linewidth=0.9)
    page.note(sample.note, f"{results[places[0]].size} points", outcome(results))
    return page.finish(title)


def draw_marked_curve(ax: Axes, results: xr.Dataset, position: str, curve: xr.DataArray) -> None:
    """Draw a curve that is not lazy or is small, with a mark above each peak."""
    dim = str(curve.dims[0])
    drawn = thin(curve, {}).values
    draw_curves(ax, drawn, dim)
    line = ax.lines[0]
    line.set_color("0.45")
    x = positions_in(results[position], ruler_of(drawn, dim).units)
    at, heights = np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)
    order = np.argsort(at)
    y = np.interp(x, at[order], heights[order])
    ax.plot(x, y, "o", color=_MARK, markersize=4.5)
    for number, (left, up) in enumerate(zip(x, y, strict=True), start=1):
        ax.annotate(
            str(number), (left, up), xytext=(0, 6), textcoords="offset points",
            ha="center", fontsize=7.5, color=_MARK,
        )  # fmt: skip
    ax.margins(y=0.1)


def positions_in(places: xr.DataArray, units: str | None) -> np.ndarray:
    """Return places in the units of the axis that shows them."""
    values = np.asarray(places.values, np.float64)
    own = places.attrs.get("units")
    known = is_unit(own) and is_unit(units)
    if known and parse(str(own)).powers == parse(str(units)).powers:
        return values * conversion_factor(str(own), str(units))
    return values
