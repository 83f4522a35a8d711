"""Differences between neighbouring points of a surface: its slopes and its area."""

import numpy as np

from omniscopy.compute.threads import share_work

# Weights of the points 1, 2 and 3 steps away (ISO 4287:1997, 4.1.9).
_SEVEN = (45 / 60, -9 / 60, 1 / 60)
# Rows that a thread sums over at a time.
_ROWS = 64


def slopes_along(values: np.ndarray, step: float, axis: int) -> np.ndarray:
    """Return slopes at the points that have three neighbours on both sides, NaN at others.

    Where there are fewer than 7 points along `axis`, one neighbour on both sides.
    """
    moved = np.moveaxis(values, axis, -1)
    size = moved.shape[-1]
    weights = _weights(size)
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


def slope_and_area(
    values: np.ndarray, steps: tuple[float, float], factor: float
) -> tuple[float, float]:
    """Return the mean square slope, and the mean of `cell_areas` of heights times a factor.

    In one pass: the slopes of `slopes_along` at points that have one in both directions.
    """
    from omniscopy.image.roughness import surface_kernel

    weights = np.zeros((2, 3))
    for axis, step in enumerate(steps):
        own = _weights(values.shape[axis])
        weights[axis, : len(own)] = np.array(own) / step
    begins = range(0, len(values), _ROWS)
    sums = np.zeros((len(begins), 4))

    def work(begin: int) -> None:
        end = min(begin + _ROWS, len(values))
        surface_kernel.sum_surface(
            values, weights, *steps, factor, begin, end, sums[begin // _ROWS]
        )  # fmt: skip

    share_work(work, begins)
    square, slopes, area, cells = sums.sum(axis=0)
    return (
        square / slopes if slopes else float("nan"),
        area / cells if cells else float("nan"),
    )


def _weights(size: int) -> tuple[float, ...]:
    """Return the weights of differences along so many points."""
    return _SEVEN if size >= 7 else (0.5,)


def mean_slopes(values: np.ndarray, steps: tuple[float, float]) -> tuple[float, float]:
    """Return the slopes along y and x of the plane of least squares, 0 where points leave it open.

    Where the values are not finite there is no point.
    """
    known = np.isfinite(values)
    weight = known.astype(np.float64)
    heights = np.where(known, values, 0.0)
    rows, columns = weight.sum(axis=1), weight.sum(axis=0)
    y, x = (step * np.arange(size) for step, size in zip(steps, values.shape, strict=True))
    total = rows.sum()
    if not total:
        return float("nan"), float("nan")
    y, x = y - rows @ y / total, x - columns @ x / total
    heights = np.where(known, heights - heights.sum() / total, 0.0)
    cross = y @ weight @ x
    normal = np.array([[rows @ y**2, cross], [cross, columns @ x**2]])
    right = np.array([y @ heights.sum(axis=1), heights.sum(axis=0) @ x])
    down, across = np.linalg.pinv(normal, rcond=1e-13, hermitian=True) @ right
    return float(down), float(across)
