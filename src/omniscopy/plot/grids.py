"""Curves at several places, a panel for each, all with the same axes."""

import math

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from omniscopy.model.checks import require_array
from omniscopy.model.dimensions import units_of
from omniscopy.model.errors import DataError
from omniscopy.plot.axes import ruler_of
from omniscopy.plot.curves import curve_dim
from omniscopy.plot.labels import number_with_units, prefix, title_of, value_words, with_units
from omniscopy.plot.sampling import evenly, in_reach, sample_curves
from omniscopy.plot.style import (
    COLOURS,
    FAINT,
    LABEL,
    TICK,
    label_axes,
    new_page,
    page_width,
    panel_title,
    style_axes,
)

_MOST = 36
_PANEL = 1.5


def curve_grid(
    data: xr.DataArray,
    *,
    dim: str | None = None,
    curves: int = 9,
    over: xr.DataArray | None = None,
    title: str | None = None,
    width: float = 7.0,
) -> Figure:
    """Draw the curves at places that are evenly taken from a map, a panel for each.

    Parameters
    ----------
    data : DataArray, two or more dimensions
        Spectra or loops at many places; lazy or in memory, of which only those drawn are read.
        Of complex ones the real and the imaginary part are drawn.
    dim : str, optional
        Dimension that the curves run along; the spectral one by default.
    curves : int
        How many are drawn, at most 36.
    over : DataArray, optional
        Curves of the same form, such as those of a fit, drawn as lines over points.
    title : str, optional
        What to write above it; by default the title of the data.
    width : float
        Width in inches, about; inside `publication` that of the column.

    Returns
    -------
    matplotlib.figure.Figure
        Not shown and not bound to any window.

    Raises
    ------
    DataError
        There are no places, no numbers, or `curves` is not from 1 to 36.

    Examples
    --------
    >>> import omniscopy as om
    >>> figure = om.plot.curve_grid(om.samples.spectrum_image(), curves=6)
    """
    require_array(data)
    data = data.squeeze()
    if data.ndim < 2 or data.dtype.kind not in "biufc" or not data.size:
        message = f"expected numbers along a curve and at places, got {dict(data.sizes)}"
        raise DataError(message)
    if not 1 <= curves <= _MOST:
        message = f"curves must be from 1 to {_MOST}, got {curves!r}"
        raise DataError(message)
    dim = curve_dim(data) if dim is None else dim
    if dim not in data.dims:
        message = f"dim must be one of {tuple(map(str, data.dims))}, got {dim!r}"
        raise DataError(message)
    places = _places(data, dim, curves)
    sample = sample_curves(_taken(data, places), dim)
    fit = None if over is None else sample_curves(_taken(over.squeeze(), places), dim).values
    values, ruler = sample.values.transpose("place", dim), ruler_of(sample.values, dim)
    parts = _parts(values)
    factor, units = prefix(
        np.concatenate([np.abs(each) for each in parts]), data.attrs.get("units")
    )
    columns = math.ceil(math.sqrt(len(places)))
    rows = math.ceil(len(places) / columns)
    page = new_page(page_width(width), rows * _PANEL + 0.7)
    axes = page.figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    names = ("real part", "imaginary part") if len(parts) == 2 else ("",)
    for number, ax in enumerate(axes.flat):
        if number >= len(places):
            ax.set_axis_off()
            continue
        for part, (name, numbers) in enumerate(zip(names, parts, strict=True)):
            form = "-" if fit is None else "."
            ax.plot(ruler.positions, factor * numbers[number], form, color=COLOURS[part],
                    linewidth=1.1, markersize=2.5, label=name)  # fmt: skip
        for part, numbers in enumerate([] if fit is None else _parts(fit.transpose("place", dim))):
            colour = COLOURS[(part + 1 if len(parts) == 1 else part) % len(COLOURS)]
            ax.plot(ruler.positions, factor * numbers[number], color=colour, linewidth=1.1)
        style_axes(ax, grid=True)
        panel_title(ax, _words(data, places[number]), size=TICK)
    if len(parts) == 2:
        lines, labels = axes[0, 0].get_legend_handles_labels()
        page.figure.legend(
            lines[:2], labels[:2], loc="outside upper right", ncols=2, fontsize=TICK,
            frameon=False, labelcolor=FAINT,
        )  # fmt: skip
    for ax in axes[-1]:
        label_axes(ax, ruler.label)
    axes[rows // 2, 0].set_ylabel(with_units(value_words(data), units), fontsize=LABEL)
    page.note(f"{len(places)} of {data.size // data.sizes[dim]} curves", sample.note)
    return page.finish(title_of(data) if title is None else title)


def _places(data: xr.DataArray, dim: str, curves: int) -> list[dict[str, int]]:
    """Return the places, as indices by dimension, spread over all of them."""
    others = [str(other) for other in data.dims if other != dim]
    shape = [data.sizes[other] for other in others]
    chosen = evenly(math.prod(shape), curves)
    if len(shape) == 2 and math.prod(shape) > curves:
        # Over rows and columns alike, not along a diagonal.
        rows = round(math.sqrt(curves))
        while curves % rows:
            rows -= 1
        inner = [
            [round((i + 0.5) * size / count - 0.5) for i in range(count)]
            for size, count in zip(shape, (rows, curves // rows), strict=True)
        ]
        return [dict(zip(others, (r, c), strict=True)) for r in inner[0] for c in inner[1]]
    return [
        dict(zip(others, (int(i) for i in np.unravel_index(flat, shape)), strict=True))
        for flat in chosen
    ]


def _taken(data: xr.DataArray, places: list[dict[str, int]]) -> xr.DataArray:
    indices = {
        dim: xr.DataArray([place[dim] for place in places], dims="place") for dim in places[0]
    }
    taken = in_reach(data).isel(indices)
    return taken.drop_vars([name for name in places[0] if name in taken.coords])


def _parts(values: xr.DataArray) -> list[np.ndarray]:
    numbers = np.asarray(values.values)
    if numbers.dtype.kind == "c":
        return [numbers.real, numbers.imag]
    return [numbers.astype(np.float64)]


def _words(data: xr.DataArray, place: dict[str, int]) -> str:
    words = []
    for dim, index in place.items():
        if dim in data.coords and data.coords[dim].dtype.kind in "iuf":
            at = number_with_units(float(data.coords[dim][index]), units_of(data, dim))
        elif dim in data.coords:
            at = str(data.coords[dim].values[index])
        else:
            at = str(index)
        words.append(f"{dim} = {at}")
    return ", ".join(words)
