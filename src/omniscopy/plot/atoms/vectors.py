"""Vectors at atoms: displacements with their lengths and directions."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from omniscopy.plot.atoms.fields import draw_field, field_size
from omniscopy.plot.contrast import Contrast, colour_map, contrast_of
from omniscopy.plot.images import add_colour_bar
from omniscopy.plot.labels import number_with_units, prefix, with_units
from omniscopy.plot.results import outcome
from omniscopy.plot.style import TICK, Look, new_page, panel_title

_COMPONENTS = ("displacement_y", "displacement_x")


def is_vectors(results: xr.Dataset) -> bool:
    """Return whether results are displacements at the places of atoms."""
    return {"y", "x", *_COMPONENTS} <= {*results.data_vars} and results["displacement_y"].ndim == 1


def vectors_figure(results: xr.Dataset, look: Look, title: str) -> Figure:
    """Return arrows coloured by length, and by direction; longer than they are."""
    from matplotlib.colors import Normalize

    results = results.compute()
    down, across = (results[name].values for name in _COMPONENTS)
    there = np.isfinite(down) & np.isfinite(across)
    results = results.isel({str(results["y"].dims[0]): there})
    down, across = down[there], across[there]
    width, height = field_size(results, look, (look.width + 1.5) / 2)
    page = new_page(2 * width, height)
    length = np.hypot(down, across)
    units = results["displacement_y"].attrs.get("units")
    factor, shown = prefix(length, units)
    contrast = contrast_of(
        length * factor, results["displacement_y"], colours="viridis", percentiles=look.percentiles
    )
    turning = Contrast(colour_map("twilight"), Normalize(-180.0, 180.0))
    angle = np.degrees(np.arctan2(down, across))
    for ax, values, chosen, words in zip(
        page.figure.subplots(1, 2), (length * factor, angle), (contrast, turning),
        (with_units("displacement", shown), "Direction from +x towards +y (°)"), strict=True,
    ):  # fmt: skip
        y, x = draw_field(ax, results["y"], results["x"], look, page)
        # The longest arrow is as long as atoms are apart: drawn in place, row 0 on top.
        apart = np.sqrt(max(np.ptp(y) * np.ptp(x), 1e-300) / max(len(y), 1))
        longest = float(np.percentile(length, 95)) if len(length) else 1.0
        scale = apart / longest if longest > 0 else 1.0
        drawn = ax.quiver(
            x, y, across * scale, down * scale, values, angles="xy", scale_units="xy", scale=1.0,
            pivot="mid", cmap=chosen.colours, norm=chosen.scale, width=0.006,
        )  # fmt: skip
        add_colour_bar(ax, drawn, words, chosen)
        panel_title(ax, words.partition(" (")[0].partition(" from")[0].lower(), size=TICK)
    mean = np.hypot(down.mean(), across.mean()) if len(down) else np.nan
    page.note(
        f"{len(length)} arrows, not to scale", outcome(results).replace("fits", "atoms"),
        f"mean displacement {number_with_units(float(mean), units)}",
    )  # fmt: skip
    return page.finish(title)
