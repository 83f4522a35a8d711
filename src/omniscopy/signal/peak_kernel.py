# ruff: noqa: PLR0913, PLR0917 - kernels take their arrays one by one
"""The numbers of one peak: what is above a line between the ends of its window."""

import numpy as np

from omniscopy.compute.fitting.inner import inner, outer
from omniscopy.model.status import Status

# What is written of each peak, and the channels of a window at least.
COLUMNS = ("area", "area_std", "position", "position_std", "height", "height_std", "width",
           "width_std")  # fmt: skip
AREA, AREA_STD, POSITION, POSITION_STD, HEIGHT, HEIGHT_STD, WIDTH, WIDTH_STD = range(8)
LEAST = 4
# Part of a window at each of its ends that says how high the line is.
_ENDS = 8

_CONVERGED, _NO_DATA, _INVALID = (int(Status[name]) for name in ("CONVERGED", "NO_DATA", "INVALID"))


@inner
def _line(
    x: np.ndarray, y: np.ndarray, first: int, last: int, size: int
) -> tuple[float, float, float, float]:
    """Return the middle of both ends of a window, and the mean there."""
    left = right = low = high = 0.0
    for k in range(size):
        left += x[first + k]
        right += x[last - 1 - k]
        low += y[first + k]
        high += y[last - 1 - k]
    return left / size, right / size, low / size, high / size


@inner
def _deviation(
    x: np.ndarray, cells: np.ndarray, noise: np.ndarray, window: tuple[int, int, int],
    ends: tuple[float, float], centre: float, power: int,
) -> float:  # fmt: skip
    """Return what noise does to the sum of what is above the line, times distances to a power."""
    first, last, size = window
    left, right = ends
    of_left = of_right = 0.0
    for i in range(first, last):
        weight = cells[i] * (x[i] - centre) ** power
        of_left += weight * (right - x[i]) / (right - left)
        of_right += weight * (x[i] - left) / (right - left)
    total = 0.0
    for i in range(first, last):
        weight = cells[i] * (x[i] - centre) ** power
        if size > 0 and i < first + size:
            weight -= of_left / size
        if size > 0 and i >= last - size:
            weight -= of_right / size
        total += (weight * noise[i]) ** 2
    return np.sqrt(total)


@inner
def _mean(net: np.ndarray, window: tuple[int, int, int], at: int, reach: int) -> float:
    """Return the mean of the channels around one, as many on both sides as there are."""
    first, last, _ = window
    reach = min(reach, at - first, last - 1 - at)
    total = 0.0
    for k in range(at - reach, at + reach + 1):
        total += net[k]
    return total / (2 * reach + 1)


