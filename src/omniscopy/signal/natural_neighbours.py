# ruff: noqa: PLR0913, PLR0917 - kernels take their arrays one by one
"""Natural neighbours of places among scattered points, and how much each of them weighs.

A place takes a part of the Voronoi cell of each of its natural neighbours when it is added to the
points; these parts are the weights (R. Sibson, in *Interpreting Multivariate Data*, ed. V.
Barnett, Wiley (1981), chapter 2). The triangles whose circumcircle holds the place make a hole in
the Delaunay triangulation, with the natural neighbours on its border. Each part is a polygon of
circumcentres: of triangles of the hole, and of the place with the edges of the border. Its area
is a sum over its sides, which belong to edges of the hole, so that nothing has to be put in order.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit

from omniscopy.compute.threads import share_work
from omniscopy.model.compiling import keep_compiled

# Nearer than this to a point, or to the hull, in sides of the triangle, is on it.
_ON_POINT = 1e-9
_ON_HULL = 2e-8
# Triangles on the hull that are lower than this, in sides, are there because points of a straight
# side are rounded; circles through their corners are too large for the precision of numbers.
_FLAT = 1e-8
# The determinant of a circle that goes through a place, over the sum of its terms.
_ROUNDING = 1e-12
_BLOCK = 16384

F = TypeVar("F", bound=Callable[..., Any])


def _compiled(function: F) -> F:
    made: F = keep_compiled(njit, function, nogil=True, error_model="numpy")
    return made


def natural_weights(
    points: np.ndarray,
    triangles: np.ndarray,
    neighbours: np.ndarray,
    places: np.ndarray,
    found: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the weights of points at places, as the parts of a sparse matrix (CSR).

    Parameters
    ----------
    points : array, shape (points, 2)
        All different.
    triangles, neighbours : array, shape (triangles, 3)
        Corners of the Delaunay triangles, counterclockwise, and the triangle across from each
        corner, -1 where there is none.
    places : array, shape (places, 2)
        Where the weights are wanted.
    found : array, shape (places)
        The triangle that each place is in, -1 for none: such a place has no weights.

    Returns
    -------
    array, shape (places + 1); array of int, shape (weights); array, shape (weights)
        Where the weights of each place begin, the points they belong to, and the weights.
    """
    points = np.ascontiguousarray(points, dtype=np.float64)
    triangles = np.ascontiguousarray(triangles, dtype=np.int64)
    neighbours, found = _without_slivers(points, triangles, neighbours, places, found)
    begins = range(0, len(places), _BLOCK)
    parts: list[Any] = [None] * len(begins)

    def work(begin: int) -> None:
        part = slice(begin, begin + _BLOCK)
        chosen = np.ascontiguousarray(places[part], dtype=np.float64)
        parts[begin // _BLOCK] = _weigh(
            points, triangles, neighbours, chosen, np.ascontiguousarray(found[part])
        )

    share_work(work, begins)
    counts = np.concatenate([np.zeros(1, np.int64), *(part[0] for part in parts)])
    members = np.concatenate([np.zeros(0, np.int64), *(part[1] for part in parts)])
    weights = np.concatenate([np.zeros(0), *(part[2] for part in parts)])
    return np.cumsum(counts), members, weights


