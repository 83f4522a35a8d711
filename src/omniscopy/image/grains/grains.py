"""Grains: regions of an image that stand out, numbered."""

from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.image.grains.masks import border_numbers, otsu_threshold
from omniscopy.image.topography import (
    Dims,
    Masking,
    map_images,
    require_image,
    require_positive_length,
    steps_of,
    used_points,
)
from omniscopy.model import DataError, labelled, operation, require_choice

Method = Literal["threshold", "watershed"]
Side = Literal["above", "below"]


@operation(example={"image": "grainy_surface"})
def find_grains(  # noqa: PLR0913 - each is a limit
    image: xr.DataArray,
    method: Method = "threshold",
    *,
    threshold: float | Literal["otsu"] = "otsu",
    side: Side = "above",
    min_distance: float | None = None,
    min_area: float | None = None,
    max_area: float | None = None,
    remove_border: bool = False,
    fill: bool = False,
    mask: xr.DataArray | None = None,
    masking: Masking = "exclude",
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Find the grains of every image and number them.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory; levelled. A mask (true and false) is taken as it is.
    method : {"threshold", "watershed"}
        Connected points beyond the threshold, diagonals included; or these parted at the
        valleys between their tops [1]_.
    threshold : float or "otsu"
        In units of `image`; "otsu" parts each image into the two classes that differ most.
    side : {"above", "below"}
        Hills or pits.
    min_distance : float, units of the coordinates
        Of two tops that part a grain ("watershed"); 5 pixels otherwise.
    min_area, max_area : float, units of the coordinates squared
        Smaller and larger grains are left out.
    remove_border : bool
        Leave out grains that touch the edges of the image.
    fill : bool
        Holes belong to the grain that encloses them.
    mask : DataArray of bool, shape (y, x) or (..., y, x)
        Points that are left out, or the only ones that count (`masking`).
    masking : {"exclude", "include"}
        What the mask marks.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray of int, shape (..., y, x), 1
        The number of the grain from 1 on, in the order of their first points by rows; 0
        outside. All 0 where an image is of one value.

    Raises
    ------
    DataError
        The image has a single row, the mask leaves no point, or an area or distance is not
        above 0.

    References
    ----------
    .. [1] S. Beucher and C. Lantuéjoul, *Int. Workshop on Image Processing*, Rennes (1979).

    Examples
    --------
    >>> import omniscopy as om
    >>> int(om.image.find_grains(om.samples.grainy_surface()).max())
    12
    """
    require_choice("method", method, get_args(Method))
    require_choice("side", side, get_args(Side))
    if isinstance(threshold, str):
        require_choice("threshold", threshold, ("otsu",))
    dims = require_image(image, dims)
    used = used_points(image, mask, masking, dims)
    steps = steps_of(image, dims)
    distance = 5.0 * max(steps)
    if min_distance is not None:
        distance = require_positive_length("min_distance", min_distance)
    parameters = {
        "threshold": 0.5 if image.dtype.kind == "b" else threshold, "above": side == "above",
        "split": method == "watershed", "distance": distance, "fill": fill, "steps": steps,
        "areas": _areas(min_area, max_area), "remove_border": remove_border,
    }  # fmt: skip
    found = map_images(_grains, image, dims, used=used, dtype=np.int32, parameters=parameters)
    return as_grains(found)


@operation(example={"grains": "grains", "remove_border": True})
def select_grains(
    grains: xr.DataArray,
    *,
    min_area: float | None = None,
    max_area: float | None = None,
    remove_border: bool = False,
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    """Keep the grains of some sizes, or those that lie inside, and number them anew.

    Parameters
    ----------
    grains : DataArray of int, shape (..., y, x)
        Numbers of grains, such as `find_grains` gives.
    min_area, max_area : float, units of the coordinates squared
        Smaller and larger grains are left out.
    remove_border : bool
        Leave out grains that touch the edges of the image.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray of int, shape (..., y, x), 1
        Numbered from 1 on in the same order; 0 outside.

    Raises
    ------
    DataError
        The image has a single row, or an area is not above 0.

    Examples
    --------
    >>> import omniscopy as om
    >>> inside = om.image.select_grains(om.samples.grains(), remove_border=True)
    >>> int(inside.max()) <= int(om.samples.grains().max())
    True
    """
    dims = require_image(grains, dims)
    parameters = {
        "areas": _areas(min_area, max_area), "remove_border": remove_border,
        "pixel": float(np.prod(steps_of(grains, dims))),
    }  # fmt: skip
    return as_grains(map_images(_selected, grains, dims, dtype=np.int32, parameters=parameters))


def as_grains(numbers: xr.DataArray) -> xr.DataArray:
    """Return numbers with the description of grains."""
    return labelled(numbers, units="1", long_name="Grains", quantity="grain")


def require_grains(grains: xr.DataArray, image: xr.DataArray, dims: Dims) -> xr.DataArray:
    """Return the numbers of grains on the places of an image."""
    if grains.dtype.kind not in "biuf":
        message = f"grains must be numbered, got {grains.dtype}; `find_grains` does so"
        raise DataError(message)
    used_points(image, grains.notnull(), "include", dims)
    return grains.drop_vars(list(grains.coords))


def _areas(low: float | None, high: float | None) -> tuple[float, float]:
    found = (0.0 if low is None else low, np.inf if high is None else high)
    if not 0 <= found[0] < found[1]:
        message = f"expected 0 <= min_area < max_area, got {low!r} and {high!r}"
        raise DataError(message)
    return found


def _grains(  # noqa: PLR0913
    values: np.ndarray, used: np.ndarray, *, threshold: float | str, above: bool, split: bool,
    distance: float, fill: bool, steps: tuple[float, float], areas: tuple[float, float],
    remove_border: bool,
) -> np.ndarray:  # fmt: skip
    """Return the numbers of the grains of one image."""
    from scipy import ndimage

    level = otsu_threshold(values[used]) if isinstance(threshold, str) else threshold
    with np.errstate(invalid="ignore"):
        inside = used & (values > level if above else values < level)
    if fill:
        inside = np.asarray(ndimage.binary_fill_holes(inside))
    if split:
        heights = np.where(inside, values if above else -values, -np.inf)
        numbers = _parted(heights, inside, distance, steps)
    else:
        numbers, _ = ndimage.label(inside, structure=np.ones((3, 3)))
    pixel = steps[0] * steps[1]
    return _selected(
        np.asarray(numbers), used, areas=areas, remove_border=remove_border, pixel=pixel
    )


def _parted(
    heights: np.ndarray, inside: np.ndarray, distance: float, steps: tuple[float, float]
) -> np.ndarray:
    """Return the numbers of the hills of an image, parted at the valleys between them."""
    from scipy import ndimage
    from skimage.feature import peak_local_max
    from skimage.segmentation import watershed

    pixels = max(1, round(distance / max(steps)))
    finite: Any = heights[inside]
    if not finite.size:
        return np.zeros(heights.shape, dtype=np.int32)
    filled = np.where(inside & np.isfinite(heights), heights, finite[np.isfinite(finite)].min() - 1)
    smooth = ndimage.gaussian_filter(filled, pixels / 4.0)
    regions, _ = ndimage.label(inside, structure=np.ones((3, 3)))
    tops = peak_local_max(  # type: ignore[no-untyped-call]
        smooth, min_distance=pixels, labels=regions, exclude_border=False
    )
    markers = np.zeros(heights.shape, dtype=np.int32)
    markers[tuple(tops.T)] = np.arange(1, len(tops) + 1)
    return np.asarray(
        watershed(-smooth, markers, mask=inside, connectivity=2)  # type: ignore[no-untyped-call]
    )


def _selected(
    values: np.ndarray, _used: np.ndarray, *, areas: tuple[float, float], remove_border: bool,
    pixel: float,
) -> np.ndarray:  # fmt: skip
    """Return grains of some sizes, numbered by their first points."""
    numbers = np.where(np.isfinite(values), values, 0).astype(np.int64)
    numbers[numbers < 0] = 0
    count = np.bincount(numbers.ravel())
    size = count * pixel
    kept = (count > 0) & (size >= areas[0] * (1 - 1e-9)) & (size <= areas[1] * (1 + 1e-9))
    kept[0] = False
    if remove_border:
        kept[border_numbers(numbers)] = False
    first = np.full(len(count), numbers.size)
    places = np.flatnonzero(numbers)
    first[numbers.ravel()[places[::-1]]] = places[::-1]  # the one that is written last stays
    order = np.flatnonzero(kept)[np.argsort(first[kept], kind="stable")]
    new = np.zeros(len(count), dtype=np.int32)
    new[order] = np.arange(1, len(order) + 1)
    return new[numbers]
