"""Atoms coloured by several measures, by the group that they are in, or by their defects."""

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from omniscopy.plot.atoms.fields import dot_size, draw_field, field_size
from omniscopy.plot.contrast import contrast_of
from omniscopy.plot.images import add_colour_bar
from omniscopy.plot.labels import in_words, prefix, with_units
from omniscopy.plot.results import annotated, outcome
from omniscopy.plot.style import COLOURS, FAINT, INK, TICK, Look, Page, new_page, panel_title

_MEASURES = (
    ("strain_yy", "strain_xx", "strain_xy", "rotation"),
    ("order", "orientation", "coordination"),
)
_NOWHERE = "#d0d4d9"
_DEFECTS = {1: ("o", COLOURS[1]), 2: ("P", COLOURS[0]), 3: ("D", COLOURS[2]), 4: ("H", COLOURS[3])}


def measures_of(results: xr.Dataset) -> tuple[str, ...]:
    """Return which measures of atoms are drawn beside each other, none for other results."""
    if not {"y", "x"} <= {*results.data_vars} or results["y"].ndim != 1:
        return ()
    found = (names for names in _MEASURES if {*names} <= {*results.data_vars})
    return next(found, ()) if "label" not in results else ()


def measures_figure(results: xr.Dataset, look: Look, title: str) -> Figure:
    """Return a panel for each measure."""
    results = results.compute()
    names = measures_of(results)
    width, height = field_size(results, look, (look.width + 1.5) / 2)
    rows = -(-len(names) // 2)
    page = new_page(2 * width, rows * height)
    page.note(f"{results['y'].size} atoms", outcome(results).replace("fits", "atoms"))
    axes = np.ravel(page.figure.subplots(rows, 2))
    plain = results.drop_vars("status", errors="ignore")
    for ax, name in zip(axes, names, strict=False):
        _draw_measure(ax, results, name, look, page)
        panel_title(ax, annotated(name, plain, name), size=TICK)
    for ax in axes[len(names) :]:
        ax.set_axis_off()
    return page.finish(title)


def _draw_measure(ax: Axes, results: xr.Dataset, name: str, look: Look, page: Page) -> None:
    values = results[name]
    factor, units = prefix(values.values, values.attrs.get("units"))
    numbers = values.values * factor
    contrast = contrast_of(
        numbers, values, colours=look.colours or (None if name in _MEASURES[0] else "viridis"),
        percentiles=(2.0, 98.0),
    )  # fmt: skip
    y, x = draw_field(ax, results["y"], results["x"], look, page)
    there, size = np.isfinite(numbers), dot_size(len(numbers))
    ax.scatter(x[~there], y[~there], s=size / 3, color=_NOWHERE, linewidth=0)
    drawn = ax.scatter(
        x[there], y[there], c=numbers[there], s=size, cmap=contrast.colours, norm=contrast.scale,
        edgecolor=FAINT, linewidth=0.25,
    )  # fmt: skip
    add_colour_bar(ax, drawn, with_units(in_words(name), units), contrast)


def is_grouped(results: xr.Dataset) -> bool:
    """Return whether atoms with places have labels of groups."""
    needed = {"y", "x", "label", "size"} <= {*results.data_vars}
    return needed and results["label"].ndim == 1 and results["label"].dims == results["y"].dims


def groups_figure(results: xr.Dataset, look: Look, title: str) -> Figure:
    """Return the atoms in the colours of their groups; those on a boundary have a ring."""
    results = results.compute()
    width, height = field_size(results, look, look.width)
    page = new_page(width, height)
    ax = page.figure.subplots()
    y, x = draw_field(ax, results["y"], results["x"], look, page)
    label = results["label"].values.astype(int)
    numbers = np.unique(label[label >= 0])
    size = dot_size(len(label))
    ax.scatter(x[label < 0], y[label < 0], s=size, color=_NOWHERE, linewidth=0)
    for number in numbers:
        own = label == number
        ax.scatter(x[own], y[own], s=size, color=_colour(number), linewidth=0)
    handles = [_dot(_colour(n), f"{n} ({int((label == n).sum())})") for n in numbers[:12]]
    if (label < 0).any():
        handles.append(_dot(_NOWHERE, f"none ({int((label < 0).sum())})"))
    if "boundary" in results:
        edge = results["boundary"].values.astype(bool)
        ax.scatter(x[edge], y[edge], s=1.6 * size, facecolor="none", edgecolor=INK, linewidth=0.7)
        handles.append(_dot("none", f"boundary ({int(edge.sum())})", edge=INK))
    _legend(ax, handles, "group (atoms)")
    page.note(f"{len(label)} atoms", "" if len(numbers) <= 12 else f"{len(numbers)} groups")
    return page.finish(title)


def is_defects(results: xr.Dataset) -> bool:
    """Return whether results are places of defects by kind."""
    return "flag_meanings" in results.get("kind", xr.DataArray()).attrs and results["y"].size > 0


def defects_figure(results: xr.Dataset, look: Look, title: str) -> Figure:
    """Return the defects with a mark for each kind."""
    results = results.compute()
    width, height = field_size(results, look, look.width)
    page = new_page(width, height)
    ax = page.figure.subplots()
    y, x = draw_field(ax, results["y"], results["x"], look, page)
    kind = results["kind"].values
    names = str(results["kind"].attrs["flag_meanings"]).split()
    handles = []
    for number, (mark, colour) in _DEFECTS.items():
        own = kind == number
        if own.any():
            ax.scatter(x[own], y[own], s=70, marker=mark, facecolor="none", edgecolor=colour)
            words = f"{names[number - 1]} ({int(own.sum())})"
            handles.append(_dot("none", words, edge=colour, mark=mark))
    _legend(ax, handles, "defect")
    page.note(f"{len(kind)} defects")
    return page.finish(title)


def _colour(number: int) -> str:
    several = [*COLOURS[:6], *(to_hex(colormaps["tab20"](n)) for n in range(20))]
    return several[int(number) % len(several)]


def _dot(colour: str, words: str, *, edge: str = "none", mark: str = "o") -> Line2D:
    return Line2D(
        [], [], linestyle="none", marker=mark, markerfacecolor=colour, markeredgecolor=edge,
        label=words,
    )  # fmt: skip


def _legend(ax: Axes, handles: list[Line2D], title: str) -> None:
    if handles:
        ax.legend(
            handles=handles, title=title, loc="upper left", bbox_to_anchor=(1.01, 1.0),
            fontsize=TICK - 1, title_fontsize=TICK - 1, frameon=False, borderaxespad=0.0,
        )  # fmt: skip
