"""Values along lines and circles of an image."""

from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.topography import Dims, like, require_image, steps_of
from omniscopy.model import (
    DataError,
    coordinate,
    operation,
    require_choice,
    require_uniform,
    units_of,
)

Interpolation = Literal["linear", "nearest", "cubic"]
_ORDERS = {"nearest": 0, "linear": 1, "cubic": 3}


@operation(example={"image": "surface", "start": (200.0, 100.0), "stop": (700.0, 800.0)})
def profile(
    image: xr.DataArray,
    start: tuple[float, float],
    stop: tuple[float, float],
    width: float = 0.0,
    *,
    points: int | None = None,
    interpolation: Interpolation = "linear",
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Take the profile of every image along a line, averaged over a width.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid.
    start, stop : (y, x), units of the coordinates
        Ends of the line.
    width : float, units of the coordinates
        Across the line, half to each side: the mean over lines a pixel apart or less.
    points : int
        Of the profile; otherwise one a pixel, both ends included.
    interpolation : {"linear", "nearest", "cubic"}
        Between points of the image.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (..., distance)
        ``profile`` and, over the width, ``standard_deviation``, in units of `image`, along
        ``distance`` from the start, in the units of the rows, with the places ``y`` and ``x`` of
        the line. Points outside of the image and NaN are left out; NaN where there is no other.

    Raises
    ------
    DataError
        The image has a single row, the ends are one point, the whole line lies outside, the
        width is negative, or y and x are not in units that convert.

    Notes
    -----
    :math:`p(s) = \frac1n \sum_k z(r_0 + s\, t + w_k\, n)` over n lines :math:`w_k` beside the
    line, with its direction t and its normal n.

    Examples
    --------
    >>> import omniscopy as om
    >>> line = om.image.profile(om.samples.surface(), (0.0, 0.0), (0.0, 500.0), 50.0)
    >>> dict(line.sizes)
    {'distance': 65}
    """
    require_choice("interpolation", interpolation, get_args(Interpolation))
    dims = require_image(image, dims)
    steps = steps_of(image, dims)
    if not (np.isfinite(width) and width >= 0):
        message = f"width must be at least 0, in the units of the coordinates, got {width!r}"
        raise DataError(message)
    ends = np.array([_pixel_of(image, dims, place) for place in (start, stop)])
    along = (ends[1] - ends[0]) * steps
    length = float(np.hypot(*along))
    if not length > 0:
        message = f"start and stop are the same point, {tuple(start)}; a line has two ends"
        raise DataError(message)
    sizes = np.array([image.sizes[dim] for dim in dims])
    fine = min(steps)
    count = points if points is not None else max(2, round(length / fine) + 1)
    if count < 2:
        message = f"a profile has at least 2 points, got {points!r}"
        raise DataError(message)
    across = np.array([along[1], -along[0]]) / length
    lines = 2 * int(np.ceil(width / 2 / fine - 1e-9)) + 1
    offsets = np.linspace(-width / 2, width / 2, lines) if lines > 1 else np.zeros(1)
    part = np.linspace(0.0, 1.0, count)
    middle = ends[0] + part[:, None] * (ends[1] - ends[0])
    pixels = middle + offsets[:, None, None] * across / np.array(steps)
    outside = np.any((pixels < -0.5) | (pixels > sizes - 0.5), axis=-1)
    if outside.all():
        message = f"the line from {tuple(start)} to {tuple(stop)} lies outside of the image"
        raise DataError(message)
    pixels = np.clip(pixels, 0, sizes - 1)
    mean, spread = map_signal(
        _sampled, image, dim=dims, output_dims=[{"distance": count}] * 2,
        parameters={
            "pixels": pixels.transpose(2, 0, 1), "outside": outside,
            "order": _ORDERS[interpolation],
        },
    )  # fmt: skip
    distance = coordinate(
        "distance", length * part, units_of(image, dims[0]), kind="spatial", quantity="length"
    )
    places: Any = {
        dim: ("distance", float(image[dim][0]) + middle[:, n] * require_uniform(image, dim),
              image[dim].attrs)
        for n, dim in enumerate(dims)
    }  # fmt: skip
    made = xr.Dataset({"profile": like(mean, image), "standard_deviation": like(spread, image)})
    made["profile"].attrs["signal_type"] = made["standard_deviation"].attrs["signal_type"] = (
        "line_plot"
    )
    return made.assign_coords(distance=distance, **places)


def _pixel_of(image: xr.DataArray, dims: Dims, place: tuple[float, float]) -> list[float]:
    """Return the row and column of a place, as fractions."""
    return [
        (float(at) - float(image[dim][0])) / require_uniform(image, dim)
        for at, dim in zip(place, dims, strict=True)
    ]


def _sampled(
    block: np.ndarray, *, pixels: np.ndarray, outside: np.ndarray, order: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and spread of images over lines; `pixels` has the shape (2, lines, points)."""
    from scipy import ndimage

    outer = block.shape[:-2]
    mean, spread = np.full((2, *outer, pixels.shape[2]), np.nan)
    for place in np.ndindex(*outer):
        values = np.asarray(block[place], dtype=np.float64)
        known = np.isfinite(values)
        # A point belongs to what is known where most of what it is interpolated from is.
        filled = np.where(known, values, 0.0)
        taken = ndimage.map_coordinates(filled, pixels, order=order, mode="nearest")
        if not known.all():
            weight = ndimage.map_coordinates(
                known.astype(np.float64), pixels, order=min(order, 1), mode="nearest"
            )
            with np.errstate(invalid="ignore", divide="ignore"):
                taken = np.where(weight > 1 - 1e-9, taken, np.nan)
        taken[outside] = np.nan
        there = np.isfinite(taken)
        count = there.sum(axis=0)
        some = count > 0
        total = np.where(there, taken, 0.0).sum(axis=0)
        mean[place][some] = total[some] / count[some]
        away = np.where(there, taken - mean[place], 0.0)
        spread[place][some] = np.sqrt((away**2).sum(axis=0)[some] / count[some])
    return mean, spread


@operation(example={"image": "surface"})
def radial_average(
    image: xr.DataArray,
    centre: tuple[float, float] | None = None,
    *,
    step: float | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Average every image over circles around a centre.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid.
    centre : (y, x), units of the coordinates
        The middle of the image otherwise.
    step : float, units of the coordinates
        Width of the rings; a pixel otherwise.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (..., radius)
        ``mean`` and ``standard_deviation`` in units of `image` and ``pixels``, how many. The
        ring of a radius goes half a step to both sides; those that no pixel of the image has,
        or none that is finite, are NaN.

    Raises
    ------
    DataError
        The image has a single row, `step` is not above 0, or y and x are not in units that
        convert.

    Notes
    -----
    :math:`\bar z_n = \frac1N \sum z` over the N finite pixels with :math:`|r - n s| \le s/2` for
    the step s.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.image.radial_average(om.samples.surface(), (500.0, 500.0)).sizes["radius"] > 60
    True
    """
    dims = require_image(image, dims)
    steps = steps_of(image, dims)
    wide = min(steps) if step is None else float(step)
    if not (np.isfinite(wide) and wide > 0):
        message = f"step must be above 0, in the units of the coordinates, got {step!r}"
        raise DataError(message)
    sizes = [image.sizes[dim] for dim in dims]
    at = [(size - 1) / 2 for size in sizes] if centre is None else _pixel_of(image, dims, centre)
    away = [(np.arange(size) - at[n]) * steps[n] for n, size in enumerate(sizes)]
    ring = np.rint(np.hypot(away[0][:, None], away[1]) / wide).astype(np.int64)
    count = int(ring.max()) + 1
    if count > 16 * sum(sizes) + 16:
        message = f"{count} rings of {wide:g} are too many; take a larger step or a nearer centre"
        raise DataError(message)
    mean, spread, pixels = map_signal(
        _over_rings, image, dim=dims, output_dims=[{"radius": count}] * 3,
        parameters={"ring": ring.ravel(), "count": count},
    )  # fmt: skip
    radius = coordinate(
        "radius", wide * np.arange(count), units_of(image, dims[0]), kind="spatial",
        quantity="length",
    )  # fmt: skip
    made = xr.Dataset({"mean": like(mean, image), "standard_deviation": like(spread, image)})
    for name in ("mean", "standard_deviation"):
        made[name].attrs["signal_type"] = "line_plot"
    made["pixels"] = pixels.assign_attrs(units="1")
    return made.assign_coords(radius=radius)


def _over_rings(
    block: np.ndarray, *, ring: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, spread and number of pixels in each ring of each image."""
    outer = block.shape[:-2]
    mean, spread, pixels = np.full((3, *outer, count), np.nan)
    for place in np.ndindex(*outer):
        values = np.asarray(block[place], dtype=np.float64).ravel()
        known = np.isfinite(values)
        own, heights = ring[known], values[known]
        number = np.bincount(own, minlength=count)
        some = number > 0
        total = np.bincount(own, heights, minlength=count)
        mean[place][some] = total[some] / number[some]
        away = (heights - mean[place][own]) ** 2
        squares = np.bincount(own, away, minlength=count)
        spread[place][some] = np.sqrt(squares[some] / number[some])
        pixels[place] = number
    return mean, spread, pixels
