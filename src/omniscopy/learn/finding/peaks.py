"""From what the network says of each cell to atoms."""

from typing import NamedTuple

import numpy as np

from omniscopy.learn.finding.targets import _VARIANCE
from omniscopy.learn.nets.cells import CELL

# What is less probable is not looked at.
_LEAST = 0.03
# Atoms are not nearer than this part of their usual distance, nor than this in pixels.
_APART, _CLOSEST = 0.5, 3.0
_CERTAIN = 0.5
# An F1 below which what is found is no better than guessed.
_GUESSED = 0.5


class Found(NamedTuple):
    """Atoms: places and deviations in pixels of the scaled image, probabilities, kinds."""

    places: np.ndarray
    std: np.ndarray
    probability: np.ndarray
    kinds: np.ndarray

    def take(self, which: np.ndarray) -> "Found":
        """Return some of them."""
        return Found(*(each[which] for each in self))


def atoms_in(said: np.ndarray, calibration: tuple[float, float]) -> Found:
    """Return all places where an atom may be.

    Parameters
    ----------
    said : array, shape (4 or more, rows, columns)
        What `CentreNet` gives.
    calibration : (float, float)
        Slope and offset that make true log odds of those of a place.

    Notes
    -----
    The probability of an atom is the sum over the 3 by 3 cells that its centre may be in; its
    place the mean of theirs.
    """
    from scipy.ndimage import maximum_filter, uniform_filter

    share = 1.0 / (1.0 + np.exp(-said[0].astype(np.float64)))
    padded = np.pad(share, 1)
    smooth = sum(
        (2 - abs(down)) * (2 - abs(right)) * _moved(padded, down, right)
        for down in (-1, 0, 1) for right in (-1, 0, 1)
    )  # fmt: skip
    total = 9.0 * uniform_filter(share, 3, mode="constant")
    tops = (smooth == maximum_filter(smooth, size=3)) & (total > _LEAST)
    rows, columns = np.nonzero(tops)
    weights, away_y, away_x, variance = [], [], [], []
    log_variance = np.clip(said[3], *_VARIANCE)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            at = (
                np.clip(rows + down, 0, said.shape[1] - 1),
                np.clip(columns + right, 0, said.shape[2] - 1),
            )
            weights.append(padded[rows + 1 + down, columns + 1 + right])
            away_y.append(said[1][at] + down)
            away_x.append(said[2][at] + right)
            variance.append(np.exp(log_variance[at]))
    weight = np.stack(weights)
    weight /= weight.sum(axis=0)
    dy, dx = (weight * np.stack(away_y)).sum(axis=0), (weight * np.stack(away_x)).sum(axis=0)
    std = np.sqrt((weight * np.stack(variance)).sum(axis=0))
    cells = np.stack([rows + dy, columns + dx], axis=1)
    probability = np.clip(total[rows, columns], 1e-6, 1.0 - 1e-6)
    odds = calibration[0] * np.log(probability / (1.0 - probability)) + calibration[1]
    kinds = (
        said[4:, rows, columns].argmax(axis=0)
        if said.shape[0] > 4
        else np.zeros(len(rows), np.int64)
    )
    return Found(
        (cells + 0.5) * CELL - 0.5, CELL * std, 1.0 / (1.0 + np.exp(-odds)),
        kinds.astype(np.int64),
    )  # fmt: skip


def apart(found: Found) -> Found:
    """Return atoms without those that are too near to a more probable one."""
    certain = found.places[found.probability > _CERTAIN]
    distance = max(_CLOSEST, _APART * spacing_of(certain)) if len(certain) > 1 else _CLOSEST
    return found.take(_most_probable(found, distance))


def spacing_of(places: np.ndarray) -> float:
    """Return the median distance of nearest atoms; NaN of fewer than two."""
    from scipy.spatial import cKDTree

    if len(places) < 2:
        return float("nan")
    return float(np.median(cKDTree(places).query(places, k=2)[0][:, 1]))


def best_threshold(probability: np.ndarray) -> float:
    """Return the probability from which on atoms count for the highest F1 that is expected.

    Where not even that is as good as guessing, nothing counts: images of noise have no atoms.
    """
    if not probability.size:
        return _CERTAIN
    ordered = np.sort(probability)[::-1]
    true = np.cumsum(ordered)
    score = 2.0 * true / (np.arange(1, len(ordered) + 1) + true[-1])
    best = int(score.argmax())
    return float(ordered[best]) if score[best] >= _GUESSED else 1.0


def _moved(padded: np.ndarray, down: int, right: int) -> np.ndarray:
    rows, columns = padded.shape
    return padded[1 + down : rows - 1 + down, 1 + right : columns - 1 + right]


def _most_probable(found: Found, distance: float) -> np.ndarray:
    """Return which atoms have none beside them that is more probable, by rows."""
    from scipy.spatial import cKDTree

    order = np.argsort(-found.probability, kind="stable")
    if not order.size:
        return order
    pairs = cKDTree(found.places[order]).query_pairs(distance, output_type="ndarray")
    pairs = np.sort(pairs, axis=1)
    kept = np.ones(len(order), dtype=bool)
    for first, later in pairs[np.lexsort(pairs.T)]:
        if kept[first]:
            kept[later] = False
    return np.sort(order[kept])
