"""Windows about probes, and how large they must be."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from omniscopy.simulate.waves.grids import Grid

Floats = npt.NDArray[np.float64]
WATCHED = 8  # places where probes in windows are compared with those in the whole cell
DEVIATIONS = 5.0  # what no place of a scan is beyond, in root mean squares of those watched
# Parts of the cell that are tried: among them whole numbers of the cells that it may consist of.
# Larger ones would save little.
PARTS = sorted({
    float(Fraction(n, m)) for m in range(2, 9) for n in range(1, m) if 0.2 <= n / m <= 0.75
})  # fmt: skip
NEAR = 0.3  # Å; what a probe sees most of


def window_of(grid: Grid, length: float) -> Grid:
    """Return the grid of a window with pixels of the same size, as many as are quick."""
    from scipy.fft import next_fast_len

    counts = [
        min(next_fast_len(int(np.ceil(length / step - 1e-6))), count)
        for step, count in zip(grid.sampling, grid.shape, strict=True)
    ]
    sizes = [count * step for count, step in zip(counts, grid.sampling, strict=True)]
    return Grid((counts[0], counts[1]), (sizes[0], sizes[1]))


def watched_places(potential: npt.NDArray[Any], grid: Grid, places: Floats) -> Floats:
    """Return places on the heaviest column, farthest from any, and as far apart as there are."""
    from scipy.ndimage import uniform_filter

    if len(places) <= WATCHED:
        return places
    width = [2 * round(NEAR / step) + 1 for step in grid.sampling]
    seen = uniform_filter(potential.sum(axis=0, dtype=np.float64), width, mode="wrap")
    pixels = np.round(places / np.array(grid.sampling)).astype(np.int64) % np.array(grid.shape)
    near = seen[pixels[:, 0], pixels[:, 1]]
    chosen = [int(near.argmax()), int(near.argmin())]
    size = np.array(grid.size)
    while len(chosen) < WATCHED:
        apart = np.abs(places[:, None] - places[chosen])
        apart = np.minimum(apart, np.abs(size - apart))
        chosen.append(int(np.square(apart).sum(axis=-1).min(axis=1).argmax()))
    return places[chosen]


def smallest_window(
    seen: Callable[[float | None], Floats], length: float, tolerance: float
) -> tuple[float, float]:
    """Return the smallest window (Å) whose error is within a tolerance, and that error.

    `seen` returns what detectors see at watched places, shape (places, rows), in windows of a
    length or in the whole cell. It is the whole cell, with no error, where no window will do.
    """
    whole = seen(None)
    largest = np.abs(whole).max(axis=0)
    largest[largest == 0.0] = 1.0

    def error(place: int) -> float:
        away = (seen(PARTS[place] * length) - whole) / largest
        return DEVIATIONS * float(np.sqrt(np.square(away).mean(axis=0)).max())

    low, high = 0, len(PARTS) - 1
    found = error(high)
    if not found <= tolerance:
        return length, 0.0
    while low < high:
        middle = (low + high) // 2
        there = error(middle)
        if there <= tolerance:
            found, high = there, middle
        else:
            low = middle + 1
    return PARTS[high] * length, found
