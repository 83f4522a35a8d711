"""Results of operations: a panel for every variable, with what is known of its uncertainty."""

import math

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from omniscopy.model.dimensions import dims_of_kind
from omniscopy.plot.axes import grid_of
from omniscopy.plot.curves import curve_dim, draw_curves
from omniscopy.plot.images import draw_image
from omniscopy.plot.labels import in_words, number_with_units, prefix
from omniscopy.plot.points import draw_points, points_size
from omniscopy.plot.sampling import sample_curves, sample_plane
from omniscopy.plot.style import LABEL, TICK, Look, new_page, panel_title
from omniscopy.plot.tables import draw_table

_LARGEST = 12
_COUNTERS = ("status", "steps")
# Figures of merit that few look at.
_LAST = ("degrees_of_freedom", "aic", "bic")
# Variables that say how strong a point is, best first.
_STRENGTH = ("intensity", "amplitude", "height", "prominence", "area", "magnitude")


def variables_of(results: xr.Dataset) -> list[str]:
    """Return the variables that are results themselves: no uncertainties, no outcome codes."""
    return [
        str(name)
        for name, values in results.data_vars.items()
        if not str(name).endswith("_std") and name not in _COUNTERS and values.dtype.kind in "biufc"
    ]


def outcome(results: xr.Dataset) -> str:
    """Return in words how many pixels have an answer, empty where all have."""
    if "status" not in results:
        return ""
    status = np.asarray(results["status"].values)
    converged = int((status == 0).sum())
    if converged == status.size:
        return ""
    return f"{converged} of {status.size} fits converged"


def annotated(words: str, results: xr.Dataset, name: str) -> str:
    """Return the title of one variable with its typical uncertainty and its outcome."""
    spread = _typical_std(results, name) if results[name].size > 1 else ""
    said = "; ".join(
        part for part in (f"± {spread} typically" if spread else "", outcome(results)) if part
    )
    words = in_words(words)
    return f"{words} ({said})" if said else words


def scalars_figure(results: xr.Dataset, look: Look, title: str) -> Figure:
    """Return the table of results that are single numbers."""
    rows = [
        [_called(results, name), _value_text(results, name), _std_text(results, name)]
        for name in variables_of(results)
        if results[name].size == 1
    ]
    head = ["quantity", "value", "± 1 σ"]
    if not any(row[2] for row in rows):
        rows, head = [row[:2] for row in rows], head[:2]
    page = new_page(look.width - 1.5, 0.7 + 0.26 * (len(rows) + 1))
    draw_table(page.figure.subplots(), head, rows)
    return page.finish(title)


def points_result_figure(
    results: xr.Dataset, dim: str, places: tuple[str, str], look: Look, title: str
) -> Figure:
    """Return the scatter of points coloured by how strong they are."""
    strength = strength_of(results, dim, without=places)
    plotted = results[strength] if strength else xr.ones_like(results[places[0]]).rename("points")
    plotted = plotted.assign_coords({name: results[name] for name in places}).compute()
    page = new_page(*points_size(results, places, look))
    page.note(f"{results.sizes[dim]} points", outcome(results))
    draw_points(page.figure.subplots(), plotted, places, look, title=title)
    return page.finish(title)


def strength_of(results: xr.Dataset, dim: str, *, without: tuple[str, ...] = ()) -> str | None:
    """Return the variable that says how strong the points along `dim` are, if any does."""
    found = [
        name
        for name in variables_of(results)
        if results[name].dims == (dim,) and name not in without
    ]
    return next((name for name in _STRENGTH if name in found), found[0] if found else None)


def panels_figure(results: xr.Dataset, look: Look, title: str) -> Figure:
    """Return a map or a curve for every variable."""
    names = [name for name in variables_of(results) if results[name].size > 1]
    names.sort(key=_LAST.__contains__)
    shown = names[:_LARGEST]
    columns = min(len(shown), 1 if _all_curves(results, shown) else 3)
    rows = math.ceil(len(shown) / columns)
    height = _panel_height(results, shown[0], look.width / columns)
    page = new_page(look.width + 1.5 * (columns > 1), rows * (height + 0.75) + 0.4)
    page.note(outcome(results))
    if len(names) > len(shown):
        page.note(f"{len(shown)} of {len(names)} variables")
    axes = np.atleast_1d(page.figure.subplots(rows, columns)).ravel()
    for ax, name in zip(axes, shown, strict=False):
        page.note(_draw_variable(ax, results, name, look))
    for ax in axes[len(shown) :]:
        ax.set_axis_off()
    page.note(_scalars_text(results))
    return page.finish(title)


