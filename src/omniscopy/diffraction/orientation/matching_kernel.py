# ruff: noqa: PLR0917 - kernels are loops over plain arrays
"""Compiled comparison of polar patterns with lists of spots, at every turn about the beam."""

from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from omniscopy.model.compiling import keep_compiled

Floats = npt.NDArray[np.float64]
_OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": True}


class Templates(NamedTuple):
    """Spots of every orientation on a polar grid."""

    ring: npt.NDArray[np.int32]
    """(orientations, spots): the ring inside of each spot; -1 behind the last one."""
    turn: npt.NDArray[np.int32]
    """Its step of angle."""
    inner: npt.NDArray[np.float32]
    """What it takes from that ring."""
    outer: npt.NDArray[np.float32]
    """What it takes from the next one."""


def _correlate(
    polar: Any, ring: Any, turn: Any, inner: Any, outer: Any, scores: Any, places: Any, best: Any
) -> None:
    """Write the largest sum of each list of spots over all turns, and the turn of it.

    `polar` holds each ring twice, so that a turn is a shift; `best` gets the sums around the
    largest of all: before, there and after.
    """
    steps = polar.shape[1] // 2
    sums = np.empty(steps, np.float32)
    highest = np.float32(-1.0)
    for number in range(ring.shape[0]):
        sums[:] = 0.0
        for spot in range(ring.shape[1]):
            at = ring[number, spot]
            if at < 0:
                break
            first = turn[number, spot]
            low, high = polar[at, first : first + steps], polar[at + 1, first : first + steps]
            a, b = inner[number, spot], outer[number, spot]
            for step in range(steps):
                sums[step] += a * low[step] + b * high[step]
        place = 0
        for step in range(1, steps):
            if sums[step] > sums[place]:
                place = step
        scores[number], places[number] = sums[place], place
        if sums[place] > highest:
            highest = sums[place]
            best[0], best[1] = sums[place - 1], sums[place]
            best[2] = sums[place + 1] if place + 1 < steps else sums[0]


def correlate_plainly(
    polar: Any, ring: Any, turn: Any, inner: Any, outer: Any, scores: Any, places: Any, best: Any
) -> None:
    """Do the same as `correlate`, as the formula is written."""
    steps = polar.shape[1] // 2
    every = np.arange(steps)
    for number in range(len(ring)):
        real = ring[number] >= 0
        rows, first = ring[number, real, None], turn[number, real, None] + every
        sums = (
            inner[number, real] @ polar[rows, first] + outer[number, real] @ polar[rows + 1, first]
        )
        place = int(sums.argmax())
        scores[number], places[number] = sums[place], place
        if number == 0 or scores[number] > scores[:number].max():
            best[:] = sums[place - 1], sums[place], sums[(place + 1) % steps]


def _to_polar(image: Any, top: float, left: float, rows: Any, columns: Any, polar: Any) -> None:
    """Write an image in polar coordinates by linear interpolation, each ring twice; 0 outside."""
    height, width = image.shape
    rings, steps = rows.shape
    for ring in range(rings):
        for step in range(steps):
            y, x = rows[ring, step] + top, columns[ring, step] + left
            value = 0.0
            if 0.0 <= y <= height - 1 and 0.0 <= x <= width - 1:
                i, j = min(int(y), height - 2), min(int(x), width - 2)
                v, u = y - i, x - j
                value = (1.0 - v) * ((1.0 - u) * image[i, j] + u * image[i, j + 1]) + v * (
                    (1.0 - u) * image[i + 1, j] + u * image[i + 1, j + 1]
                )
            polar[ring, step] = value
            polar[ring, step + steps] = value


correlate: Any = keep_compiled(numba.njit, _correlate, **_OPTIONS)
to_polar: Any = keep_compiled(numba.njit, _to_polar, nogil=True, error_model="numpy")
