"""Levelling: the tilt and the bow of an image, which are not those of the sample."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.image.levelling.facets import facet_slopes
from omniscopy.image.levelling.polynomial_surfaces import Terms, fitted_surface, terms_of
from omniscopy.image.topography import (
    Dims,
    Masking,
    like,
    map_images,
    require_image,
    require_positive_length,
    steps_of,
    used_points,
)
from omniscopy.model import DataError, operation, require_choice, require_uniform

Method = Literal["plane", "points", "facet", "polynomial", "base"]
_PLANE = terms_of(1)
# A base is fitted anew until its points stay the same, or so often; its mode is that of so many.
_ROUNDS, _SAMPLE = 12, 2**16
_ABOVE_BASE = 3.0


@operation(example={"image": "surface"})
def level(
    image: xr.DataArray,
    method: Method = "plane",
    *,
    degree: int | tuple[int, int] | None = None,
    points: Sequence[tuple[float, float]] | None = None,
    radius: float | None = None,
    mask: xr.DataArray | None = None,
    masking: Masking = "exclude",
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Level every image: subtract a plane or a polynomial that only some points decide.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory. Points that are NaN, such as rows that were not scanned, stay so.
    method : {"plane", "points", "facet", "polynomial", "base"}
        The plane of least squares; the plane through `points`; the plane that most of the
        surface is parallel to, whatever steps it has; the polynomial of least squares; or the
        polynomial through the base that higher things stand on.
    degree : int or (int, int)
        Of the polynomial: the total degree, or those along y and x. 2 otherwise.
    points : sequence of (y, x), units of the coordinates
        At least three for "points", not on a line; the plane goes through three, and fits more
        by least squares.
    radius : float, units of the coordinates
        The height at a point is the mean within this distance; that of its pixel otherwise.
    mask : DataArray of bool, shape (y, x) or (..., y, x)
        Points that are left out, or the only ones that count (`masking`).
    masking : {"exclude", "include"}
        What the mask marks.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray, shape (..., y, x), units of `image`
        The mean of the points that count is 0 for "plane", "polynomial" and "facet", that of
        the base for "base", and that at the points for "points".
        NaN where no point of an image counts.

    Raises
    ------
    DataError
        The image has a single row, the mask leaves no point, points are too few, on a line or
        outside, a degree is negative, or y and x are not in units that convert ("facet",
        `radius`).

    Notes
    -----
    "facet": slopes of all squares of 2 x 2 points are a cloud; its densest place is found by
    mean shift with a kernel that narrows until it is as wide as the cloud around it [1]_.
    "base": the base are the points below 3 standard deviations above the mode of heights, with
    the deviation of those below the mode, found anew after each fit.

    References
    ----------
    .. [1] D. Comaniciu and P. Meer, *IEEE Trans. Pattern Anal. Mach. Intell.* 24, 603 (2002).

    Examples
    --------
    >>> import omniscopy as om
    >>> flat = om.image.level(om.samples.surface(), "facet")
    >>> flat.attrs["units"], abs(float(flat.mean())) < 1e-9
    ('nm', True)
    """
    require_choice("method", method, get_args(Method))
    dims = require_image(image, dims)
    used = used_points(image, mask, masking, dims)
    axes = {
        name: image[dim].values.astype(np.float64) for name, dim in zip("yx", dims, strict=True)
    }
    wanted = terms_of(_degree(degree, method))
    if method == "points":
        where = _neighbourhoods(image, dims, points, radius)
        values = map_images(
            _through_points, image, dims, used=used, parameters={**axes, "where": where}
        )
    elif method == "facet":
        steps = steps_of(image, dims)
        values = map_images(_facet, image, dims, used=used, parameters={**axes, "steps": steps})
    else:
        function = _base if method == "base" else _polynomial
        values = map_images(function, image, dims, used=used, parameters={**axes, "terms": wanted})
    return like(values, image)


def _degree(degree: int | tuple[int, int] | None, method: Method) -> int | tuple[int, int]:
    if method == "plane":
        return 1
    chosen: int | tuple[int, int] = 2 if degree is None else degree
    given = [chosen] if isinstance(chosen, int) else list(chosen)
    if len(given) > 2 or any(int(each) != each or not 0 <= each <= 12 for each in given):
        message = f"degree must be a whole number from 0 to 12, or two for (y, x), got {degree!r}"
        raise DataError(message)
    return given[0] if len(given) == 1 else (given[0], given[1])


def _polynomial(
    values: np.ndarray, used: np.ndarray, *, y: np.ndarray, x: np.ndarray, terms: Terms
) -> np.ndarray:
    return values - fitted_surface(values, used, y, x, terms)


def _facet(
    values: np.ndarray,
    used: np.ndarray,
    *,
    y: np.ndarray,
    x: np.ndarray,
    steps: tuple[float, float],
) -> np.ndarray:
    slope_y, slope_x = facet_slopes(values, used, *steps)
    rows, columns = np.arange(len(y)), np.arange(len(x))
    flat = values - slope_y * steps[0] * rows[:, None] - slope_x * steps[1] * columns
    return flat - mean_of(flat, used)


