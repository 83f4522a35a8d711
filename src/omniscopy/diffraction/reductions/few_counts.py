# ruff: noqa: PLR0913, PLR0917 - kernels take their arrays one by one
"""Compiled sums of patterns of few counts: in 16 bits, of which a register holds most.

Counts of most cameras are so small that no sum of a row or a column needs more. A value that is
larger is noticed after its pattern was read; what it was added to is then taken back. Where rows
are whole registers, and steps along ky even, that is twice as fast.
"""

from typing import Any

import numpy as np
from numba import config

from omniscopy.diffraction.reductions.kernels import F, compiled, weigh_columns, weigh_four
from omniscopy.diffraction.reductions.lanes import (
    LANES,
    either,
    expect,
    joined,
    nothing,
    nothing_long,
    paired,
    plus,
    put,
    summed,
    taken,
    under,
)

# Patterns whose sums of pixels fit into 16 bits: after so many they go to a wider sum.
_MANY = 64
# Rows whose sums of sums fit into 32 bits: 128³ / 6 times two numbers of 16 bits over 16.
STRIP = 128


def largest_few(shape: tuple[int, int]) -> int:
    """Return the largest count of which no sum of a row, a column or `_MANY` pixels overflows."""
    return 65535 // max(*shape, _MANY)


def spans_of_rows(masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where masks, shape (R, H, W), begin and end in each row, in steps of 32 pixels.

    Rests of less than a register or two would take as long as whole ones.
    """
    wide = masks.shape[2]
    there = masks.any(axis=2)
    first = np.where(there, masks.argmax(axis=2), 0) // 32 * 32
    last = np.where(there, wide - masks[..., ::-1].argmax(axis=2), 0)
    return first.astype(np.int64), np.minimum(-(-last // 32) * 32, wide).astype(np.int64)


def wrapping(function: F) -> F:
    """Let sums of 16 bits overflow, as they are meant to, where NumPy would warn."""
    if not config.DISABLE_JIT:  # type: ignore[attr-defined]
        return function
    quiet: F = np.errstate(over="ignore")(function)
    return quiet


@wrapping
@compiled
def add_four(
    block: np.ndarray, p: int, few: np.ndarray, columns: np.ndarray, rows: np.ndarray
) -> int:
    """Add four patterns to `few`, sum their rows and columns; return all bits of their values."""
    number = few.dtype.type
    zero = number(0)
    columns[:] = zero
    ca, cb, cc, cd = columns[0], columns[1], columns[2], columns[3]
    seen = zero
    for y in range(block.shape[1]):
        a, b, c, d = block[p, y], block[p + 1, y], block[p + 2, y], block[p + 3, y]
        sa, sb, sc, sd = zero, zero, zero, zero
        out = few[y]
        for x in range(out.size):
            va, vb, vc, vd = number(a[x]), number(b[x]), number(c[x]), number(d[x])
            seen = number(seen | va | vb | vc | vd)
            out[x] = number(out[x] + va + vb + vc + vd)
            sa, sb = number(sa + va), number(sb + vb)
            sc, sd = number(sc + vc), number(sd + vd)
            ca[x], cb[x] = number(ca[x] + va), number(cb[x] + vb)
            cc[x], cd[x] = number(cc[x] + vc), number(cd[x] + vd)
        rows[0, y], rows[1, y], rows[2, y], rows[3, y] = sa, sb, sc, sd
    return int(seen)


@compiled
def add_four_in_lanes(  # noqa: PLR0915 - four patterns, two rows of each
    flat: np.ndarray, p: int, few: np.ndarray, columns: np.ndarray, shape: np.ndarray,
    lines: np.ndarray, mask: np.ndarray, first: np.ndarray, last: np.ndarray,
) -> int:  # fmt: skip
    """Do what `add_four` does with registers of 32 pixels, two rows at a time.

    Of rows only the sums of the values and of them times y and y² are wanted: `lines`, shape
    (4, 4). They follow from sums of sums: with m = 1 for the last row, 2 for the one before, ...
    they are those of the values, times m and times m (m + 1) / 2. What is under one mask, shape
    (pixels), between `first` and `last` of each row, is summed in the same go, into the last of
    `lines`: memory gives values more slowly than they are worked on.
    """
    high, wide = shape[0], shape[1]
    pixels = high * wide
    seen = nothing()
    columns[:] = columns.dtype.type(0)
    lines[:] = 0
    # In so many rows no sum of sums overflows 32 bits.
    for begin in range(0, high, STRIP):
        end = min(begin + STRIP, high)
        s0, s1, s2, s3 = nothing_long(), nothing_long(), nothing_long(), nothing_long()
        t0, t1, t2, t3 = nothing_long(), nothing_long(), nothing_long(), nothing_long()
        u0, u1, u2, u3 = nothing_long(), nothing_long(), nothing_long(), nothing_long()
        w0, w1, w2, w3 = nothing_long(), nothing_long(), nothing_long(), nothing_long()
        for y in range(begin, end, 2):
            low, top = min(first[y], first[y + 1]), max(last[y], last[y + 1])
            r0, r1, r2, r3 = nothing(), nothing(), nothing(), nothing()
            q0, q1, q2, q3 = nothing(), nothing(), nothing(), nothing()
            m0, m1, m2, m3 = nothing(), nothing(), nothing(), nothing()
            for x in range(0, wide, LANES):
                i, j = y * wide + x, (y + 1) * wide + x
                n, m = p * pixels + i, p * pixels + j
                a, b = taken(flat, n), taken(flat, n + pixels)
                c, d = taken(flat, n + 2 * pixels), taken(flat, n + 3 * pixels)
                e, f = taken(flat, m), taken(flat, m + pixels)
                g, h = taken(flat, m + 2 * pixels), taken(flat, m + 3 * pixels)
                expect_next(flat, n, pixels)
                expect_next(flat, m, pixels)
                if low <= x < top:
                    k, v = taken(mask, i), taken(mask, j)
                    m0 = plus(m0, plus(under(a, k), under(e, v)))
                    m1 = plus(m1, plus(under(b, k), under(f, v)))
                    m2 = plus(m2, plus(under(c, k), under(g, v)))
                    m3 = plus(m3, plus(under(d, k), under(h, v)))
                seen = either(seen, either(either(a, b), either(c, d)))
                seen = either(seen, either(either(e, f), either(g, h)))
                put(few, i, plus(taken(few, i), plus(plus(a, b), plus(c, d))))
                put(few, j, plus(taken(few, j), plus(plus(e, f), plus(g, h))))
                r0, r1, r2, r3 = plus(r0, a), plus(r1, b), plus(r2, c), plus(r3, d)
                q0, q1, q2, q3 = plus(q0, e), plus(q1, f), plus(q2, g), plus(q3, h)
                put(columns, x, plus(taken(columns, x), plus(a, e)))
                put(columns, wide + x, plus(taken(columns, wide + x), plus(b, f)))
                put(columns, 2 * wide + x, plus(taken(columns, 2 * wide + x), plus(c, g)))
                put(columns, 3 * wide + x, plus(taken(columns, 3 * wide + x), plus(d, h)))
            if low < top:
                w0, w1, w2, w3 = more(w0, m0), more(w1, m1), more(w2, m2), more(w3, m3)
            s0, s1, s2, s3 = more(s0, r0), more(s1, r1), more(s2, r2), more(s3, r3)
            t0, t1, t2, t3 = plus(t0, s0), plus(t1, s1), plus(t2, s2), plus(t3, s3)
            u0, u1, u2, u3 = plus(u0, t0), plus(u1, t1), plus(u2, t2), plus(u3, t3)
            s0, s1, s2, s3 = more(s0, q0), more(s1, q1), more(s2, q2), more(s3, q3)
            t0, t1, t2, t3 = plus(t0, s0), plus(t1, s1), plus(t2, s2), plus(t3, s3)
            u0, u1, u2, u3 = plus(u0, t0), plus(u1, t1), plus(u2, t2), plus(u3, t3)
        add_strip(lines[0], end, summed(s0), summed(t0), summed(u0), summed(w0))
        add_strip(lines[1], end, summed(s1), summed(t1), summed(u1), summed(w1))
        add_strip(lines[2], end, summed(s2), summed(t2), summed(u2), summed(w2))
        add_strip(lines[3], end, summed(s3), summed(t3), summed(u3), summed(w3))
    return joined(seen)


@compiled
def expect_next(flat: np.ndarray, n: int, pixels: int) -> None:
    """Let memory fetch of the next four patterns what is taken of these."""
    expect(flat, n + 4 * pixels)
    expect(flat, n + 5 * pixels)
    expect(flat, n + 6 * pixels)
    expect(flat, n + 7 * pixels)


@compiled
def more(whole: Any, row: Any) -> Any:
    """Return sums of 32 bits with a row of 16 bits added."""
    return plus(whole, paired(row))


@compiled
def add_strip(
    lines: np.ndarray, end: int, sums: int, once: int, twice: int, masked: int
) -> None:  # fmt: skip
    """Add what rows before `end` give: values, times y and y², y = end - m, and under a mask."""
    lines[0] += sums
    lines[1] += end * sums - once
    lines[2] += end * end * sums - 2 * end * once + 2 * twice - once
    lines[3] += masked


@compiled
def add_rows_under_masks(
    flat: np.ndarray, p: int, masks: np.ndarray, shape: np.ndarray, first: np.ndarray,
    last: np.ndarray, sums: np.ndarray,
) -> None:  # fmt: skip
    """Do what `add_under_masks` does with registers of 32 pixels, of all masks but the first.

    Masks have shape (R, pixels).
    """
    high, wide = shape[0], shape[1]
    pixels = high * wide
    for r in range(1, masks.shape[0]):
        mask = masks[r]
        s0, s1, s2, s3 = nothing_long(), nothing_long(), nothing_long(), nothing_long()
        for y in range(high):
            r0, r1, r2, r3 = nothing(), nothing(), nothing(), nothing()
            for x in range(first[r, y], last[r, y], LANES):
                i = y * wide + x
                n, m = p * pixels + i, taken(mask, i)
                r0 = plus(r0, under(taken(flat, n), m))
                r1 = plus(r1, under(taken(flat, n + pixels), m))
                r2 = plus(r2, under(taken(flat, n + 2 * pixels), m))
                r3 = plus(r3, under(taken(flat, n + 3 * pixels), m))
            s0, s1, s2, s3 = more(s0, r0), more(s1, r1), more(s2, r2), more(s3, r3)
        sums[p, r], sums[p + 1, r] = summed(s0), summed(s1)
        sums[p + 2, r], sums[p + 3, r] = summed(s2), summed(s3)


@wrapping
@compiled
def take_four(block: np.ndarray, p: int, few: np.ndarray) -> None:
    """Take four patterns from `few` again."""
    number = few.dtype.type
    for q in range(p, p + 4):
        for y in range(block.shape[1]):
            row, out = block[q, y], few[y]
            for x in range(out.size):
                out[x] = number(out[x] - number(row[x]))


@compiled
def add_under_masks(
    block: np.ndarray, p: int, few: np.ndarray, masks: np.ndarray, first: np.ndarray,
    last: np.ndarray, sums: np.ndarray,
) -> None:  # fmt: skip
    """Fill in what of four patterns is under each mask."""
    number = few.dtype.type
    zero = number(0)
    for r in range(masks.shape[0]):
        wa, wb, wc, wd = 0, 0, 0, 0
        for y in range(masks.shape[1]):
            begin, end = first[r, y], last[r, y]
            if end == begin:
                continue
            m = masks[r, y, begin:end]
            a, b = block[p, y, begin:end], block[p + 1, y, begin:end]
            c, d = block[p + 2, y, begin:end], block[p + 3, y, begin:end]
            sa, sb, sc, sd = zero, zero, zero, zero
            for x in range(m.size):
                sa, sb = number(sa + number(a[x] & m[x])), number(sb + number(b[x] & m[x]))
                sc, sd = number(sc + number(c[x] & m[x])), number(sd + number(d[x] & m[x]))
            wa, wb, wc, wd = wa + int(sa), wb + int(sb), wc + int(sc), wd + int(sd)
        sums[p, r], sums[p + 1, r], sums[p + 2, r], sums[p + 3, r] = wa, wb, wc, wd


@compiled
def empty_into(few: np.ndarray, total: np.ndarray) -> None:
    """Add the sums of 16 bits to the wider ones, and set them to 0."""
    wide, zero = total.dtype.type, few.dtype.type(0)
    for y in range(few.shape[0]):
        row, out = few[y], total[y]
        for x in range(out.size):
            out[x] = wide(out[x] + wide(row[x]))
            row[x] = zero


@compiled
def sum_few(
    block: np.ndarray, largest: int, few: np.ndarray, columns: np.ndarray, rows: np.ndarray,
    ky: np.ndarray, kx: np.ndarray, masks: np.ndarray, first: np.ndarray, last: np.ndarray,
    total: np.ndarray, moments: np.ndarray, sums: np.ndarray,
) -> int:  # fmt: skip
    """Sum patterns by fours up to the first four with a larger value; return how many are done.

    Shapes: block (n, H, W) of unsigned integers of 8 or 16 bits; few (H, W), columns (4, W) and
    rows (4, H) of 16 bits, `few` holds zeros; masks (R, H, W), all ones or 0; first and last
    (R, H): where they begin and end; total (H, W); moments (n, 5) and sums (n, R) are filled in
    as by `sum_columns` and `sum_masks`.
    """
    done = 0
    while done + 4 <= block.shape[0]:
        if add_four(block, done, few, columns, rows) > largest:
            take_four(block, done, few)
            break
        add_under_masks(block, done, few, masks, first, last, sums)
        weigh_four(columns, rows, done, ky, kx, moments)
        done += 4
        if done % _MANY == 0:
            empty_into(few, total)
    empty_into(few, total)
    return done


@compiled
def sum_few_in_lanes(
    flat: np.ndarray, shape: np.ndarray, largest: int, few: np.ndarray, total: np.ndarray,
    columns: np.ndarray, lines: np.ndarray, start: float, step: float, kx: np.ndarray,
    masks: np.ndarray, first: np.ndarray, last: np.ndarray, moments: np.ndarray,
    sums: np.ndarray,
) -> int:  # fmt: skip
    """Do what `sum_few` does with registers of 32 pixels.

    All but `total`, shape (H, W), moments and sums are flat; `shape` is (H, W), W a multiple of
    32 and H of 2; `ky` is start + step y; there is at least one mask.
    """
    pixels, wide = shape[0] * shape[1], shape[1]
    plane, each = few.reshape(total.shape), columns.reshape((4, wide))
    done = 0
    while (done + 4) * pixels <= flat.size:
        seen = add_four_in_lanes(
            flat, done, few, columns, shape, lines, masks[0], first[0], last[0]
        )
        if seen > largest:
            four = flat[done * pixels : (done + 4) * pixels]
            take_four(four.reshape((4, shape[0], wide)), 0, plane)
            break
        add_rows_under_masks(flat, done, masks, shape, first, last, sums)
        for q in range(4):
            s, once, twice = float(lines[q, 0]), float(lines[q, 1]), float(lines[q, 2])
            sums[done + q, 0] = lines[q, 3]
            moments[done + q, 0] = s
            moments[done + q, 1] = start * s + step * once
            moments[done + q, 2] = start * start * s + 2 * start * step * once + step * step * twice
        weigh_columns(each, done, kx, moments)
        done += 4
        if done % _MANY == 0:
            empty_into(plane, total)
    empty_into(plane, total)
    return done
