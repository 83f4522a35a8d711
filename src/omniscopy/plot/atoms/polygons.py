"""Polygons: rings, structural units and Voronoi cells, coloured by what they measure."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from omniscopy.plot.atoms.fields import draw_field, field_size
from omniscopy.plot.contrast import contrast_of
from omniscopy.plot.images import add_colour_bar
from omniscopy.plot.labels import prefix, with_units
from omniscopy.plot.style import TICK, Look, Page, new_page, panel_title

# Rings of these sizes have the same colour in every figure; others are grey.
SIZES = {3: "#cc79a7", 4: "#e69f00", 5: "#d55e00", 6: "#56b4e9", 7: "#009e73", 8: "#0072b2"}
_OTHER = "#9aa0a6"


def is_polygons(results: xr.Dataset) -> bool:
    """Return whether results are polygons with their corners."""
    return {"corner_y", "corner_x", "size", "area"} <= {*results.data_vars} and results[
        "corner_y"
    ].ndim == 2


def polygons_figure(results: xr.Dataset, look: Look, title: str) -> Figure:
    """Return the polygons by their number of corners, and by their area."""
    results = results.compute()
    dim = str(results["size"].dims[0])
    results = results.isel({dim: np.isfinite(results["area"].values)})
    width, height = field_size(results, look, (look.width + 1.5) / 2)
    page = new_page(2 * width, height)
    left, right = page.figure.subplots(1, 2)
    page.note(f"{results.sizes[dim]} polygons")
    _draw_sizes(left, results, look, page)
    _draw_areas(right, results, look, page)
    return page.finish(title)


def _outlines(ax: Axes, results: xr.Dataset, look: Look, page: Page) -> list[np.ndarray]:
    y, x = draw_field(ax, results["corner_y"], results["corner_x"], look, page)
    sizes = results["size"].values.astype(int)
    return [
        np.column_stack([across[:size], down[:size]])
        for down, across, size in zip(y, x, sizes, strict=True)
    ]


def _draw_sizes(ax: Axes, results: xr.Dataset, look: Look, page: Page) -> None:
    sizes = results["size"].values.astype(int)
    ax.add_collection(
        PolyCollection(
            _outlines(ax, results, look, page),
            facecolors=[to_rgba(SIZES.get(size, _OTHER), 0.75) for size in sizes],
            edgecolors="white", linewidths=0.5,
        )
    )  # fmt: skip
    numbers, counts = np.unique(sizes, return_counts=True)
    handles = [
        Patch(facecolor=SIZES.get(int(size), _OTHER), label=f"{size} ({count})")
        for size, count in zip(numbers, counts, strict=True)
    ]
    if handles:
        ax.legend(
            handles=handles[:12], title="corners", loc="upper left", bbox_to_anchor=(1.01, 1.0),
            fontsize=TICK - 1, title_fontsize=TICK - 1, frameon=False, handlelength=1.0,
            borderaxespad=0.0,
        )  # fmt: skip
    panel_title(ax, "number of corners", size=TICK)


def _draw_areas(ax: Axes, results: xr.Dataset, look: Look, page: Page) -> None:
    area = results["area"]
    factor, units = prefix(area.values, area.attrs.get("units"))
    values = area.values * factor
    # Equal areas differ by rounding, which is nothing to be seen.
    values = np.round(values / values.max(initial=1e-300), 9) * values.max(initial=1e-300)
    contrast = contrast_of(
        values, area, colours=look.colours or "viridis", percentiles=look.percentiles
    )
    drawn = PolyCollection(
        _outlines(ax, results, look, page), array=values, cmap=contrast.colours,
        norm=contrast.scale, edgecolors="white", linewidths=0.5, alpha=0.9,
    )  # fmt: skip
    ax.add_collection(drawn)
    add_colour_bar(ax, drawn, with_units("area", units), contrast)
    panel_title(ax, "area", size=TICK)
