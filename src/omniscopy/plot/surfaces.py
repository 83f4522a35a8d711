"""Topographies as shaded surfaces in perspective."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LightSource
from matplotlib.figure import Figure

from omniscopy.model import DataError, conversion_factor, is_unit, require_plane, require_real
from omniscopy.model.units import parse
from omniscopy.plot.axes import Grid, grid_of
from omniscopy.plot.contrast import PERCENTILES, Contrast, contrast_of
from omniscopy.plot.images import picture_size
from omniscopy.plot.labels import PLAIN, number, prefix, title_of, value_words, with_units
from omniscopy.plot.sampling import sample_plane
from omniscopy.plot.style import FAINT, INK, LABEL, TICK, new_page, page_width

# Points along each side that are drawn; a part of the longer side that heights fill unasked.
_POINTS, _HEIGHT = 256, 0.22
_LIGHT = {"azdeg": 315.0, "altdeg": 45.0}


def surface(
    data: xr.DataArray,
    *,
    exaggeration: float | None = None,
    direction: tuple[float, float] = (-60.0, 35.0),
    title: str | None = None,
    width: float = 7.0,
    colours: str | None = None,
    percentiles: tuple[float, float] = PERCENTILES,
) -> Figure:
    """Draw an image of heights as a shaded surface in perspective.

    Parameters
    ----------
    data : DataArray, shape (y, x), any units
        Heights, or anything else that is to be seen as such. Where it is NaN there are holes.
    exaggeration : float
        How much larger heights are drawn than lengths, where both are lengths; by default so much
        that they fill about a fifth of the longer side. It is written below the figure.
    direction : (azimuth, elevation), degrees
        From where the surface is seen.
    title : str, optional
        What to write above it; by default the title of the data.
    width : float
        Width in inches, about.
    colours : str, optional
        Name of a matplotlib colour map; by default the one of images.
    percentiles : (low, high)
        The colours span these percentiles.

    Returns
    -------
    matplotlib.figure.Figure
        Not shown and not bound to any window: save it with `figure.savefig`.

    Raises
    ------
    DataError
        There is not exactly one image of at least 2 x 2 points with a value, or `exaggeration` is
        not above 0.

    Notes
    -----
    Above 256 points along a side, means over blocks are drawn. Row 0 is at the far side, as it is
    on top of the image.
    """
    image = data.squeeze()
    dims = require_plane(image, None, kind="spatial", at_least=2)
    require_real(image)
    if image.ndim != 2:
        message = f"a surface is one image, got dimensions {tuple(map(str, image.dims))}; take one"
        raise DataError(message)
    if exaggeration is not None and not (np.isfinite(exaggeration) and exaggeration > 0):
        message = f"exaggeration must be above 0, got {exaggeration!r}"
        raise DataError(message)
    sample = sample_plane(image.transpose(*dims), pixels=_POINTS)
    plane = sample.values
    values = np.asarray(plane.values, dtype=np.float64)
    if not np.isfinite(values).any():
        message = "there is no finite value to draw a surface of"
        raise DataError(message)
    factor, units = prefix(values, plane.attrs.get("units"))
    heights, grid = values * factor, grid_of(plane)
    sides, times = _sides(heights, units, grid, exaggeration)
    picture = picture_size(0.78, page_width(width) - 0.3)
    page = new_page(*picture)
    # Perspective leaves room around it that the layout does not know of.
    page.figure.set_layout_engine("none")
    ax: Any = page.figure.add_axes((-0.01, 0.0, 0.87, 0.98), projection="3d")
    contrast = contrast_of(heights, plane, colours=colours, percentiles=percentiles)
    _draw(ax, heights, grid, contrast, sides)
    ax.set_box_aspect(sides, zoom=1.02)
    ax.view_init(elev=direction[1], azim=direction[0])
    _label(ax, grid, few=sides[2] < 0.3 * max(sides[:2]))
    bar = page.figure.colorbar(
        ScalarMappable(norm=contrast.scale, cmap=contrast.colours),
        cax=page.figure.add_axes((0.87, 0.25, 0.02, 0.5)), extend=contrast.extend,
    )  # fmt: skip
    name = title_of(data) if title is None else title
    words = with_units(value_words(plane, title=name), units)
    bar.set_label(words, fontsize=LABEL, color=INK, **PLAIN)
    bar.ax.tick_params(labelsize=TICK, color=FAINT, labelcolor=INK)
    edge: Any = bar.outline
    edge.set_linewidth(0.5)
    page.note(sample.note, f"heights {number(times)} times as large as lengths" if times else "")
    return page.finish(name)


def _sides(
    heights: np.ndarray, units: str | None, grid: Grid, exaggeration: float | None
) -> tuple[tuple[float, float, float], float | None]:
    """Return the sides of the box, and how much larger heights are drawn, where it can be said."""
    x, y = (abs(float(np.ptp(ruler.positions))) for ruler in (grid.columns, grid.rows))
    if grid.rows.units != grid.columns.units:
        y = x
    height = float(np.nanmax(heights) - np.nanmin(heights))
    base = grid.columns.units
    comparable = (
        is_unit(units or "") and is_unit(base or "")
        and parse(str(units)).powers == parse(str(base)).powers
    )  # fmt: skip
    longest = max(x, y)
    if not comparable or height == 0:
        return (x / longest, y / longest, _HEIGHT), None
    true = height * conversion_factor(str(units), str(base))
    times = exaggeration if exaggeration is not None else _nice(_HEIGHT * longest / true)
    return (x / longest, y / longest, max(true * times / longest, 1e-3)), times


def _nice(value: float) -> float:
    """Return 1, 2 or 5 times a power of ten that is no larger."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(power * max(each for each in (1, 2, 5) if each <= value / power * (1 + 1e-9)))


