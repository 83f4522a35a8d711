"""Least squares that are not negative, for many right sides of the same equations."""

import numpy as np
from numba import njit

from omniscopy.model.compiling import keep_compiled

_ROUNDS = 12


def _pivoted(  # noqa: C901, PLR0912, PLR0915 - one loop over the rows
    gram: np.ndarray, right: np.ndarray, found: np.ndarray, done: np.ndarray
) -> None:
    """Solve rows whose free solution is in `found`; `done` where the solution is the best.

    Whole sets change sides at once, those that are negative and those whose gradient is: block
    principal pivoting, J. Kim, H. Park, *SIAM J. Sci. Comput.* 33, 3261 (2011).
    """
    size = gram.shape[0]
    factor, place = np.empty((size, size)), np.empty(size, np.int64)
    y, inside = np.empty(size), np.empty(size, np.bool_)
    for row in range(right.shape[0]):
        scale = 0.0
        for a in range(size):
            inside[a] = found[row, a] > 0.0
            scale = max(scale, abs(right[row, a]))
        done[row] = False
        for _ in range(_ROUNDS):
            count = 0
            for a in range(size):
                if inside[a]:
                    place[count] = a
                    count += 1
            regular = True
            for i in range(count):
                a = place[i]
                for j in range(i + 1):
                    total = gram[a, place[j]]
                    for k in range(j):
                        total -= factor[i, k] * factor[j, k]
                    if i == j:
                        regular = regular and total > 1e-13
                        factor[i, i] = np.sqrt(max(total, 1e-300))
                    else:
                        factor[i, j] = total / factor[j, j]
                total = right[row, a]
                for k in range(i):
                    total -= factor[i, k] * y[k]
                y[i] = total / factor[i, i]
            if not regular:
                break
            found[row] = 0.0
            for i in range(count - 1, -1, -1):
                total = y[i]
                for k in range(i + 1, count):
                    total -= factor[k, i] * y[k]
                y[i] = total / factor[i, i]
                found[row, place[i]] = y[i]
            changed = False
            for a in range(size):
                if inside[a]:
                    if found[row, a] < 0.0:
                        inside[a], changed = False, True
                else:
                    slope = right[row, a]
                    for i in range(count):
                        slope -= gram[a, place[i]] * y[i]
                    if slope > 1e-12 * scale:
                        inside[a], changed = True, True
            if not changed:
                done[row] = True
                break


pivot_rows = keep_compiled(njit, _pivoted, nogil=True, error_model="numpy")
