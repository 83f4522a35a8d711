# ruff: noqa: C901, PLR0912, PLR0913, PLR0915, PLR0917 - kernels are loops over plain arrays
"""Compiled measures of the shape and the heights of grains."""

from typing import Any

import numba
import numpy as np
from numba.extending import register_jitable

from omniscopy.model.compiling import keep_compiled

# What `measure` writes for each grain, in this order.
COLUMNS = (
    "pixels", "y", "x", "area", "surface_area", "perimeter", "touches_edge",
    "height_min", "height_max", "height_mean", "height_median", "height_rms",
    "volume_zero", "volume_min", "volume_laplace", "boundary_min", "boundary_max",
    "major_axis", "minor_axis", "orientation",
    "feret_min", "feret_min_angle", "feret_max", "feret_max_angle",
    "inscribed_radius", "inscribed_y", "inscribed_x",
    "circumscribed_radius", "circumscribed_y", "circumscribed_x",
    "slope_y", "slope_x", "curvature_min", "curvature_max",
)  # fmt: skip
# Where a pixel goes to in eight directions over half a turn.
_DOWN = np.array([0, 1, 1, 2, 1, 2, 1, 1])
_RIGHT = np.array([1, 2, 1, 1, 0, -1, -1, -2])
# The centre of the inscribed disc is known to this part of a pixel.
_CLOSE = 1e-3


@register_jitable
def _directions(dy: float, dx: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pixels of the eight directions, and the angle each stands for over its spacing.

    Across pixels that are no squares they go further along the shorter side.
    """
    down, right = _DOWN.copy(), _RIGHT.copy()
    longer = max(1, round(dx / dy)), max(1, round(dy / dx))
    for k in range(8):
        if down[k] != 0 and right[k] != 0:
            down[k] *= longer[0]
            right[k] *= longer[1]
    angles = np.arctan2(down * dy, right * dx)
    made = np.empty(8)
    for k in range(8):
        after = angles[k + 1] if k < 7 else angles[0] + np.pi
        before = angles[k - 1] if k > 0 else angles[7] - np.pi
        made[k] = (after - before) / 2 * dy * dx / np.hypot(down[k] * dy, right[k] * dx)
    return down, right, made


@register_jitable
def _is_own(labels: np.ndarray, label: int, i: int, j: int) -> bool:
    return 0 <= i < labels.shape[0] and 0 <= j < labels.shape[1] and labels[i, j] == label


@register_jitable
def _outline(
    labels: np.ndarray, label: int, box: np.ndarray, dy: float, dx: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sides of pixels that are the boundary, and the corners that may be on the hull.

    Sides are (y0, x0, y1, x1); row and column 0 begin at -1/2, as pixel centres count.
    """
    count = 0
    for i in range(box[0], box[1]):
        for j in range(box[2], box[3]):
            if labels[i, j] == label:
                for side in range(4):
                    di, dj = (-1, 1, 0, 0)[side], (0, 0, -1, 1)[side]
                    if not _is_own(labels, label, i + di, j + dj):
                        count += 1
    sides = np.empty((count, 4))
    corners = np.empty((4 * (box[1] - box[0]), 2))
    n = c = 0
    for i in range(box[0], box[1]):
        left, right = -1, -1
        for j in range(box[2], box[3]):
            if labels[i, j] != label:
                continue
            left, right = (j if left < 0 else left), j
            top, bottom, west, east = i - 0.5, i + 0.5, j - 0.5, j + 0.5
            if not _is_own(labels, label, i - 1, j):
                sides[n] = (top * dy, west * dx, top * dy, east * dx)
                n += 1
            if not _is_own(labels, label, i + 1, j):
                sides[n] = (bottom * dy, west * dx, bottom * dy, east * dx)
                n += 1
            if not _is_own(labels, label, i, j - 1):
                sides[n] = (top * dy, west * dx, bottom * dy, west * dx)
                n += 1
            if not _is_own(labels, label, i, j + 1):
                sides[n] = (top * dy, east * dx, bottom * dy, east * dx)
                n += 1
        if left >= 0:
            for down in range(2):
                for across in range(2):
                    corners[c, 0] = (i - 0.5 + down) * dy
                    corners[c, 1] = (left - 0.5 if across == 0 else right + 0.5) * dx
                    c += 1
    return sides, corners[:c]


@register_jitable
def _hull(points: np.ndarray) -> np.ndarray:
    """Return the convex hull, one way round (A. M. Andrew, Inf. Process. Lett. 9, 216, 1979)."""
    order = np.argsort(points[:, 0] * 4.0 * (np.abs(points[:, 1]).max() + 1.0) + points[:, 1])
    count = len(points)
    found = np.empty((2 * count + 1, 2))
    size, begin = 0, 0
    for turn in range(2):
        begin = size
        for k in range(count):
            point = points[order[k if turn == 0 else count - 1 - k]]
            while size >= begin + 2:
                a, b = found[size - 2], found[size - 1]
                if (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0]) > 0:
                    break
                size -= 1
            found[size] = point
            size += 1
        size -= 1  # the last point is the first one of the way back
    return found[:size]


