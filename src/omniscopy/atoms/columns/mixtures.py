"""Mixtures of Gaussians of one width along a line."""

from dataclasses import dataclass

import numpy as np

_STEPS, _CLOSE = 500, 1e-9
# The narrowest Gaussians, over the range of intensities.
_NARROW = 1e-4


@dataclass(frozen=True)
class Mixture:
    """Means in ascending order, weights, the common width, chances (values, means), criterion."""

    mean: np.ndarray
    weight: np.ndarray
    width: float
    chance: np.ndarray
    criterion: float


def maximum_likelihood(values: np.ndarray, count: int) -> Mixture:
    """Return the mixture of Gaussians of one width that has the best criterion.

    From two starts, means at even quantiles and evenly spaced: the likelihood has many maxima.
    """
    part = (np.arange(count) + 0.5) / count
    low, high = values.min(), values.max()
    starts = [np.quantile(values, part), low + (high - low) * part]
    if count > 1:
        starts.append(np.linspace(low, high, count))
    starts.append(_split(values, count))
    return min((_maximized(values, start) for start in starts), key=lambda each: each.criterion)


def _split(values: np.ndarray, count: int) -> np.ndarray:
    """Return the means of the parts between the widest gaps of the sorted values."""
    ordered = np.sort(values)
    gaps = np.sort(np.argsort(np.diff(ordered))[len(ordered) - count :] + 1)
    return np.array([each.mean() for each in np.split(ordered, gaps)])


def _maximized(values: np.ndarray, mean: np.ndarray) -> Mixture:
    count, size = len(mean), len(values)
    narrow = _NARROW * (values.max() - values.min())
    weight = np.full(count, 1.0 / count)
    sigma = max(float(np.ptp(values)) / (4 * count), narrow)
    before = -np.inf
    for _ in range(_STEPS):
        away = (values[:, None] - mean) / sigma
        log = np.log(np.maximum(weight, 1e-300)) - away**2 / 2 - np.log(sigma * np.sqrt(2 * np.pi))
        top = log.max(axis=1, keepdims=True)
        each = np.exp(log - top)
        total = each.sum(axis=1, keepdims=True)
        chance = each / total
        likelihood = float((top + np.log(total)).sum())
        if likelihood - before < _CLOSE * size:
            break
        before = likelihood
        share = np.maximum(chance.sum(axis=0), 1e-12)
        weight = share / size
        mean = chance.T @ values / share
        square = (chance * (values[:, None] - mean) ** 2).sum() / size
        sigma = max(float(np.sqrt(square)), narrow)
    order = np.argsort(mean)
    entropy = -float((chance * np.log(np.maximum(chance, 1e-300))).sum())
    criterion = -2 * likelihood + 2 * entropy + 2 * count * np.log(size)
    return Mixture(mean[order], weight[order], sigma, chance[:, order], criterion)
