"""Holes of images filled from what is around them."""

from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.compute.threads import share_work
from omniscopy.image.topography import like, map_images, require_image, steps_of, used_points
from omniscopy.model import operation, require_choice

Method = Literal["laplace", "biharmonic"]


@operation(example={"image": "surface", "mask": "surface_mask"})
def inpaint(
    image: xr.DataArray,
    mask: xr.DataArray | None = None,
    *,
    method: Method = "laplace",
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Fill the holes of every image from what is around them.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory.
    mask : DataArray of bool, shape (y, x) or (..., y, x)
        True in the holes; where the image is not finite otherwise.
    method : {"laplace", "biharmonic"}
        With the surface of :math:`\nabla^2 z = 0`, as a soap film spans a hole; or of
        :math:`\nabla^4 z = 0`, which goes on with the slope of its surroundings.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray, shape (..., y, x), units of `image`
        Values outside of the holes are as they were. NaN in a hole that has no finite value
        around it.

    Raises
    ------
    DataError
        The image has a single row, or the mask is all of it or does not fit to it.

    Notes
    -----
    "laplace" by successive over-relaxation; nothing flows over the edges of the image.
    "biharmonic" by a sparse solver, for the least sum of
    :math:`z_{yy}^2 + 2 z_{yx}^2 + z_{xx}^2` [1]_. Both with the steps of both coordinates.

    References
    ----------
    .. [1] J. Duchon, *Lecture Notes in Mathematics* 571, 85 (1977).

    Examples
    --------
    >>> import omniscopy as om
    >>> image = om.samples.surface()
    >>> mask = image > 1.0
    >>> bool(om.image.inpaint(image, mask).notnull().all())
    True
    """
    require_choice("method", method, get_args(Method))
    dims = require_image(image, dims)
    outside = used_points(image, mask, "exclude", dims)
    parameters = {"steps": steps_of(image, dims), "method": method}
    return like(map_images(_filled, image, dims, also=outside, parameters=parameters), image)


def _filled(
    values: np.ndarray, finite: np.ndarray, outside: np.ndarray | None = None, *,
    steps: tuple[float, float], method: Method,
) -> np.ndarray:  # fmt: skip
    """Return an image whose holes are filled; points outside of them stay NaN where they are."""
    hole = ~finite if outside is None else ~outside
    return (laplace_surface if method == "laplace" else thin_plate)(values, hole, steps)


def laplace_surface(values: np.ndarray, hole: np.ndarray, steps: tuple[float, float]) -> np.ndarray:
    """Return values whose holes hold the solution of the Laplace equation.

    Parameters
    ----------
    values : array, shape (y, x)
        What is not finite outside of holes is no boundary of them.
    hole : array of bool, shape (y, x)
        Where it is solved.
    steps : (float, float)
        Distances of rows and of columns.
    """
    from scipy import ndimage

    from omniscopy.image.cleaning import relaxation_kernel

    numbers, count = ndimage.label(hole)
    boxes = np.array(
        [(y.start, y.stop, x.start, x.stop) for y, x in ndimage.find_objects(numbers)],
        dtype=np.int64,
    ).reshape(-1, 4)
    numbers = np.where(~hole & ~np.isfinite(values), -1, numbers).astype(np.int32)
    made = np.array(values, dtype=np.float64, order="C")
    part = 16

    def work(begin: int) -> None:
        relaxation_kernel.relax(
            made, numbers, boxes, steps[0] ** -2 * steps[1] ** 2, 1.0, begin,
            min(begin + part, count),
        )  # fmt: skip

    share_work(work, range(0, count, part))
    return made


def thin_plate(values: np.ndarray, hole: np.ndarray, steps: tuple[float, float]) -> np.ndarray:
    r"""Return values whose holes hold the plate of the least bending.

    Parameters
    ----------
    values : array, shape (y, x)
        What is not finite outside of holes bends nothing.
    hole : array of bool, shape (y, x)
        Where the plate is free.
    steps : (float, float)
        Distances of rows and of columns.

    Notes
    -----
    The sum of :math:`z_{yy}^2 + 2 z_{yx}^2 + z_{xx}^2` by differences of neighbours is least;
    where all neighbours are in the image, that is :math:`\nabla^4 z = 0`.
    """
    from scipy import sparse
    from scipy.sparse.linalg import spsolve

    if not hole.any() or not np.isfinite(values[~hole]).any():
        return np.where(hole, np.nan, values)
    number = np.arange(values.size).reshape(values.shape)
    lost = ~hole & ~np.isfinite(values)
    aspect = steps[0] / steps[1]
    rows, columns, factors, count = [], [], [], 0
    for all_places, weights in _bendings(number, aspect):
        # Bendings that touch no hole are what they are; those of missing values are unknown.
        kept = hole.ravel()[all_places].any(axis=0) & ~lost.ravel()[all_places].any(axis=0)
        places = all_places[:, kept]
        rows.append(np.tile(np.arange(count, count + places.shape[1]), len(weights)))
        columns.append(places.ravel())
        factors.append(np.repeat(weights, places.shape[1]))
        count += places.shape[1]
    every: Any = sparse.csc_matrix(
        (np.concatenate(factors), (np.concatenate(rows), np.concatenate(columns))),
        shape=(count, values.size),
    )
    inside = hole.ravel()
    free, fixed = every[:, inside], every[:, ~inside]
    right = -free.T @ (fixed @ np.where(lost, 0.0, values).ravel()[~inside])
    made = np.array(values, dtype=np.float64)
    made[hole] = spsolve((free.T @ free).tocsc(), right)
    return made


def _bendings(number: np.ndarray, aspect: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the points of all second differences and their weights, for steps of this ratio."""
    second = np.array([1.0, -2.0, 1.0])
    twist = np.sqrt(2.0) * np.array([1.0, -1.0, -1.0, 1.0])
    along_y = np.stack([number[:-2], number[1:-1], number[2:]]).reshape(3, -1)
    along_x = np.stack([number[:, :-2], number[:, 1:-1], number[:, 2:]]).reshape(3, -1)
    across = np.stack([number[:-1, :-1], number[1:, :-1], number[:-1, 1:], number[1:, 1:]])
    return [
        (along_y, second / aspect), (along_x, second * aspect), (across.reshape(4, -1), twist),
    ]  # fmt: skip