@register_jitable
def _feret(hull: np.ndarray, out: np.ndarray) -> None:
    """Write the smallest and the largest distance of parallels that hold the hull, with angles."""
    count = len(hull)
    least, most, least_angle, most_angle = np.inf, -1.0, 0.0, 0.0
    for a in range(count):
        b = (a + 1) % count
        along_y, along_x = hull[b, 0] - hull[a, 0], hull[b, 1] - hull[a, 1]
        length = np.hypot(along_y, along_x)
        wide = 0.0
        for k in range(count):
            away_y, away_x = hull[k, 0] - hull[a, 0], hull[k, 1] - hull[a, 1]
            wide = max(wide, abs(away_y * along_x - away_x * along_y) / length)
            far = np.hypot(away_y, away_x)
            if far > most * (1 + 1e-12):
                most, most_angle = far, np.arctan2(away_y, away_x)
        if wide < least * (1 - 1e-12):
            # Across the edge, not along it.
            least, least_angle = wide, np.arctan2(along_x, -along_y)
    out[0], out[1] = least, np.degrees(least_angle) % 180.0
    out[2], out[3] = most, np.degrees(most_angle) % 180.0


@register_jitable
def _circle_of(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> tuple[float, float, float]:
    """Return the circle through three points, or about two where they are on a line."""
    by, bx, cy, cx = b[0] - a[0], b[1] - a[1], c[0] - a[0], c[1] - a[1]
    twice = 2.0 * (bx * cy - by * cx)
    if abs(twice) < 1e-300:
        return (a[0] + c[0]) / 2, (a[1] + c[1]) / 2, np.hypot(cy, cx) / 2
    x = (cy * (bx * bx + by * by) - by * (cx * cx + cy * cy)) / twice
    y = (bx * (cx * cx + cy * cy) - cx * (bx * bx + by * by)) / twice
    return a[0] + y, a[1] + x, np.hypot(y, x)


@register_jitable
def _circumscribed(hull: np.ndarray, out: np.ndarray) -> None:
    """Write the smallest circle around the hull (E. Welzl, LNCS 555, 359, 1991)."""
    y, x, radius = hull[0, 0], hull[0, 1], 0.0
    for i in range(1, len(hull)):
        if np.hypot(hull[i, 0] - y, hull[i, 1] - x) <= radius * (1 + 1e-12):
            continue
        y, x, radius = hull[i, 0], hull[i, 1], 0.0
        for j in range(i):
            if np.hypot(hull[j, 0] - y, hull[j, 1] - x) <= radius * (1 + 1e-12):
                continue
            y, x = (hull[i, 0] + hull[j, 0]) / 2, (hull[i, 1] + hull[j, 1]) / 2
            radius = np.hypot(hull[i, 0] - y, hull[i, 1] - x)
            for k in range(j):
                if np.hypot(hull[k, 0] - y, hull[k, 1] - x) > radius * (1 + 1e-12):
                    y, x, radius = _circle_of(hull[i], hull[j], hull[k])
    out[0], out[1], out[2] = radius, y, x


@register_jitable
def _clearance(y: float, x: float, sides: np.ndarray) -> float:
    """Return the distance of a place to the nearest side."""
    least = np.inf
    for k in range(len(sides)):
        away_y = max(sides[k, 0] - y, 0.0, y - sides[k, 2])
        away_x = max(sides[k, 1] - x, 0.0, x - sides[k, 3])
        least = min(least, away_y * away_y + away_x * away_x)
    return np.sqrt(least)


@register_jitable
def _innermost(
    labels: np.ndarray, label: int, box: np.ndarray, dy: float, dx: float
) -> tuple[int, int]:
    """Return the pixel that is furthest from any pixel outside."""
    height, width = box[1] - box[0], box[3] - box[2]
    column = np.zeros((height, width))  # to the nearest outside in the column
    for j in range(width):
        run = 0
        for i in range(height):
            run = run + 1 if labels[box[0] + i, box[2] + j] == label else 0
            column[i, j] = run
        run = 0
        for i in range(height - 1, -1, -1):
            run = run + 1 if labels[box[0] + i, box[2] + j] == label else 0
            column[i, j] = min(column[i, j], run)
    best, row, place = -1.0, 0, 0
    for i in range(height):
        for j in range(width):
            least = (column[i, j] * dy) ** 2
            k = 1
            while least > best and (k * dx) ** 2 < least:
                left = column[i, j - k] * dy if j - k >= 0 else 0.0
                right = column[i, j + k] * dy if j + k < width else 0.0
                least = min(least, (k * dx) ** 2 + min(left, right) ** 2)
                k += 1
            if least > best:
                best, row, place = least, i, j
    return box[0] + row, box[2] + place


@register_jitable
def _inscribed(
    start: tuple[int, int], sides: np.ndarray, dy: float, dx: float, out: np.ndarray
) -> None:
    """Write the largest disc inside that is near a pixel, by a search with shrinking steps."""
    y, x = start[0] * dy, start[1] * dx
    radius = _clearance(y, x, sides)
    step = 0.5
    while step > _CLOSE:
        moved = False
        for k in range(8):
            angle = np.pi * k / 4
            next_y, next_x = y + step * dy * np.sin(angle), x + step * dx * np.cos(angle)
            found = _clearance(next_y, next_x, sides)
            # Only from the inside: outside of the boundary it grows too.
            if found > radius * (1 + 1e-12) and found < radius + step * max(dy, dx) * 1.0001:
                y, x, radius, moved = next_y, next_x, found, True
        if not moved:
            step /= 2
    out[0], out[1], out[2] = radius, y, x


@register_jitable
def _solved(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the solution of linear equations, NaN where there is none."""
    count = len(right)
    size = np.abs(matrix).max()
    for k in range(count):
        pivot = k + np.argmax(np.abs(matrix[k:, k]))
        if not abs(matrix[pivot, k]) > 1e-10 * size:
            return np.full(count, np.nan)
        for j in range(count):
            matrix[k, j], matrix[pivot, j] = matrix[pivot, j], matrix[k, j]
        right[k], right[pivot] = right[pivot], right[k]
        for i in range(k + 1, count):
            part = matrix[i, k] / matrix[k, k]
            matrix[i, k:] -= part * matrix[k, k:]
            right[i] -= part * right[k]
    for k in range(count - 1, -1, -1):
        for j in range(k + 1, count):
            right[k] -= matrix[k, j] * right[j]
        right[k] /= matrix[k, k]
    return right


@register_jitable
def _bent(
    values: np.ndarray, labels: np.ndarray, label: int, box: np.ndarray, dy: float, dx: float,
    out: np.ndarray,
) -> None:  # fmt: skip
    """Write the slopes of the best plane, and the principal curvatures of the best quadratic.

    Curvatures are positive on a hill.
    """
    middle_y, middle_x = (box[0] + box[1] - 1) / 2, (box[2] + box[3] - 1) / 2
    half_y, half_x = max((box[1] - box[0]) / 2, 0.5), max((box[3] - box[2]) / 2, 0.5)
    normal, right = np.zeros((6, 6)), np.zeros(6)
    terms = np.empty(6)
    for i in range(box[0], box[1]):
        for j in range(box[2], box[3]):
            if labels[i, j] != label or not np.isfinite(values[i, j]):
                continue
            y, x = (i - middle_y) / half_y, (j - middle_x) / half_x
            terms[0], terms[1], terms[2] = 1.0, y, x
            terms[3], terms[4], terms[5] = y * y, y * x, x * x
            for a in range(6):
                right[a] += terms[a] * values[i, j]
                for b in range(6):
                    normal[a, b] += terms[a] * terms[b]
    wide_y, wide_x = half_y * dy, half_x * dx
    plane = _solved(normal[:3, :3].copy(), right[:3].copy())
    out[0], out[1] = plane[1] / wide_y, plane[2] / wide_x
    bent = _solved(normal, right)
    yy, yx, xx = 2 * bent[3] / wide_y**2, bent[4] / (wide_y * wide_x), 2 * bent[5] / wide_x**2
    mean, apart = -(yy + xx) / 2, np.sqrt(((yy - xx) / 2) ** 2 + yx**2)
    out[2], out[3] = mean - apart, mean + apart


@register_jitable
def _slope(values: np.ndarray, i: int, j: int, axis: int, step: float) -> float:
    """Return the central difference along an axis, one-sided at edges and beside NaN."""
    di, dj = (1, 0) if axis == 0 else (0, 1)
    high, low, across = values[i, j], values[i, j], 0
    if (
        i + di < values.shape[0]
        and j + dj < values.shape[1]
        and np.isfinite(values[i + di, j + dj])
    ):
        high, across = values[i + di, j + dj], across + 1
    if i - di >= 0 and j - dj >= 0 and np.isfinite(values[i - di, j - dj]):
        low, across = values[i - di, j - dj], across + 1
    return (high - low) / (across * step) if across else 0.0


@register_jitable
def _sums(
    values: np.ndarray, base: np.ndarray, labels: np.ndarray, label: int, box: np.ndarray,
    dy: float, dx: float, scale: float,
    directions: tuple[np.ndarray, np.ndarray, np.ndarray], out: np.ndarray,
) -> None:  # fmt: skip
    """Write what is summed over pixels: the first 20 columns."""
    rows, columns = labels.shape
    down, right, sectors = directions
    heights = np.empty((box[1] - box[0]) * (box[3] - box[2]))
    count = known = 0
    sum_y = sum_x = yy = yx = xx = total = above = surface = perimeter = 0.0
    low, high, edge = np.inf, -np.inf, 0.0
    for i in range(box[0], box[1]):
        for j in range(box[2], box[3]):
            if labels[i, j] != label:
                continue
            count += 1
            y, x = (i - box[0]) * dy, (j - box[2]) * dx
            sum_y, sum_x = sum_y + y, sum_x + x
            yy, yx, xx = yy + y * y, yx + y * x, xx + x * x
            for k in range(8):
                if not _is_own(labels, label, i + down[k], j + right[k]):
                    perimeter += sectors[k]
            if i == 0 or j == 0 or i == rows - 1 or j == columns - 1:
                edge = 1.0
            value = values[i, j]
            if not np.isfinite(value):
                continue
            heights[known] = value
            known += 1
            total += value
            above += value - base[i, j]
            rise_y, rise_x = _slope(values, i, j, 0, dy), _slope(values, i, j, 1, dx)
            surface += np.sqrt(1.0 + scale * scale * (rise_y * rise_y + rise_x * rise_x))
            inside = (
                _is_own(labels, label, i - 1, j) and _is_own(labels, label, i + 1, j)
                and _is_own(labels, label, i, j - 1) and _is_own(labels, label, i, j + 1)
            )  # fmt: skip
            if not inside:
                low, high = min(low, value), max(high, value)
    pixel = dy * dx
    sum_y, sum_x = sum_y / count, sum_x / count
    # Each pixel is spread over its square.
    yy, xx = yy / count - sum_y**2 + dy * dy / 12, xx / count - sum_x**2 + dx * dx / 12
    yx = yx / count - sum_y * sum_x
    out[0], out[1], out[2] = count, sum_y + box[0] * dy, sum_x + box[2] * dx
    out[3], out[4], out[5], out[6] = count * pixel, surface * pixel, perimeter, edge
    apart = np.sqrt(((yy - xx) / 2) ** 2 + yx**2)
    out[17] = 4 * np.sqrt((yy + xx) / 2 + apart)
    out[18] = 4 * np.sqrt(max((yy + xx) / 2 - apart, 0.0))
    out[19] = np.degrees(0.5 * np.arctan2(2 * yx, xx - yy)) % 180.0
    if known == 0:
        return
    found = np.sort(heights[:known])
    mean = total / known
    out[7], out[8], out[9] = found[0], found[known - 1], mean
    out[10] = (found[(known - 1) // 2] + found[known // 2]) / 2
    out[11] = np.sqrt(np.mean((found - mean) ** 2))
    out[12], out[13], out[14] = total * pixel, (total - known * found[0]) * pixel, above * pixel
    out[15], out[16] = low, high


def _measure(
    values: np.ndarray, base: np.ndarray, labels: np.ndarray, boxes: np.ndarray, dy: float,
    dx: float, scale: float, first: int, last: int, out: np.ndarray,
) -> None:  # fmt: skip
    """Write the `COLUMNS` of grains `first` to `last` (label - 1); no box is (0, 0, 0, 0).

    `scale` brings heights to the units of the steps; `base` is the Laplace base.
    """
    directions = _directions(dy, dx)
    for number in range(first, last):
        box, row = boxes[number], out[number]
        row[:] = np.nan
        if box[1] == 0:
            continue
        label = number + 1
        _sums(values, base, labels, label, box, dy, dx, scale, directions, row)
        sides, corners = _outline(labels, label, box, dy, dx)
        hull = _hull(corners)
        _feret(hull, row[20:24])
        start = _innermost(labels, label, box, dy, dx)
        _inscribed(start, sides, dy, dx, row[24:27])
        _circumscribed(hull, row[27:30])
        _bent(values, labels, label, box, dy, dx, row[30:34])


measure: Any = keep_compiled(numba.njit, _measure, nogil=True, error_model="numpy")
