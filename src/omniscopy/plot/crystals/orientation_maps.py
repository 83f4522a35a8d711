"""Maps of orientations in the colours of an inverse pole figure, with their key."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from omniscopy.crystal.direction_colours import (
    ColourTriangle,
    colour_triangle,
    colours_of,
    triangle_weights,
)
from omniscopy.model import DataError
from omniscopy.plot.axes import grid_of
from omniscopy.plot.images import frame_picture, picture_size
from omniscopy.plot.labels import PLAIN
from omniscopy.plot.style import INK, TICK, new_page

if TYPE_CHECKING:
    from ase import Atoms

_AXES = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}
_BESIDE, _ABOVE = 2.6, 0.95
_MISSING = 0.79
_FINE, _DOTS = 241, 2000


def orientation_map(
    results: xr.Dataset,
    atoms: "Atoms | str",
    *,
    direction: str | tuple[float, float, float] = "z",
    title: str | None = None,
    width: float = 6.5,
) -> Figure:
    """Draw orientations by the direction of the crystal that lies along one of the microscope.

    Parameters
    ----------
    results : Dataset, shape (y, x)
        With ``matrix``, as of `diffraction.match_orientation`.
    atoms : ase.Atoms or str
        The crystal, or the name of one.
    direction : {"x", "y", "z"} or (x, y, z)
        Of the microscope: x to the right, y upwards, z at the source.
    title : str, optional
        What to write above it.
    width : float
        Of the figure, in inches.

    Returns
    -------
    Figure
        The map, grey where there is no orientation; beside it the key, with a dot for each place
        (of more than 2000 an even selection).

    Raises
    ------
    DataError
        There is no map of matrices, or the direction is none.

    Notes
    -----
    Colours are those of `crystal.direction_colours`, which names the corners of the key; it is
    drawn in stereographic projection.

    Examples
    --------
    >>> import omniscopy as om
    >>> library = om.samples.pattern_library()
    >>> found = om.diffraction.match_orientation(om.samples.orientation_4d(), library)
    >>> figure = om.plot.orientation_map(found, "Al")
    """
    from omniscopy.crystal.structures import structure

    matrix = _require_map(results)
    along = np.asarray(_AXES.get(direction, (0, 0, 0)) if isinstance(direction, str) else direction)
    if along.shape != (3,) or not np.linalg.norm(along) > 0:
        message = f"direction must be 'x', 'y', 'z' or a vector (x, y, z), got {direction!r}"
        raise DataError(message)
    triangle = colour_triangle(structure(atoms) if isinstance(atoms, str) else atoms)
    # Columns of a matrix are axes of the crystal in the microscope: back is by the transpose.
    inside = np.einsum("...rc,r->...c", np.asarray(matrix.values, np.float64), along)
    weights = triangle_weights(triangle, inside)
    plane = matrix.isel(row=0, column=0, drop=True)
    grid = grid_of(plane)
    size = picture_size(grid.aspect, width - _BESIDE)
    page = new_page(size[0] + _BESIDE, max(size[1], 1.6) + _ABOVE)
    left, right = page.figure.subplots(1, 2, width_ratios=[size[0], _BESIDE - 0.6])
    shown = np.where(np.isfinite(weights), colours_of(weights), _MISSING)
    left.imshow(
        shown, extent=grid.extent, interpolation="nearest",
        aspect="equal" if grid.true_aspect else "auto",
    )  # fmt: skip
    frame_picture(left, grid)
    _draw_key(right, triangle, weights.reshape(-1, 3))
    named = direction if isinstance(direction, str) else ", ".join(f"{n:g}" for n in along)
    page.note(f"directions of the crystal along {named}")
    return page.finish("Orientations" if title is None else title)


def _require_map(results: xr.Dataset) -> xr.DataArray:
    matrix = results.get("matrix")
    dims = () if matrix is None else tuple(d for d in matrix.dims if d not in ("row", "column"))
    if matrix is None or {"row", "column"} - set(matrix.dims) or len(dims) != 2:
        message = (
            "orientations are a map of matrices, dimensions (y, x, row, column), as of "
            f"`diffraction.match_orientation`; got {sorted(map(str, results))} of "
            f"{dict(results.sizes)}"
        )
        raise DataError(message)
    return matrix.transpose(*dims, "row", "column")


def _draw_key(ax: Axes, triangle: ColourTriangle, weights: np.ndarray) -> None:
    """Draw the triangle of colours, its corners named, and a dot for each direction."""
    pole, second, third = triangle.corners
    across = second - (second @ pole) * pole
    across /= np.linalg.norm(across)
    up = np.cross(pole, across)
    up = up if third @ up > 0 else -up
    frame = np.stack([across, up, pole])

    def projected(ways: np.ndarray) -> np.ndarray:
        x, y, z = frame @ (ways / np.linalg.norm(ways, axis=-1, keepdims=True)).T
        return np.stack([x, y]) / (1.0 + z)

    steps = np.linspace(0.0, 1.0, 40)[:, None]
    edges = [
        projected((1 - steps) * one + steps * other)
        for one, other in ((pole, second), (second, third), (third, pole))
    ]
    outline = np.concatenate(edges, axis=1)
    low, high = outline.min(axis=1), outline.max(axis=1)
    x, y = np.meshgrid(*(np.linspace(a, b, _FINE) for a, b in zip(low, high, strict=True)))
    square = x**2 + y**2
    ways = np.stack([2 * x, 2 * y, 1 - square], -1) / (1 + square)[..., None] @ frame
    own = np.linalg.solve(triangle.corners.T, ways.reshape(-1, 3).T).T.reshape(ways.shape)
    inside = np.asarray(own.min(axis=-1) >= -1e-9)
    colours = colours_of(np.where(inside[..., None], own.clip(0.0), 1.0))
    ax.imshow(
        np.dstack([colours, inside.astype(float)]), extent=(low[0], high[0], low[1], high[1]),
        origin="lower", aspect="equal",
    )  # fmt: skip
    ax.plot(*outline, color=INK, linewidth=0.7)
    known = weights[np.isfinite(weights).all(axis=1)]
    dots = known[:: max(1, len(known) // _DOTS)]
    across, up = projected(dots @ triangle.corners)
    ax.scatter(across, up, s=2, color=INK, linewidths=0)
    ax.set_axis_off()
    for corner, name, sides in zip(
        triangle.corners, triangle.names, (("right", "top"), ("left", "top"), ("left", "bottom")),
        strict=True,
    ):  # fmt: skip
        x, y = projected(corner[None])[:, 0]
        ax.text(
            x, y, name, ha=sides[0], va=sides[1], fontsize=TICK, color=INK, clip_on=False, **PLAIN
        )
