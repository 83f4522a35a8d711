"""Patches of an image about atoms."""

from typing import Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.atoms.finding.images import Grid, factor_to, grid_of
from omniscopy.atoms.tables import ATOM
from omniscopy.compute import map_signal
from omniscopy.image.topography import like
from omniscopy.image.windows.sliding import window_dims, window_shape
from omniscopy.model import coordinate, operation, require_choice, units_of
from omniscopy.signal.precision import single_or_double

Interpolation = Literal["nearest", "linear", "cubic"]
_ORDERS = {"nearest": 0, "linear": 1, "cubic": 3}


@operation(example={"image": "atom_image", "positions": "column_positions", "size": 0.4})
def patches(
    image: xr.DataArray,
    positions: xr.Dataset,
    size: float | tuple[float, float],
    *,
    interpolation: Interpolation = "cubic",
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    """Cut a patch about every atom out of an image, with the atom in its middle.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid.
    positions : Dataset, shape (..., atom), units of the coordinates
        ``y`` and ``x``, such as `find_atoms` or `refine_atoms` give.
    size : float or (float, float), units of the coordinates
        Of the patches along y and x, rounded to an odd number of pixels.
    interpolation : {"cubic", "linear", "nearest"}
        Between pixels, so that atoms are in the middle to a part of a pixel; "nearest" moves
        nothing: values are those that were measured, about the nearest pixel.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray, shape (..., atom, window_y, window_x), units of `image`
        ``window_y`` and ``window_x`` are 0 at the atom. NaN beyond the edges of the image, near
        pixels that are missing, and for atoms without a position.

    Raises
    ------
    DataError
        The size has fewer than 2 pixels or is larger than the image, or positions are no table
        or in other units.

    Examples
    --------
    >>> import omniscopy as om
    >>> image = om.samples.atom_image()
    >>> om.atoms.patches(image, om.atoms.find_atoms(image), 0.4).dims
    ('atom', 'window_y', 'window_x')
    """
    grid = grid_of(image, dims)
    require_choice("interpolation", interpolation, get_args(Interpolation))
    factor = factor_to(positions, grid)
    inner = window_dims(image, grid.dims)
    half = [width // 2 for width in window_shape(image, size, grid.dims)]
    sizes = dict(zip(inner, (2 * n + 1 for n in half), strict=True))
    count = positions.sizes[ATOM]
    kind = np.dtype(single_or_double(image.dtype))
    (made,) = map_signal(
        _cut, image, dim=grid.dims, also=[positions["y"] * factor, positions["x"] * factor],
        whole=[ATOM], output_dims=[{ATOM: count, **sizes}], dtypes=[kind],
        parameters={"grid": grid, "half": half, "order": _ORDERS[interpolation], "kind": kind},
    )  # fmt: skip
    coords = {
        name: coordinate(
            name, grid.step[axis] * np.arange(-half[axis], half[axis] + 1),
            units_of(image, grid.dims[axis]), kind="spatial", role="signal", quantity="length",
        )
        for axis, name in enumerate(inner)
    }  # fmt: skip
    numbers = coordinate(ATOM, np.arange(count), "1")
    if ATOM in positions.coords:
        numbers = positions.coords[ATOM].variable
    return like(made.assign_coords({**coords, ATOM: numbers}), image).assign_attrs(
        signal_type="image_stack"
    )


def _cut(
    block: np.ndarray, y: np.ndarray, x: np.ndarray, *, grid: Grid, half: list[int], order: int,
    kind: np.dtype[np.floating],
) -> np.ndarray:  # fmt: skip
    """Return the patches of every image of a block."""
    from scipy.ndimage import map_coordinates

    outer = np.broadcast_shapes(block.shape[:-2], y.shape[:-1])
    images = np.broadcast_to(block, (*outer, *block.shape[-2:]))
    places = np.broadcast_to(np.stack([y, x], axis=-1), (*outer, y.shape[-1], 2))
    offsets = [np.arange(-n, n + 1) for n in half]
    made = np.full((*outer, y.shape[-1], *(len(each) for each in offsets)), np.nan, kind)
    for each in np.ndindex(*outer):
        known = np.flatnonzero(np.isfinite(places[each]).all(axis=1))
        rows, columns = (grid.rows(places[each][known, axis], axis) for axis in (0, 1))
        if order == 0:
            rows, columns = np.rint(rows), np.rint(columns)
        at = np.broadcast_arrays(
            rows[:, None, None] + offsets[0][:, None], columns[:, None, None] + offsets[1]
        )
        image = np.asarray(images[each], np.float64)
        finite = np.isfinite(image)
        # A spline of all values would carry a missing one over the whole image.
        whole = image if finite.all() else np.where(finite, image, _mean_of(image[finite]))
        cut = map_coordinates(whole, at, order=order, mode="constant", cval=np.nan)
        if not finite.all():
            lost = map_coordinates((~finite).astype(np.float64), at, order=min(order, 1), cval=1.0)
            cut[lost > 0] = np.nan
        made[(*each, known)] = cut
    return made


def _mean_of(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else 0.0
