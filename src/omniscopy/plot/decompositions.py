"""Decompositions: each component, where it is, and how much it explains."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from omniscopy.model.dimensions import kind_of_dim
from omniscopy.model.status import Status
from omniscopy.plot.axes import grid_of
from omniscopy.plot.curves import curve_dim, draw_curves
from omniscopy.plot.images import draw_image
from omniscopy.plot.labels import number_with_units
from omniscopy.plot.sampling import sample_curves, sample_plane
from omniscopy.plot.style import (
    COLOURS,
    FAINT,
    TICK,
    Look,
    label_axes,
    new_page,
    panel_title,
    style_axes,
)
from omniscopy.plot.tables import draw_table
from omniscopy.signal import estimate_rank

PARTS = ("components", "loadings")
_SHOWN = 4
_EXPLAINED = "explained_variance_ratio"
# Methods whose components are not orthogonal: what each explains does not add up.
_OVERLAPPING = ("nmf", "cp", "nonnegative_cp")


def is_decomposition(results: xr.Dataset) -> bool:
    """Return whether results are the components and the loadings of a decomposition."""
    return all(
        part in results and "component" in results[part].dims and results[part].ndim > 1
        for part in PARTS
    )


def decomposition_figure(results: xr.Dataset, look: Look, title: str) -> Figure:
    """Return loadings above their components, and below both what each explains."""
    count = min(results.sizes["component"], _SHOWN)
    explained = _EXPLAINED in results
    width = look.width + 1.5
    heights = [height_of(results[part], width / count) for part in ("loadings", "components")]
    heights += [1.5] * explained
    page = new_page(width, sum(heights) + 0.55 * len(heights) + 0.4)
    layout = page.figure.add_gridspec(len(heights), count, height_ratios=heights)
    for number in range(count):
        above = page.figure.add_subplot(layout[0, number])
        page.note(draw_component(above, results["loadings"], number, look))
        panel_title(above, f"loading {name_of_component(results, number)}", size=TICK)
        below = page.figure.add_subplot(layout[1, number])
        page.note(draw_component(below, results["components"], number, look))
        panel_title(below, f"component {name_of_component(results, number)}", size=TICK)
    if explained:
        _draw_scree(page.figure.add_subplot(layout[2, :]), results)
    if results.sizes["component"] > count:
        page.note(f"{count} of {results.sizes['component']} components")
    if "relative_error" in results and results["relative_error"].size == 1:
        left = 100 * float(results["relative_error"])
        page.note(f"{left:.3g} % (root mean square) left by all" if np.isfinite(left) else "")
    page.note(missing_words(results))
    return page.finish(title)


def missing_words(results: xr.Dataset) -> str:
    """Return in words how many samples were left out, empty where none was."""
    if "status" not in results:
        return ""
    status = np.asarray(results["status"].values)
    missing = int((status == Status.NO_DATA).sum())
    stopped = int((status == Status.MAX_STEPS).sum())
    words = [f"{missing} of {status.size} samples without data"] if missing else []
    return "; ".join(words + ["stopped before it ended"] * bool(stopped))


def draw_component(ax: Axes, parts: xr.DataArray, number: int, look: Look) -> str:
    """Draw one component, or one loading, as a picture or as a curve."""
    one = parts.isel(component=number).squeeze()
    one = abs(one) if one.dtype.kind == "c" else one
    # The panel's title says what it is; its small bar has room for the units only.
    one.attrs = {"units": parts.attrs["units"]} if "units" in parts.attrs else {}
    pictures = [str(d) for d in one.dims if kind_of_dim(one, d) in ("spatial", "reciprocal")]
    if one.ndim >= 2:
        kept = pictures[-2:] if len(pictures) >= 2 else [str(dim) for dim in one.dims[-2:]]
        one = one.isel({dim: 0 for dim in one.dims if dim not in kept}).transpose(*kept)
        sample = sample_plane(one, pixels=384)
        draw_image(ax, sample.values.rename(parts.name), look, framed=False, title=str(parts.name))
        return sample.note
    if one.ndim == 0:
        words = number_with_units(float(one), parts.attrs.get("units"))
        draw_table(ax, ["value"], [[words]])
        return ""
    dim = curve_dim(one)
    sample = sample_curves(one, dim)
    draw_curves(ax, sample.values, dim, title=str(parts.name))
    ax.set_ylabel("")
    ax.xaxis.label.set_fontsize(TICK)
    ax.tick_params(labelsize=TICK - 1)
    ax.yaxis.get_offset_text().set_fontsize(TICK - 1)
    return sample.note


def height_of(parts: xr.DataArray, room: float) -> float:
    """Return the height in inches of the panels of components, or of loadings."""
    one = parts.isel(component=0).squeeze()
    if one.ndim < 2:
        return 1.6
    plane = one.isel(dict.fromkeys(one.dims[:-2], 0))
    return float(np.clip((room - 0.6) * grid_of(plane).aspect, 0.8, 3.0))


def _draw_scree(ax: Axes, results: xr.Dataset) -> None:
    """Draw what each component explains, and which ones are more than noise where that is known."""
    ratio = np.asarray(results[_EXPLAINED].values, np.float64).ravel()
    numbers = np.arange(1, ratio.size + 1)
    ax.plot(numbers, ratio, color=COLOURS[0], linewidth=1, zorder=1)
    overlapping = results.attrs.get("method") in _OVERLAPPING
    total = number_with_units(100 * float(np.nansum(ratio)), "%")
    words = "of the sum of squares; parts overlap" if overlapping else f"{total} by all"
    counted = ratio.size
    if "singular_values" in results and results[_EXPLAINED].ndim == 1:
        found = estimate_rank(results)
        bend = int(estimate_rank(results, method="elbow")["rank"])
        counted, level = int(found["rank"]), _part_of(results, float(found["threshold"]))
        if np.isfinite(level):
            ax.axhline(level, color=FAINT, linewidth=0.8, linestyle="--", zorder=0)
            more = " or more" if counted == ratio.size else ""
            words += f"; {counted}{more} above noise (dashed)"
            words += f"; bend after {bend}" if bend < ratio.size else ""
    for part, filled in ((slice(counted), True), (slice(counted, None), False)):
        ax.scatter(
            numbers[part], ratio[part], s=18, edgecolors=COLOURS[0],
            facecolors=COLOURS[0] if filled else "white", zorder=2,
        )  # fmt: skip
    positive = ratio[np.isfinite(ratio) & (ratio > 0)]
    if positive.size and positive.max() / positive.min() > 20:
        ax.set_yscale("log")
    style_axes(ax, grid=True)
    label_axes(ax, "Component", "Part" if overlapping else "Explained variance")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g} %")
    panel_title(ax, words, size=TICK)


def _part_of(results: xr.Dataset, singular: float) -> float:
    """Return what part of the variance a component of this singular value would explain."""
    first = float(results["singular_values"].values.ravel()[0])
    part = float(results[_EXPLAINED].values.ravel()[0])
    return part * (singular / first) ** 2 if first > 0 else np.nan


def name_of_component(results: xr.Dataset | xr.DataArray, number: int) -> str:
    """Return the label of a component, or its number from 1."""
    if "component" not in results.coords:
        return str(number + 1)
    value = results.coords["component"].values[number]
    return str(number + 1) if isinstance(value, np.number | int | float) else str(value)
