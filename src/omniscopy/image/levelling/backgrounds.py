"""Backgrounds of images: what is wider than the things that stand on it."""

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.compute.threads import share_work
from omniscopy.image.topography import (
    Masking,
    like,
    map_images,
    require_image,
    require_lengths,
    require_positive_length,
    steps_of,
    used_points,
)
from omniscopy.model import DataError, operation, require_choice

Method = Literal["median", "gaussian", "sphere", "arc"]
Side = Literal["below", "above"]
_ROWS = 32
# Smallest and largest height and width of the tiles, in pixels, in which medians are found: wide
# ones, since each of their rows begins with a neighbourhood that comes in whole.
_HEIGHT, _WIDTH = (64, 256), (64, 1024)
# A sphere of more than so many times the heights of an image is a paraboloid there.
_LARGE = 500.0


@operation(example={"image": "surface", "radius": 40.0})
def estimate_background(
    image: xr.DataArray,
    radius: float,
    method: Method = "median",
    *,
    side: Side = "below",
    mask: xr.DataArray | None = None,
    masking: Masking = "exclude",
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Estimate the background of every image: the median around, or a sphere rolled along it.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory; lengths for "sphere" and "arc".
    radius : float, units of the coordinates
        Of the disc that medians are taken in: larger than the things on the background. Or the
        standard deviation of the Gaussian. Or of the sphere or arc that is rolled: a real
        radius, in the scale of the heights too.
    method : {"median", "gaussian", "sphere", "arc"}
        The median; the mean with Gaussian weights, which subtracted leaves a band of
        frequencies; where a sphere touches that is rolled along; or an arc in each row.
    side : {"below", "above"}
        Where the sphere or arc is rolled.
    mask : DataArray of bool, shape (y, x) or (..., y, x)
        Points that are left out, or the only ones that count (`masking`).
    masking : {"exclude", "include"}
        What the mask marks.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray, shape (..., y, x), units of `image`
        NaN where no point around counts.

    Raises
    ------
    DataError
        The image has a single row, the mask leaves no point, the radius is not above 0 or
        less than a pixel, or heights are no lengths ("sphere", "arc").

    Notes
    -----
    The sphere is a grey opening [1]_ with the cap
    :math:`\sqrt{R^2 - r^2} - R`, as far down as the heights of the image reach; of a radius
    above 500 times these heights with :math:`-r^2 / 2 R`, which differs from it by less than a
    thousandth of them. Beyond the edges of the image there is nothing. Of an even number of
    values the median is the lower one of the two in the middle.

    References
    ----------
    .. [1] S. R. Sternberg, *Computer* 16, 22 (1983).

    Examples
    --------
    >>> import omniscopy as om
    >>> float(om.image.estimate_background(om.samples.surface(), 100.0).max()) < 2.0
    True
    """
    require_choice("method", method, get_args(Method))
    require_choice("side", side, get_args(Side))
    dims = require_image(image, dims)
    reach = require_positive_length("radius", radius)
    used = used_points(image, mask, masking, dims)
    steps = steps_of(image, dims)
    if method in _AROUND:
        if reach < min(steps):
            message = f"radius {radius:g} is less than a pixel ({min(steps):g}); take a larger one"
            raise DataError(message)
        found = map_images(
            _AROUND[method], image, dims, used=used, parameters={"radius": reach, "steps": steps}
        )
        return like(found, image)
    scale = require_lengths(image, dims, why=f"method {method!r}")
    parameters = {
        "radius": reach, "steps": steps, "scale": scale, "upside": side == "above",
        "flat": method == "arc",
    }  # fmt: skip
    return like(map_images(_rolled, image, dims, used=used, parameters=parameters), image)


@operation(example={"image": "surface", "radius": 40.0})
def subtract_background(
    image: xr.DataArray,
    radius: float,
    method: Method = "median",
    *,
    side: Side = "below",
    mask: xr.DataArray | None = None,
    masking: Masking = "exclude",
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    """Subtract the background of every image: the median around, or a sphere rolled along it.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory; lengths for "sphere" and "arc".
    radius : float, units of the coordinates
        Of the disc, the Gaussian, the sphere or the arc.
    method : {"median", "gaussian", "sphere", "arc"}
        As `estimate_background` has it.
    side : {"below", "above"}
        Where the sphere or arc is rolled.
    mask : DataArray of bool, shape (y, x) or (..., y, x)
        Points that do not count for the background, or the only ones that do (`masking`).
    masking : {"exclude", "include"}
        What the mask marks.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray, shape (..., y, x), units of `image`
        NaN where no point around counts.

    Raises
    ------
    DataError
        As `estimate_background` does.

    Notes
    -----
    :math:`z - b` with the b of `estimate_background`; spheres are rolled after [1]_.

    References
    ----------
    .. [1] S. R. Sternberg, *Computer* 16, 22 (1983).

    Examples
    --------
    >>> import omniscopy as om
    >>> flat = om.image.subtract_background(om.samples.surface(), 100.0)
    >>> abs(float(flat.median())) < 0.05
    True
    """
    background = estimate_background(
        image, radius, method, side=side, mask=mask, masking=masking, dims=dims
    )
    return like(image - background, image)


def median_around(
    values: np.ndarray, used: np.ndarray, *, radius: float, steps: tuple[float, float]
) -> np.ndarray:
    """Return the median of the used points in the disc around each point."""
    from omniscopy.image.levelling import background_kernel

    out = np.full(values.shape, np.nan)
    halves = _half_widths(radius, steps, values.shape)
    reach, across = len(halves) // 2, int(halves.max())
    # Ranks within a tile and its surroundings are few enough for the fast memory of a core.
    rows = range(0, values.shape[0], min(max(2 * reach, _HEIGHT[0]), _HEIGHT[1]))
    columns = range(0, values.shape[1], min(max(8 * across, _WIDTH[0]), _WIDTH[1]))

    def work(number: int) -> None:
        top, left = rows[number // len(columns)], columns[number % len(columns)]
        bottom, right = top + rows.step, left + columns.step
        above, before = max(top - reach, 0), max(left - across, 0)
        wide = slice(above, bottom + reach), slice(before, right + across)
        known = values[wide][used[wide]]
        if not known.size:
            return
        ordered = np.argsort(known)
        ranks = np.full(used[wide].shape, -1, dtype=np.int32)
        own = np.empty(known.size, dtype=np.int32)
        own[ordered] = np.arange(known.size)
        ranks[used[wide]] = own
        found = np.empty(ranks.shape, dtype=np.int32)
        part = (
            slice(top - above, min(bottom, len(values)) - above),
            slice(left - before, min(right, values.shape[1]) - before),
        )
        background_kernel.running_medians(
            ranks, halves, part[0].start, part[0].stop, part[1].start, part[1].stop, known.size,
            found,
        )  # fmt: skip
        tile = found[part]
        out[top:bottom, left:right] = np.where(tile >= 0, known[ordered][tile], np.nan)

    share_work(work, range(len(rows) * len(columns)))
    return out


def mean_around(
    values: np.ndarray, used: np.ndarray, *, radius: float, steps: tuple[float, float]
) -> np.ndarray:
    """Return the mean of the used points with the weights of a Gaussian around each point."""
    from scipy.ndimage import gaussian_filter

    wide = [radius / step for step in steps]
    total, share = (
        gaussian_filter(each, wide, mode="constant")
        for each in (np.where(used, values, 0.0), used.astype(np.float64))
    )
    some = share > 1e-9
    return np.where(some, total / np.where(some, share, 1.0), np.nan)


_AROUND: dict[str, Callable[..., np.ndarray]] = {"median": median_around, "gaussian": mean_around}


def _half_widths(radius: float, steps: tuple[float, float], shape: tuple[int, ...]) -> np.ndarray:
    """Return how many pixels to each side a disc has in each of its rows."""
    reach = min(int(np.floor(radius / steps[0] + 1e-9)), shape[0] - 1)
    away = np.abs(np.arange(-reach, reach + 1)) * steps[0]
    wide = np.floor(np.sqrt(np.maximum(radius**2 - away**2, 0.0)) / steps[1] + 1e-9)
    return np.minimum(wide, shape[1] - 1).astype(np.int64)


def _rolled(
    values: np.ndarray, used: np.ndarray, *, radius: float, steps: tuple[float, float],
    scale: float, upside: bool, flat: bool,
) -> np.ndarray:  # fmt: skip
    """Return the opening (from below) or closing of an image by the cap of a sphere."""
    if not used.any():
        return np.full(values.shape, np.nan)
    sign = -1.0 if upside else 1.0
    heights = sign * values * scale
    depth = min(float(np.ptp(heights[used])), radius)
    obstacles = np.where(used, heights, np.inf)
    if depth * _LARGE < radius:
        bends = [0.0 if flat else steps[0] ** 2 / (2 * radius), steps[1] ** 2 / (2 * radius)]
        pushed = _lowest_of_parabolas(obstacles, bends)
        return sign * -_lowest_of_parabolas(-pushed, bends) / scale
    # Further down than the heights reach the cap touches nothing.
    wide = min(float(np.sqrt(depth * (2 * radius - depth))) * (1 + 1e-9), radius)
    halves = _half_widths(wide, steps, values.shape)
    if flat:
        halves = halves[len(halves) // 2 :][:1]
    reach, across = len(halves) // 2, int(halves.max())
    rows = np.arange(-reach, reach + 1)[:, None] * steps[0]
    columns = np.arange(-across, across + 1) * steps[1]
    cap = np.sqrt(np.maximum(radius**2 - rows**2 - columns**2, 0.0)) - radius
    pushed = _lowest(obstacles, cap, halves)
    return sign * -_lowest(-pushed, cap, halves) / scale


def _lowest(values: np.ndarray, cap: np.ndarray, halves: np.ndarray) -> np.ndarray:
    from omniscopy.image.levelling import background_kernel

    out: Any = np.empty(values.shape)

    def work(begin: int) -> None:
        end = min(begin + _ROWS, len(values))
        background_kernel.lowest_under(values, cap, halves, begin, end, out)

    share_work(work, range(0, len(values), _ROWS))
    return np.asarray(out)


def _lowest_of_parabolas(values: np.ndarray, bends: list[float]) -> np.ndarray:
    """Return the lowest of paraboloids that stand on all points; 0 is no bend in that direction."""
    from omniscopy.image.levelling import background_kernel

    found = values
    for axis, bend in enumerate(bends):
        if not bend:
            continue
        lines = np.ascontiguousarray(np.moveaxis(found, axis, -1))
        out = np.empty_like(lines)

        def work(begin: int, lines: Any = lines, out: Any = out, bend: float = bend) -> None:
            part = slice(begin, begin + _ROWS)
            background_kernel.lowest_parabolas(lines[part], bend, out[part])

        share_work(work, range(0, len(lines), _ROWS))
        found = np.moveaxis(out, -1, axis)
    return np.asarray(found)
