"""Noise taken out of images by the singular vectors of their windows."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import xarray as xr

from omniscopy.image.cleaning.filling import filled
from omniscopy.image.topography import like, map_images, require_image
from omniscopy.image.windows.sliding import Size, window_shape
from omniscopy.model import DataError, operation, require_choice

# Windows of more pixels have covariances that take long to make: a million windows of this.
_MOST_PIXELS = 4096
# Of the largest of the eigenvalues of white noise, found by drawing many images.
_SELDOM = 1.2


@operation(example={"image": "atom_image", "size": 0.4})
def clean_svd(
    image: xr.DataArray,
    size: Size,
    *,
    components: int | Sequence[int] | None = None,
    noise: Literal["poisson"] | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Take noise out of every image by the leading singular vectors of all of its windows.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid.
    size : float or (float, float), units of the coordinates
        Of the windows: about what repeats, such as one or two lattice spacings.
    components : int or sequence of int
        How many singular vectors are kept, or which, from 0 on; otherwise all whose part of
        the variance white noise seldom has.
    noise : "poisson", optional
        Values are counts: their noise is made alike everywhere before (Anscombe's root), and
        the mean is brought back without bias after.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray, shape and units of `image`
        The mean of what all windows over a pixel say of it. NaN where the image is; the nearest
        values stand in for such ones.

    Raises
    ------
    DataError
        A window has fewer than 2 pixels along a side, more than 4096 in all, is larger than the
        image, or `components` asks for more than a window has pixels.

    Notes
    -----
    Windows begin at every pixel. Their covariance is summed lag by lag, and projected windows
    are averaged as two convolutions with each singular vector: what would come of a matrix of
    all windows is found without one. Of white noise, neighbouring eigenvalues of the covariance
    scatter like a smoothed spectrum; those above
    :math:`\sigma^2 (1 + c \sqrt{2 \ln p \cdot p / N})` are kept (p pixels of a window, N of
    the image, c = 1.2), with the median eigenvalue for :math:`\sigma^2`. Counts as in [1]_.

    References
    ----------
    .. [1] M. Mäkitalo and A. Foi, *IEEE Trans. Image Process.* 20, 2697 (2011).

    Examples
    --------
    >>> import omniscopy as om
    >>> noisy, exact = om.samples.atom_image(), om.simulate.atom_image(noise=False)
    >>> clean = om.image.clean_svd(noisy, 0.6)
    >>> bool((clean - exact).std() < 0.4 * (noisy - exact).std())
    True
    """
    require_choice("noise", noise, ("poisson", None))
    dims = require_image(image, dims)
    shape = window_shape(image, size, dims)
    pixels = shape[0] * shape[1]
    if pixels > _MOST_PIXELS:
        message = f"a window of {shape} pixels is too large; take at most {_MOST_PIXELS} pixels"
        raise DataError(message)
    chosen = None if components is None else _chosen(components, pixels)
    parameters = {"shape": shape, "chosen": chosen, "poisson": noise == "poisson"}
    return like(map_images(cleaned, image, dims, parameters=parameters), image)


def cleaned(
    values: np.ndarray, used: np.ndarray, *, shape: tuple[int, int], chosen: np.ndarray | None,
    poisson: bool,
) -> np.ndarray:  # fmt: skip
    """Return an image of what some singular vectors have of its windows."""
    if not used.any():
        return np.full(values.shape, np.nan)
    whole = filled(values, used)
    if poisson:
        whole = 2.0 * np.sqrt(np.maximum(whole, 0.0) + 0.375)
    mean = whole.mean()
    whole = whole - mean
    squares, vectors = np.linalg.eigh(covariance(whole, shape))
    squares, vectors = squares[::-1], vectors[:, ::-1]
    kept = chosen
    if kept is None:
        pixels = len(squares)
        scatter = np.sqrt(2.0 * np.log(pixels) * pixels / whole.size)
        kept = np.flatnonzero(squares > np.median(squares) * (1.0 + _SELDOM * scatter))
    made = mean + projected(whole, vectors[:, kept].T.reshape(-1, *shape))
    return np.where(used, _counts(made) if poisson else made, np.nan)


