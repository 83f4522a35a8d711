# ruff: noqa: PLR0913, PLR0917 - kernels take their arrays one by one
"""Compiled search for discs in correlations, and around sites where a lattice predicts them.

Patterns are padded by half of the template on each side, so that a template whose middle is on
pixel (y, x) of the pattern begins at (y, x) of the padded one.
"""

from typing import Any

import numpy as np
from numba import njit

from omniscopy.model.compiling import keep_compiled

# The columns of a disc that is found.
KY, KX, KY_STD, KX_STD, INTENSITY, CORRELATION = range(6)
COLUMNS = 6
# Classes of pixels of a template by how bright the disc is there.
CLASSES = 4
# Places in a pixel for which derivatives of a template are tabulated.
PER_PIXEL = 8
# Indices that cannot be negative: with others the compiler does not use vectors.
_U = np.uintp
_ZERO: Any = np.float32(0)
# How precisely a site is known beforehand: pixels of a measured one, and part of a vector.
_MEASURED, _STRETCH = 0.2, 0.03


def _compiled(function: Any, **options: Any) -> Any:
    return keep_compiled(
        njit, function, error_model="numpy", nogil=True, fastmath={"reassoc", "contract", "nsz"},
        **options,
    )  # fmt: skip


def _correlate(
    padded: np.ndarray, template: np.ndarray, starts: np.ndarray, ends: np.ndarray,
    y: int, x: int, out: np.ndarray,
) -> None:  # fmt: skip
    """Write the correlation at (y, x), (y, x + 1), ... (y, x + 7)."""
    a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = np.float32(0)
    first = _U(x)
    for u in range(template.shape[0]):
        row = padded[y + u]
        kernel = template[u]
        for v in range(_U(starts[u]), _U(ends[u])):
            t = kernel[v]
            c = first + v
            a0 += t * row[c]
            a1 += t * row[c + _U(1)]
            a2 += t * row[c + _U(2)]
            a3 += t * row[c + _U(3)]
            a4 += t * row[c + _U(4)]
            a5 += t * row[c + _U(5)]
            a6 += t * row[c + _U(6)]
            a7 += t * row[c + _U(7)]
    out[0], out[1], out[2], out[3] = a0, a1, a2, a3
    out[4], out[5], out[6], out[7] = a4, a5, a6, a7


correlate = _compiled(_correlate)


def _variance(mean: float, transform: int, table: np.ndarray) -> float:
    """Return the variance of a transformed Poisson number with this mean."""
    if mean <= 0:
        return 0.0
    if transform == 0:
        return mean
    place = mean * 20.0
    n = int(place)
    if n >= table.size - 1:
        return 0.25
    return table[n] + (place - n) * (table[n + 1] - table[n])


variance = _compiled(_variance)


def _quality(
    padded: np.ndarray, template: np.ndarray, bright: np.ndarray, starts: np.ndarray,
    ends: np.ndarray, sums: np.ndarray, y: int, x: int, transform: int, scale: float,
    out: np.ndarray,
) -> None:  # fmt: skip
    """Write intensity over background, coefficient of correlation, height and background.

    `sums`: pixels of the template, its sum, its sum of squares.
    """
    count, total, squares = sums[0], sums[1], sums[2]
    first: Any = _U(x)
    p = pp = tp = inside = whole = pixels = 0.0
    for u in range(template.shape[0]):
        row = padded[y + u]
        kernel = template[u]
        disc = bright[u]
        # Sums of a row in single precision, so that vector registers hold more.
        p_row = pp_row = tp_row = inside_row = pixels_row = _ZERO
        for v in range(_U(starts[u]), _U(ends[u])):
            value = row[first + v]
            p_row += value
            pp_row += value * value
            tp_row += kernel[v] * value
            pixels_row += disc[v]
            inside_row += disc[v] * (value * value if transform == 1 else value)
        p, pp, tp, pixels = p + p_row, pp + pp_row, tp + tp_row, pixels + pixels_row
        if transform == 2:
            for v in range(starts[u], ends[u]):
                before = scale * np.expm1(row[x + v])
                inside += disc[v] * before
                whole += before
        else:
            inside += inside_row
            whole += pp_row if transform == 1 else p_row
    others = count - pixels
    background = (whole - inside) / others if others > 0 else 0.0
    spread = (pp - p * p / count) * (squares - total * total / count)
    out[0] = inside - pixels * background
    out[1] = (tp - total * p / count) / np.sqrt(spread) if spread > 0 else 0.0
    out[2] = out[0] / pixels if pixels > 0 else 0.0
    out[3] = background


quality = _compiled(_quality)


