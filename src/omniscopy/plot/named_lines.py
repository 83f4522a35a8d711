"""Lines and edges by their names, over the spectrum that they are in."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from omniscopy.model.units import is_unit, parse
from omniscopy.plot.axes import ruler_of
from omniscopy.plot.curves import draw_curves
from omniscopy.plot.labels import PLAIN
from omniscopy.plot.marks import positions_in
from omniscopy.plot.results import outcome
from omniscopy.plot.sampling import thin
from omniscopy.plot.style import COLOURS, NOTE, Look, new_page

_NAMES = ("edge", "line")
# Names nearer than this part of the axis share a place; more times between highest and typical
# value make a logarithmic axis.
_NEAR, _WIDE = 0.013, 100.0


def place_of_names(results: xr.Dataset, over: xr.DataArray | None) -> tuple[str, str] | None:
    """Return the dimension of names and what says where these are on the axis of a spectrum."""
    if over is None or over.ndim != 1 or over.dtype.kind not in "iuf" or over.size < 2:
        return None
    axis = over.coords.get(over.dims[0])
    dims = [str(dim) for dim in results.dims if dim in _NAMES and dim in results.coords]
    if axis is None or len(dims) != 1 or set(results.dims) != set(dims):
        return None
    units = axis.attrs.get("units")
    for name in (*results.coords, *results.data_vars):
        values = results[name]
        own = values.attrs.get("units")
        if values.dims != tuple(dims) or values.dtype.kind not in "iuf":
            continue
        if is_unit(own) and is_unit(units) and parse(str(own)).powers == parse(str(units)).powers:
            return dims[0], str(name)
    return None


def named_lines_figure(
    results: xr.Dataset, over: xr.DataArray, place: tuple[str, str], look: Look, title: str
) -> Figure:
    """Return a spectrum with the name of each line or edge where it is."""
    dim, position = place
    curve = str(over.dims[0])
    drawn = thin(over, {}).values
    page = new_page(look.width, 3.9)
    ax = page.figure.subplots()
    draw_curves(ax, drawn, curve)
    line = ax.lines[0]
    line.set_color("0.35")
    heights = np.asarray(line.get_ydata(), float)
    typical, top = float(np.nanmedian(np.abs(heights))), float(np.nanmax(heights))
    is_wide = typical > 0 and top > _WIDE * typical
    if is_wide:
        ax.set_yscale("log")
        ax.set_ylim(0.3 * typical, None)
    x = positions_in(results[position], ruler_of(drawn, curve).units)
    low, high = ax.get_xlim()
    for names, at in _together(results[dim].values, x, _NEAR * (high - low)):
        if not low <= at <= high:
            continue
        ax.axvline(at, color=COLOURS[1], linewidth=0.8, alpha=0.7, zorder=0.8)
        ax.annotate(
            names, (at, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 3),
            textcoords="offset points", rotation=90, ha="center", va="bottom", fontsize=NOTE,
            color=COLOURS[1], **PLAIN,
        )  # fmt: skip
    page.note(outcome(results))
    return page.finish(title)


def _together(names: np.ndarray, places: np.ndarray, near: float) -> list[tuple[str, float]]:
    """Return names with their places, those that would overlap as one."""
    made: list[tuple[list[str], float]] = []
    for at in np.argsort(places):
        name = str(names[at]).replace("_", " ")
        if made and places[at] - made[-1][1] < near:
            made[-1][0].append(name)
        else:
            made.append(([name], float(places[at])))
    return [(", ".join(each), at) for each, at in made]
