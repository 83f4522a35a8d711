# ruff: noqa: PLR0917 - kernels take their arrays one by one
"""Compiled sums of patterns, four at a time: a row of each is read once for all that is wanted.

Values stay of the type they have; what they are summed in is given by the arrays for the
results. No sum of a row or column of a pattern, or of a pixel over the patterns of one call, may
overflow that: see `accumulator`. Of small counts `few_counts` has faster ones.
"""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit, types
from numba.extending import overload

from omniscopy.diffraction.reductions.lanes import expect
from omniscopy.model.compiling import keep_compiled

F = TypeVar("F", bound=Callable[..., Any])

# Sums may be reordered so that they use vector registers; NaN and infinity stay what they are.
_REORDERED = {"reassoc", "contract", "nsz", "arcp"}


def compiled(function: F) -> F:
    """Return a function that releases the interpreter; what it compiles to is kept on disk."""
    made: F = keep_compiled(
        njit, function, error_model="numpy", nogil=True, _nrt=False, fastmath=_REORDERED
    )
    return made


def accumulator(dtype: np.dtype[Any]) -> tuple[np.dtype[Any], np.dtype[Any]]:
    """Return the type that values of a type are read as, and the one they are summed in.

    Sums of 65536 values of 16 bits fit into 32.
    """
    if dtype.kind == "f":
        single = dtype.itemsize <= 4
        return np.dtype(np.float32 if single else np.float64), np.dtype(np.float64)
    if dtype.kind in "bu" and dtype.itemsize <= 2:
        return np.dtype(f"u{dtype.itemsize}"), np.dtype(np.uint32)
    if dtype.kind == "u" and dtype.itemsize == 4:
        return dtype.newbyteorder("="), np.dtype(np.uint64)
    if dtype.kind == "i" and dtype.itemsize <= 2:
        return np.dtype(f"i{dtype.itemsize}"), np.dtype(np.int32)
    if dtype.kind == "i":
        return dtype.newbyteorder("="), np.dtype(np.int64)
    return np.dtype(np.float64), np.dtype(np.float64)


def chosen(value: Any, mask: Any) -> Any:
    """Return `value` where the mask is all ones (integers) or 1 (floats), and 0 where it is 0."""
    return value * mask if isinstance(value, float | np.floating) else value & mask


@overload(chosen, inline="always")
def _chosen(value: Any, mask: Any) -> Any:  # noqa: ARG001 - types, not values
    def product(value: Any, mask: Any) -> Any:
        return value * mask

    def bits(value: Any, mask: Any) -> Any:
        return value & mask

    return product if isinstance(value, types.Float) else bits


@compiled
def add_to(target: np.ndarray, sums: np.ndarray) -> None:
    """Add sums over patterns, shape (H, W), to wider ones: NumPy would convert them apart."""
    number = target.dtype.type
    for y in range(target.shape[0]):
        row, out = sums[y], target[y]
        for x in range(out.size):
            out[x] = number(out[x] + number(row[x]))


@compiled
def sum_patterns(block: np.ndarray, total: np.ndarray) -> None:
    """Add patterns, shape (4 n, H, W), to `total`, shape (H, W)."""
    number = total.dtype.type
    for p in range(0, block.shape[0], 4):
        for y in range(block.shape[1]):
            a, b, c, d = block[p, y], block[p + 1, y], block[p + 2, y], block[p + 3, y]
            out = total[y]
            for x in range(out.size):
                out[x] = number(out[x] + number(a[x]) + number(b[x]) + number(c[x]) + number(d[x]))