def _top(
    c: np.ndarray, i: int, j: int, shift: np.ndarray, curve: np.ndarray
) -> bool:  # fmt: skip
    """Write where a paraboloid through 3 by 3 values peaks, and its second derivatives."""
    top, left, middle = c[i - 1, j - 1], c[i, j - 1], c[i, j]
    dy = dx = yy = xx = 0.0
    for n in range(-1, 2):
        dy += c[i + 1, j + n] - c[i - 1, j + n]
        dx += c[i + n, j + 1] - c[i + n, j - 1]
        yy += c[i + 1, j + n] - 2.0 * c[i, j + n] + c[i - 1, j + n]
        xx += c[i + n, j + 1] - 2.0 * c[i + n, j] + c[i + n, j - 1]
    dy, dx, yy, xx = dy / 6, dx / 6, yy / 3, xx / 3
    yx = (c[i + 1, j + 1] - c[i + 1, j - 1] - c[i - 1, j + 1] + top) / 4
    det = yy * xx - yx * yx
    if not (det > 0 and yy < 0) or left > middle:
        return False
    shift[0] = (yx * dx - xx * dy) / det
    shift[1] = (yx * dy - yy * dx) / det
    curve[0], curve[1], curve[2] = yy, xx, yx
    return abs(shift[0]) <= 1 and abs(shift[1]) <= 1


top = _compiled(_top)


def _sharpen(
    padded: np.ndarray, moved: np.ndarray, y: int, x: int, shift: np.ndarray, curve: np.ndarray
) -> None:
    """Write where the correlation near pixel (y, x) peaks, and its second derivatives.

    A step of Newton's from the nearest place that `moved` has derivatives for. A paraboloid
    through 3 by 3 pixels errs by up to a fiftieth of a pixel: correlations of discs are cones.
    """
    if moved.shape[0] == 0 or not (abs(shift[0]) <= 0.5625 and abs(shift[1]) <= 0.5625):
        return
    middle = PER_PIXEL // 2
    p = min(max(int(np.round(shift[0] * PER_PIXEL)) + middle, 0), PER_PIXEL)
    q = min(max(int(np.round(shift[1] * PER_PIXEL)) + middle, 0), PER_PIXEL)
    kernels = moved[p, q]
    first: Any = _U(x)
    dy = dx = yy = xx = yx = 0.0
    for u in range(kernels.shape[1]):
        row = padded[y + u]
        a, b, c, d, e = kernels[0, u], kernels[1, u], kernels[2, u], kernels[3, u], kernels[4, u]
        a_row = b_row = c_row = d_row = e_row = _ZERO
        for v in range(_U(a.size)):
            value = row[first + v]
            a_row += a[v] * value
            b_row += b[v] * value
            c_row += c[v] * value
            d_row += d[v] * value
            e_row += e[v] * value
        dy, dx, yy, xx, yx = dy + a_row, dx + b_row, yy + c_row, xx + d_row, yx + e_row
    det = yy * xx - yx * yx
    if not (det > 0 and yy < 0):
        return
    at_y = (p - middle) / PER_PIXEL + (yx * dx - xx * dy) / det
    at_x = (q - middle) / PER_PIXEL + (yx * dy - yy * dx) / det
    if abs(at_y - shift[0]) <= 0.25 and abs(at_x - shift[1]) <= 0.25:
        shift[0], shift[1] = at_y, at_x
        curve[0], curve[1], curve[2] = yy, xx, yx


sharpen = _compiled(_sharpen)


def _describe(
    padded: np.ndarray, template: np.ndarray, bright: np.ndarray, starts: np.ndarray,
    ends: np.ndarray, sums: np.ndarray, slopes: np.ndarray, moved: np.ndarray,
    table: np.ndarray, y: int, x: int,
    shift: np.ndarray, curve: np.ndarray, transform: int, scale: float, counted: bool,  # noqa: FBT001
    room: np.ndarray, out: np.ndarray,
) -> None:  # fmt: skip
    """Write the columns of the disc whose correlation peaks near pixel (y, x)."""
    sharpen(padded, moved, y, x, shift, curve)
    quality(padded, template, bright, starts, ends, sums, y, x, transform, scale, room)
    out[0], out[1] = y + shift[0], x + shift[1]
    out[4], out[5] = room[0], room[1]
    out[2] = out[3] = np.nan
    if not counted:
        return
    vyy = vxx = vyx = 0.0
    for n in range(slopes.shape[0]):
        size = variance(room[3] + room[2] * slopes[n, 0], transform, table)
        # Off the pixel that is highest, the noise of the curvature moves the peak too.
        vyy += size * (slopes[n, 1] + shift[0] * shift[0] * slopes[n, 4])
        vxx += size * (slopes[n, 2] + shift[1] * shift[1] * slopes[n, 5])
        vyx += size * slopes[n, 3]
    yy, xx, yx = curve[0], curve[1], curve[2]
    det = yy * xx - yx * yx
    # The inverse of the curvature on both sides of the covariance of the slope.
    out[2] = np.sqrt(xx * xx * vyy - 2 * xx * yx * vyx + yx * yx * vxx) / det
    out[3] = np.sqrt(yx * yx * vyy - 2 * yx * yy * vyx + yy * yy * vxx) / det


