"""Bonds: lines between atoms, coloured by length."""

import numpy as np
import xarray as xr
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from omniscopy.plot.atoms.fields import draw_field, field_size
from omniscopy.plot.contrast import contrast_of
from omniscopy.plot.images import add_colour_bar
from omniscopy.plot.labels import prefix, with_units
from omniscopy.plot.style import Look, new_page


def is_bonds(results: xr.Dataset) -> bool:
    """Return whether results are bonds with their middles, lengths and angles."""
    needed = {"y", "x", "length", "angle", "first", "second"}
    if not needed <= {*results.data_vars}:
        return False
    return results["length"].ndim == 1 and results["length"].size > 0


def bonds_figure(results: xr.Dataset, look: Look, title: str) -> Figure:
    """Return the bonds as lines in the colours of their lengths."""
    results = results.compute().dropna("bond")
    page = new_page(*field_size(results, look, look.width))
    ax = page.figure.subplots()
    y, x = draw_field(ax, results["y"], results["x"], look, page)
    length = results["length"].values
    # The axes may be in other units than the table.
    scale = np.ptp(x) / np.ptp(results["x"].values) if np.ptp(x) else 1.0
    half = length * scale / 2
    angle = np.radians(results["angle"].values)
    away = np.stack([half * np.cos(angle), half * np.sin(angle)], axis=-1)
    middle = np.stack([x, y], axis=-1)
    factor, units = prefix(length, results["length"].attrs.get("units"))
    contrast = contrast_of(
        length * factor, results["length"], colours=look.colours or "coolwarm",
        percentiles=(2.0, 98.0),
    )  # fmt: skip
    drawn = LineCollection(
        list(np.stack([middle - away, middle + away], axis=1)), array=length * factor,
        cmap=contrast.colours, norm=contrast.scale,
        linewidths=float(np.clip(40 / np.sqrt(max(len(x), 1)), 0.8, 3.0)),
    )  # fmt: skip
    ax.add_collection(drawn)
    add_colour_bar(ax, drawn, with_units("length", units), contrast)
    page.note(f"{len(x)} bonds")
    return page.finish(title)
