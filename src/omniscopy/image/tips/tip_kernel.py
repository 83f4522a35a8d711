"""Compiled passes of a tip over a surface, each with a plain twin.

Heights of tips are those of `model_tip`: 0 at the apex, negative around it, and minus infinity
where there is none. `apex` is its row and column.
"""

import numpy as np

from omniscopy.compute.fitting.inner import outer


@outer
def dilate_kernel(
    surface: np.ndarray, tip: np.ndarray, apex_row: int, apex_column: int, made: np.ndarray
) -> None:
    """Write the lowest heights at which the apex can be: the highest of surface and tip.

    Points of the surface that are NaN or outside touch nothing.
    """
    rows, columns = surface.shape
    made[:, :] = -np.inf
    for a in range(tip.shape[0]):
        for b in range(tip.shape[1]):
            height = tip[a, b]
            if height == -np.inf:
                continue
            down, right = a - apex_row, b - apex_column
            first, last = max(0, -right), min(columns, columns - right)
            for i in range(max(0, -down), min(rows, rows - down)):
                under, over = surface[i + down, first + right : last + right], made[i, first:last]
                for j in range(last - first):
                    candidate = under[j] + height
                    # NaN is never larger.
                    over[j] = candidate if candidate > over[j] else over[j]


@outer
def erode_kernel(
    image: np.ndarray, tip: np.ndarray, apex_row: int, apex_column: int, made: np.ndarray
) -> None:
    """Write the highest surface that the tip could not have touched: the lowest of both.

    Points of the image that are NaN or outside tell nothing.
    """
    rows, columns = image.shape
    made[:, :] = np.inf
    for a in range(tip.shape[0]):
        for b in range(tip.shape[1]):
            height = tip[a, b]
            if height == -np.inf:
                continue
            up, left = a - apex_row, b - apex_column
            first, last = max(0, left), min(columns, columns + left)
            for i in range(max(0, up), min(rows, rows + up)):
                above, over = image[i - up, first - left : last - left], made[i, first:last]
                for j in range(last - first):
                    candidate = above[j] - height
                    over[j] = candidate if candidate < over[j] else over[j]


@outer
def contact_kernel(  # noqa: PLR0917 - keywords are slow to compile
    image: np.ndarray,
    surface: np.ndarray,
    tip: np.ndarray,
    apex: np.ndarray,
    tolerance: float,
    made: np.ndarray,
) -> None:
    """Count, for each point of a surface, the positions of the tip that touch only there.

    At every position of the tip over the reconstructed surface the points that it touches are
    looked for; where it is a single one, the surface is known there.
    """
    rows, columns = image.shape
    for i in range(rows):
        for j in range(columns):
            if not np.isfinite(image[i, j]):
                continue
            touched, row, column = 0, 0, 0
            for a in range(tip.shape[0]):
                u = i + a - apex[0]
                if u < 0 or u >= rows or touched > 1:
                    continue
                for b in range(tip.shape[1]):
                    v = j + b - apex[1]
                    if v < 0 or v >= columns or tip[a, b] == -np.inf:
                        continue
                    if image[i, j] - surface[u, v] - tip[a, b] <= tolerance:
                        touched += 1
                        row, column = u, v
                        if touched > 1:
                            break
            if touched == 1:
                made[row, column] += 1


@outer
def blind_kernel(  # noqa: C901, PLR0912, PLR0917 - one pass over four nested loops
    image: np.ndarray,
    tip: np.ndarray,
    apex: np.ndarray,
    limits: tuple[float, float],
    places: np.ndarray,
    feasible: np.ndarray,
) -> int:
    """Lower a tip to what every point of an image leaves of it; return how often.

    `image` has margins of infinity as wide as the tip: what lies outside tells nothing.
    `limits` are the threshold, and how much heights that are equal may differ by rounding.
    `places` are the rows and columns of points; `feasible` is room for the points of the tip.
    """
    threshold, slack = limits[0], limits[0] + limits[1]
    rows, columns = tip.shape
    changes = 0
    for number in range(places.shape[0]):
        i, j = places[number, 0], places[number, 1]
        level = image[i, j]
        count, bound = 0, False
        for a in range(rows):
            for b in range(columns):
                if tip[a, b] == -np.inf:
                    continue
                # What touches here is no higher than the apex beside, where that is above it.
                if image[i + a - apex[0], j + b - apex[1]] - level + tip[a, b] >= -slack:
                    feasible[count, 0], feasible[count, 1] = a, b
                    count += 1
                else:
                    bound = True
        if not bound or count == 0:
            continue
        for c in range(rows):
            for d in range(columns):
                now = tip[c, d]
                # One that can touch is no lower than itself.
                beside = image[i + c - apex[0], j + d - apex[1]] - level
                if now == -np.inf or beside + now >= -slack:
                    continue
                best = -np.inf
                for k in range(count):
                    a, b = feasible[k, 0], feasible[k, 1]
                    candidate = image[i + a - c, j + b - d] - level + tip[a, b]
                    if candidate > best:
                        best = candidate
                        if best >= now - slack:
                            break
                if best < now - slack:
                    tip[c, d] = best + threshold
                    changes += 1
    return changes
