"""How wide the atoms of an image are, and how far apart, from its autocorrelation."""

from typing import NamedTuple

import numpy as np

Pair = tuple[float, float]

# Half width at half maximum of the autocorrelation of a Gaussian over its standard deviation.
_HALF = 2.0 * np.sqrt(np.log(2.0))
# Of the highest maximum beside the middle: a distance that a sublattice of half the brightness
# makes is still one.
_LEAST_HEIGHT = 0.25
# From where on the maxima beside the middle say that atoms are in order.
_ORDERED = 0.2
_SIGNIFICANT = 5.0


class Scales(NamedTuple):
    """Standard deviation of an atom and the shortest distance of two; NaN where unknown."""

    width: float
    spacing: float


def scales_of(image: np.ndarray, aspect: Pair) -> Scales:
    """Return the scales of an image; `aspect` is the distance of its rows and of its columns.

    What is much wider than atoms (thickness, contamination) is taken away first. How wide that
    is, is not known either: from wide to narrow, the first that shows atoms in order is taken,
    otherwise the first that leaves a peak in the middle which is narrow enough.
    """
    reach = min(size * step for size, step in zip(image.shape, aspect, strict=True)) / 4
    first = Scales(np.nan, np.nan)
    while reach >= 3 * max(aspect):
        found, order, valley = _scales_below(image, aspect, reach)
        if valley <= 0.75 * reach:
            first = found if np.isnan(first.width) else first
            if order > _ORDERED:
                return found
        reach /= 2
    return first


def _scales_below(image: np.ndarray, aspect: Pair, reach: float) -> tuple[Scales, float, float]:
    """Return the scales, how ordered the atoms are, and the first minimum of the correlation."""
    from scipy.ndimage import gaussian_laplace, maximum_filter

    correlation, count = _autocorrelation(image, aspect, reach)
    middle = tuple(size // 2 for size in correlation.shape)
    places = [step * (np.arange(size) - size // 2)
              for step, size in zip(aspect, correlation.shape, strict=True)]  # fmt: skip
    distance = np.hypot(places[0][:, None], places[1])
    # Noise is in the middle only: the top is that of a parabola through the next values.
    near = (distance > 0) & (distance < 2.3 * max(aspect))
    basis = np.stack([np.ones(near.sum()), distance[near] ** 2], axis=1)
    top = float(np.linalg.lstsq(basis, correlation[near], rcond=None)[0][0])
    noise = float(correlation[middle]) - top
    correlation[middle] = top
    end = min(-places[0][0], -places[1][0])
    profile = _ring_means(correlation, distance, end)
    valley = _first_minimum(profile, 0.5 * top)
    level = 0.5 * (profile[valley] + top)
    below = np.flatnonzero(profile[: valley + 1] < level)
    if top <= _SIGNIFICANT * max(noise, 0.0) / np.sqrt(count) or not below.size or not below[0]:
        return Scales(np.nan, np.nan), 0.0, np.inf
    after = int(below[0])
    half = after - (level - profile[after]) / (profile[after - 1] - profile[after])
    width = float(half / _HALF)
    sharp = -gaussian_laplace(correlation, [max(1.0, 0.6 * width) / step for step in aspect])
    size = [2 * max(1, int(width / step)) + 1 for step in aspect]
    tops = (sharp == maximum_filter(sharp, size=size)) & (sharp > 0)
    tops &= (distance >= 0.8 * valley) & (distance < 0.75 * end)
    if not tops.any():
        return Scales(width, np.nan), 0.0, float(valley)
    highest = sharp[tops].max()
    spacing = distance[tops & (sharp > _LEAST_HEIGHT * highest)].min()
    order = float(highest / sharp[middle]) if sharp[middle] > 0 else 0.0
    return Scales(width, float(spacing)), order, float(valley)


def _autocorrelation(image: np.ndarray, aspect: Pair, reach: float) -> tuple[np.ndarray, int]:
    """Return the mean product at each shift up to half the image, and how many values made it."""
    from scipy.fft import irfft2, next_fast_len, rfft2

    known = np.isfinite(image)
    weight = known.astype(np.float64)
    values = np.where(known, image, 0.0)
    values = (values - values.sum() / weight.sum()) * weight
    share = _smooth(weight, aspect, reach)
    values -= _smooth(values, aspect, reach) / np.maximum(share, 1e-6)
    shape = [next_fast_len(size + size // 2 + 1, real=True) for size in image.shape]
    products, pairs = (
        irfft2(np.abs(rfft2(each * weight, shape)) ** 2, shape) for each in (values, weight)
    )
    shifts = [np.arange(-(size // 2), size // 2 + 1) for size in image.shape]
    found = products[np.ix_(*shifts)] / np.maximum(pairs[np.ix_(*shifts)], 1.0)
    return np.ascontiguousarray(found), int(known.sum())


def _smooth(values: np.ndarray, aspect: Pair, reach: float) -> np.ndarray:
    """Return values smoothed by three boxes, in a time that does not depend on their width."""
    from scipy.ndimage import uniform_filter

    for _ in range(3):  # together of the variance of a Gaussian
        values = uniform_filter(values, [2 * int(reach / step) + 1 for step in aspect])
    return values


def _ring_means(values: np.ndarray, distance: np.ndarray, end: float) -> np.ndarray:
    ring = np.rint(distance).astype(int).ravel()
    sums, counts = np.bincount(ring, values.ravel()), np.bincount(ring)
    means: np.ndarray = (sums / np.maximum(counts, 1))[: max(int(end), 3)]
    return means


def _first_minimum(profile: np.ndarray, below: float) -> int:
    """Return the first minimum of a profile below some height, its end if there is none."""
    inner = profile[1:-1]
    lowest = (inner <= profile[:-2]) & (inner <= profile[2:]) & (inner < below)
    places = np.flatnonzero(lowest)
    return int(places[0]) + 1 if places.size else len(profile) - 1
