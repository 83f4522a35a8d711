"""One image, or a few curves, in axes of a figure that somebody else lays out."""

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from omniscopy.model.dimensions import dims_of_kind
from omniscopy.model.errors import DataError
from omniscopy.plot.curves import FAMILY, curve_dim, draw_curves
from omniscopy.plot.images import draw_image
from omniscopy.plot.sampling import sample_curves, sample_plane
from omniscopy.plot.style import Look, panel_title


def figure_of(ax: Axes) -> Figure:
    """Return the figure that axes are in, those of a part of it too."""
    found = ax.figure
    while isinstance(found, SubFigure):
        found = found.figure
    return found


def draw_panel(
    ax: Axes, data: xr.DataArray, look: Look, title: str, *, std: xr.DataArray | None = None
) -> None:
    """Draw real data that are one image or at most a few curves; refuse others."""
    data = data.squeeze()
    picture = len(dims_of_kind(data, "spatial") + dims_of_kind(data, "reciprocal")) == 2
    curves = data.ndim == 1 or (data.ndim == 2 and min(data.sizes.values()) <= FAMILY)
    if data.dtype.kind == "c" or not (data.ndim == 2 or curves):
        message = (
            "into axes of another figure one real image or a few real curves are drawn, got "
            f"{data.dtype} with dimensions {dict(data.sizes)}; select a part, or leave out ax="
        )
        raise DataError(message)
    if data.ndim == 2 and (picture or not curves):
        draw_image(ax, sample_plane(data).values, look)
    else:
        dim = curve_dim(data)
        spread = None if std is None else std.squeeze().compute()
        draw_curves(ax, sample_curves(data, dim).values if std is None else data, dim, std=spread)
    if title:
        panel_title(ax, title)
