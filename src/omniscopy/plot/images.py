"""Images: true aspect, row 0 on top, scale bar, colour bar with quantity and units."""

import math
import textwrap
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from omniscopy.model.dimensions import kind_of_dim
from omniscopy.plot.annotations import draw_annotations
from omniscopy.plot.axes import Grid, Ruler, grid_of
from omniscopy.plot.contrast import Contrast, contrast_of
from omniscopy.plot.labels import PLAIN, prefix, shortened, value_words, with_units
from omniscopy.plot.sampling import PIXELS, sample_plane, thin
from omniscopy.plot.scale_bars import scale_bar
from omniscopy.plot.spacing import space_ticks
from omniscopy.plot.style import INK, LABEL, TICK, Look, label_axes, new_page, style_axes

_BESIDE = 1.75  # inches beside a picture: row labels, colour bar
_ABOVE = 0.95  # inches above and below: title, column labels
_LARGEST = 4.6


def image_figure(image: xr.DataArray, look: Look, title: str) -> Figure:
    """Return the figure of one image, or of magnitude and phase where it is complex."""
    sample = sample_plane(image)
    plane = sample.values
    if plane.dtype.kind == "c":
        return _complex_figure(plane, look, title, sample.note)
    grid = grid_of(plane)
    width, height = picture_size(grid.aspect, min(look.width - _BESIDE, _LARGEST))
    page = new_page(width + _BESIDE, height + _ABOVE)
    page.note(sample.note)
    ax = page.figure.subplots()
    draw_image(ax, plane, look, title=title)
    draw_annotations(ax, image, grid)
    return page.finish(title)


def colour_figure(image: xr.DataArray, look: Look, title: str) -> Figure:
    """Return the figure of a colour image, dimensions (y, x, channel)."""
    rows, columns, _ = (str(dim) for dim in image.dims)
    steps = {dim: math.ceil(image.sizes[dim] / PIXELS) for dim in (rows, columns)}
    sample = thin(image, steps)
    plane = sample.values
    grid = grid_of(plane.isel({image.dims[2]: 0}))
    width, height = picture_size(grid.aspect, min(look.width - 1.0, _LARGEST))
    page = new_page(width + 1.0, height + _ABOVE)
    ax = page.figure.subplots()
    shown = _eight_bits(plane.values)
    ax.imshow(shown, extent=grid.extent, aspect="equal", interpolation="nearest")
    frame_picture(ax, grid)
    page.note(sample.note if max(steps.values()) > 1 else "")
    return page.finish(title)


def draw_image(
    ax: Axes,
    plane: xr.DataArray,
    look: Look,
    *,
    title: str = "",
    contrast: Contrast | None = None,
    framed: bool = True,
    colour_bar: bool = True,
) -> None:
    """Draw a plane that is in memory.

    With `framed` it gets axes with ticks and labels, without only a scale bar where that can be.
    `contrast` is that of several images which are to be compared; it is in the units of `plane`.
    """
    values = np.asarray(plane.values)
    values = values.astype(np.float64) if values.dtype.kind in "iub" else values
    units = plane.attrs.get("units")
    if contrast is None:
        factor, units = prefix(values, units)
        values = values * factor
    grid = grid_of(plane)
    if contrast is None:
        pattern = all(kind_of_dim(plane, dim) == "reciprocal" for dim in plane.dims)
        contrast = contrast_of(
            values, plane, colours=look.colours, percentiles=look.percentiles, compressed=pattern
        )
    drawn = _draw_pixels(ax, values, grid, contrast)
    frame_picture(ax, grid, framed=framed)
    if values.dtype.kind == "f" and np.isnan(values).any():
        _explain_missing(ax, contrast)
    if colour_bar:
        words = with_units(value_words(plane, title=title), units)
        add_colour_bar(ax, drawn, words, contrast, framed=framed)


def frame_picture(ax: Axes, grid: Grid, *, framed: bool = True) -> None:
    """Give a picture its rulers and its scale bar."""
    style_axes(ax)
    label_axes(ax, grid.columns.label, grid.rows.label)
    for ruler, axis in ((grid.rows, ax.yaxis), (grid.columns, ax.xaxis)):
        if ruler.names:
            axis.set_ticks(ruler.positions, [shortened(n, 16) for n in ruler.names], **PLAIN)
    units = grid.columns.units
    calibrated = grid.true_aspect and units not in (None, "1")
    if calibrated:
        scale_bar(ax, units, size=TICK if framed else TICK - 1)
    if not framed and (calibrated or grid.true_aspect):
        ax.set_xticks([])
        ax.set_yticks([])
        label_axes(ax)


