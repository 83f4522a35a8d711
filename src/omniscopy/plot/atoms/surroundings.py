"""Components of the surroundings of atoms: where they are, and how neighbours move in them."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from omniscopy.plot.atoms.fields import dot_size, draw_field, field_size
from omniscopy.plot.contrast import contrast_of
from omniscopy.plot.images import add_colour_bar
from omniscopy.plot.style import COLOURS, FAINT, TICK, Look, Page, new_page, panel_title, style_axes

_SHOWN = 4
_VECTORS = ("neighbour", "side")


def is_surroundings(results: xr.Dataset) -> bool:
    """Return whether results are components of vectors to neighbours, with loadings of atoms."""
    if not {"loadings", "components", "y", "x"} <= {*results.data_vars}:
        return False
    return {*_VECTORS} <= {*results["components"].dims} and results["y"].ndim == 1


def surroundings_figure(results: xr.Dataset, look: Look, title: str) -> Figure:
    """Return for each component the atoms by their loadings, and the arrows of the neighbours."""
    results = results.compute()
    count = min(results.sizes["component"], _SHOWN)
    width, height = field_size(results, look, 0.66 * (look.width + 1.0))
    page = new_page(width + 2.6, count * height)
    axes = np.reshape(page.figure.subplots(count, 2, width_ratios=[width, 2.6]), (count, 2))
    for number in range(count):
        part = results.isel(component=number)
        _draw_loadings(axes[number, 0], part, look, page)
        ratio = part.get("explained_variance_ratio")
        said = f", {100 * float(ratio):.1f} % of the variance" if ratio is not None else ""
        panel_title(axes[number, 0], f"loading {number + 1}{said}", size=TICK)
        _draw_arrows(axes[number, 1], part)
        panel_title(axes[number, 1], f"component {number + 1}", size=TICK)
    if results.sizes["component"] > count:
        page.note(f"{count} of {results.sizes['component']} components")
    return page.finish(title)


def _draw_loadings(ax: Axes, part: xr.Dataset, look: Look, page: Page) -> None:
    values = part["loadings"].values
    contrast = contrast_of(values, part["loadings"].rename("loading"), percentiles=(2.0, 98.0))
    y, x = draw_field(ax, part["y"], part["x"], look, page)
    there, size = np.isfinite(values), dot_size(len(values)) / 2
    drawn = ax.scatter(
        x[there], y[there], c=values[there], s=size, cmap=contrast.colours, norm=contrast.scale,
        edgecolor=FAINT, linewidth=0.25,
    )  # fmt: skip
    add_colour_bar(ax, drawn, "Loading", contrast)


def _draw_arrows(ax: Axes, part: xr.Dataset) -> None:
    """Draw the mean vectors to neighbours as dots, and by which way they move as arrows."""
    move = part["components"].transpose(*_VECTORS).values
    if "mean" in part and {*_VECTORS} <= {*part["mean"].dims}:
        mean = part["mean"].transpose(*_VECTORS).values
    else:
        mean = np.zeros_like(move)
    size = float(np.hypot(*mean.T).max()) or 1.0
    mean = mean / size
    ax.scatter(0, 0, s=40, color=COLOURS[1], zorder=3)
    ax.scatter(mean[:, 1], mean[:, 0], s=30, color="0.6", zorder=2)
    ax.quiver(
        mean[:, 1], mean[:, 0], 0.6 * move[:, 1], 0.6 * move[:, 0], angles="xy",
        scale_units="xy", scale=1.0, color=COLOURS[0], width=0.012, zorder=4,
    )  # fmt: skip
    ax.set_xlim(-1.7, 1.7)
    ax.set_ylim(1.7, -1.7)  # row 0 on top
    ax.set_aspect("equal")
    style_axes(ax)
    ax.set_xticks([])
    ax.set_yticks([])