@inner
def _top(
    net: np.ndarray, window: tuple[int, int, int], top: int, above: int
) -> tuple[int, float, float]:
    """Return the highest channel, the height there, and its deviation for noise of 1.

    Of peaks of many channels the highest mean of some counts, or noise would choose: that of a
    parabola through a third of the channels above the half.
    """
    first, last, _ = window
    reach = above // 16
    best = _mean(net, window, top, reach)
    for i in range(first + reach, last - reach):
        mean = _mean(net, window, i, reach)
        if mean > best:
            top, best = i, mean
    m = min(max(1, above // 6), top - first, last - 1 - top)
    if m < 1:
        return top, net[top], 1.0
    total = rise = square = squares = fourth = 0.0
    for j in range(-m, m + 1):
        total += net[top + j]
        rise += j * net[top + j]
        square += j * j * net[top + j]
        squares += j * j
        fourth += j**4
    # The parabola through them, as if their steps were equal.
    n = 2 * m + 1
    scale = n * fourth - squares * squares
    height = (fourth * total - squares * square) / scale
    slope, bend = rise / squares, (n * square - squares * total) / scale
    height -= slope * slope / (4.0 * bend) if bend < 0.0 else 0.0
    return top, height, np.sqrt(fourth / scale)


@inner
def _crossing(
    x: np.ndarray, net: np.ndarray, noise: np.ndarray, window: tuple[int, int, int], top: int,
    half: float, above: int,
) -> tuple[float, float, float]:  # fmt: skip
    """Return where the peak falls to half of its height, what noise does to it, and the fall."""
    first, last, way = window
    reach, end = above // 16, last - 1 if way > 0 else first
    i, here = top, _mean(net, window, top, reach)
    while i != end:
        there = _mean(net, window, i + way, reach)
        if there <= half:
            fall = here - there
            part = (here - half) / fall if fall > 0.0 else 0.0
            step = x[i + way] - x[i]
            spread = noise[i] * np.sqrt((1.0 - part) ** 2 + part**2)
            place = x[i] + part * step
            far = min(above // 8, i - first, last - 1 - i)
            if reach > 0 and far > 0:
                spread = noise[i] / np.sqrt(2.0 * reach + 1.0)
                fall = _mean(net, window, i - way * far, reach)
                fall -= _mean(net, window, i + way * far, reach)
                step = x[i + way * far] - x[i - way * far]
            if not fall > 0.0:
                return place, np.nan, np.nan
            return place, abs(step) * spread / fall, abs(step) / fall
        i, here = i + way, there
    return np.nan, np.nan, np.nan


@inner
def _measure(
    x: np.ndarray, y: np.ndarray, cells: np.ndarray, noise: np.ndarray, first: int, last: int,
    size: int, net: np.ndarray, found: np.ndarray,
) -> int:  # fmt: skip
    left, right, low, high = x[first], x[last - 1], 0.0, 0.0
    if size > 0:
        left, right, low, high = _line(x, y, first, last, size)
    area, moment, top = 0.0, 0.0, first
    for i in range(first, last):
        net[i] = y[i] - (low * (right - x[i]) + high * (x[i] - left)) / (right - left)
        area += cells[i] * net[i]
        moment += cells[i] * net[i] * (x[i] - x[first])
        if net[i] > net[top]:
            top = i
    above = 0
    for i in range(first, last):
        above += 1 if net[i] > net[top] / 2 else 0
    window, ends = (first, last, size), (left, right)
    found[AREA] = area
    found[AREA_STD] = _deviation(x, cells, noise, window, ends, x[first], 0)
    top, height, scatter = _top(net, window, top, above)
    found[HEIGHT] = height
    share = 0.0
    if size > 0:
        after = (x[top] - left) / (right - left)
        share = (after * after + (1.0 - after) ** 2) / size
    found[HEIGHT_STD] = noise[top] * np.sqrt(scatter**2 + share)
    if not (area > 0.0 and height > 0.0):
        return _INVALID
    centre = x[first] + moment / area
    found[POSITION] = centre
    found[POSITION_STD] = _deviation(x, cells, noise, window, ends, centre, 1) / area
    half = height / 2
    before, before_std, rising = _crossing(x, net, noise, (first, last, -1), top, half, above)
    behind, behind_std, falling = _crossing(x, net, noise, (first, last, 1), top, half, above)
    found[WIDTH] = abs(behind - before)
    # What the height is off by moves both ends away from each other.
    both = noise[top] * scatter / 2 * (rising + falling)
    found[WIDTH_STD] = np.sqrt(before_std**2 + behind_std**2 + both**2)
    return _CONVERGED


@outer
def run(
    x: np.ndarray, cells: np.ndarray, spectra: np.ndarray, present: np.ndarray,
    noise: np.ndarray, rows: np.ndarray, windows: np.ndarray, ends: int, net: np.ndarray,
    found: np.ndarray, status: np.ndarray,
) -> None:  # fmt: skip
    """Measure the peak in each window, (first, last), of the spectrum in each row."""
    for number in range(rows.size):
        first, last = windows[number, 0], windows[number, 1]
        row = rows[number]
        there = 0
        for i in range(first, last):
            there += present[row, i]
        found[number] = np.nan
        status[number] = _NO_DATA
        if there >= LEAST and 2 * there >= last - first:
            size = max(1, (last - first) // _ENDS) if ends > 0 else 0
            status[number] = _measure(
                x, spectra[row], cells, noise[row], first, last, size, net, found[number]
            )
