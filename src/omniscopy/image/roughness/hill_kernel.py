# ruff: noqa: C901, PLR0912 - kernels are loops that take their arrays one by one
"""Compiled segmentation of a surface into its hills, small ones joined to their neighbours."""

from typing import Any

import numba
import numpy as np
from numba.extending import register_jitable

from omniscopy.model.compiling import keep_compiled


@register_jitable
def _root(parent: np.ndarray, place: int) -> int:
    """Return the top of the hill that a point belongs to by now."""
    while parent[place] != place:
        parent[place] = parent[parent[place]]
        place = parent[place]
    return place


def _join_hills(values: np.ndarray, falling: np.ndarray, least: float, parent: np.ndarray) -> None:
    """Write for each point, as flat index, the top of its hill; -1 where it belongs to none.

    `falling` are the flat indices of the points in falling order. Each belongs to the hill of its
    highest neighbour; where two hills meet, the lower one is joined to the other if its top is
    less than `least` above the place (pruning of change trees by G. W. Wolf, Photogramm. Eng.
    Remote Sens. 57, 1999, 1991).
    """
    rows, columns = values.shape
    flat = values.ravel()
    parent[:] = -1
    for number in range(falling.size):
        place = falling[number]
        row, column = place // columns, place % columns
        best = -1
        for down in range(-1, 2):
            for across in range(-1, 2):
                i, j = row + down, column + across
                if (down == 0 and across == 0) or not (0 <= i < rows and 0 <= j < columns):
                    continue
                near = i * columns + j
                if parent[near] >= 0 and (best < 0 or flat[near] > flat[best]):
                    best = near
        if best < 0:
            parent[place] = place
            continue
        own = _root(parent, best)
        for down in range(-1, 2):
            for across in range(-1, 2):
                i, j = row + down, column + across
                if (down == 0 and across == 0) or not (0 <= i < rows and 0 <= j < columns):
                    continue
                near = i * columns + j
                if parent[near] < 0:
                    continue
                other = _root(parent, near)
                if other == own:
                    continue
                high, low = (own, other) if flat[own] >= flat[other] else (other, own)
                if flat[low] - flat[place] < least:
                    parent[low] = high
                    own = high
        parent[place] = own
    for place in range(parent.size):
        if parent[place] >= 0:
            parent[place] = _root(parent, place)


join_hills: Any = keep_compiled(numba.njit, _join_hills, nogil=True)
