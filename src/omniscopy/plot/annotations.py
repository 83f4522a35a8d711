"""What was drawn on an image where it was measured: boxes, lines, ellipses, points, texts."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse, Rectangle
from matplotlib.patheffects import withStroke

from omniscopy.model.dimensions import units_of
from omniscopy.model.units import conversion_factor
from omniscopy.plot.axes import Grid
from omniscopy.plot.style import COLOURS

_HALO = [withStroke(linewidth=2.4, foreground="black")]


def draw_annotations(ax: Axes, image: xr.DataArray, grid: Grid) -> None:
    """Draw ``attrs["annotations"]`` of an image, whose places are in units of its coordinates."""
    scale = np.array([
        conversion_factor(units, ruler.units) if units and ruler.units else 1.0
        for units, ruler in zip(
            (units_of(image, str(dim)) for dim in image.dims), (grid.rows, grid.columns),
            strict=True,
        )
    ])  # fmt: skip
    style: dict[str, Any] = {"edgecolor": COLOURS[4], "facecolor": "none", "path_effects": _HALO}
    limits = ax.get_xlim(), ax.get_ylim()
    for each in image.attrs.get("annotations", ()):
        y, x = scale * _place(each)
        kind, text = each.get("kind"), str(each.get("text", ""))
        if kind == "box":
            height, width = scale * np.subtract(each["to"], each["from"])
            ax.add_patch(Rectangle((x, y), width, height, **style))
        elif kind == "ellipse":
            high, wide = 2 * scale * np.asarray(each["radii"])
            ax.add_patch(Ellipse((x, y), wide, high, **style))
        elif kind == "line":
            end = scale * np.asarray(each["to"])
            ax.plot([x, end[1]], [y, end[0]], color=COLOURS[4], path_effects=_HALO)
        elif kind == "point":
            ax.plot(x, y, "+", color=COLOURS[4], path_effects=_HALO)
        if text:
            ax.annotate(text, (x, y), xytext=(3, 3), textcoords="offset points",
                        color=COLOURS[4], fontsize="small", path_effects=_HALO,
                        annotation_clip=True, parse_math=False)  # fmt: skip
    ax.set(xlim=limits[0], ylim=limits[1])


def _place(annotation: dict[str, Any]) -> np.ndarray:
    """Return where an annotation begins, or its middle: (y, x)."""
    place = next(annotation[key] for key in ("at", "centre", "from") if key in annotation)
    return np.asarray(place, np.float64)