def _draw_variable(ax: Axes, results: xr.Dataset, name: str, look: Look) -> str:
    values, note = _drawable_part(results[name].squeeze())
    if values.ndim == 2:
        sample = sample_plane(values, pixels=512)
        plane = abs(sample.values) if sample.values.dtype.kind == "c" else sample.values
        draw_image(ax, plane.assign_attrs(values.attrs), look, framed=False, title=name)
    else:
        dim = curve_dim(values)
        sample = sample_curves(values, dim)
        std = results.get(f"{name}_std")
        std = None if std is None or sample.note else std.squeeze().compute()
        draw_curves(ax, sample.values, dim, std=std, title=name)
    ax.set_ylabel(ax.get_ylabel(), fontsize=TICK if values.ndim == 2 else LABEL)
    alone = results.drop_vars("status", errors="ignore")
    panel_title(ax, annotated(_called(results, name), alone, name), size=TICK)
    return "; ".join(part for part in (note, sample.note) if part)


def _drawable_part(values: xr.DataArray) -> tuple[xr.DataArray, str]:
    """Return a plane or a curve of `values`: of further dimensions the first label."""
    if values.ndim <= 1:
        return values, ""
    pictures = dims_of_kind(values, "spatial") + dims_of_kind(values, "reciprocal")
    kept = pictures[-2:] if len(pictures) >= 2 else [str(dim) for dim in values.dims[-2:]]
    dropped = [str(dim) for dim in values.dims if dim not in kept]
    part = values.isel(dict.fromkeys(dropped, 0)).transpose(*kept)
    return part, f"first of {', '.join(dropped)}" if dropped else ""


def _all_curves(results: xr.Dataset, names: list[str]) -> bool:
    return all(results[name].squeeze().ndim == 1 for name in names)


def _panel_height(results: xr.Dataset, name: str, room: float) -> float:
    part, _ = _drawable_part(results[name].squeeze())
    return min((room - 0.9) * grid_of(part).aspect, 4.0) if part.ndim == 2 else 2.0


def _scalars_text(results: xr.Dataset) -> str:
    """Return single numbers that come with maps or curves."""
    scalars = [name for name in variables_of(results) if results[name].size == 1][:3]
    return ", ".join(f"{_called(results, name)}: {_value_text(results, name)}" for name in scalars)


def _value_text(results: xr.Dataset, name: str) -> str:
    return _number(results[name])


def _std_text(results: xr.Dataset, name: str) -> str:
    std = results.get(f"{name}_std")
    if std is None:
        return ""
    if np.iscomplexobj(std):
        return _number(std)
    return _std_beside(float(np.asarray(std.values).reshape(-1)[0]), std, results[name])


def _std_beside(value: float, std: xr.DataArray, measured: xr.DataArray) -> str:
    """Return an uncertainty as text.

    Reciprocal units are those in which what was measured is shown: 400 mm⁻¹ beside 3.6 nm⁻¹
    looks larger.
    """
    units, own = str(std.attrs.get("units")), np.asarray(measured.values)
    if not units.startswith("1/") or units != measured.attrs.get("units"):
        return number_with_units(value, std.attrs.get("units"))
    factor, shown = prefix(own, units, below=1_000)
    return number_with_units(value * factor, shown, kept=True)


def _number(values: xr.DataArray) -> str:
    value = np.asarray(values.values).reshape(-1)[0]
    if isinstance(value, complex | np.complexfloating):
        return f"{value:.4g}"
    return number_with_units(float(value), values.attrs.get("units"))


def _called(results: xr.Dataset, name: str) -> str:
    """Return what a variable is called: its title where it has one, else its name in words."""
    return in_words(str(results[name].attrs.get("long_name") or name))


def _typical_std(results: xr.Dataset, name: str) -> str:
    std = results.get(f"{name}_std")
    if std is None or std.dtype.kind not in "iuf":
        return ""
    values = np.asarray(std.values)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return ""
    return _std_beside(float(np.median(finite)), std, results[name])
