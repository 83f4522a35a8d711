"""Trajectories of atoms: their ways through the field, coloured by time."""

import itertools

import numpy as np
import xarray as xr
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from omniscopy.plot.atoms.fields import draw_field, field_size
from omniscopy.plot.contrast import Contrast, colour_map
from omniscopy.plot.images import add_colour_bar
from omniscopy.plot.labels import dim_label
from omniscopy.plot.style import LABEL, TICK, Look, label_axes, new_page, panel_title, style_axes


def is_trajectories(results: xr.Dataset) -> bool:
    """Return whether results are places of tracks in frames."""
    return (
        {"y", "x", "length", "start"} <= {*results.data_vars}
        and results["y"].ndim == 2
        and results["y"].dims[0] == "track"
    )


def trajectories_figure(results: xr.Dataset, look: Look, title: str) -> Figure:
    """Return the ways of all tracks beside how long they are."""
    from matplotlib.colors import Normalize

    results = results.compute()
    results = results.isel(track=np.isfinite(results["length"].values))
    frame = str(results["y"].dims[1])
    width, height = field_size(results.stack(point=("track", frame)), look, look.width)
    page = new_page(width + 2.6, max(height, 3.0))
    left, right = page.figure.subplots(1, 2, width_ratios=[width, 2.4])
    y, x = draw_field(left, results["y"], results["x"], look, page)
    time = (
        results[frame].values.astype(np.float64)
        if frame in results.coords
        else np.arange(y.shape[1], dtype=np.float64)
    )
    segments, times = [], []
    for down, across in zip(y, x, strict=True):
        there = np.flatnonzero(np.isfinite(down) & np.isfinite(across))
        for one, other in itertools.pairwise(there):
            segments.append([(across[one], down[one]), (across[other], down[other])])
            times.append(time[other])
    span = Normalize(time.min(initial=0.0), time.max(initial=1.0))
    drawn = LineCollection(
        segments, array=np.array(times), cmap="viridis", norm=span, linewidths=1.3
    )
    left.add_collection(drawn)
    starts = np.isfinite(y).argmax(axis=1) if y.size else np.empty(0, dtype=int)
    row = np.arange(len(starts))
    left.scatter(x[row, starts], y[row, starts], s=6, color="0.35", linewidth=0, zorder=3)
    units = results[frame].attrs.get("units") if frame in results.coords else None
    contrast = Contrast(colour_map("viridis"), span)
    add_colour_bar(left, drawn, dim_label(results["y"], frame, units), contrast)
    panel_title(left, "from the dots on", size=TICK)
    lengths = results["length"].values
    right.hist(lengths, bins=np.arange(0.5, y.shape[1] + 1.5), color="#56b4e9", edgecolor="white")
    style_axes(right, grid=True)
    label_axes(right, "Frames with the atom", "Trajectories")
    right.xaxis.label.set_fontsize(LABEL - 1)
    page.note(f"{len(lengths)} trajectories")
    return page.finish(title)