def covariance(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the mean over all windows of the product of each two of their pixels.

    Products of the image with itself, moved by a lag, are summed over all windows at once: sums
    over neighbouring places differ by what comes in and goes out at the edges.
    """
    rows, columns = shape
    places = [size - width + 1 for size, width in zip(image.shape, shape, strict=True)]
    made = np.empty((rows, columns, rows, columns))
    for a in range(rows):
        for b in range(1 - columns if a else 0, columns):
            left, right = max(0, -b), image.shape[1] - max(0, b)
            first = image[: image.shape[0] - a, left:right]
            second = image[a:, left + b : right + b]
            # Sums over rows i .. i + places - 1 for all i, then the same over columns.
            many, few = rows - a, columns - abs(b)
            sums = _running(first, second, places[0], many)
            sums = np.cumsum(np.pad(sums, ((0, 0), (1, 0))), axis=1)
            sums = sums[:, places[1] : places[1] + few] - sums[:, :few]
            i, j = np.arange(many)[:, None], left + np.arange(few)
            made[i, j, i + a, j + b] = sums
            made[i + a, j + b, i, j] = sums
    return made.reshape(rows * columns, -1) / (places[0] * places[1])


def _running(first: np.ndarray, second: np.ndarray, length: int, count: int) -> np.ndarray:
    """Return sums over rows i to i + length - 1 of a product, for i up to `count`."""
    common = slice(count - 1, length)
    core = np.einsum("yx,yx->x", first[common], second[common]) if count <= length else 0.0
    if count > length:
        total = np.cumsum(np.pad(first * second, ((1, 0), (0, 0))), axis=0)
        return np.asarray(total[length : length + count] - total[:count])
    head = (first[: count - 1] * second[: count - 1])[::-1].cumsum(axis=0)[::-1]
    tail = (first[length : length + count - 1] * second[length : length + count - 1]).cumsum(axis=0)
    nothing = np.zeros((1, first.shape[1]))
    return np.asarray(core + np.concatenate([head, nothing]) + np.concatenate([nothing, tail]))


def projected(image: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return the mean over all windows of their projections on orthonormal vectors.

    Parameters
    ----------
    image : array, shape (y, x)
    vectors : array, shape (component, window_y, window_x)
    """
    from scipy import fft

    shape = vectors.shape[1:]
    size = tuple(fft.next_fast_len(n, real=True) for n in image.shape)
    places = [n - width + 1 for n, width in zip(image.shape, shape, strict=True)]
    spectrum = fft.rfft2(image, size)
    total = np.zeros_like(spectrum)
    for vector in vectors:
        own = fft.rfft2(vector, size)
        loadings = fft.irfft2(spectrum * own.conj(), size)[: places[0], : places[1]]
        total += own * fft.rfft2(loadings, size)
    made = fft.irfft2(total, size)[: image.shape[0], : image.shape[1]]
    over = [np.convolve(np.ones(n), np.ones(w)) for n, w in zip(places, shape, strict=True)]
    return np.asarray(made / np.multiply.outer(*over))


def _chosen(components: int | Sequence[int], pixels: int) -> np.ndarray:
    kept = np.arange(components) if isinstance(components, int) else np.unique([*components])
    if not len(kept) or kept.dtype.kind not in "iu" or kept.min() < 0 or kept.max() >= pixels:
        message = f"components must be of the {pixels} that a window has, got {components!r}"
        raise DataError(message)
    return kept


def _counts(roots: np.ndarray) -> np.ndarray:
    """Return the means whose counts have these mean roots: the exact inverse of Anscombe's."""
    d = np.maximum(roots, 2.0 * np.sqrt(0.375))
    root = np.sqrt(1.5)
    made = d**2 / 4 + root / 4 / d - 11 / 8 / d**2 + 5 / 8 * root / d**3 - 1 / 8
    return np.asarray(np.maximum(made, 0.0))
