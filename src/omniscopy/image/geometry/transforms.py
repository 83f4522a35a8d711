"""Images turned, sheared and stretched."""

from typing import Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.topography import Dims, like, require_image, steps_of
from omniscopy.model import (
    DataError,
    conversion_factor,
    is_unit,
    operation,
    require_choice,
    require_uniform,
    units_of,
)
from omniscopy.signal.precision import single_or_double

Interpolation = Literal["linear", "nearest", "cubic"]
ORDERS = {"nearest": 0, "linear": 1, "cubic": 3}
_MOST = 2**14
Matrix = tuple[tuple[float, float], tuple[float, float]]


@operation(example={"image": "surface", "angle": 20.0})
def rotate(
    image: xr.DataArray,
    angle: float,
    *,
    expand: bool = True,
    interpolation: Interpolation = "linear",
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Turn what every image shows about its middle.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid.
    angle : float, degrees
        From +x towards +y (down in the image).
    expand : bool
        Whether the result is large enough to hold the whole image; it covers the places of
        `image` otherwise.
    interpolation : {"linear", "nearest", "cubic"}
        Between points of the image.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray, shape (..., y, x), units of `image`
        With the steps of `image`. NaN where there is nothing of it.

    Raises
    ------
    DataError
        There is a single row, the angle is not finite, or y and x are not in units that convert.

    Notes
    -----
    What is at :math:`(y, x)` from the middle comes to :math:`(y \cos\vartheta + x
    \sin\vartheta,\; x \cos\vartheta - y \sin\vartheta)`.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.image.rotate(om.samples.surface(), 90.0).sizes["y"] == om.samples.surface().sizes["x"]
    True
    """
    dims = require_image(image, dims)
    if not np.isfinite(angle):
        message = f"angle must be finite, in degrees, got {angle!r}"
        raise DataError(message)
    sine, cosine = np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))
    # Rounding is no turn: a quarter has the places of the pixels again.
    sine, cosine = (float(np.round(each, 15)) for each in (sine, cosine))
    return _moved(
        image, np.array([[cosine, sine], [-sine, cosine]]), np.zeros(2), dims,
        expand=expand, interpolation=interpolation,
    )  # fmt: skip


@operation(example={"image": "surface", "matrix": ((1.0, 0.1), (0.0, 0.9))})
def transform(
    image: xr.DataArray,
    matrix: Matrix,
    *,
    offset: tuple[float, float] = (0.0, 0.0),
    expand: bool = False,
    interpolation: Interpolation = "linear",
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Move what every image shows by an affine map: stretched, sheared, turned and shifted.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid.
    matrix : ((yy, yx), (xy, xx))
        What is at the place r from the middle of the image comes to ``matrix @ r``; (y, x).
    offset : (y, x), units of the coordinates
        How much further it comes.
    expand : bool
        Whether the result is large enough to hold the whole image; it covers the places of
        `image` otherwise.
    interpolation : {"linear", "nearest", "cubic"}
        Between points of the image.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray, shape (..., y, x), units of `image`
        With the steps of `image`. NaN where there is nothing of it.

    Raises
    ------
    DataError
        There is a single row, the matrix is not one of 2 x 2 finite numbers that can be inverted,
        the result would be larger than 16384 points along a side, or y and x are not in units
        that convert.

    Notes
    -----
    Values at missing points are those of the nearest ones before interpolation; a place is NaN
    where the nearest point is missing.

    :math:`z'(m + M (r - m) + o) = z(r)` about the middle m.

    Examples
    --------
    >>> import omniscopy as om
    >>> half = om.image.transform(om.samples.surface(), ((0.5, 0.0), (0.0, 0.5)))
    >>> bool(half.isnull().mean() > 0.7)
    True
    """
    dims = require_image(image, dims)
    map_ = np.asarray(matrix, dtype=np.float64)
    if map_.shape != (2, 2) or not np.isfinite(map_).all() or abs(np.linalg.det(map_)) < 1e-9:
        message = f"matrix must be ((yy, yx), (xy, xx)) that can be inverted, got {matrix!r}"
        raise DataError(message)
    return _moved(
        image, map_, np.asarray(offset, dtype=np.float64), dims, expand=expand,
        interpolation=interpolation,
    )  # fmt: skip


def _moved(
    image: xr.DataArray, matrix: np.ndarray, offset: np.ndarray, dims: Dims, *,
    expand: bool, interpolation: Interpolation,
) -> xr.DataArray:  # fmt: skip
    """Return images moved by a map about their middle, in places along ascending rows and columns.

    `matrix` and `offset` are in the directions of the coordinates.
    """
    require_choice("interpolation", interpolation, get_args(Interpolation))
    steps = np.array(steps_of(image, dims))
    signs = np.sign([require_uniform(image, dim) for dim in dims])
    units = [units_of(image, dim) for dim in dims]
    own = np.ones(2)
    if units[0] != units[1] and all(is_unit(each) for each in units):
        own[1] = conversion_factor(str(units[0]), str(units[1]))
    shape = np.array([image.sizes[dim] for dim in dims])
    # Along the indices, both in the units of the rows.
    map_ = matrix * np.multiply.outer(signs, signs)
    shift = offset / own * signs
    size = shape.copy()
    if expand:
        reach = np.abs(map_) @ (shape * steps)
        size = np.maximum(np.ceil(reach / steps - 1e-6).astype(int), 1)
        if size.max() > _MOST:
            message = f"the result would have {tuple(size)} points; at most {_MOST} along a side"
            raise DataError(message)
    inverse = np.linalg.inv(map_)
    index = np.indices(tuple(int(each) for each in size)).astype(np.float64)
    away = (index - (size[:, None, None] - 1) / 2) * steps[:, None, None]
    if not expand:
        away = away - shift[:, None, None]
    pixels = np.einsum("ij,jyx->iyx", inverse, away) / steps[:, None, None]
    pixels += (shape[:, None, None] - 1) / 2
    renamed = [{dim: int(each) for dim, each in zip(dims, size, strict=True)}]
    # Sizes change: the dimensions of the result are new ones.
    names = {dim: f"{dim}_moved" for dim in dims}
    (made,) = map_signal(
        _sampled, image, dim=dims,
        output_dims=[{names[dim]: count for dim, count in renamed[0].items()}],
        dtypes=[single_or_double(image.dtype)],
        parameters={"pixels": pixels, "order": ORDERS[interpolation]},
    )  # fmt: skip
    made = made.drop_vars([name for name in made.coords if {*dims} & {*made[name].dims}])
    made = made.rename({new: old for old, new in names.items()})
    axes = {}
    for number, dim in enumerate(dims):
        values = image[dim].values.astype(np.float64)
        middle = (values[0] + values[-1]) / 2 + (offset[number] if expand else 0.0)
        step = (values[-1] - values[0]) / (len(values) - 1)
        along = middle + step * (np.arange(size[number]) - (size[number] - 1) / 2)
        axes[dim] = (dim, values if size[number] == len(values) and not expand else along,
                     image[dim].attrs)  # fmt: skip
    return like(made.assign_coords(axes).transpose(*image.dims), image)


def _sampled(block: np.ndarray, *, pixels: np.ndarray, order: int) -> np.ndarray:
    outer = block.shape[:-2]
    made = np.empty((*outer, *pixels.shape[1:]))
    for place in np.ndindex(*outer):
        made[place] = sampled(np.asarray(block[place], dtype=np.float64), pixels, order)
    return made


def sampled(values: np.ndarray, pixels: np.ndarray, order: int) -> np.ndarray:
    """Return an image at fractions of pixels, shape (2, ...); NaN outside and at missing points."""
    from scipy import ndimage

    size = np.array(values.shape)[(slice(None), *[None] * (pixels.ndim - 1))]
    # An image reaches half a pixel beyond its outer points.
    outside = np.any((pixels < -0.5 - 1e-9) | (pixels > size - 0.5 + 1e-9), axis=0)
    pixels = np.clip(pixels, 0, size - 1)
    known = np.isfinite(values)
    if not known.any():
        return np.full(pixels.shape[1:], np.nan)
    if not known.all():
        nearest = ndimage.distance_transform_edt(
            ~known, return_distances=False, return_indices=True
        )
        values = values[tuple(nearest)]
        outside |= ~known[tuple(np.rint(pixels).astype(int))]
    found = ndimage.map_coordinates(values, pixels, order=order, mode="nearest")
    return np.where(outside, np.nan, found)
