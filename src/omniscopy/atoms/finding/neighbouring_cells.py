"""What neighbouring cells of a lattice say about whether an atom is in a place."""

from typing import NamedTuple

import numpy as np

from omniscopy.atoms.finding.noise import Maxima, Pair

# Translations have a correlation of this part of the best at least, and are of about one length.
_ALIKE, _LONGER, _EQUAL = 0.6, 1.5, 0.8
# Below this correlation there is no lattice, and nearer than this, in widths, is the atom itself.
_ORDERED, _BESIDE = 0.15, 2.5
# Atoms of the faintest kind are so high, relative to all: a place without one in other cells does
# not say that one that is there is faint.
_FAINTEST = 0.65
# Chances of an atom before its height is known are not nearer to 0 and 1 than those of these odds.
_SUREST = 4.0
_ROUNDS, _SETTLED = 60, 1e-3


class Cells(NamedTuple):
    """A filtered image, smoothed, and the shortest translations of the lattice in it, in pixels."""

    response: np.ndarray
    translations: np.ndarray

    def support(self, places: np.ndarray) -> np.ndarray:
        """Return the mean response one cell further; NaN where that is outside everywhere."""
        from scipy.ndimage import map_coordinates

        moved = places[:, None] + self.translations
        last = np.array(self.response.shape) - 1.0
        inside = ((moved >= 0) & (moved <= last)).all(axis=-1)
        values = map_coordinates(self.response, np.moveaxis(moved, -1, 0), order=1, mode="nearest")
        count = inside.sum(axis=1)
        total = (values * inside).sum(axis=1)
        return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def cells_of(response: np.ndarray, width: float, aspect: Pair) -> Cells | None:
    """Return the cells that a filtered image repeats itself in; `None` where it does not."""
    from scipy.fft import irfft2, next_fast_len, rfft2
    from scipy.ndimage import gaussian_filter, maximum_filter

    smooth = gaussian_filter(response, [0.5 * width / step for step in aspect])
    reach = [size // 3 for size in response.shape]
    shape = [next_fast_len(size + far, real=True)
             for size, far in zip(response.shape, reach, strict=True)]  # fmt: skip
    shifts = [np.arange(-far, far + 1) for far in reach]
    pairs = np.outer(*(size - np.abs(each)
                       for size, each in zip(response.shape, shifts, strict=True)))  # fmt: skip
    products = irfft2(np.abs(rfft2(smooth - smooth.mean(), shape)) ** 2, shape)
    correlation = products[np.ix_(*shifts)] / pairs
    distance = np.hypot(*np.meshgrid(
        *(step * each for step, each in zip(aspect, shifts, strict=True)), indexing="ij"
    ))  # fmt: skip
    size = [2 * max(1, int(width / step)) + 1 for step in aspect]
    tops = correlation == maximum_filter(correlation, size=size)
    tops[[0, -1]] = False
    tops[:, [0, -1]] = False
    tops &= (distance > _BESIDE * width) & (correlation > _ORDERED * correlation[*reach])
    if not tops.any():
        return None
    best = correlation[tops].max()
    shortest = distance[tops & (correlation > _EQUAL * best)].min()
    tops &= (correlation > _ALIKE * best) & (distance < _LONGER * shortest)
    return Cells(smooth, np.argwhere(tops) - reach)


def chance_of_atoms(
    signal: np.ndarray, support: np.ndarray, room: np.ndarray, noise: Maxima
) -> np.ndarray:
    r"""Return the probability that each candidate is an atom, given its neighbouring cells.

    Signals (over the noise) are those of two groups [1]_: maxima of noise, whose heights are
    known, where there is `room` for them; and atoms, normal around a mean that is a line of the
    support. The odds of an atom before its height is known are an exponential of the support.
    All follow from the image by expectation and maximization: where cells do not repeat, the
    support says nothing.

    References
    ----------
    .. [1] B. Efron, *Large-Scale Inference*, Cambridge University Press (2010), chapter 2.
    """
    at = np.linspace(min(float(signal.min()), -3.0) - 0.5, float(signal.max()) + 0.5, 1500)
    order = np.argsort(signal)
    density = np.clip(-np.gradient(noise.share, noise.heights), 1e-12, None)
    false = np.interp(at, noise.heights, density)
    false *= np.clip(np.interp(at, signal[order], room[order]), 1e-3, None)
    of_noise = np.interp(signal, at, false / (false.sum() * (at[1] - at[0])))
    known = np.where(np.isfinite(support), support, np.nanmedian(support))
    lean = np.stack([np.ones_like(known), (known - known.mean()) / max(known.std(), 1e-300)])
    held = np.array([1e-3, 0.5])  # so that odds are finite where groups do not overlap
    chance = 1.0 / (1.0 + np.exp(-2.0 * (signal - 0.7 * np.median(signal))))
    odds, before = np.zeros(2), -np.inf
    for _ in range(_ROUNDS):
        weight = chance + 1e-9
        normal = (lean * weight) @ lean.T + np.diag([1e-6, 1.0])
        line = np.linalg.solve(normal, (lean * weight) @ signal) @ lean
        mean = np.maximum(line, _FAINTEST * (chance @ signal) / chance.sum())
        spread = max(float(np.sqrt(weight @ (signal - mean) ** 2 / weight.sum())), 1.0)
        prior = _logistic(odds @ lean)
        bend = (lean * (prior * (1.0 - prior) + 1e-6)) @ lean.T + np.diag(held)
        odds = odds + np.linalg.solve(bend, lean @ (chance - prior) - held * odds)
        prior = _logistic(odds @ lean)
        # What is higher than atoms are is none the less one.
        below = np.minimum(signal - mean, 0.0) / spread
        atom = prior * np.exp(-0.5 * below**2) / (spread * np.sqrt(2.0 * np.pi))
        whole = atom + (1.0 - prior) * of_noise + 1e-300
        chance, likelihood = atom / whole, float(np.log(whole).sum())
        if abs(likelihood - before) < _SETTLED:
            break
        before = likelihood
    return chance


def _logistic(odds: np.ndarray) -> np.ndarray:
    made: np.ndarray = 1.0 / (1.0 + np.exp(-np.clip(odds, -_SUREST, _SUREST)))
    return made
