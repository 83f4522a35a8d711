"""Fractal dimensions of surfaces, in four ways."""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.fourier.tapers import flattened
from omniscopy.image.roughness.bearing import detrended
from omniscopy.image.topography import require_image, steps_of
from omniscopy.model import DataError, Status, operation, require_choice, result

Method = Literal["box_counting", "triangulation", "variance", "psd"]
Curve = tuple[np.ndarray, np.ndarray]


@operation(example={"image": "surface"})
def measure_fractal_dimension(
    image: xr.DataArray,
    method: Method = "variance",
    *,
    size_range: tuple[float, float] = (0.0, 0.25),
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Measure the fractal dimension of every surface.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid.
    method : {"box_counting", "triangulation", "variance", "psd"}
        How the number of boxes that the surface goes through, its area in triangles, its
        variance in squares, or its power spectral density changes with their size.
    size_range : (low, high)
        Sizes that count, as parts of the shorter side of the image: of boxes, triangles and
        squares, and the wavelengths of the spectrum.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (...)
        ``dimension``, a pure number, 2 for a smooth surface and up to 3, and ``dimension_std``
        from the scatter about a straight line in logarithms; ``status``: 0, or 4 where fewer than
        3 sizes have a value (NaN), as where points are missing.

    Raises
    ------
    DataError
        The image has fewer than 8 points along a side, the range is not in order, or y and x
        are not in units that convert.

    Notes
    -----
    For sizes r and the slope m of the logarithms: the number of cubes of size r of heights
    divided by their range, as the image is divided by its sides, has m = -D; the area of
    heights scaled likewise m = 2 - D; the variance within squares, with the mean in each,
    m = 2 H, and D = 3 - H; and the density in the plane over wavelengths m = 2 H + 2 [1]_.
    Estimates by boxes and by triangles are known to be too low for rough surfaces.

    References
    ----------
    .. [1] B. B. Mandelbrot, *The Fractal Geometry of Nature* (1982); W. Zahn and A. Zösch,
       *Fresenius J. Anal. Chem.* 365, 168 (1999).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.image.measure_fractal_dimension(om.samples.surface())
    >>> bool(2 < found["dimension"] < 3)
    True
    """
    dims = require_image(image, dims, at_least=8)
    require_choice("method", method, get_args(Method))
    low, high = size_range
    if not 0 <= low < high <= 1:
        message = f"size_range must be (low, high) between 0 and 1, got {size_range!r}"
        raise DataError(message)
    steps = steps_of(image, dims)
    side = min(
        size * step for size, step in zip((image.sizes[d] for d in dims), steps, strict=True)
    )
    curves: dict[str, tuple[Callable[[np.ndarray, tuple[float, float]], Curve], float, float]] = {
        "box_counting": (box_counts, 0.0, -1.0),
        "triangulation": (triangle_areas, 2.0, -1.0),
        "variance": (square_variances, 3.0, -0.5),
        "psd": (wavelength_densities, 4.0, -0.5),
    }
    curve, offset, factor = curves[method]

    def run(block: np.ndarray) -> tuple[np.ndarray, ...]:
        made = np.full((2, *block.shape[:-2]), np.nan)
        for place, heights in detrended(block, (), "mean"):
            if np.isfinite(heights).all() and np.ptp(heights) > 0:
                sizes, values = curve(heights, steps)
                inside = (sizes >= low * side * (1 - 1e-9)) & (sizes <= high * side * (1 + 1e-9))
                slope, std = _slope(sizes[inside], values[inside])
                made[(0, *place)], made[(1, *place)] = offset + factor * slope, abs(factor) * std
        return made[0], made[1]

    dimension, std = map_signal(run, image, dim=dims, output_dims=[{}, {}])
    status = dimension.isnull() * int(Status.NO_DATA)
    return result(dimension=(dimension, "1"), dimension_std=(std, "1"), status=(status, "1"))


def _slope(sizes: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """Return the slope of logarithms and its standard deviation, NaN for fewer than 3 points."""
    good = values > 0
    if good.sum() < 3:
        return np.nan, np.nan
    x, y = np.log(sizes[good]), np.log(values[good])
    x = x - x.mean()
    slope = (x * y).sum() / (x**2).sum()
    left = y - y.mean() - slope * x
    return float(slope), float(np.sqrt((left**2).sum() / (len(x) - 2) / (x**2).sum()))


def _powers(shape: tuple[int, ...]) -> list[int]:
    """Return powers of two up to half of the shorter side."""
    return [2**k for k in range(min(shape).bit_length()) if 2**k <= min(shape) // 2]


def box_counts(heights: np.ndarray, steps: tuple[float, float]) -> Curve:
    """Return the numbers of cubes that the surface goes through, by the size of the cubes.

    Heights span as much as the shorter side. A square of n x n intervals has n + 1 points along
    each side: what it shares with its neighbours.
    """
    side = (min(heights.shape) - 1) * steps[0]
    scaled = (heights - heights.min()) / np.ptp(heights) * side
    sizes, counts = [], []
    for n in _powers(heights.shape):
        high, low = (_blocks(scaled, n, best) for best in (np.maximum, np.minimum))
        size = n * steps[0]
        counts.append(
            float((np.floor(high / size - 1e-9) - np.floor(low / size) + 1).clip(1).sum())
        )
        sizes.append(size)
    return np.array(sizes), np.array(counts)


def _blocks(z: np.ndarray, n: int, best: np.ufunc) -> np.ndarray:
    """Return the extreme of each square of n x n intervals, its far edges included."""
    rows, columns = ((size - 1) // n for size in z.shape)
    for axis, count in ((0, rows), (1, columns)):
        moved = np.moveaxis(z, axis, 0)
        inner = moved[: count * n].reshape(count, n, *moved.shape[1:])
        found = best(best.reduce(inner, axis=1), moved[n : count * n + 1 : n])
        z = np.moveaxis(found, 0, axis)
    return z


def triangle_areas(heights: np.ndarray, steps: tuple[float, float]) -> Curve:
    """Return the area of the surface in triangles, by their size."""
    side = (min(heights.shape) - 1) * steps[0]
    scaled = (heights - heights.min()) / np.ptp(heights) * side
    sizes, areas = [], []
    for n in _powers(heights.shape):
        z = scaled[::n, ::n]
        down, across = n * steps[0], n * steps[1]
        a, b, c, d = z[:-1, :-1], z[:-1, 1:], z[1:, :-1], z[1:, 1:]
        one = np.sqrt(1 + ((b - a) / across) ** 2 + ((c - a) / down) ** 2)
        two = np.sqrt(1 + ((d - c) / across) ** 2 + ((d - b) / down) ** 2)
        areas.append(float(0.5 * (one + two).mean()))
        sizes.append(down)
    return np.array(sizes), np.array(areas)


def square_variances(heights: np.ndarray, steps: tuple[float, float]) -> Curve:
    """Return the mean variance within squares, by their size."""
    sizes, values = [], []
    for n in _powers(heights.shape)[1:]:
        rows, columns = (size // n for size in heights.shape)
        squares = heights[: rows * n, : columns * n].reshape(rows, n, columns, n)
        values.append(float(squares.var(axis=(1, 3)).mean()))
        sizes.append(n * steps[0])
    return np.array(sizes), np.array(values)


def wavelength_densities(heights: np.ndarray, steps: tuple[float, float]) -> Curve:
    """Return the mean density of the power in the plane, by wavelength, in octaves' thirds."""
    values, _ = flattened(heights, "hann", "plane")
    power = np.abs(np.fft.fft2(values)) ** 2
    frequencies = [np.fft.fftfreq(n, step) for n, step in zip(heights.shape, steps, strict=True)]
    k = np.hypot(frequencies[0][:, None], frequencies[1])
    lowest = 2.0 / min(n * step for n, step in zip(heights.shape, steps, strict=True))
    highest = 0.5 / max(steps)
    inside = (k >= lowest) & (k <= highest)
    number = np.floor(3 * np.log2(k[inside] / lowest) + 1e-9).astype(np.int64)
    pixels = np.bincount(number)
    there = pixels > 0
    density = np.bincount(number, weights=power[inside])[there] / pixels[there]
    middle = np.exp(np.bincount(number, weights=np.log(k[inside]))[there] / pixels[there])
    return 1.0 / middle, density