def _base(
    values: np.ndarray, used: np.ndarray, *, y: np.ndarray, x: np.ndarray, terms: Terms
) -> np.ndarray:
    """Return an image above the polynomial through its base."""
    steps = tuple(abs(float(axis[-1] - axis[0])) / (len(axis) - 1) or 1.0 for axis in (y, x))
    flat = _facet(values, used, y=y, x=x, steps=(steps[0], steps[1])) if used.any() else values
    base = np.zeros_like(used)
    for _ in range(_ROUNDS):
        found = used & (flat <= _highest_of_base(flat[used]))
        if np.array_equal(found, base):
            break
        base = found
        flat = flat - fitted_surface(flat, base, y, x, terms)
    return flat


def _highest_of_base(heights: np.ndarray) -> float:
    """Return up to where heights are those of the base: what is below its mode is only noise."""
    if not heights.size:
        return np.nan
    heights = heights[:: max(1, heights.size // _SAMPLE)]
    mode = half_sample_mode(np.sort(heights))
    below = heights[heights <= mode]
    spread = float(np.sqrt(np.mean((below - mode) ** 2)))
    # What is left of a polynomial by rounding is no spread.
    return mode + max(_ABOVE_BASE * spread, 1e-12 * float(np.ptp(heights)))


def half_sample_mode(ordered: np.ndarray) -> float:
    """Return the mode of sorted values: the shortest half of the shortest half, and so on.

    D. R. Bickel and R. Frühwirth, *Comput. Stat. Data Anal.* 50, 3500 (2006).
    """
    while len(ordered) > 3:
        half = (len(ordered) + 1) // 2
        widths = ordered[half - 1 :] - ordered[: len(ordered) - half + 1]
        shortest = np.flatnonzero(widths == widths.min())
        first = int(shortest[len(shortest) // 2])
        ordered = ordered[first : first + half]
    if len(ordered) == 3:
        low, high = ordered[1] - ordered[0], ordered[2] - ordered[1]
        ordered = ordered[1:2] if low == high else (ordered[:2] if low < high else ordered[1:])
    return float(np.mean(ordered))


def _through_points(
    values: np.ndarray, used: np.ndarray, *, y: np.ndarray, x: np.ndarray, where: list[np.ndarray]
) -> np.ndarray:
    """Return an image above the plane through places: each the pixels (row, column) around it."""
    rows = []
    for pixels in where:
        inside = pixels[used[pixels[:, 0], pixels[:, 1]]]
        if not len(inside):
            return np.full(values.shape, np.nan)
        row, column = inside.T
        rows.append([y[row].mean(), x[column].mean(), values[row, column].mean()])
    table = np.array(rows)
    centre = table.mean(axis=0)
    scale = np.abs(table - centre).max(axis=0)
    scale[scale == 0] = 1.0
    away = (table - centre) / scale
    slopes = np.linalg.lstsq(away[:, :2], away[:, 2], rcond=None)[0] * scale[2] / scale[:2]
    return values - centre[2] - slopes[0] * (y - centre[0])[:, None] - slopes[1] * (x - centre[1])


def _neighbourhoods(
    image: xr.DataArray,
    dims: Dims,
    points: Sequence[tuple[float, float]] | None,
    radius: float | None,
) -> list[np.ndarray]:
    """Return the pixels that belong to each point, shape (pixels, 2)."""
    places = np.asarray(points if points is not None else [], dtype=np.float64).reshape(-1, 2)
    if len(places) < 3:
        message = f"method 'points' needs at least three points (y, x), got {len(places)}"
        raise DataError(message)
    axes = [image[dim].values.astype(np.float64) for dim in dims]
    steps = [require_uniform(image, dim) for dim in dims]
    pixels = np.stack(
        [(places[:, n] - axes[n][0]) / steps[n] for n in range(2)], axis=-1
    )  # fmt: skip
    for point, at in zip(places, pixels, strict=True):
        if any(not -0.5 <= at[n] <= len(axes[n]) - 0.5 for n in range(2)):
            message = f"point {tuple(point.tolist())} lies outside of the image"
            raise DataError(message)
    spread = pixels - pixels.mean(axis=0)
    if np.linalg.matrix_rank(spread, tol=1e-6 * max(float(np.abs(spread).max()), 1e-300)) < 2:
        message = f"points {places.tolist()} lie on a line; a plane needs three that do not"
        raise DataError(message)
    if radius is None:
        last = np.array([len(axis) - 1 for axis in axes])
        return [np.clip(np.rint(at), 0, last).astype(int)[None] for at in pixels]
    reach = require_positive_length("radius", radius)
    dy, dx = steps_of(image, dims)
    rows, columns = np.indices([len(axis) for axis in axes])
    found = []
    for at in pixels:
        distance = np.hypot((rows - at[0]) * dy, (columns - at[1]) * dx)
        found.append(np.argwhere(distance <= max(reach, float(distance.min()))))
    return found


def mean_of(values: np.ndarray, used: np.ndarray) -> float:
    """Return the mean of the used points, NaN where there is none."""
    return float(values[used].mean()) if used.any() else np.nan
