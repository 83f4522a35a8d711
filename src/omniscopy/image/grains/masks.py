"""Masks: which points of an image stand out, and what is made of them."""

from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.image.levelling.levelling import mean_of
from omniscopy.image.topography import (
    Masking,
    as_mask,
    map_images,
    marked,
    require_image,
    require_positive_length,
    steps_of,
    used_points,
)
from omniscopy.model import DataError, operation, require_choice, require_plane

Of = Literal["height", "slope", "curvature"]
Side = Literal["above", "below"]
Change = Literal[
    "grow", "shrink", "open", "close", "fill", "edge", "invert", "remove_border"
]  # fmt: skip
Logic = Literal["and", "or", "xor", "not"]
# Of the histogram that is parted.
_BINS = 1024
_BY_LENGTH = ("grow", "shrink", "open", "close")


@operation(example={"image": "surface", "threshold": "otsu"})
def mask_by_threshold(
    image: xr.DataArray,
    threshold: float | Literal["otsu"] = "otsu",
    *,
    of: Of = "height",
    side: Side = "above",
    mask: xr.DataArray | None = None,
    masking: Masking = "exclude",
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Mark the points of every image whose height, slope or curvature passes a threshold.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory.
    threshold : float or "otsu"
        In units of `image`, of those over units of the rows (slope) or over their square
        (curvature); "otsu" parts each image into the two classes that differ most [1]_.
    of : {"height", "slope", "curvature"}
        The value, the modulus of its gradient, or minus its Laplacian, which is positive on
        hills.
    side : {"above", "below"}
        Which side of the threshold is marked.
    mask : DataArray of bool, shape (y, x) or (..., y, x)
        Points that are left out, or the only ones that count (`masking`): no other is marked.
    masking : {"exclude", "include"}
        What the mask marks.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray of bool, shape (..., y, x), 1
        False where the value is NaN. Slope and curvature by central differences, one-sided at
        the edges (slope) or with the edge continued (curvature).

    Raises
    ------
    DataError
        The image has a single row, the mask leaves no point, or y and x are not in units that
        convert (slope, curvature).

    References
    ----------
    .. [1] N. Otsu, *IEEE Trans. Syst. Man Cybern.* 9, 62 (1979).

    Examples
    --------
    >>> import omniscopy as om
    >>> steep = om.image.mask_by_threshold(om.samples.surface(), of="slope")
    >>> steep.dtype
    dtype('bool')
    """
    require_choice("of", of, get_args(Of))
    require_choice("side", side, get_args(Side))
    dims = require_image(image, dims)
    used = used_points(image, mask, masking, dims)
    if isinstance(threshold, str):
        require_choice("threshold", threshold, ("otsu",))
    elif not np.isfinite(threshold):
        message = f"threshold must be finite, got {threshold!r}"
        raise DataError(message)
    steps = (1.0, 1.0) if of == "height" else steps_of(image, dims)
    parameters = {"threshold": threshold, "of": of, "above": side == "above", "steps": steps}
    found = map_images(_passing, image, dims, used=used, dtype=bool, parameters=parameters)
    return as_mask(found, f"{of.capitalize()} {side} the threshold")


@operation(example={"image": "surface"})
def mask_outliers(
    image: xr.DataArray,
    sigmas: float = 3.0,
    *,
    mask: xr.DataArray | None = None,
    masking: Masking = "exclude",
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Mark the points of every image that are far from its mean.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory.
    sigmas : float
        How far, in standard deviations of the points that count.
    mask : DataArray of bool, shape (y, x) or (..., y, x)
        Points that are left out, or the only ones that count (`masking`): no other is marked.
    masking : {"exclude", "include"}
        What the mask marks.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray of bool, shape (..., y, x), 1
        False where the value is NaN.

    Raises
    ------
    DataError
        The image has a single row, the mask leaves no point, or `sigmas` is not above 0.

    Notes
    -----
    Marked is :math:`|z - \langle z \rangle| > n \sigma`, with mean and standard deviation of all
    points that count, outliers too.

    Examples
    --------
    >>> import omniscopy as om
    >>> image = om.samples.surface()
    >>> image[3, 4] = 100.0
    >>> int(om.image.mask_outliers(image).sum())
    1
    """
    dims = require_image(image, dims)
    if not (np.isfinite(sigmas) and sigmas > 0):
        message = f"sigmas must be above 0, got {sigmas!r}"
        raise DataError(message)
    used = used_points(image, mask, masking, dims)
    found = map_images(_far, image, dims, used=used, dtype=bool, parameters={"sigmas": sigmas})
    return as_mask(found, "Outliers")


@operation(example={"mask": "surface_mask", "change": "grow", "length": 20.0})
def change_mask(
    mask: xr.DataArray,
    change: Change,
    length: float | None = None,
    *,
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    """Change the shape of masks: grow, shrink, open, close, fill.

    Parameters
    ----------
    mask : DataArray of bool, shape (..., y, x)
        Lazy or in memory; numbers other than 0 are true.
    change : {"grow", "shrink", "open", "close", "fill", "edge", "invert", "remove_border"}
        Add all points within `length` of the mask; take away those within `length` of its
        outside; shrink, then grow; grow, then shrink; fill what it encloses; keep the points
        that touch its outside; turn it over; or take away regions at the edges of the image.
    length : float, units of the coordinates
        For the first four: a true distance between points, in every direction.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray of bool, shape (..., y, x), 1
        Beyond the edges of the image, the mask goes on as it is there.

    Raises
    ------
    DataError
        The mask is of another type or has a single row, a length is missing or not above 0,
        or y and x are not in units that convert.

    Examples
    --------
    >>> import omniscopy as om
    >>> mask = om.samples.surface_mask()
    >>> grown = om.image.change_mask(mask, "grow", 10.0)
    >>> int(grown.sum()) > int(mask.sum())
    True
    """
    require_choice("change", change, get_args(Change))
    points = marked(mask)
    dims = require_plane(points, dims, kind="spatial")
    parameters: dict[str, Any] = {"change": change, "length": 0.0, "steps": (1.0, 1.0)}
    if change in _BY_LENGTH:
        parameters["length"] = require_positive_length("length", length)
        parameters["steps"] = steps_of(points, dims)
    found = map_images(_changed, points, dims, dtype=bool, parameters=parameters)
    return as_mask(found, str(mask.attrs.get("long_name", "Mask")))


@operation(example={"first": "surface_mask", "second": "surface_mask", "logic": "or"})
def combine_masks(first: xr.DataArray, second: xr.DataArray, logic: Logic = "and") -> xr.DataArray:
    """Combine two masks by logic.

    Parameters
    ----------
    first, second : DataArray of bool, shape (..., y, x)
        Lazy or in memory, of the same places; numbers other than 0 are true.
    logic : {"and", "or", "xor", "not"}
        Where both are true, any, only one, or the first but not the second.

    Returns
    -------
    DataArray of bool, shape (..., y, x), 1
        Over the dimensions of both.

    Raises
    ------
    DataError
        They are not of the same places.

    Examples
    --------
    >>> import omniscopy as om
    >>> mask = om.samples.surface_mask()
    >>> int(om.image.combine_masks(mask, mask, "xor").sum())
    0
    """
    require_choice("logic", logic, get_args(Logic))
    one, other = marked(first), marked(second)
    try:
        one, other = xr.align(one, other, join="exact", copy=False)
    except ValueError as error:
        message = "masks must be of the same places; their coordinates differ"
        raise DataError(message) from error
    if logic == "and":
        return as_mask(one & other, "Mask")
    if logic == "or":
        return as_mask(one | other, "Mask")
    return as_mask(one ^ other if logic == "xor" else one & ~other, "Mask")


def otsu_threshold(values: np.ndarray) -> float:
    """Return what parts values into two classes of the least variance within; NaN for one value.

    From a histogram of 1024 bins; the threshold is the upper edge of the last one below.
    """
    if not values.size or values.min() == values.max():
        return np.nan
    count, edges = np.histogram(values, bins=_BINS)
    middle = (edges[1:] + edges[:-1]) / 2
    below, total = np.cumsum(count)[:-1], np.cumsum(count * middle)[:-1]
    above, rest = values.size - below, float(count @ middle) - total
    # The variance between the classes, largest where that within is least.
    between = below * above * (rest / above - total / np.maximum(below, 1)) ** 2
    best = np.flatnonzero(between >= between.max() * (1 - 1e-12))
    return float(edges[1 + best[len(best) // 2]])


def _passing(
    values: np.ndarray, used: np.ndarray, *, threshold: float | str, of: Of, above: bool,
    steps: tuple[float, float],
) -> np.ndarray:  # fmt: skip
    looked = values
    if of == "slope":
        along_y, along_x = np.gradient(np.where(used, values, np.nan), *steps)
        looked = np.hypot(along_y, along_x)
    elif of == "curvature":
        wide = np.pad(np.where(used, values, np.nan), 1, mode="reflect", reflect_type="odd")
        looked = -(
            np.diff(wide, 2, axis=0)[:, 1:-1] / steps[0] ** 2
            + np.diff(wide, 2, axis=1)[1:-1] / steps[1] ** 2
        )
    known = used & np.isfinite(looked)
    level = otsu_threshold(looked[known]) if isinstance(threshold, str) else threshold
    with np.errstate(invalid="ignore"):
        return known & (looked > level if above else looked < level)


def _far(values: np.ndarray, used: np.ndarray, *, sigmas: float) -> np.ndarray:
    mean = mean_of(values, used)
    spread = float(values[used].std()) if used.any() else np.nan
    with np.errstate(invalid="ignore"):
        return used & (np.abs(values - mean) > sigmas * spread)


def _changed(
    values: np.ndarray, _finite: np.ndarray, *, change: Change, length: float,
    steps: tuple[float, float],
) -> np.ndarray:  # fmt: skip
    from scipy import ndimage

    points = values != 0
    if change == "invert":
        return ~points
    if change == "fill":
        return np.asarray(ndimage.binary_fill_holes(points))
    if change == "edge":
        return points & ~np.asarray(ndimage.binary_erosion(points, border_value=1))
    if change == "remove_border":
        numbers, _ = ndimage.label(points, structure=np.ones((3, 3)))
        return points & ~np.isin(numbers, border_numbers(numbers))
    for step in {"open": ("shrink", "grow"), "close": ("grow", "shrink")}.get(change, (change,)):
        points = (
            _within(points, length, steps) if step == "grow" else ~_within(~points, length, steps)
        )
    return points


def border_numbers(numbers: np.ndarray) -> np.ndarray:
    """Return the numbers of regions that touch the edges of an image."""
    edges = np.concatenate([numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1]])
    return np.unique(edges[edges != 0])


def _within(points: np.ndarray, length: float, steps: tuple[float, float]) -> np.ndarray:
    """Return which points are no further than a length from one that is true."""
    from scipy import ndimage

    if not points.any():
        return points
    distance = ndimage.distance_transform_edt(~points, sampling=steps)
    return np.asarray(distance <= length * (1 + 1e-9))
