# ruff: noqa: C901, PLR0915, PLR0917 - kernels are loops that take their arrays one by one
"""Compiled loops over neighbourhoods: medians, and the lowest and highest under a shape."""

from typing import Any

import numba
import numpy as np

from omniscopy.model.compiling import keep_compiled

COARSE, FINE = 256, 8  # ranks in a block, as a number and as a power of two


def _running_medians(
    ranks: np.ndarray, halves: np.ndarray, first: int, last: int, begin: int, end: int,
    count: int, out: np.ndarray,
) -> None:  # fmt: skip
    """Write the rank of the median around points: rows `first` to `last`, columns `begin` to `end`.

    `ranks` are the ranks of the values, -1 where there is none; `halves` the half widths of the
    neighbourhood in the rows above, in and below. Which ranks are there, and how many in each
    block of 256, moves along each row, and the block of the median with it: of an even number
    of values it is the lower of both.
    """
    rows, columns = ranks.shape
    reach = len(halves) // 2
    fine = np.zeros((count // COARSE + 1) * COARSE, dtype=np.uint8)
    coarse = np.zeros(len(fine) // COARSE, dtype=np.int32)
    most = halves.max()
    for row in range(first, last):
        fine[:] = 0
        coarse[:] = 0
        total = below = block = 0  # `below` are the values in blocks before `block`
        # The neighbourhood of the first column has come in whole when the row begins.
        for column in range(begin - 2 * most, end):
            for offset in range(max(-reach, -row), min(reach, rows - 1 - row) + 1):
                half = halves[offset + reach]
                # Nothing leaves that has not come in: the first place of the row is the first
                # that any neighbourhood of the columns reaches.
                enters, leaves, first_place = column + half, column - half - 1, begin - half
                if max(0, first_place) <= enters < columns:
                    rank = ranks[row + offset, enters]
                    if rank >= 0:
                        part = rank >> FINE
                        fine[rank] = 1
                        coarse[part] += 1
                        total += 1
                        below += 1 if part < block else 0
                if max(0, first_place) <= leaves:
                    rank = ranks[row + offset, leaves]
                    if rank >= 0:
                        part = rank >> FINE
                        fine[rank] = 0
                        coarse[part] -= 1
                        total -= 1
                        below -= 1 if part < block else 0
            if column < begin:
                continue
            if total == 0:
                out[row, column] = -1
                continue
            wanted = (total + 1) // 2
            while below >= wanted:
                block -= 1
                below -= coarse[block]
            while below + coarse[block] < wanted:
                below += coarse[block]
                block += 1
            left = wanted - below
            rank = (block << FINE) - 1
            while left > 0:
                rank += 1
                left -= fine[rank]
            out[row, column] = rank


def _lowest_under(
    values: np.ndarray, heights: np.ndarray, halves: np.ndarray, first: int, last: int,
    out: np.ndarray,
) -> None:  # fmt: skip
    """Write, for rows from `first` to `last`, how high a shape can be pushed from below.

    That is the smallest of values minus `heights` of the shape, whose middle is its highest
    point; `halves` are its half widths in each of its rows. Values of +inf are no obstacle.
    """
    rows, columns = values.shape
    reach, middle = heights.shape[0] // 2, heights.shape[1] // 2
    for row in range(first, last):
        for column in range(columns):
            out[row, column] = np.inf
        for offset in range(max(-reach, -row), min(reach, rows - 1 - row) + 1):
            half = halves[offset + reach]
            for across in range(-half, half + 1):
                height = heights[offset + reach, middle + across]
                begin, end = max(0, -across), min(columns, columns - across)
                for column in range(begin, end):
                    low = values[row + offset, column + across] - height
                    out[row, column] = min(out[row, column], low)


def _lowest_parabolas(values: np.ndarray, curvature: float, out: np.ndarray) -> None:
    """Write the smallest of `values[j] + curvature (i - j)^2` for each point i of each row.

    The parabolas that are lowest somewhere are kept from left to right [1]_.

    References
    ----------
    .. [1] P. F. Felzenszwalb and D. P. Huttenlocher, *Theory Comput.* 8, 415 (2012).
    """
    rows, columns = values.shape
    place = np.empty(columns, dtype=np.int64)
    begins = np.empty(columns + 1)
    for row in range(rows):
        last = -1
        for j in range(columns):
            value = values[row, j]
            if not np.isfinite(value):
                continue
            crossing = -np.inf
            while last >= 0:
                k = place[last]
                crossing = (value - values[row, k]) / (2 * curvature * (j - k)) + (j + k) / 2
                if crossing > begins[last]:
                    break
                last -= 1
                crossing = -np.inf
            last += 1
            place[last], begins[last] = j, crossing
        begins[last + 1] = np.inf
        number = 0
        for i in range(columns):
            if last < 0:
                out[row, i] = np.inf
                continue
            while begins[number + 1] < i:
                number += 1
            away = i - place[number]
            out[row, i] = values[row, place[number]] + curvature * away * away


running_medians: Any = keep_compiled(numba.njit, _running_medians, nogil=True)
lowest_under: Any = keep_compiled(numba.njit, _lowest_under, nogil=True, error_model="numpy")
lowest_parabolas: Any = keep_compiled(
    numba.njit, _lowest_parabolas, nogil=True, error_model="numpy"
)