describe = _compiled(_describe)


def _rows(
    padded: np.ndarray, template: np.ndarray, starts: np.ndarray, ends: np.ndarray,
    y: int, x: int, half: int, first: int, step: int, values: np.ndarray,
) -> None:  # fmt: skip
    """Write correlations around (y, x): each `step`-th row from the `first`, all columns."""
    for i in range(first, 2 * half + 1, step):
        for j in range(0, 2 * half + 1, 8):
            correlate(
                padded, template, starts, ends, y - half + i, x - half + j, values[i, j : j + 8]
            )


fill_rows = _compiled(_rows)


def _summit(
    padded: np.ndarray, template: np.ndarray, starts: np.ndarray, ends: np.ndarray,
    y: int, x: int, half: int, values: np.ndarray, at: np.ndarray,
) -> None:  # fmt: skip
    """Write where the correlation around (y, x) is highest, and its values around that.

    Peaks are wider than two pixels: rows between others are summed where they matter only.
    """
    step = 1 if half < 3 else 2
    fill_rows(padded, template, starts, ends, y, x, half, 0, step, values)
    i, j = step, 1
    for p in range(step, 2 * half, step):
        for q in range(1, 2 * half):
            if values[p, q] > values[i, j]:
                i, j = p, q
    if step == 2:
        # Rows i - 1 and i + 1, of which the values around the highest one are complete.
        fill_rows(padded, template, starts, ends, y, x, half, i - 1, 2 * half, values)
        fill_rows(padded, template, starts, ends, y, x, half, i + 1, 2 * half, values)
        middle = i
        for p in range(max(middle - 1, 1), min(middle + 2, 2 * half)):
            for q in range(1, 2 * half):
                if values[p, q] > values[i, j]:
                    i, j = p, q
    at[0], at[1] = i, j


summit = _compiled(_summit)


def _follow(  # noqa: C901 - a loop over patterns and sites
    padded: np.ndarray, template: np.ndarray, bright: np.ndarray, starts: np.ndarray,
    ends: np.ndarray, sums: np.ndarray, slopes: np.ndarray, moved: np.ndarray, table: np.ndarray,
    indices: np.ndarray, lattice: np.ndarray, halves: np.ndarray, margin: np.ndarray,
    least: float, transform: int, scales: np.ndarray, counted: bool,  # noqa: FBT001
    values: np.ndarray, room: np.ndarray, found: np.ndarray, counts: np.ndarray,
) -> None:  # fmt: skip
    """Find the discs of each pattern at the sites of a lattice, from the middle outwards.

    `indices`, shape (sites, 2), the first is (0, 0). `lattice`, shape (3, 2): origin and the
    two vectors in pixels. `halves`: half of the window for the first disc, for others, and for
    those after three. The lattice of a pattern is fitted anew, by recursive least squares, with
    each disc that is found.
    """
    high, wide = padded.shape[1] - template.shape[0] + 1, padded.shape[2] - template.shape[1] + 1
    wide -= 8  # room for the lanes
    shift, curve = room[0], room[1]
    normal, right, solved = room[2:5], room[5:8], room[8:11]
    for n in range(padded.shape[0]):
        pattern, scale = padded[n], scales[n]
        # Beforehand the vectors are those of the mean pattern, the origin is anywhere.
        for i in range(3):
            size = max(np.hypot(lattice[i, 0], lattice[i, 1]), 1.0) * _STRETCH
            known = (_MEASURED / size) ** 2 if i else 1e-6
            for j in range(3):
                normal[i, j] = known if i == j else 0.0
            for j in range(2):
                right[i, j] = known * lattice[i, j]
                solved[i, j] = lattice[i, j]
        count = 0
        for m in range(indices.shape[0]):
            h, k = indices[m, 0], indices[m, 1]
            at_y = solved[0, 0] + h * solved[1, 0] + k * solved[2, 0]
            at_x = solved[0, 1] + h * solved[1, 1] + k * solved[2, 1]
            half = halves[0] if m == 0 else (halves[1] if count < 4 else halves[2])
            if not (
                margin[0] - 1 < at_y < high - margin[0] and margin[1] - 1 < at_x < wide - margin[1]
            ):
                continue
            y = min(max(int(np.round(at_y)), half), high - 1 - half)
            x = min(max(int(np.round(at_x)), half), wide - 1 - half)
            summit(pattern, template, starts, ends, y, x, half, values, room[11])
            i, j = int(room[11, 0]), int(room[11, 1])
            if not top(values, i, j, shift, curve):
                continue
            row = found[n, count]
            py, px = y - half + i, x - half + j
            describe(
                pattern,
                template,
                bright,
                starts,
                ends,
                sums,
                slopes,
                moved,
                table,
                py,
                px,
                shift,
                curve,
                transform,
                scale,
                counted,
                room[11],
                row,
            )
            outside = (
                row[0] < margin[0] or row[1] < margin[1] or row[0] > high - 1 - margin[0]
                or row[1] > wide + 7 - margin[1]
            )  # fmt: skip
            if outside or not (row[5] >= least and row[4] > 0):
                continue
            count += 1
            for i in range(3):
                first = 1.0 if i == 0 else (h if i == 1 else k)
                for j in range(3):
                    normal[i, j] += first * (1.0 if j == 0 else (h if j == 1 else k))
                for j in range(2):
                    right[i, j] += first * row[j]
            solve(normal, right, solved)
            if count == found.shape[1]:
                break
        counts[n] = count