def _without_slivers(
    points: np.ndarray,
    triangles: np.ndarray,
    neighbours: np.ndarray,
    places: np.ndarray,
    found: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return neighbours without flat triangles on the hull, and where places are without them."""
    corners = points[triangles]
    ahead = np.roll(corners, -1, axis=1) - corners
    sides = np.linalg.norm(ahead, axis=2)
    area = np.abs(ahead[:, 0, 0] * ahead[:, 1, 1] - ahead[:, 0, 1] * ahead[:, 1, 0])
    flat = area <= _FLAT * sides.max(axis=1) * sides.min(axis=1)
    left, found = neighbours.astype(np.int64), found.astype(np.int64)
    gone = np.zeros(len(triangles), dtype=bool)
    while (outer := flat & ~gone & (left < 0).any(axis=1)).any():
        gone |= outer
        left[(left >= 0) & gone[left]] = -1
    lost = np.flatnonzero((found >= 0) & gone[found])
    edge, corner = np.nonzero((left < 0) & ~gone[:, None])
    if lost.size and edge.size:
        start = points[triangles[edge, (corner + 1) % 3]]
        side = points[triangles[edge, (corner + 2) % 3]] - start
        for part in np.array_split(lost, lost.size // 256 + 1):
            found[part] = edge[_nearest_side(places[part], start, side)]
    return left, found


def _nearest_side(places: np.ndarray, start: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Return which of the sides, given by their start and direction, is nearest to each place."""
    away = places[:, None] - start
    along = (away * side).sum(axis=2) / (side**2).sum(axis=1)
    away = away - np.clip(along, 0.0, 1.0)[..., None] * side
    return np.asarray((away**2).sum(axis=2).argmin(axis=1))


@_compiled
def _weigh(
    points: np.ndarray,
    triangles: np.ndarray,
    neighbours: np.ndarray,
    places: np.ndarray,
    found: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how many neighbours each place has, which they are, and their weights."""
    counts = np.zeros(len(places), np.int64)
    members = np.empty(8 * len(places) + 64, np.int64)
    weights = np.empty(members.size)
    hole = np.empty(len(triangles), np.int64)
    visited = np.full(len(triangles), -1, np.int64)  # number of the place; -2 - number: in the hole
    area, side = np.zeros(len(points)), np.zeros((len(points), 4))
    border = np.empty(len(points), np.int64)
    end = 0
    for number in range(len(places)):
        if found[number] < 0:
            continue
        x, y = places[number, 0], places[number, 1]
        count = _on_corner_or_hull(points, triangles, neighbours, found[number], x, y, border, area)
        if count == 0:
            size = _dig(points, triangles, neighbours, found[number], x, y, number, hole, visited)
            inside = hole[:size]
            count = _areas(
                points, triangles, neighbours, inside, number, visited, x, y, border, area, side
            )
        while end + count > members.size:
            members = np.concatenate((members, np.empty_like(members)))
            weights = np.concatenate((weights, np.empty_like(weights)))
        total = 0.0
        for k in range(count):
            total += area[border[k]]
        for k in range(count):
            members[end + k] = border[k]
            weights[end + k] = area[border[k]] / total
            area[border[k]] = 0.0
        counts[number] = count
        end += count
    return counts, members[:end].copy(), weights[:end].copy()


@_compiled
def _on_corner_or_hull(
    points: np.ndarray,
    triangles: np.ndarray,
    neighbours: np.ndarray,
    triangle: int,
    x: float,
    y: float,
    border: np.ndarray,
    area: np.ndarray,
) -> int:
    """Return how many points weigh at a place on a corner (1) or on the hull (2); 0 elsewhere."""
    for k in range(3):
        a, b = triangles[triangle, (k + 1) % 3], triangles[triangle, (k + 2) % 3]
        dx, dy = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1]
        ax, ay = x - points[a, 0], y - points[a, 1]
        square = dx * dx + dy * dy
        if ax * ax + ay * ay <= _ON_POINT**2 * square:
            border[0], area[a] = a, 1.0
            return 1
    for k in range(3):
        a, b = triangles[triangle, (k + 1) % 3], triangles[triangle, (k + 2) % 3]
        dx, dy = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1]
        ax, ay = x - points[a, 0], y - points[a, 1]
        square = dx * dx + dy * dy
        if neighbours[triangle, k] < 0 and abs(dx * ay - dy * ax) <= _ON_HULL * square:
            part = min(max((dx * ax + dy * ay) / square, 0.0), 1.0)
            border[0], border[1] = a, b
            area[a], area[b] = 1.0 - part, part
            return 2
    return 0


@_compiled
def _dig(
    points: np.ndarray,
    triangles: np.ndarray,
    neighbours: np.ndarray,
    first: int,
    x: float,
    y: float,
    number: int,
    hole: np.ndarray,
    visited: np.ndarray,
) -> int:
    """Return how many triangles around `first` have the place in their circumcircle."""
    hole[0], size, at = first, 1, 0
    visited[first] = -2 - number
    while at < size:
        for k in range(3):
            t = neighbours[hole[at], k]
            if t >= 0 and visited[t] != number and visited[t] != -2 - number:
                if _is_inside(points, triangles[t], x, y):
                    hole[size] = t
                    visited[t] = -2 - number
                    size += 1
                else:
                    visited[t] = number
        at += 1
    return size


@_compiled
def _is_inside(points: np.ndarray, corners: np.ndarray, x: float, y: float) -> bool:
    """Return whether a place is within the circumcircle of a triangle, and not on it."""
    ax, ay = points[corners[0], 0] - x, points[corners[0], 1] - y
    bx, by = points[corners[1], 0] - x, points[corners[1], 1] - y
    cx, cy = points[corners[2], 0] - x, points[corners[2], 1] - y
    a, b, c = ax * ax + ay * ay, bx * bx + by * by, cx * cx + cy * cy
    ab, bc, ca = ax * by - ay * bx, bx * cy - by * cx, cx * ay - cy * ax
    size = a * (abs(bx * cy) + abs(by * cx)) + b * (abs(cx * ay) + abs(cy * ax))
    size += c * (abs(ax * by) + abs(ay * bx))
    return a * bc + b * ca + c * ab > _ROUNDING * size


@_compiled
def _centre(
    ax: float,
    ay: float,
    bx: float,
    by: float,
    cx: float,
    cy: float,
) -> tuple[float, float]:
    """Return the middle of the circle through three points."""
    bx, by, cx, cy = bx - ax, by - ay, cx - ax, cy - ay
    b, c, d = bx * bx + by * by, cx * cx + cy * cy, 2.0 * (bx * cy - by * cx)
    return ax + (cy * b - by * c) / d, ay + (bx * c - cx * b) / d


@_compiled
def _areas(
    points: np.ndarray,
    triangles: np.ndarray,
    neighbours: np.ndarray,
    hole: np.ndarray,
    number: int,
    visited: np.ndarray,
    x: float,
    y: float,
    border: np.ndarray,
    area: np.ndarray,
    side: np.ndarray,
) -> int:
    """Sum up twice the area that each point on the border of the hole loses; return their count.

    All is relative to the place. `side` keeps, for each of these points, the circumcentres of
    the place with the edge of the border that ends there and with the one that begins there.
    """
    count = 0
    for t in hole:
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ox, oy = _centre(
            points[i, 0] - x, points[i, 1] - y, points[j, 0] - x, points[j, 1] - y,
            points[k, 0] - x, points[k, 1] - y,
        )  # fmt: skip
        for corner in range(3):
            a, b = triangles[t, (corner + 1) % 3], triangles[t, (corner + 2) % 3]
            ax, ay, bx, by = points[a, 0] - x, points[a, 1] - y, points[b, 0] - x, points[b, 1] - y
            other = neighbours[t, corner]
            if other >= 0 and visited[other] == -2 - number:
                m = triangles[other]
                px, py = _centre(
                    points[m[0], 0] - x, points[m[0], 1] - y, points[m[1], 0] - x,
                    points[m[1], 1] - y, points[m[2], 0] - x, points[m[2], 1] - y,
                )  # fmt: skip
                area[b] += oy * px - ox * py
            else:
                ex, ey = _centre(0.0, 0.0, ax, ay, bx, by)
                area[a] += ey * ox - ex * oy
                area[b] += oy * ex - ox * ey
                side[a, 2], side[a, 3] = ex, ey
                side[b, 0], side[b, 1] = ex, ey
                border[count] = a
                count += 1
    for k in range(count):
        a = border[k]
        area[a] += side[a, 1] * side[a, 2] - side[a, 0] * side[a, 3]
    return count
