"""Places where an atom may be, and how bright it would be there."""

from typing import NamedTuple

import numpy as np

from omniscopy.atoms.finding.images import filled
from omniscopy.atoms.finding.noise import Pair, as_normal, noise_moments

# Widths of the surroundings that are taken off an atom, in its own.
_SURROUNDINGS = 2.0


class Filter(NamedTuple):
    """A kernel whose response to an isolated atom of height 1 is 1, and that response.

    `response` is that at the distances 0, 1, ... from an atom; `curvature` is that of its top.
    """

    kernel: np.ndarray
    response: np.ndarray
    curvature: float


class Candidates(NamedTuple):
    """Maxima of a filtered image: place (row, column), response, deviation and skewness of it.

    Of two that are too close, the one of the higher `rank` is kept.
    """

    place: np.ndarray
    response: np.ndarray
    std: np.ndarray
    skewness: np.ndarray
    rank: np.ndarray

    def take(self, which: np.ndarray) -> "Candidates":
        """Return some of the candidates."""
        return Candidates(*(each[which] for each in self))

    def signal(self, height: np.ndarray) -> np.ndarray:
        """Return heights over the noise, of which counts have more above than below."""
        return as_normal(height / self.std, self.skewness)


def matched_filter(width: float, aspect: Pair, method: str) -> Filter:
    """Return the filter for atoms of a width: less their surroundings, or the Laplacian."""
    reach = [int(np.ceil(4.0 * _SURROUNDINGS * width / step)) for step in aspect]
    y, x = (step * np.arange(-n, n + 1) for step, n in zip(aspect, reach, strict=True))
    square = (y[:, None] ** 2 + x**2) / width**2
    atom = np.exp(-0.5 * square)
    if method == "log":
        kernel = (1.0 - 0.5 * square) * atom
        kernel -= kernel.mean()
    else:
        around = np.exp(-0.5 * square / _SURROUNDINGS**2)
        kernel = atom / atom.sum() - around / around.sum()
    kernel /= (kernel * atom).sum()
    distance = np.arange(0.0, 2.0 * _SURROUNDINGS * 2.5 * width)
    shifted = np.exp(-0.5 * (y[:, None] ** 2 + (x - distance[:, None, None]) ** 2) / width**2)
    response = np.einsum("yx,dyx->d", kernel, shifted)
    slope = float((kernel * atom * (y[:, None] ** 2 / width**2 - 1.0)).sum() / width**2)
    return Filter(kernel, response, -slope)


def noise_of_response(
    image: np.ndarray, known: np.ndarray, aspect: Pair, width: float, kernel: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return standard deviation and skewness of an image that is filtered by a kernel."""
    from scipy.signal import fftconvolve

    variance, third = noise_moments(image, known, [1.5 * width / step for step in aspect])
    least = 1e-20 * float(np.abs(image).max(initial=0.0)) ** 2 + 1e-300
    margin = [(size // 2, size // 2) for size in kernel.shape]
    made: np.ndarray = fftconvolve(np.pad(variance, margin), kernel**2, "valid")
    std = np.sqrt(np.maximum(made, least))
    return std, fftconvolve(np.pad(third, margin), kernel**3, "valid") / std**3


def response_of(image: np.ndarray, aspect: Pair, width: float, kernel: np.ndarray) -> np.ndarray:
    """Return a filtered image."""
    from scipy.signal import fftconvolve

    margin = [(size // 2, size // 2) for size in kernel.shape]

    # Beyond the edges is what is near to them, without noise: mirrored noise would add up.
    outside = np.pad(image, margin, constant_values=np.nan)
    whole = filled(outside, np.isfinite(outside), (width / aspect[0], width / aspect[1]))
    filtered: np.ndarray = fftconvolve(whole, kernel, "valid")
    return filtered


def candidates_of(
    response: np.ndarray, known: np.ndarray, noise: tuple[np.ndarray, np.ndarray]
) -> Candidates:
    """Return the maxima of a filtered image that are not on its edge."""
    from scipy.ndimage import maximum_filter

    tops = (response == maximum_filter(response, size=3)) & known & (response > -np.inf)
    tops[[0, -1]] = False
    tops[:, [0, -1]] = False
    place = np.argwhere(tops)
    shift = np.stack([_shift_to_top(response, place, axis) for axis in (0, 1)], axis=1)
    std, skewness = (each[tops] for each in noise)
    return Candidates(place + shift, response[tops], std, skewness, response[tops] / std)


def _shift_to_top(response: np.ndarray, place: np.ndarray, axis: int) -> np.ndarray:
    """Return how far the top of a parabola through three pixels is from the middle one."""
    step = np.array([1 - axis, axis])
    before, at, after = (response[tuple((place + n * step).T)] for n in (-1, 0, 1))
    bend = before - 2.0 * at + after
    return np.clip(0.5 * (before - after) / np.where(bend < 0, bend, -np.inf), -0.5, 0.5)
