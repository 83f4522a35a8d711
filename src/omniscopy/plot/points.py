"""Values at points that are not a grid."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from omniscopy.model.dimensions import kind_of_dim
from omniscopy.model.units import conversion_factor
from omniscopy.model.vocabulary import kind_of
from omniscopy.plot.axes import grid_of
from omniscopy.plot.contrast import contrast_of
from omniscopy.plot.curves import draw_curves
from omniscopy.plot.images import add_colour_bar, picture_size
from omniscopy.plot.labels import prefix, value_words, with_units
from omniscopy.plot.sampling import POINTS, sample_means, thin
from omniscopy.plot.scale_bars import scale_bar
from omniscopy.plot.style import Look, label_axes, new_page, panel_title, style_axes

PLANES = (("y", "x"), ("ky", "kx"))


def places_of(data: xr.DataArray | xr.Dataset, dim: str) -> tuple[str, str] | None:
    """Return the names of the coordinates, or variables, that say where the points of `dim` are."""
    for rows, columns in PLANES:
        there = [
            name in data.coords or (isinstance(data, xr.Dataset) and name in data)
            for name in (rows, columns)
        ]
        if all(there) and data[rows].dims == (dim,) == data[columns].dims:
            return rows, columns
    return None


def point_dim(data: xr.DataArray | xr.Dataset) -> str | None:
    """Return the dimension of points, `None` where there is none."""
    return next((str(dim) for dim in data.dims if kind_of_dim(data, dim) == "point"), None)


def without_blanks(results: xr.Dataset, dim: str) -> xr.Dataset:
    """Return the points that have any value: tables of fixed length end in blanks."""
    known = [
        np.isfinite(np.asarray(values.values))
        for values in results.data_vars.values()
        if values.dims == (dim,) and values.dtype.kind == "f"
    ]
    return results.isel({dim: np.any(known, axis=0)}) if known else results


def points_figure(data: xr.DataArray, look: Look, title: str) -> Figure:
    """Return the scatter of points coloured by value, beside the mean curve if there is one."""
    dim = point_dim(data)
    places = places_of(data, dim) if dim else None
    if dim is None or places is None:
        message = "the points have no coordinates to be drawn at"
        raise ValueError(message)
    step = -(-data.sizes[dim] // POINTS)
    taken = data.isel({dim: slice(None, None, step)})
    others = [str(other) for other in data.dims if other != dim]
    notes = [f"every {step}th point"] if step > 1 else []
    if not others:
        page = new_page(*points_size(taken, places, look))
        draw_points(page.figure.subplots(), thin(taken, {}).values, places, look, title=title)
    else:
        curve = max(others, key=lambda other: data.sizes[other])
        over = [str(other) for other in data.dims if other != curve]
        mean_points, mean_curve = sample_means(taken, others, over)
        notes += [mean_points.note, mean_curve.note]
        page = new_page(look.width + 1.6, 4.2)
        left, right = page.figure.subplots(1, 2)
        draw_points(left, mean_points.values, places, look, title=title)
        panel_title(left, "mean at each point")
        draw_curves(right, mean_curve.values, curve, title=title)
        panel_title(right, "mean over the points")
    page.note(*notes)
    return page.finish(title)


def points_size(
    data: xr.DataArray | xr.Dataset, places: tuple[str, str], look: Look
) -> tuple[float, float]:
    """Return width and height in inches of a scatter of true aspect."""
    rows, columns = places
    aspect = grid_of(_bounding_plane(data[rows], data[columns])).aspect
    width, height = picture_size(aspect, look.width - 2.6)
    return width + 1.75, height + 0.95


def draw_points(
    ax: Axes, data: xr.DataArray, places: tuple[str, str], look: Look, *, title: str = ""
) -> None:
    """Scatter values that are in memory over their places, row 0 on top."""
    values = np.asarray(data.values)
    values = np.abs(values) if values.dtype.kind == "c" else values.astype(np.float64)
    factor, units = prefix(values, data.attrs.get("units"))
    # Grey points would be lost on the white page.
    colours = look.colours or "viridis"
    contrast = contrast_of(values * factor, data, colours=colours, percentiles=look.percentiles)
    rows, columns = places
    y, x = frame_points(ax, data[rows], data[columns])
    size = float(np.clip(9000 / max(values.size, 1), 2, 42))
    finite = np.isfinite(values)
    ax.scatter(x[~finite], y[~finite], s=size, color=contrast.colours.get_bad(), linewidth=0)
    drawn = ax.scatter(
        x[finite], y[finite], c=(values * factor)[finite], s=size, linewidth=0,
        cmap=contrast.colours, norm=contrast.scale,
    )  # fmt: skip
    add_colour_bar(ax, drawn, with_units(value_words(data, title=title), units), contrast)


def frame_points(
    ax: Axes, rows: xr.DataArray, columns: xr.DataArray
) -> tuple[np.ndarray, np.ndarray]:
    """Give axes the field of points, row 0 on top; return their places in its units."""
    grid = grid_of(_bounding_plane(rows, columns))
    left, right = grid.columns.positions[[0, -1]]
    top, bottom = grid.rows.positions[[0, -1]]
    margin = 0.04
    ax.set_xlim(left - margin * (right - left), right + margin * (right - left))
    ax.set_ylim(bottom + margin * (bottom - top), top - margin * (bottom - top))
    ax.set_aspect("equal" if grid.true_aspect else "auto")
    style_axes(ax)
    label_axes(ax, grid.columns.label, grid.rows.label)
    if grid.true_aspect and grid.columns.units not in (None, "1"):
        scale_bar(ax, grid.columns.units, colour="black")
    return _rescaled(rows, grid.rows.units), _rescaled(columns, grid.columns.units)


def _bounding_plane(rows: xr.DataArray, columns: xr.DataArray) -> xr.DataArray:
    """Return a plane of which the coordinates span the points.

    In reciprocal space it is a square about the origin.
    """
    sides = {str(rows.name): _ends(rows), str(columns.name): _ends(columns)}
    if kind_of(str(rows.name)) == "reciprocal":
        most = max(abs(end) for ends in sides.values() for end in ends)
        sides = dict.fromkeys(sides, (-most, most))
    coords = {
        name: (name, list(ends), dict(places.attrs))
        for (name, ends), places in zip(sides.items(), (rows, columns), strict=True)
    }
    return xr.DataArray(np.zeros((2, 2)), dims=tuple(coords), coords=coords)


def _ends(places: xr.DataArray) -> tuple[float, float]:
    values = np.asarray(places.values, np.float64)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return low, high if high > low else low + 1.0


def _rescaled(places: xr.DataArray, units: str | None) -> np.ndarray:
    """Return places in the units of the axis that shows them."""
    values = np.asarray(places.values, np.float64)
    own = places.attrs.get("units")
    return values if own is None or units in (None, own) else values * conversion_factor(own, units)
