"""Mixtures: how much of each known spectrum is where."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from omniscopy.plot.decompositions import (
    draw_component,
    height_of,
    missing_words,
    name_of_component,
)
from omniscopy.plot.style import TICK, Look, new_page, panel_title

_LARGEST, _COLUMNS = 11, 4


def is_mixture(results: xr.Dataset) -> bool:
    """Return whether results are abundances of known spectra."""
    needed = {"abundance", "abundance_std", "residual", "status"}
    return needed <= {*results.data_vars} and results["abundance"].size > 1


def mixture_figure(results: xr.Dataset, look: Look, title: str) -> Figure:
    """Return a map, or a curve, of the abundance of each spectrum, and of what they leave."""
    (dim,) = {*results["abundance"].dims} - {*results["residual"].dims}
    parts = results["abundance"].rename({dim: "component"} if dim != "component" else {})
    count = min(parts.sizes["component"], _LARGEST)
    columns = min(count + 1, _COLUMNS)
    rows = -(-(count + 1) // columns)
    width = look.width + 1.5
    page = new_page(width, rows * (height_of(parts, width / columns) + 0.7) + 0.3)
    axes = np.atleast_1d(page.figure.subplots(rows, columns)).ravel()
    for number, ax in zip(range(count), axes, strict=False):
        page.note(draw_component(ax, parts, number, look))
        panel_title(ax, f"abundance of {name_of_component(parts, number)}", size=TICK)
    page.note(draw_component(axes[count], results["residual"].expand_dims("component"), 0, look))
    panel_title(axes[count], "residual (root mean square)", size=TICK)
    for ax in axes[count + 1 :]:
        ax.set_axis_off()
    if parts.sizes["component"] > count:
        page.note(f"{count} of {parts.sizes['component']} spectra")
    page.note(missing_words(results))
    return page.finish(title)
