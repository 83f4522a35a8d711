"""Two views of data with many dimensions: where it is bright, and what it is made of."""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from omniscopy.plot.axes import grid_of
from omniscopy.plot.curves import draw_curves
from omniscopy.plot.images import draw_image, picture_size
from omniscopy.plot.sampling import sample_means, sample_plane
from omniscopy.plot.style import Look, Page, new_page, panel_title

_CURVE_WIDTH = 3.9
_BESIDE = 1.7
# Pages less wide than this have one view above the other.
_NARROW = 6.0


@dataclass(frozen=True)
class View:
    """One of the two views, in memory, with its title and what it leaves out."""

    values: xr.DataArray
    title: str
    note: str


def spectral_image_figure(
    data: xr.DataArray, picture: list[str], curve: str, look: Look, title: str
) -> Figure:
    """Return the map of the mean beside the mean spectrum; a line scan is shown whole."""
    if len(picture) == 1:
        picture = [picture[0], curve]
    others = [str(dim) for dim in data.dims if dim not in picture]
    further = [str(dim) for dim in data.dims if dim != curve]
    mean_map, mean_curve = sample_means(data, others, further)
    left = View(
        sample_plane(mean_map.values.transpose(*picture)).values,
        _over("mean over", others) or "line scan",
        mean_map.note,
    )
    right = View(mean_curve.values, _over("mean over", further), mean_curve.note)
    return _figure_of_pair(left, right, look, title)


def pattern_figure(
    data: xr.DataArray, picture: list[str], pattern: list[str], look: Look, title: str
) -> Figure:
    """Return the map of the mean over the detector beside the mean pattern."""
    over_pattern = [str(dim) for dim in data.dims if dim not in picture]
    over_picture = [str(dim) for dim in data.dims if dim not in pattern]
    mean_map, mean_pattern = sample_means(data, over_pattern, over_picture)
    left = View(
        sample_plane(mean_map.values.transpose(*picture)).values,
        "mean over the pattern",
        mean_map.note,
    )
    right = View(
        sample_plane(mean_pattern.values.transpose(*pattern)).values,
        "mean pattern",
        mean_pattern.note,
    )
    return _figure_of_pair(left, right, look, title)


def draw_panel(ax: Axes, values: xr.DataArray, look: Look, *, title: str = "") -> None:
    """Draw a plane as an image, a curve as a curve."""
    if values.ndim == 2:
        draw_image(ax, values, look, title=title)
    else:
        draw_curves(ax, values, str(values.dims[0]), title=title)


def panel_size(values: xr.DataArray, room: float) -> tuple[float, float]:
    """Return the width and height in inches that a panel takes, its labels included."""
    if values.ndim == 2:
        width, height = picture_size(grid_of(values).aspect, room - _BESIDE)
        return width + _BESIDE, height
    return room, 2.6


def _figure_of_pair(left: View, right: View, look: Look, title: str) -> Figure:
    if look.width < _NARROW:
        sizes = [panel_size(view.values, look.width) for view in (left, right)]
        page = new_page(look.width, sum(size[1] + 0.85 for size in sizes) + 0.3)
        axes = page.figure.subplots(2, 1, height_ratios=[size[1] for size in sizes])
        return _drawn_pair(page, axes, (left, right), look, title)
    room = look.width + 2.2
    sizes = [
        panel_size(left.values, room - _CURVE_WIDTH),
        panel_size(right.values, _CURVE_WIDTH + 0.6),
    ]
    height = max(2.2, *(size[1] for size in sizes))
    page = new_page(sum(size[0] for size in sizes), height + 1.15)
    axes = page.figure.subplots(1, 2, width_ratios=[size[0] for size in sizes])
    return _drawn_pair(page, axes, (left, right), look, title)


def _drawn_pair(
    page: Page, axes: np.ndarray, views: tuple[View, View], look: Look, title: str
) -> Figure:
    for ax, view in zip(axes, views, strict=True):
        draw_panel(ax, view.values, look, title=title)
        panel_title(ax, view.title)
        page.note(view.note)
    return page.finish(title)


def _over(words: str, dims: list[str]) -> str:
    return f"{words} {', '.join(dim.replace('_', ' ') for dim in dims)}" if dims else ""
