"""Differences between neighbouring points of a surface: its slopes and its area."""

import numpy as np

# Weights of the points 1, 2 and 3 steps away (ISO 4287:1997, 4.1.9).
_SEVEN = (45 / 60, -9 / 60, 1 / 60)


def slopes_along(values: np.ndarray, step: float, axis: int) -> np.ndarray:
    """Return slopes at the points that have three neighbours on both sides, NaN at others.

    Where there are fewer than 7 points along `axis`, one neighbour on both sides.
    """
    moved = np.moveaxis(values, axis, -1)
    size = moved.shape[-1]
    weights = _SEVEN if size >= 7 else (0.5,)
    slopes = np.full(moved.shape, np.nan)
    reach = len(weights)
    if size > 2 * reach:
        inside = slopes[..., reach : size - reach]
        inside[...] = 0.0
        for number, weight in enumerate(weights, start=1):
            after = moved[..., reach + number : size - reach + number]
            before = moved[..., reach - number : size - reach - number]
            inside += weight / step * (after - before)
    return np.moveaxis(slopes, -1, axis)


def cell_areas(values: np.ndarray, steps: tuple[float, float]) -> np.ndarray:
    """Return the area of the surface over every square of 2 x 2 points, over that of the square.

    Four triangles meet at the mean of the four heights in the middle. NaN where one is missing.
    """
    first, second = values[:-1, :-1], values[:-1, 1:]
    third, fourth = values[1:, :-1], values[1:, 1:]
    middle = 0.25 * (first + second + third + fourth)
    total = np.zeros(middle.shape)
    for one, other in ((first, second), (third, fourth)):
        along, across = (other - one) / steps[1], (middle - 0.5 * (one + other)) * 2 / steps[0]
        total += np.sqrt(1.0 + along**2 + across**2)
    for one, other in ((first, third), (second, fourth)):
        along, across = (other - one) / steps[0], (middle - 0.5 * (one + other)) * 2 / steps[1]
        total += np.sqrt(1.0 + along**2 + across**2)
    return 0.25 * total


def mean_of_finite(values: np.ndarray) -> float:
    """Return the mean of what is finite, NaN where nothing is."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")