@compiled
def sum_masks(
    block: np.ndarray, masks: np.ndarray, spans: np.ndarray, total: np.ndarray, sums: np.ndarray
) -> None:
    """Fill in what is under each mask.

    Shapes: block (n, pixels), masks (R, pixels), spans (R, 2): pixels before and from which on
    a mask is empty, sums (n, R). `total` is of the type to sum in.
    """
    number = total.dtype.type
    for p in range(block.shape[0]):
        pattern = block[p]
        for r in range(masks.shape[0]):
            whole, mask = 0.0, masks[r]
            for begin in range(spans[r, 0], spans[r, 1], 16384):
                end = min(begin + 16384, spans[r, 1])
                values, wanted = pattern[begin:end], mask[begin:end]
                part = number(0)
                for x in range(wanted.size):
                    part = number(part + number(chosen(values[x], wanted[x])))
                whole += part
            sums[p, r] = whole


@compiled
def weigh_columns(columns: np.ndarray, p: int, kx: np.ndarray, moments: np.ndarray) -> None:
    """Fill in the sums times kx and kx² of four patterns from the sums of their columns."""
    for q in range(4):
        s1, s2 = 0.0, 0.0
        for x in range(kx.size):
            value = float(columns[q, x])
            s1 += value * kx[x]
            s2 += value * kx[x] * kx[x]
        moments[p + q, 3], moments[p + q, 4] = s1, s2


@compiled
def weigh_four(
    columns: np.ndarray, rows: np.ndarray, p: int, ky: np.ndarray, kx: np.ndarray,
    moments: np.ndarray,
) -> None:  # fmt: skip
    """Fill in the moments of four patterns from the sums of their rows and columns."""
    for q in range(4):
        s, s1, s2 = 0.0, 0.0, 0.0
        for y in range(ky.size):
            value = float(rows[q, y])
            s += value
            s1 += value * ky[y]
            s2 += value * ky[y] * ky[y]
        moments[p + q, 0], moments[p + q, 1], moments[p + q, 2] = s, s1, s2
    weigh_columns(columns, p, kx, moments)


@compiled
def sum_columns(
    block: np.ndarray, mask: np.ndarray, total: np.ndarray, columns: np.ndarray, rows: np.ndarray,
    ky: np.ndarray, kx: np.ndarray, moments: np.ndarray,
) -> None:  # fmt: skip
    """Fill in the moments of each pattern under a mask, and add the patterns to `total`.

    Moments are the sum of the values, and those times ky, ky², kx and kx². Shapes: block
    (4 n, H, W), mask (H, W), total (H, W) or (0, W), columns (4, W), rows (4, H),
    moments (4 n, 5).
    """
    number = columns.dtype.type
    zero = number(0)
    for p in range(0, block.shape[0], 4):
        columns[:] = zero
        ca, cb, cc, cd = columns[0], columns[1], columns[2], columns[3]
        for y in range(block.shape[1]):
            a, b, c, d = block[p, y], block[p + 1, y], block[p + 2, y], block[p + 3, y]
            m = mask[y]
            sa, sb, sc, sd = zero, zero, zero, zero
            if total.shape[0] > 0:
                out = total[y]
                for x in range(out.size):
                    va, vb, vc, vd = a[x], b[x], c[x], d[x]
                    out[x] = number(out[x] + number(va) + number(vb) + number(vc) + number(vd))
                    va, vb = chosen(va, m[x]), chosen(vb, m[x])
                    vc, vd = chosen(vc, m[x]), chosen(vd, m[x])
                    sa, sb = number(sa + number(va)), number(sb + number(vb))
                    sc, sd = number(sc + number(vc)), number(sd + number(vd))
                    ca[x], cb[x] = number(ca[x] + number(va)), number(cb[x] + number(vb))
                    cc[x], cd[x] = number(cc[x] + number(vc)), number(cd[x] + number(vd))
            else:
                for x in range(m.size):
                    va, vb = chosen(a[x], m[x]), chosen(b[x], m[x])
                    vc, vd = chosen(c[x], m[x]), chosen(d[x], m[x])
                    sa, sb = number(sa + number(va)), number(sb + number(vb))
                    sc, sd = number(sc + number(vc)), number(sd + number(vd))
                    ca[x], cb[x] = number(ca[x] + number(va)), number(cb[x] + number(vb))
                    cc[x], cd[x] = number(cc[x] + number(vc)), number(cd[x] + number(vd))
            rows[0, y], rows[1, y], rows[2, y], rows[3, y] = sa, sb, sc, sd
        weigh_four(columns, rows, p, ky, kx, moments)


