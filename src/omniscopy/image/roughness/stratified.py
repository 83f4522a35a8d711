"""Plateaus and valleys of a worn surface, on the material probability curve."""

import numpy as np

from omniscopy.image.roughness.bearing import Bearing

# The curve is looked at between these standard deviations, where it has enough points beyond.
_REACH, _BEYOND = 3.0, 10
_POINTS = 401
# Where the slope of a hyperbola is within an eighth of that of its asymptotes (three bisections),
# in units of the ratio of its gap to half the difference of its slopes.
_STRAIGHT = 0.875 / np.sqrt(1.0 - 0.875**2)
# A line goes through this part of the points at least; slopes that differ less are one.
_LEAST, _DIFFERENT = 0.05, 0.05


def stratified(curve: Bearing) -> dict[str, float]:
    """Return the roughness of plateaus and of valleys, and where the material of valleys begins.

    The heights are taken over the quantile x of the normal distribution at the material ratio,
    over which those of a normal distribution are a straight line. A hyperbola

        z = z0 - m (x - x0) - sqrt(d^2 (x - x0)^2 + b^2)

    is fitted, and then a line on each side of its bend.
    """
    from scipy.special import ndtr

    nothing = dict.fromkeys(("spq", "svq", "smq"), np.nan)
    found = _probability(curve)
    if found is None:
        return nothing
    x, z = found
    size = float(np.ptp(z))
    if not size > 0:
        return nothing
    centre, difference, gap = _bend(x, z / size)
    away = gap / difference * _STRAIGHT if difference > 0 else np.inf
    lines = [_line(x[side], z[side]) for side in (x < centre - away, x > centre + away)]
    plateau, valley = lines
    if plateau is None or valley is None or not _differ(plateau[0], valley[0]):
        whole = _line(x, z)
        same = difference <= _DIFFERENT or (
            plateau is not None and valley is not None and not _differ(plateau[0], valley[0])
        )
        if whole is None or not same:
            return nothing
        return {"spq": -whole[0], "svq": -whole[0], "smq": np.nan}
    crossing = (valley[1] - plateau[1]) / (plateau[0] - valley[0])
    return {"spq": -plateau[0], "svq": -valley[0], "smq": float(ndtr(crossing))}


def _differ(one: float, other: float) -> bool:
    return abs(one - other) > _DIFFERENT * max(abs(one), abs(other))


def _probability(curve: Bearing) -> tuple[np.ndarray, np.ndarray] | None:
    """Return evenly spaced quantiles of the normal distribution, and the heights there."""
    from scipy.special import ndtr, ndtri

    count = len(curve.heights) - 2
    if count < 4 * _BEYOND:
        return None
    reach = min(_REACH, -float(ndtri(_BEYOND / count)))
    x = np.linspace(-reach, reach, _POINTS)
    return x, curve.height(ndtr(x))


def _bend(x: np.ndarray, z: np.ndarray) -> tuple[float, float, float]:
    """Return where a curve bends most: x0, d and b of the hyperbola of least squares.

    d is 0 where it does not bend down.
    """
    from scipy.optimize import least_squares

    def columns(p: np.ndarray) -> np.ndarray:
        return np.stack([np.ones_like(x), x, np.hypot(x - p[0], p[1])], axis=1)

    def away(p: np.ndarray) -> np.ndarray:
        matrix = columns(p)
        linear = np.linalg.lstsq(matrix, z, rcond=None)[0]
        return np.asarray(matrix @ linear - z)

    reach = float(x[-1])
    begins = [(place * reach, 0.3) for place in (-0.6, -0.2, 0.2, 0.6)]
    bounds = ([-0.95 * reach, 1e-3], [0.95 * reach, 3.0 * reach])
    tried = [least_squares(away, begin, bounds=bounds, max_nfev=60) for begin in begins]
    best = min(tried, key=lambda each: float(each.cost))
    centre, ratio = best.x
    difference = -float(np.linalg.lstsq(columns(best.x), z, rcond=None)[0][2])
    return float(centre), max(difference, 0.0), float(ratio) * max(difference, 0.0)


def _line(x: np.ndarray, z: np.ndarray) -> tuple[float, float] | None:
    """Return slope and offset of the line of least squares, `None` through too few points."""
    if len(x) < _LEAST * _POINTS:
        return None
    slope, offset = np.polyfit(x, z, 1)
    return float(slope), float(offset)