def _draw(
    ax: Any, heights: np.ndarray, grid: Grid, contrast: Contrast,
    sides: tuple[float, float, float],
) -> None:  # fmt: skip
    """Draw the surface: colours of the height, shaded by the slope as it is drawn."""
    x, y = np.meshgrid(grid.columns.positions, grid.rows.positions)
    filled = np.where(np.isfinite(heights), heights, np.nanmin(heights))
    drawn = filled / (np.ptp(filled) or 1.0) * sides[2]
    steps = [side / max(count - 1, 1) for side, count in zip(sides, heights.T.shape, strict=False)]
    light = LightSource(**_LIGHT)
    colour = light.shade_rgb(
        contrast.colours(contrast.scale(filled))[..., :3], drawn, fraction=1.0, vert_exag=1.0,
        dx=steps[0], dy=steps[1], blend_mode="soft",
    )  # fmt: skip
    opaque = np.isfinite(heights).astype(np.float64)
    ax.plot_surface(
        x, y, np.where(np.isfinite(heights), heights, np.nan), rcount=_POINTS, ccount=_POINTS,
        facecolors=np.dstack([colour, opaque]), shade=False, linewidth=0, antialiased=False,
    )  # fmt: skip
    low, high = float(np.nanmin(heights)), float(np.nanmax(heights))
    ax.set_zlim(low, high if high > low else low + 1.0)
    # Row 0 lies at the far side, whichever way its coordinate goes.
    far, near = grid.rows.positions[0], grid.rows.positions[-1]
    ax.set_ylim(near, far)


def _label(ax: Any, grid: Grid, *, few: bool) -> None:
    ax.set_xlabel(grid.columns.label, fontsize=LABEL, color=INK, labelpad=2, **PLAIN)
    ax.set_ylabel(grid.rows.label, fontsize=LABEL, color=INK, labelpad=2, **PLAIN)
    ax.tick_params(labelsize=TICK, colors=INK, pad=0)
    ax.locator_params(axis="x", nbins=5)
    ax.locator_params(axis="y", nbins=5)
    ax.locator_params(axis="z", nbins=3 if few else 6)
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.set_pane_color((1.0, 1.0, 1.0, 0.0))
        axis.line.set(color=FAINT, linewidth=0.7)
        axis._axinfo["grid"].update(color="#e3e5e8", linewidth=0.5)