@compiled
def sum_weighted(block: np.ndarray, weights: np.ndarray, sums: np.ndarray) -> None:
    """Fill in the sums of each pattern (n, H, W) times weights (H, W)."""
    for p in range(block.shape[0]):
        total = 0.0
        for y in range(block.shape[1]):
            row, weight = block[p, y], weights[y]
            for x in range(weight.size):
                total += weight[x] * row[x]
        sums[p] = total


@compiled
def keep_largest(block: np.ndarray, largest: np.ndarray) -> None:
    """Keep the largest value of every pixel, in the type of the values."""
    for p in range(block.shape[0]):
        for y in range(block.shape[1]):
            row, out = block[p, y], largest[y]
            for x in range(out.size):
                out[x] = max(out[x], row[x])


@compiled
def sum_squares(block: np.ndarray, squares: np.ndarray) -> None:
    """Add the squares of every pixel."""
    one = squares.dtype.type(1)
    for p in range(block.shape[0]):
        for y in range(block.shape[1]):
            row, out = block[p, y], squares[y]
            for x in range(out.size):
                value = one * row[x]
                out[x] += value * value


@compiled
def sum_rings(
    block: np.ndarray, order: np.ndarray, first: np.ndarray, total: np.ndarray, sums: np.ndarray
) -> None:
    """Fill in the sums of each pattern in rings.

    Shapes: block (4 n, pixels), order (pixels in rings,): numbers of the pixels ring by ring,
    first (rings + 1,): where in them each ring begins, sums (4 n, rings). `total` is of the type
    to sum in. A sum that stays in a register waits for no other, as sums in memory do.
    """
    number, pixels, flat = total.dtype.type, block.shape[1], block.reshape(-1)
    zero, line = number(0), 64 // block.itemsize
    for p in range(0, block.shape[0], 4):
        a, b, c, d = block[p], block[p + 1], block[p + 2], block[p + 3]
        for r in range(sums.shape[1]):
            sa, sb, sc, sd = zero, zero, zero, zero
            for n in range(first[r], first[r + 1]):
                i = order[n]
                sa, sb = number(sa + number(a[i])), number(sb + number(b[i]))
                sc, sd = number(sc + number(c[i])), number(sd + number(d[i]))
            sums[p, r], sums[p + 1, r], sums[p + 2, r], sums[p + 3, r] = sa, sb, sc, sd
            # Rings wander through memory: of the next four it is fetched in order.
            for n in range(4 * first[r], 4 * first[r + 1], line):
                expect(flat, (p + 4) * pixels + n)


@compiled
def sum_rings_around(
    block: np.ndarray, used: np.ndarray, ky: np.ndarray, kx: np.ndarray, centres: np.ndarray,
    edges: np.ndarray, sums: np.ndarray, counts: np.ndarray,
) -> None:  # fmt: skip
    """Add the values of each pattern to rings around its own centre, and count the pixels.

    Shapes: block (n, H, W), used (H, W), centres (n, 2), edges (rings + 1), ascending and
    uniform, sums and counts (n, rings). Values that are NaN are left out.
    """
    first, step = edges[0], (edges[-1] - edges[0]) / (edges.size - 1)
    for p in range(block.shape[0]):
        for y in range(block.shape[1]):
            dy = ky[y] - centres[p, 0]
            for x in range(block.shape[2]):
                dx = kx[x] - centres[p, 1]
                away = math.sqrt(dy * dy + dx * dx)
                value = block[p, y, x]
                if used[y, x] and edges[0] <= away < edges[-1] and value == value:  # noqa: PLR0124
                    ring = min(int((away - first) / step), edges.size - 2)
                    sums[p, ring] += value
                    counts[p, ring] += 1