def _solve(a: np.ndarray, b: np.ndarray, x: np.ndarray) -> None:
    """Write the solution of three symmetric equations for two right sides, by cofactors."""
    c00 = a[1, 1] * a[2, 2] - a[1, 2] * a[1, 2]
    c01 = a[0, 2] * a[1, 2] - a[0, 1] * a[2, 2]
    c02 = a[0, 1] * a[1, 2] - a[0, 2] * a[1, 1]
    c11 = a[0, 0] * a[2, 2] - a[0, 2] * a[0, 2]
    c12 = a[0, 1] * a[0, 2] - a[0, 0] * a[1, 2]
    c22 = a[0, 0] * a[1, 1] - a[0, 1] * a[0, 1]
    det = a[0, 0] * c00 + a[0, 1] * c01 + a[0, 2] * c02
    for j in range(2):
        x[0, j] = (c00 * b[0, j] + c01 * b[1, j] + c02 * b[2, j]) / det
        x[1, j] = (c01 * b[0, j] + c11 * b[1, j] + c12 * b[2, j]) / det
        x[2, j] = (c02 * b[0, j] + c12 * b[1, j] + c22 * b[2, j]) / det


solve = _compiled(_solve)
follow = _compiled(_follow)


def _peaks(
    maps: np.ndarray, padded: np.ndarray, template: np.ndarray, bright: np.ndarray,
    starts: np.ndarray, ends: np.ndarray, sums: np.ndarray, slopes: np.ndarray, moved: np.ndarray,
    table: np.ndarray, margin: np.ndarray, spacing: np.ndarray, least: float, height: float,
    transform: int, scales: np.ndarray, counted: bool,  # noqa: FBT001
    highest: np.ndarray, candidates: np.ndarray, room: np.ndarray, found: np.ndarray,
    counts: np.ndarray,
) -> None:  # fmt: skip
    """Find the discs of each pattern at the peaks of its correlation map, the highest first.

    `spacing`: how near, in pixels, two of them are not. `height`: of the lowest over the
    highest one, of which `highest` has the value for each map. `candidates`, shape (many, 3):
    room for peaks.
    """
    shift, curve = room[0], room[1]
    first_y, first_x = max(int(np.ceil(margin[0])), 1), max(int(np.ceil(margin[1])), 1)
    for n in range(maps.shape[0]):
        c = maps[n]
        high, wide = c.shape
        most, size = highest[n], 0
        for i in range(first_y, high - first_y):
            for j in range(first_x, wide - first_x):
                v = c[i, j]
                if not v > height * most:
                    continue
                if (
                    v >= c[i - 1, j] and v > c[i + 1, j] and v >= c[i, j - 1] and v > c[i, j + 1]
                    and v >= c[i - 1, j - 1] and v > c[i + 1, j + 1]
                    and v >= c[i - 1, j + 1] and v > c[i + 1, j - 1]
                    and size < candidates.shape[0]
                ):  # fmt: skip
                    candidates[size, 0], candidates[size, 1], candidates[size, 2] = v, i, j
                    size += 1
        order = np.argsort(-candidates[:size, 0])
        count = 0
        for m in range(size):
            if count == found.shape[1]:
                break
            i, j = int(candidates[order[m], 1]), int(candidates[order[m], 2])
            near = False
            for p in range(count):
                dy, dx = (found[n, p, 0] - i) / spacing[0], (found[n, p, 1] - j) / spacing[1]
                near = near or dy * dy + dx * dx < 1
            if near or not top(c, i, j, shift, curve):
                continue
            row = found[n, count]
            describe(
                padded[n],
                template,
                bright,
                starts,
                ends,
                sums,
                slopes,
                moved,
                table,
                i,
                j,
                shift,
                curve,
                transform,
                scales[n],
                counted,
                room[11],
                row,
            )
            if row[5] >= least and row[4] > 0:
                count += 1
        counts[n] = count


find_peaks_of_maps = _compiled(_peaks)
