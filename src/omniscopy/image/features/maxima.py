"""Maxima of maps, to a part of a pixel, no two of them close together."""

import numpy as np

# Least squares of a quadratic through 3 by 3 points: its terms at each of them.
_Y, _X = (part.ravel() for part in np.mgrid[-1:2, -1:2].astype(np.float64))
_QUADRATIC = np.linalg.pinv(np.stack([_Y**2, _X**2, _Y * _X, _Y, _X, np.ones(9)], axis=1))


def maxima_of(
    values: np.ndarray, distance: tuple[float, float], threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels of maxima, shape (maximum, 2), and their values, the highest first.

    Parameters
    ----------
    values : array, shape (y, x)
        What is not finite is no maximum.
    distance : (float, float), pixels
        Semi-axes of the ellipse around a maximum that holds no other.
    threshold : float
        Values of maxima, at least.
    """
    from scipy.ndimage import maximum_filter
    from scipy.spatial import cKDTree

    lowered = np.where(np.isfinite(values), values, -np.inf)
    highest = lowered == maximum_filter(lowered, size=3, mode="nearest")
    places = np.argwhere(highest & (lowered >= threshold) & np.isfinite(values))
    heights = values[tuple(places.T)]
    order = np.argsort(-heights, kind="stable")
    places, heights = places[order], heights[order]
    if not len(places):
        return places, heights
    scaled = places / np.maximum(distance, 1e-9)
    kept = np.ones(len(places), dtype=bool)
    pairs = cKDTree(scaled).query_pairs(1.0, output_type="ndarray")
    lower, upper = pairs.min(axis=1, initial=len(places)), pairs.max(axis=1, initial=0)
    for first, second in sorted(zip(lower.tolist(), upper.tolist(), strict=True)):
        if kept[first]:
            kept[second] = False
    return places[kept], heights[kept]


def refined_maximum(values: np.ndarray, place: np.ndarray) -> tuple[float, float, float]:
    """Return where the quadratic around a pixel is highest, in pixels, and its height."""
    i, j = map(int, place)
    part = values[i - 1 : i + 2, j - 1 : j + 2] if i and j else values[:0]
    top = float(values[i, j])
    if part.shape != (3, 3) or not np.isfinite(part).all():
        return float(i), float(j), top
    a, b, c, p, q, level = _QUADRATIC @ part.ravel()
    determinant = 4 * a * b - c * c
    if not (a < 0 and b < 0 and determinant > 0):
        return float(i), float(j), top
    dy, dx = (c * q - 2 * b * p) / determinant, (c * p - 2 * a * q) / determinant
    if max(abs(dy), abs(dx)) > 1:
        return float(i), float(j), top
    return i + float(dy), j + float(dx), max(top, float(level + 0.5 * (p * dy + q * dx)))
