# ruff: noqa: PLR0913, PLR0917 - kernels take their arrays one by one
"""Compiled sums of patterns of few counts: in 16 bits, of which a register holds most.

Counts of most cameras are so small that no sum of a row or a column needs more. A value that is
larger is noticed after its pattern was read; what it was added to is then taken back.
"""

import numpy as np

from omniscopy.diffraction.reductions.kernels import compiled, weigh_four

# Patterns whose sums of pixels fit into 16 bits: after so many they go to a wider sum.
_MANY = 64


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
        if done % 64 == 0:
            empty_into(few, total)
    empty_into(few, total)
    return done
