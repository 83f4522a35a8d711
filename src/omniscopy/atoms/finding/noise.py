"""The noise of an image of atoms, and how high its maxima are after a filter."""

from typing import NamedTuple

import numpy as np

Pair = tuple[float, float]

# Of the second differences along both axes: 1, -2, 1 times 1, -2, 1.
_MASK_SQUARES = 36.0
_ENOUGH = 50_000
_BINS = 16
# Levels of brightness that are told apart: so few are sorted by counting them.
_LEVELS = 65535.0


class NoiseLine(NamedTuple):
    """The variance of noise as a straight line of what is measured, and the least there is."""

    start: float
    slope: float
    least: float

    def variance(self, mean: np.ndarray) -> np.ndarray:
        """Return the variance where a mean is measured."""
        return np.clip(self.start + self.slope * mean, self.least, None)

    def third_moment(self, mean: np.ndarray) -> np.ndarray:
        """Return the third central moment there: what is counted has one, other noise none."""
        counted = np.clip(self.slope * mean, 0.0, self.variance(mean))
        return np.asarray(self.slope * counted)


def noise_moments(
    image: np.ndarray, known: np.ndarray, sigma: list[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return variance and third central moment of the noise of every pixel.

    They follow from the local mean.
    """
    from scipy.ndimage import gaussian_filter

    mean = gaussian_filter(image, sigma)
    line = noise_line(image, known, mean)
    return line.variance(mean), line.third_moment(mean)


def as_normal(signal: np.ndarray, skewness: np.ndarray) -> np.ndarray:
    """Return signals over skewed noise as those that are as improbable in normal noise.

    E. B. Wilson and M. M. Hilferty, *Proc. Natl. Acad. Sci.* 17, 684 (1931).
    """
    skew = np.where(np.abs(skewness) < 1e-4, 1e-4, skewness)
    return np.asarray((np.cbrt(0.5 * skew * signal + 1.0) - 1.0) * 6.0 / skew + skew / 6.0)


def noise_line(image: np.ndarray, known: np.ndarray, mean: np.ndarray) -> NoiseLine:
    """Return how the variance of noise depends on the local mean.

    Detectors count or add noise of their own: the variance is :math:`a + b` times the mean. The
    line is that of Theil and Sen through the variances of pixels of like brightness, which
    are the mean squares of second differences along both axes (Immerkær).
    """
    from scipy.ndimage import binary_erosion

    second = np.diff(np.diff(image, n=2, axis=0), n=2, axis=1)
    inside = (slice(1, -1), slice(1, -1))
    level, square = mean[inside].ravel(), second.ravel()
    if not known.all():
        whole = binary_erosion(known, np.ones((3, 3)))[inside].ravel()
        whole = whole if whole.sum() > 4 * _BINS else known[inside].ravel()
        level, square = level[whole], square[whole]
    # Some of very many say enough.
    some = slice(None, None, 1 + level.size // _ENOUGH)
    return _line_of(level[some], square[some] ** 2 / _MASK_SQUARES)


def noise_line_of_rows(image: np.ndarray) -> NoiseLine:
    """Return the same from some rows of an image without gaps, each with those beside it.

    They are no whole number of rows apart, so that they meet a lattice everywhere.
    """
    from scipy.ndimage import uniform_filter1d

    rows, columns = image.shape
    count = min(rows - 2, max(1, _ENOUGH // columns))
    some = np.linspace(1, rows - 2, count).astype(np.int64)
    above, row, below = image[some - 1], image[some], image[some + 1]
    second = np.diff(above - 2.0 * row + below, n=2, axis=1)
    mean = uniform_filter1d((above + row + below) / 3.0, 3, axis=1)[:, 1:-1]
    return _line_of(mean.ravel(), second.ravel() ** 2 / _MASK_SQUARES)


def _line_of(level: np.ndarray, square: np.ndarray) -> NoiseLine:
    """Return the line through the mean squares where levels are alike."""
    if not level.size:
        return NoiseLine(0.0, 0.0, 0.0)
    # Of counts many are equal: rounding must not say which of them are in a bin.
    spread = max(float(np.ptp(level)), 1e-300)
    steps = np.rint(_LEVELS / spread * (level - level.min())).astype(np.uint16)
    order = np.argsort(steps, kind="stable")
    bins = [part for part in np.array_split(order, _BINS) if part.size]
    level = np.array([level[part].mean() for part in bins])
    variance = np.array([square[part].mean() for part in bins])
    first, later = np.triu_indices(len(bins), 1)
    apart = level[later] - level[first]
    rising = apart > 1e-9 * np.abs(level).max(initial=0.0)
    slopes = (variance[later] - variance[first])[rising] / apart[rising]
    slope = float(np.median(slopes)) if slopes.size else 0.0
    start = float(np.median(variance - slope * level))
    # Where no counts are, some were possible.
    least = max(0.25 * float(variance.min()), 0.02 * float(variance.mean()))
    return NoiseLine(start, slope, least)


class Maxima(NamedTuple):
    """Maxima of filtered white noise: how many a pixel has, and the share above each height.

    `bend` is the mean square of the slope along an axis, over the variance.
    """

    density: float
    heights: np.ndarray
    share: np.ndarray
    bend: float


def maxima_of_noise(kernel: np.ndarray, aspect: Pair) -> Maxima:
    r"""Return the maxima of white noise of unit variance that a round kernel has filtered.

    Density :math:`\sigma_2^2 / (8 \pi \sqrt3 \sigma_1^2)` [1]_ and heights [2]_ of an isotropic
    Gaussian field, with the variances :math:`\sigma_1^2` of the gradient and :math:`\sigma_2^2`
    of the Laplacian.

    References
    ----------
    .. [1] J. R. Bond, G. Efstathiou, *Mon. Not. R. Astron. Soc.* 226, 655 (1987).
    .. [2] D. Cheng, A. Schwartzman, *Bernoulli* 24, 3422 (2018), for a plane.
    """
    from scipy.special import ndtr

    shape = [max(128, size) for size in kernel.shape]
    power = np.abs(np.fft.fft2(kernel, shape)) ** 2
    k = [2.0 * np.pi * np.fft.fftfreq(size, step)
         for size, step in zip(shape, aspect, strict=True)]  # fmt: skip
    square = k[0][:, None] ** 2 + k[1] ** 2
    total = power.sum()
    gradient, laplacian = (float((square**n * power).sum() / total) for n in (1, 2))
    kappa2 = min(2.0 * gradient**2 / laplacian, 2.0 - 1e-9)
    kappa = np.sqrt(kappa2)
    x = np.linspace(-8.0, 12.0, 4001)
    normal = np.exp(-0.5 * x**2) / np.sqrt(2.0 * np.pi)
    density = np.sqrt(3.0) * kappa2 * (x**2 - 1.0) * normal * ndtr(kappa * x / np.sqrt(2 - kappa2))
    density += (
        kappa * x * np.sqrt(3.0 * (2 - kappa2)) / (2 * np.pi) * np.exp(-(x**2) / (2 - kappa2))
    )
    density += (
        np.sqrt(6.0 / (np.pi * (3 - kappa2)))
        * np.exp(-1.5 * x**2 / (3 - kappa2))
        * ndtr(kappa * x / np.sqrt((3 - kappa2) * (2 - kappa2)))
    )
    share = np.cumsum(density[::-1])[::-1] * (x[1] - x[0])
    per_pixel = aspect[0] * aspect[1] * laplacian / (8.0 * np.pi * np.sqrt(3.0) * gradient)
    return Maxima(per_pixel, x, share, gradient / 2.0)
