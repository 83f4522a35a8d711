"""Minkowski functionals: how much of a surface is above a height, and how that hangs together."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.fitting.inner import outer
from omniscopy.image.roughness.bearing import detrended
from omniscopy.image.topography import Masking, require_image, steps_of, used_points
from omniscopy.model import DataError, coordinate, operation, result, units_of
from omniscopy.model.units import product


@operation(example={"image": "surface"})
def measure_minkowski(
    image: xr.DataArray,
    *,
    thresholds: int = 61,
    limit: float = 3.0,
    mask: xr.DataArray | None = None,
    masking: Masking = "exclude",
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Measure area, boundary and connectivity of what is above each height of every surface.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid. Values that are not finite are left out.
    thresholds : int
        Number of heights.
    limit : float
        Heights reach up to that many times ``sq`` from the mean, on both sides.
    mask : DataArray of bool, shape (y, x) or (..., y, x)
        Points that are left out, or the only ones that count (`masking`).
    masking : {"exclude", "include"}
        What the mask marks.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (..., deviation)
        Over the height, as the deviation from the mean divided by sq: ``area`` (part of the
        points at or above it), ``boundary`` (length of its contour line over the area, in one
        over the units of the coordinates) and ``euler`` (parts less their holes, over the area,
        in one over those squared).
        NaN where no point counts or all heights are equal.

    Raises
    ------
    DataError
        There is a single threshold, the limit is not positive, the mask does not fit, or y and
        x are not in units that convert.

    Notes
    -----
    The surface is made of triangles, two over each square of 2 x 2 points; contours are
    straight in each, and the Euler characteristic is that of the points, the edges and the
    triangles above the height. A Gaussian random surface with the mean square slope
    :math:`\lambda \sigma^2` along each axis has the densities [1]_
    :math:`\tfrac12 \mathrm{erfc}(u/\sqrt2)`,
    :math:`\tfrac12 \sqrt{\lambda}\, e^{-u^2/2}` and
    :math:`\lambda u\, e^{-u^2/2} / (2\pi)^{3/2}`.

    References
    ----------
    .. [1] R. J. Adler, *The Geometry of Random Fields* (1981), chapters 4 and 5.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.image.measure_minkowski(om.samples.surface())["boundary"].attrs["units"]
    '1/nm'
    """
    dims = require_image(image, dims)
    if thresholds < 2 or not 0 < limit < np.inf:
        message = f"thresholds must be 2 at least and limit positive, got {thresholds!r}, {limit!r}"
        raise DataError(message)
    steps = steps_of(image, dims)
    used = used_points(image, mask, masking, dims)
    levels = np.linspace(-limit, limit, thresholds)

    def run(block: np.ndarray, *masks: np.ndarray) -> tuple[np.ndarray, ...]:
        made = np.full((3, *block.shape[:-2], thresholds), np.nan)
        for place, heights in detrended(block, masks, "mean"):
            there = np.isfinite(heights)
            sq = np.sqrt((heights[there] ** 2).mean()) if there.any() else 0.0
            if sq > 0:
                for number, values in enumerate(functionals(heights / sq, steps, levels)):
                    made[(number, *place)] = values
        return tuple(made)

    area, boundary, euler = map_signal(
        run, image, dim=dims, output_dims=[{"deviation": thresholds}] * 3,
        also=[] if used is None else [used],
    )  # fmt: skip
    across = coordinate(
        "deviation", levels, "1", kind="spectral", quantity="deviation from the mean over sq"
    )
    base = units_of(image, dims[0])
    found = {"area": (area, "1"), "boundary": (boundary, product((base, -1))),
             "euler": (euler, product((base, -2)))}  # fmt: skip
    return result(
        **{
            name: (each.assign_coords(deviation=across), unit)
            for name, (each, unit) in found.items()
        }
    )


def functionals(
    heights: np.ndarray, steps: tuple[float, float], levels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return area, boundary and Euler characteristic, over the area, above ascending levels."""
    simplices = _lowest_of_simplices(heights)
    points = np.sort(simplices[0])
    area = 1.0 - np.searchsorted(points, levels) / points.size
    euler = np.zeros(levels.size)
    for sign, lowest in zip((1, -1, 1), simplices, strict=True):
        euler += sign * (lowest.size - np.searchsorted(np.sort(lowest), levels))
    boundary = np.zeros(levels.size)
    _add_contours(heights, steps[0], steps[1], levels, boundary)
    total = points.size * steps[0] * steps[1]
    return area, boundary / total, euler / total


def _lowest_of_simplices(z: np.ndarray) -> list[np.ndarray]:
    """Return the lowest height of every point, edge and triangle that is there."""
    a, b, c, d = z[:-1, :-1], z[:-1, 1:], z[1:, :-1], z[1:, 1:]
    edges = [np.minimum(z[:, :-1], z[:, 1:]), np.minimum(z[:-1], z[1:]), np.minimum(b, c)]
    triangles = [np.minimum(np.minimum(b, c), corner) for corner in (a, d)]
    groups = [[z], edges, triangles]
    flat = (np.concatenate([each.ravel() for each in group]) for group in groups)
    return [each[np.isfinite(each)] for each in flat]


@outer
def _add_contours(
    z: np.ndarray, step_y: float, step_x: float, levels: np.ndarray, length: np.ndarray
) -> None:
    for i in range(z.shape[0] - 1):
        for j in range(z.shape[1] - 1):
            for half in range(2):
                corner = z[i, j] if half == 0 else z[i + 1, j + 1]
                across = z[i, j + 1] if half == 0 else z[i + 1, j]
                down = z[i + 1, j] if half == 0 else z[i, j + 1]
                low, high = min(corner, across, down), max(corner, across, down)
                # The gradient of a triangle is that along its two sides.
                slope_x, slope_y = (across - corner) / step_x, (down - corner) / step_y
                steep = np.sqrt(slope_x**2 + slope_y**2)
                if not steep > 0.0:
                    continue
                middle = corner + across + down - low - high
                # Over its height, a contour grows from nothing to its longest and back again.
                longest = step_x * step_y * steep / (high - low)
                for k in range(np.searchsorted(levels, low), levels.size):
                    level = levels[k]
                    if level > high:
                        break
                    if level <= middle and middle > low:
                        length[k] += longest * (level - low) / (middle - low)
                    elif high > middle:
                        length[k] += longest * (high - level) / (high - middle)
