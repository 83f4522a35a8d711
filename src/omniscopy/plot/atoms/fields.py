"""The field of view that atoms are drawn in: over their image where there is one."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from omniscopy.plot.axes import grid_of
from omniscopy.plot.images import draw_image, picture_size
from omniscopy.plot.marks import background_for, positions_in
from omniscopy.plot.points import frame_points, points_size
from omniscopy.plot.sampling import sample_plane
from omniscopy.plot.style import Look, Page

PLACES = ("y", "x")


def field_size(results: xr.Dataset, look: Look, width: float) -> tuple[float, float]:
    """Return width and height in inches of a panel that is at most `width` wide."""
    over = background_for(look, PLACES)
    if over is not None:
        aspect = grid_of(over).aspect
        wide, high = picture_size(aspect, width - 1.75)
        return wide + 1.75, high + 0.95
    return points_size(results, PLACES, Look(width=width + 0.85))


def draw_field(
    ax: Axes, rows: xr.DataArray, columns: xr.DataArray, look: Look, page: Page
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the image below atoms, or empty axes; return their places in its units.

    `rows` and `columns` may have any dimensions, such as those of corners.
    """
    over = background_for(look, PLACES)
    if over is None:
        flat = (each.values.ravel() for each in (rows, columns))
        y, x = (
            xr.DataArray(values, dims="point", name=name, attrs=dict(each.attrs))
            for values, name, each in zip(flat, PLACES, (rows, columns), strict=True)
        )
        placed = frame_points(ax, y, x)
        return placed[0].reshape(rows.shape), placed[1].reshape(columns.shape)
    sample = sample_plane(over)
    page.note(sample.note)
    draw_image(ax, sample.values, look, colour_bar=False)
    grid = grid_of(sample.values)
    return positions_in(rows, grid.rows.units), positions_in(columns, grid.columns.units)


def dot_size(count: int) -> float:
    """Return the area of the dots of so many atoms."""
    return float(np.clip(9000 / max(count, 1), 2, 42))
