"""Places where an atom may be, how bright it would be there, and which of them are atoms."""

from typing import NamedTuple

import numpy as np

from omniscopy.atoms.finding.images import filled
from omniscopy.atoms.finding.noise import Maxima, Pair, maxima_of_noise, noise_variance

# Widths of the surroundings that are taken off an atom, in its own.
_SURROUNDINGS = 2.0
# Atoms closer than this (in their widths) make one maximum.
_CLOSEST = 2.2
# Two atoms are not closer than this part of the spacing.
_APART = 0.75
# With about this risk an image without atoms has one; of many atoms, this part is false at most.
_FALSE_ALARM, _MOST_FALSE = 0.002, 0.25
# Fewer atoms than this say nothing of the spacing.
_FEW = 8
_ROUNDS = 3


class Filter(NamedTuple):
    """A kernel whose response to an isolated atom of height 1 is 1, and that response.

    `response` is that at the distances 0, 1, ... from an atom; `curvature` is that of its top.
    """

    kernel: np.ndarray
    response: np.ndarray
    curvature: float


class Candidates(NamedTuple):
    """Maxima of a filtered image: place (row, column), response, and standard deviation of it."""

    place: np.ndarray
    response: np.ndarray
    std: np.ndarray

    def take(self, which: np.ndarray) -> "Candidates":
        """Return some of the candidates."""
        return Candidates(self.place[which], self.response[which], self.std[which])


class Atoms(NamedTuple):
    """What is found: places (row, column), heights and their standard deviations, and how."""

    place: np.ndarray
    height: np.ndarray
    std: np.ndarray
    place_std: np.ndarray
    spacing: float
    threshold: float


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