def add_colour_bar(
    ax: Axes, drawn: Any, words: str, contrast: Contrast, *, framed: bool = True
) -> None:
    """Put a colour bar of the height of the picture at its right."""
    place = ax.inset_axes((1.03, 0.0, 0.045 if framed else 0.05, 1.0))
    bar = ax.figure.colorbar(drawn, cax=place, extend=contrast.extend, extendfrac=0.03)
    bar.outline.set_linewidth(0.5)
    size = LABEL if framed else TICK - 0.5
    lines = textwrap.wrap(words, 44, max_lines=2, placeholder="…")
    bar.set_label("\n".join(lines), fontsize=size, color=INK, **PLAIN)
    space_ticks(bar, size - 1)
    bar.ax.tick_params(labelsize=size - 1, width=0.6, length=2.5, color=INK, labelcolor=INK)
    bar.ax.yaxis.get_offset_text().set_fontsize(size - 1)
    bar.ax.yaxis.set_offset_position("left")


def picture_size(aspect: float, width: float) -> tuple[float, float]:
    """Return width and height in inches of a picture that is at most `width` wide and high."""
    return (width, width * aspect) if aspect <= 1.05 else (width * 1.05 / aspect, width * 1.05)


def _complex_figure(plane: xr.DataArray, look: Look, title: str, note: str) -> Figure:
    magnitude, phase = magnitude_and_phase(plane)
    aspect = grid_of(plane).aspect
    each = (look.width + 1.6) / 2
    width, height = picture_size(aspect, each - _BESIDE)
    page = new_page(2 * (width + _BESIDE), height + _ABOVE)
    page.note(note)
    left, right = page.figure.subplots(1, 2)
    draw_image(left, magnitude, look)
    draw_image(right, phase, replace(look, colours=None))
    return page.finish(title)


def magnitude_and_phase(data: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Return what complex data show: their magnitude in their units, their phase in radians."""
    words = value_words(data)
    magnitude = abs(data).assign_attrs(data.attrs).assign_attrs(quantity=f"|{words}|".strip())
    values = np.where(np.isfinite(data.values), np.angle(data.values), np.nan)
    phase = data.copy(data=values).assign_attrs(quantity="phase", units="rad")
    return magnitude, phase


def _draw_pixels(ax: Axes, values: np.ndarray, grid: Grid, contrast: Contrast) -> Any:
    common: dict[str, Any] = {"cmap": contrast.colours, "norm": contrast.scale}
    masked = np.ma.masked_invalid(values)
    if grid.uniform:
        common["aspect"] = "equal" if grid.true_aspect else "auto"
        return ax.imshow(masked, extent=grid.extent, interpolation="antialiased", **common)
    mesh = ax.pcolormesh(
        grid.columns.positions, grid.rows.positions, masked, shading="nearest", **common
    )
    if _descends_on_screen(grid.rows):
        ax.invert_yaxis()
    ax.set_facecolor(tuple(contrast.colours.get_bad()))
    return mesh


def _descends_on_screen(rows: Ruler) -> bool:
    """Return whether row 0 would be at the bottom: it is to be on top."""
    return len(rows.positions) > 1 and rows.positions[0] < rows.positions[-1]


def _explain_missing(ax: Axes, contrast: Contrast) -> None:
    patch = Patch(facecolor=tuple(contrast.colours.get_bad()), label="no data")
    ax.legend(
        handles=[patch], loc="upper right", fontsize=TICK - 1, framealpha=0.85, borderpad=0.35,
        handlelength=1.0, handleheight=0.9, handletextpad=0.5, edgecolor="none",
    )  # fmt: skip


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """Return colours as matplotlib takes them: bytes, or fractions of one."""
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind in "iu":
        return (values / np.iinfo(values.dtype).max).clip(0, 1)
    largest = float(np.nanmax(values)) if values.size else 1.0
    return np.nan_to_num(values / max(largest, 1.0)).clip(0, 1)
