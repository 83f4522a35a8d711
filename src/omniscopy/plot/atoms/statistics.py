"""Statistics of atoms: how far neighbours are, how many atoms are in columns."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from omniscopy.plot.labels import prefix, with_units
from omniscopy.plot.results import outcome
from omniscopy.plot.style import COLOURS, TICK, Look, label_axes, new_page, panel_title, style_axes

_BARS = {"color": "#9ecae1", "edgecolor": "white", "linewidth": 0.4}


def is_neighbours(results: xr.Dataset) -> bool:
    """Return whether results are distances and directions of neighbours."""
    return {"distance", "angle", "coordination", "index"} <= {*results.data_vars}


def neighbours_figure(results: xr.Dataset, look: Look, title: str) -> Figure:
    """Return how often distances, directions and coordinations are."""
    results = results.compute()
    page = new_page(look.width + 2.0, 2.9)
    axes = page.figure.subplots(1, 3)
    distance = results["distance"]
    values = distance.values[np.isfinite(distance.values)]
    factor, units = prefix(values, distance.attrs.get("units"))
    axes[0].hist(values * factor, bins=80, **_BARS)
    label_axes(axes[0], with_units("distance", units), "Neighbours")
    angle = results["angle"].values
    axes[1].hist(angle[np.isfinite(angle)], bins=np.arange(-180, 181, 4), **_BARS)
    axes[1].set_xticks([-180, -90, 0, 90, 180])
    label_axes(axes[1], "Direction from +x towards +y (°)")
    bonds = results["coordination"].values
    bonds = bonds[np.isfinite(bonds)].astype(int)
    numbers = np.arange(bonds.max(initial=0) + 1)
    axes[2].bar(numbers, np.bincount(bonds, minlength=len(numbers)), **_BARS)
    axes[2].set_xticks(numbers[:: max(1, len(numbers) // 8)])
    label_axes(axes[2], "Coordination", "Atoms")
    for ax in axes:
        style_axes(ax, grid=True)
    page.note(f"{len(bonds)} atoms", outcome(results).replace("fits", "atoms"))
    return page.finish(title)


def is_counted(results: xr.Dataset) -> bool:
    """Return whether results are atoms counted by a mixture of Gaussians."""
    needed = {"intensity", "count", "mean", "weight", "width", "criterion"}
    return needed <= {*results.data_vars} and results["intensity"].ndim == 1


def counted_figure(results: xr.Dataset, look: Look, title: str) -> Figure:
    """Return the intensities with the Gaussians, and the criterion that chose their number."""
    results = results.compute()
    page = new_page(look.width + 1.0, 3.1)
    left, right = page.figure.subplots(1, 2, width_ratios=[0.6, 0.4])
    intensity = results["intensity"]
    values = intensity.values[np.isfinite(intensity.values)]
    factor, units = prefix(values, intensity.attrs.get("units"))
    values = values * factor
    bins = max(10, min(80, int(3 * np.sqrt(values.size))))
    heights, edges, _ = left.hist(values, bins=bins, **_BARS)
    axis = np.linspace(edges[0], edges[-1], 600)
    sigma = float(results["width"]) * factor
    total = np.zeros_like(axis)
    first = int(np.nanmin(results["count"].values)) if np.isfinite(results["count"]).any() else 1
    for number, (mean, weight) in enumerate(
        zip(results["mean"].values * factor, results["weight"].values, strict=True)
    ):
        if not np.isfinite(mean):
            continue
        curve = np.exp(-(((axis - mean) / sigma) ** 2) / 2) / (sigma * np.sqrt(2 * np.pi))
        curve *= weight * values.size * (edges[1] - edges[0])
        total += curve
        left.plot(axis, curve, color=COLOURS[1], linewidth=0.9)
        left.annotate(
            str(number + first), (mean, curve.max()), xytext=(0, 3), textcoords="offset points",
            ha="center", fontsize=TICK, color=COLOURS[1],
        )  # fmt: skip
    left.plot(axis, total, color=COLOURS[0], linewidth=1.2)
    left.set_ylim(0, 1.15 * max(float(heights.max(initial=0.0)), float(total.max()), 1e-9))
    label_axes(left, with_units("intensity", units), "Columns")
    panel_title(left, "mixture, with the number of atoms", size=TICK)
    right.plot(results["component"], results["criterion"], "o-", color=COLOURS[0], markersize=4)
    chosen = float(results["n_components"])
    right.axvline(chosen, color=COLOURS[1], linewidth=0.9)
    label_axes(right, "Gaussians", "Integrated classification likelihood")
    panel_title(right, f"lowest at {chosen:.0f}", size=TICK)
    for ax in (left, right):
        style_axes(ax, grid=True)
    page.note(f"{values.size} columns")
    return page.finish(title)