def candidates_of(
    image: np.ndarray, known: np.ndarray, aspect: Pair, width: float, matched: Filter
) -> Candidates:
    """Return the maxima of a filtered image that are not on its edge."""
    from scipy.ndimage import maximum_filter
    from scipy.signal import fftconvolve

    kernel = matched.kernel
    margin = [(size // 2, size // 2) for size in kernel.shape]

    # Beyond the edges is what is near to them, without noise: mirrored noise would add up.
    outside = np.pad(image, margin, constant_values=np.nan)
    whole = filled(outside, np.isfinite(outside), (width / aspect[0], width / aspect[1]))
    response = fftconvolve(whole, kernel, "valid")
    variance = noise_variance(image, known, [1.5 * width / step for step in aspect])
    least = 1e-20 * float(np.abs(image).max(initial=0.0)) ** 2 + 1e-300
    std = np.sqrt(np.maximum(fftconvolve(np.pad(variance, margin), kernel**2, "valid"), least))
    tops = (response == maximum_filter(response, size=3)) & known & (response > -np.inf)
    tops[[0, -1]] = False
    tops[:, [0, -1]] = False
    place = np.argwhere(tops)
    shift = np.stack([_shift_to_top(response, place, axis) for axis in (0, 1)], axis=1)
    return Candidates(place + shift, response[tops], std[tops])


def _shift_to_top(response: np.ndarray, place: np.ndarray, axis: int) -> np.ndarray:
    """Return how far the top of a parabola through three pixels is from the middle one."""
    step = np.array([1 - axis, axis])
    before, at, after = (response[tuple((place + n * step).T)] for n in (-1, 0, 1))
    bend = before - 2.0 * at + after
    return np.clip(0.5 * (before - after) / np.where(bend < 0, bend, -np.inf), -0.5, 0.5)


class Scene(NamedTuple):
    """What is known of an image: distances are in the shorter distance of two pixels.

    A `threshold` or `spacing` that the user gave is kept (`given`); atoms are at least `least`
    as high as the bright ones.
    """

    shape: tuple[int, int]
    aspect: Pair
    width: float
    spacing: float
    given: bool
    threshold: float | None
    least: float

    @property
    def pixels(self) -> int:
        """Return how many pixels there are."""
        return self.shape[0] * self.shape[1]


def choose_atoms(found: Candidates, matched: Filter, scene: Scene) -> Atoms:
    """Return which candidates are atoms.

    Too close to a higher one they are none. The heights of the others are fitted together, so
    that an atom is not fainter for its bright neighbours.
    """
    _, aspect, width, spacing, given, threshold, least = scene
    noise = maxima_of_noise(matched.kernel, aspect)
    start, chosen = spacing if spacing < 9.0 * width or given else np.nan, np.nan
    apart = np.nanmax([_CLOSEST * width, _APART * start])
    for _ in range(1 if given else _ROUNDS):
        kept = found.take(_highest(found, apart, aspect))
        height = _heights(kept, matched, aspect)
        signal = height / kept.std
        chosen = threshold
        if threshold is None:
            chosen = _threshold(kept.place * aspect, signal, apart, scene, noise)
        atoms = signal >= chosen
        if atoms.any():
            atoms &= height > least * np.percentile(height[atoms], 90)
        if atoms.sum() <= _FEW or given:
            break
        spacing = _median_spacing(kept.place[atoms] * aspect)
        previous, apart = apart, max(_CLOSEST * width, _APART * np.nanmin([spacing, start]))
        if abs(apart - previous) < 0.02 * apart:
            break
    std = kept.std / np.maximum(height, 1e-300) * np.sqrt(noise.bend) / matched.curvature
    return Atoms(
        kept.place[atoms], height[atoms], kept.std[atoms], std[atoms], spacing, float(chosen)
    )


def _median_spacing(places: np.ndarray) -> float:
    from scipy.spatial import cKDTree

    nearest = cKDTree(places).query(places, k=2)[0][:, 1]
    return float(np.median(nearest))


def _highest(found: Candidates, apart: float, aspect: Pair) -> np.ndarray:
    """Return which candidates have none above them that is close."""
    from scipy.spatial import cKDTree

    signal = found.response / found.std
    order = np.argsort(-signal, kind="stable")
    if not order.size:
        return order
    pairs = cKDTree(found.place[order] * aspect).query_pairs(apart, output_type="ndarray")
    pairs = np.sort(pairs, axis=1)
    pairs = pairs[np.argsort(pairs[:, 1], kind="stable")]
    ends = np.searchsorted(pairs[:, 1], np.arange(len(order) + 1))
    kept = np.ones(len(order), dtype=bool)
    for n in np.flatnonzero(np.diff(ends)):
        kept[n] = not kept[pairs[ends[n] : ends[n + 1], 0]].any()
    return order[kept]


def _heights(kept: Candidates, matched: Filter, aspect: Pair) -> np.ndarray:
    """Return the heights of atoms that give all responses together."""
    from scipy.sparse import coo_array
    from scipy.sparse.linalg import cg
    from scipy.spatial import cKDTree

    count = len(kept.response)
    if not count:
        return kept.response
    places, every = kept.place * aspect, np.arange(count)
    pairs = cKDTree(places).query_pairs(len(matched.response) - 1.0, output_type="ndarray")
    first, second = pairs.T
    distance = np.hypot(*(places[first] - places[second]).T)
    lean = np.interp(distance, np.arange(len(matched.response)), matched.response)
    matrix = coo_array(
        (
            np.concatenate([lean, lean, np.ones(count)]),
            (np.concatenate([first, second, every]), np.concatenate([second, first, every])),
        ),
        shape=(count, count),
    ).tocsr()
    heights, _ = cg(matrix, kept.response, rtol=1e-6, maxiter=200)
    return np.asarray(heights)


def _threshold(
    places: np.ndarray, signal: np.ndarray, apart: float, scene: Scene, noise: Maxima
) -> float:
    """Return the signal to noise from which on candidates are atoms, infinite if none is.

    How many maxima of noise are above a height is known, where there is room for them beside
    the atoms that are higher. The threshold is that of the largest expected F1.
    """
    order = np.argsort(-signal, kind="stable")
    height = signal[order]
    if not height.size:
        return np.inf
    room = _room(places[order], apart, scene)
    share = np.interp(height, noise.heights, noise.share)
    more = np.diff(share, prepend=0.0) * np.concatenate([[1.0], room[:-1]])
    false = noise.density * scene.pixels * np.cumsum(more)
    count = np.arange(1, len(height) + 1)
    part = false / count
    if not (part <= _FALSE_ALARM).any():
        return np.inf
    possible = (np.minimum.accumulate(part[::-1])[::-1] <= _MOST_FALSE) & (height > 0)
    true = count - false
    atoms = true[possible].max(initial=0.0)
    score = np.where(possible, 2.0 * true / (count + atoms), -np.inf)
    return float(height[int(score.argmax())])


def _room(places: np.ndarray, apart: float, scene: Scene) -> np.ndarray:
    """Return which part of the image is free, when the first, the first two, ... are placed."""
    from scipy.spatial import cKDTree

    steps = [max(1, int(apart / 3 / step)) for step in scene.aspect]
    rows, columns = (
        np.arange(by // 2, size, by) for by, size in zip(steps, scene.shape, strict=True)
    )
    grid = (
        np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2) * scene.aspect
    )
    near = cKDTree(places).query(grid, k=min(6, len(places)), distance_upper_bound=apart)[1]
    first = near.reshape(len(grid), -1).min(axis=1)
    taken = np.cumsum(np.bincount(first, minlength=len(places) + 1)[: len(places)])
    free: np.ndarray = 1.0 - taken / len(grid)
    return free
