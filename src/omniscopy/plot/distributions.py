"""Histograms of a quantity of grains, and one quantity against another."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from omniscopy.plot.labels import in_words, number_with_units, prefix, with_units
from omniscopy.plot.style import COLOURS, FAINT, Look, label_axes, new_page, style_axes

_CLASSES = {"lower", "upper", "count", "cumulative"}
_PAIR = {"first", "second", "correlation", "slope", "offset"}


def is_distribution(results: xr.Dataset) -> bool:
    """Return whether these are classes of one quantity, with how many are in each."""
    return set(results.data_vars) >= _CLASSES and results["count"].ndim == 1


def is_correlation(results: xr.Dataset) -> bool:
    """Return whether these are pairs of two quantities, and the line through them."""
    return set(results.data_vars) >= _PAIR and results["first"].ndim == 1


def distribution_figure(results: xr.Dataset, look: Look, title: str) -> Figure:
    """Return the figure of a histogram, with the part below as a line."""
    lower, upper = (np.asarray(results[name].values, np.float64) for name in ("lower", "upper"))
    factor, units = prefix(np.concatenate([lower, upper]), results["lower"].attrs.get("units"))
    lower, upper = lower * factor, upper * factor
    page = new_page(look.width * 0.8, look.width * 0.5)
    ax = page.figure.subplots()
    style_axes(ax)
    ax.bar(
        lower, results["count"].values, width=upper - lower, align="edge", color=COLOURS[0],
        edgecolor="white", linewidth=0.6,
    )  # fmt: skip
    label_axes(ax, with_units("value", units), "Count")
    right = ax.twinx()
    style_axes(right)
    right.plot(upper, results["cumulative"].values, color=COLOURS[1], linewidth=1.2)
    right.set_ylim(0.0, 1.05)
    label_axes(right, "", "Part up to here")
    page.note(*_stated(results, ("number", "mean", "standard_deviation", "median")))
    return page.finish(title)


def correlation_figure(results: xr.Dataset, look: Look, title: str) -> Figure:
    """Return the figure of one quantity against another, with the line of least squares."""
    page = new_page(look.width * 0.7, look.width * 0.55)
    ax = page.figure.subplots()
    style_axes(ax, grid=True)
    values, factors, words = [], [], []
    for name in ("first", "second"):
        data = results[name]
        own = np.asarray(data.values, np.float64)
        factor, units = prefix(own, data.attrs.get("units"))
        values.append(own * factor)
        factors.append(factor)
        words.append(with_units(str(data.attrs.get("long_name", name)), units))
    ax.scatter(values[0], values[1], s=16, color=COLOURS[0], alpha=0.8, linewidth=0)
    slope, offset = (float(results[name].values) for name in ("slope", "offset"))
    if np.isfinite(slope):
        ends = np.array([np.nanmin(values[0]), np.nanmax(values[0])])
        line = (slope * ends / factors[0] + offset) * factors[1]
        ax.plot(ends, line, color=FAINT, linewidth=1.0)
    label_axes(ax, *words)
    page.note(*_stated(results, ("number", "correlation", "rank_correlation", "slope")))
    return page.finish(title)


def _stated(results: xr.Dataset, names: tuple[str, ...]) -> list[str]:
    """Return what single numbers say, those that there are."""
    return [
        f"{in_words(name)} "
        + number_with_units(float(results[name].values), results[name].attrs.get("units"))
        for name in names
        if name in results and results[name].ndim == 0
    ]
