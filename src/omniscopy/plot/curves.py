"""Curves: spectra, profiles, time traces, with the band of their uncertainty."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from omniscopy.model.dimensions import kind_of_dim
from omniscopy.plot.axes import Ruler, ruler_of
from omniscopy.plot.images import draw_image, magnitude_and_phase
from omniscopy.plot.labels import (
    PLAIN,
    dim_words,
    number_with_units,
    prefix,
    shortened,
    value_words,
    with_units,
)  # fmt: skip
from omniscopy.plot.sampling import sample_curves, sample_plane
from omniscopy.plot.style import COLOURS, FAINT, TICK, Look, label_axes, new_page, style_axes

# More curves than this are drawn as a picture.
FAMILY = len(COLOURS)
_HEIGHT = 3.4
# What has names is drawn as stems, and what is counted, up to so many.
_COUNTED, _STEMS = ("order", "harmonic"), 60
# Names beside each other: more than so many stand upright, and only so many find place.
_UPRIGHT, _NAMED = 18, 70


def curve_figure(
    data: xr.DataArray, look: Look, title: str, *, std: xr.DataArray | None = None
) -> Figure:
    """Return the figure of one curve, or of a few; complex ones as magnitude and phase."""
    dim = curve_dim(data)
    sample = sample_curves(data, dim)
    curves = sample.values
    if curves.dtype.kind == "c":
        page = new_page(look.width, 1.5 * _HEIGHT)
        axes = page.figure.subplots(2, 1, sharex=True)
        for ax, part in zip(axes, magnitude_and_phase(curves), strict=True):
            draw_curves(ax, part, dim)
        axes[0].set_xlabel("")
    else:
        page = new_page(look.width, _HEIGHT)
        draw_curves(page.figure.subplots(), curves, dim, std=_matching(std, curves), title=title)
    page.note(sample.note)
    return page.finish(title)


def family_figure(data: xr.DataArray, look: Look, title: str) -> Figure:
    """Return the figure of many curves: a picture of all of them."""
    sample = sample_plane(data)
    page = new_page(look.width, 4.2)
    page.note(sample.note)
    values = sample.values
    if values.dtype.kind == "c":
        parts = magnitude_and_phase(values)
        for ax, part in zip(page.figure.subplots(1, 2), parts, strict=True):
            draw_image(ax, part, look)
    else:
        draw_image(page.figure.subplots(), values, look, title=title)
    return page.finish(title)


def curve_dim(data: xr.DataArray) -> str:
    """Return the dimension that curves run along: spectral if there is one, else the longest."""
    spectral = [str(dim) for dim in data.dims if kind_of_dim(data, dim) == "spectral"]
    temporal = [str(dim) for dim in data.dims if kind_of_dim(data, dim) == "temporal"]
    candidates = spectral or temporal or [str(dim) for dim in data.dims]
    return max(candidates, key=lambda dim: (data.sizes[dim], data.dims.index(dim)))


def draw_curves(
    ax: Axes,
    curves: xr.DataArray,
    dim: str,
    *,
    std: xr.DataArray | None = None,
    title: str = "",
    names: list[str] | None = None,
    rescaled: bool = True,
) -> None:
    """Draw one curve, or several along one further dimension, that are in memory.

    With `rescaled` the values are shown in the prefix of their units that reads best.
    """
    others = [str(other) for other in curves.dims if other != dim]
    family = curves.transpose(*others, dim) if others else curves
    values = np.atleast_2d(np.asarray(family.values))
    values = values.astype(np.float64) if values.dtype.kind in "iub" else values
    units = curves.attrs.get("units")
    factor, units = prefix(values, units) if rescaled else (1.0, units)
    ruler = ruler_of(curves, dim)
    labels = names or (_names(curves, others[0]) if others else [""])
    marked = len(ruler.positions) <= 30
    counted = _is_counted(curves, dim)
    for values_of_one, label, colour in zip(values * factor, labels, COLOURS, strict=False):
        if counted:
            ax.vlines(ruler.positions, 0.0, values_of_one, color=colour, linewidth=1.2)
        ax.plot(
            ruler.positions, values_of_one, color=colour, linewidth=1.2, label=label,
            marker="o" if marked or counted else None, markersize=3.5,
            linestyle="none" if counted else "-",
        )  # fmt: skip
    if std is not None:
        spread = np.atleast_2d(np.asarray(std.transpose(*family.dims).values, np.float64))
        draw = _draw_error_bars if counted else _draw_bands
        draw(ax, ruler, values * factor, spread * factor)
    style_axes(ax, grid=True)
    ax.margins(x=0.05 if counted else 0.01)
    if counted:
        ax.axhline(0.0, color=FAINT, linewidth=0.7, zorder=0.5)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    label_axes(ax, ruler.label, with_units(value_words(curves, title=title), units))
    if ruler.names:
        turned = sum(len(name) for name in ruler.names) > 60
        upright = len(ruler.names) > _UPRIGHT
        each = -(-len(ruler.names) // _NAMED)
        ax.set_xticks(
            ruler.positions[::each], [shortened(name, 18) for name in ruler.names][::each],
            rotation=90 if upright else 35 if turned else 0,
            ha="right" if turned and not upright else "center",
            fontsize=TICK - 1 if upright else TICK, **PLAIN,
        )  # fmt: skip
    if len(values) > 1 or std is not None:
        write_legend(ax)


def _draw_error_bars(ax: Axes, ruler: Ruler, values: np.ndarray, std: np.ndarray) -> None:
    """Draw the uncertainty of every point, in the colour of its curve; it is explained once."""
    words = "± 1 standard deviation"
    for curve, spread, colour in zip(values, std, COLOURS, strict=False):
        ax.errorbar(
            ruler.positions, curve, yerr=spread, fmt="none", ecolor=colour, alpha=0.55,
            elinewidth=3.0, label=words,
        )  # fmt: skip
        words = "_"


def _is_counted(curves: xr.DataArray, dim: str) -> bool:
    """Return whether there is nothing between points along a dimension: orders, or elements."""
    if dim not in curves.coords:
        return False
    places = curves.coords[dim]
    if places.dtype.kind in "UTO":
        return True
    if places.size > _STEMS:
        return False
    whole = places.dtype.kind in "iu" or (
        places.dtype.kind == "f" and bool(np.all(places.values == np.round(places.values)))
    )
    return whole and bool({dim, str(places.attrs.get("quantity"))} & {*_COUNTED})


def write_legend(ax: Axes) -> None:
    """Name the curves, in a corner where they are not."""
    shown = ax.legend(fontsize=TICK, frameon=False, loc="best", handlelength=1.4)
    for text in shown.get_texts():
        text.set_parse_math(False)


def _draw_bands(ax: Axes, ruler: Ruler, values: np.ndarray, std: np.ndarray) -> None:
    """Draw the uncertainty of every curve in its colour; it is explained once."""
    words = "± 1 standard deviation"
    for curve, spread, colour in zip(values, std, COLOURS, strict=False):
        ax.fill_between(
            ruler.positions, curve - spread, curve + spread,
            color=colour, alpha=0.22, linewidth=0, label=words,
        )  # fmt: skip
        words = "_"


def _names(curves: xr.DataArray, dim: str) -> list[str]:
    if dim not in curves.coords:
        return [f"{dim} {i}" for i in range(curves.sizes[dim])]
    coordinate = curves.coords[dim]
    words = dim_words(curves, dim)
    return [
        f"{words} {number_with_units(value, coordinate.attrs.get('units'))}"
        if coordinate.dtype.kind in "iuf"
        else shortened(str(value), 40)
        for value in coordinate.values
    ]


def _matching(std: xr.DataArray | None, curves: xr.DataArray) -> xr.DataArray | None:
    """Return the uncertainty of the points that are drawn, if it has their form."""
    if std is None or set(std.dims) != set(curves.dims) or std.dtype.kind not in "iuf":
        return None
    for dim in map(str, curves.dims):
        if std.sizes[dim] == curves.sizes[dim]:
            continue
        if dim not in std.coords or dim not in curves.coords:
            return None
        std = std.sel({dim: curves.coords[dim].values})
    return std.compute()
