"""Filters that take noise out of images and leave their edges."""

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.image.cleaning.edge_preserving import (
    bilateral,
    nonlocal_means,
    total_variation,
)
from omniscopy.image.cleaning.filling import filled
from omniscopy.image.cleaning.spectral_noise import average_background, wiener
from omniscopy.image.topography import like, map_images, require_image, steps_of
from omniscopy.model import DataError, operation, require_choice

Method = Literal[
    "wavelet", "kuwahara", "conservative", "median", "nonlocal_means", "total_variation",
    "bilateral", "wiener", "average_background",
]  # fmt: skip
# What is asked of each method: points of the surroundings, a standard deviation, or steps.
_SIZED: dict[str, Callable[..., np.ndarray]] = {
    "nonlocal_means": nonlocal_means, "bilateral": bilateral,
}  # fmt: skip
_SPECTRAL: dict[str, Callable[..., np.ndarray]] = {
    "wiener": wiener, "average_background": average_background,
}  # fmt: skip

# The cubic spline of a starlet, in one dimension.
_SPLINE = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0
_PER_MEDIAN = 1.482602218505602
# Scales of wavelets where the image has room for them.
_SCALES = 4


@operation(example={"image": "surface"})
def denoise(
    image: xr.DataArray,
    method: Method = "wavelet",
    *,
    size: int = 5,
    scales: int | None = None,
    threshold: float = 3.0,
    noise: float | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Take noise out of every image without blurring its edges.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory.
    method : str
        "wavelet": leave out wavelet coefficients that noise may have made. Replace each value by
        the mean of the quarter around it that varies least ("kuwahara"), by the nearest value
        between the lowest and the highest of its neighbours ("conservative"), by the "median",
        by the mean over values whose surroundings look alike ("nonlocal_means"), or that are
        near and as high ("bilateral"). "total_variation": take away as much as there is noise,
        so that the rest varies least. "wiener" and "average_background", for lattices: keep what
        stands out of the background of the spectrum, or that without the mean background.
    size : int
        Points along each side of the surroundings, odd.
    scales : int
        Wavelets have the sizes of 1, 2, 4 ... pixels, so many; as many as fit, up to 4, otherwise.
    threshold : float
        Coefficients below that many standard deviations of the noise are left out ("wavelet").
    noise : float, units of `image`
        Standard deviation of the noise, for "wavelet", "nonlocal_means", "bilateral" and
        "total_variation"; estimated from each image otherwise.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray, shape and units of `image`
        NaN where the image is.

    Raises
    ------
    DataError
        The size is even or below 3, there is no scale or more than fit to the image, or the
        threshold or the noise is negative.

    Notes
    -----
    "wavelet" is the starlet transform [1]_: differences between an image and itself smoothed
    with splines, each twice as wide as the one before; nothing is decimated, so that the result
    does not depend on where the image begins. The noise is white; its standard deviation is
    that of the finest scale, by its median absolute value. "kuwahara" is [2]_. Elsewhere noise is
    estimated from second differences along both axes. "nonlocal_means" [3]_ and
    "total_variation" [4]_ are those of scikit-image, the weight of the latter such that what is
    taken away has the standard deviation of the noise. "wiener" and "average_background" are
    the filters of [5]_: N is the median over rings around the middle of the spectrum.

    References
    ----------
    .. [1] J.-L. Starck, J. Fadili and F. Murtagh, *IEEE Trans. Image Process.* 16, 297 (2007).
    .. [2] M. Kuwahara et al., in *Digital Processing of Biomedical Images* (1976), p. 187.
    .. [3] A. Buades, B. Coll and J.-M. Morel, *Image Process. On Line* 1, 208 (2011).
    .. [4] A. Chambolle, *J. Math. Imaging Vis.* 20, 89 (2004).
    .. [5] R. Kilaas, *J. Microsc.* 190, 45 (1998).

    Examples
    --------
    >>> import omniscopy as om
    >>> om.image.denoise(om.samples.surface(), "kuwahara").attrs["units"]
    'nm'
    """
    dims = require_image(image, dims)
    require_choice("method", method, get_args(Method))
    if size < 3 or size % 2 == 0:
        message = f"size must be odd and 3 at least, got {size!r}"
        raise DataError(message)
    if noise is not None and not noise >= 0:
        message = f"noise must not be negative, got {noise!r}"
        raise DataError(message)
    parameters: dict[str, Any]
    if method == "wavelet":
        shortest = min(image.sizes[dim] for dim in dims)
        if scales is None:
            scales = max(1, min(_SCALES, int(np.log2(shortest))))
        if scales < 1 or (scales > 1 and 2**scales > shortest):
            message = f"scales must be 1 at least and 2^scales fit to the image, got {scales!r}"
            raise DataError(message)
        if not threshold >= 0:
            message = f"threshold must not be negative, got {threshold!r}"
            raise DataError(message)
        parameters = {"scales": scales, "threshold": threshold, "noise": noise}
        return like(map_images(without_noise, image, dims, parameters=parameters), image)
    if method in _SPECTRAL:
        parameters = {"steps": steps_of(image, dims)}
        return like(map_images(_SPECTRAL[method], image, dims, parameters=parameters), image)
    if method == "total_variation":
        found = map_images(total_variation, image, dims, parameters={"noise": noise})
        return like(found, image)
    if method in _SIZED:
        parameters = {"size": size, "noise": noise}
        return like(map_images(_SIZED[method], image, dims, parameters=parameters), image)
    function = {"kuwahara": kuwahara, "conservative": conservative, "median": median}[method]
    return like(map_images(function, image, dims, parameters={"size": size}), image)


def starlet(values: np.ndarray, scales: int) -> list[np.ndarray]:
    """Return the coefficients of an image from the finest scale on, and what is left: their sum."""
    from scipy.ndimage import convolve1d

    parts = []
    for scale in range(scales):
        kernel = np.zeros(4 * 2**scale + 1)
        kernel[:: 2**scale] = _SPLINE
        smooth = values
        for axis in (0, 1):
            smooth = convolve1d(smooth, kernel, axis=axis, mode="mirror")
        parts.append(values - smooth)
        values = smooth
    return [*parts, values]


def noise_of_scales(scales: int) -> np.ndarray:
    """Return the standard deviation of the coefficients of white noise of 1, scale by scale."""
    reach = 4 * 2**scales
    impulse = np.zeros((2 * reach + 1, 2 * reach + 1))
    impulse[reach, reach] = 1.0
    return np.array([np.sqrt((part**2).sum()) for part in starlet(impulse, scales)[:-1]])


def without_noise(
    values: np.ndarray, used: np.ndarray, *, scales: int, threshold: float,
    noise: float | None = None,
) -> np.ndarray:  # fmt: skip
    """Return an image of the coefficients above a multiple of the noise."""
    if not used.any():
        return np.full(values.shape, np.nan)
    parts = starlet(filled(values, used), scales)
    expected = noise_of_scales(scales)
    if noise is None:
        noise = _PER_MEDIAN * float(np.median(np.abs(parts[0][used]))) / expected[0]
    made = parts[-1].copy()
    for part, own in zip(parts[:-1], expected, strict=True):
        made += np.where(np.abs(part) >= threshold * noise * own, part, 0.0)
    return np.where(used, made, np.nan)


def kuwahara(values: np.ndarray, used: np.ndarray, *, size: int) -> np.ndarray:
    """Return the mean of the one of four squares with a corner at each point that varies least."""
    from scipy.ndimage import uniform_filter

    if not used.any():
        return np.full(values.shape, np.nan)
    reach = size // 2
    # The mean of all has no part in variances; without it less is lost to rounding.
    level = values[used].mean()
    padded = np.pad(np.where(used, values - level, 0.0), reach, mode="symmetric")
    weight = np.pad(used.astype(np.float64), reach, mode="symmetric")
    options = {"size": reach + 1, "mode": "nearest", "origin": -((reach + 1) // 2)}
    sums = [uniform_filter(each, **options) for each in (weight, padded, padded**2)]
    rows, columns = values.shape
    best, least = np.full(values.shape, np.nan), np.full(values.shape, np.inf)
    for down in (0, reach):
        for right in (0, reach):
            # `origin` makes every square begin at its point.
            share, first, second = (
                each[down : down + rows, right : right + columns] for each in sums
            )
            good = share > 0.5 / (reach + 1) ** 2
            share = np.where(good, share, 1.0)
            mean = first / share
            spread = np.where(good, second / share - mean**2, np.inf)
            better = spread < least
            best, least = np.where(better, mean, best), np.where(better, spread, least)
    return np.where(used, best + level, np.nan)


def conservative(values: np.ndarray, used: np.ndarray, *, size: int) -> np.ndarray:
    """Return values that are not beyond the lowest and the highest of their neighbours."""
    from scipy.ndimage import maximum_filter, minimum_filter

    around = np.ones((size, size), dtype=np.bool_)
    around[size // 2, size // 2] = False
    options = {"footprint": around, "mode": "constant"}
    low = minimum_filter(np.where(used, values, np.inf), cval=np.inf, **options)
    high = maximum_filter(np.where(used, values, -np.inf), cval=-np.inf, **options)
    alone = low > high
    clipped = np.where(alone, values, np.minimum(np.maximum(values, low), high))
    return np.where(used, clipped, np.nan)


def median(values: np.ndarray, used: np.ndarray, *, size: int) -> np.ndarray:
    """Return the median around every point, over what is there."""
    from scipy.ndimage import median_filter

    if used.all():
        return np.asarray(median_filter(values, size, mode="mirror"))
    reach = size // 2
    padded = np.pad(np.where(used, values, np.nan), reach, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size))
    made = np.full(values.shape, np.nan)
    made[used] = np.nanmedian(windows[used].reshape(-1, size * size), axis=1)
    return made
