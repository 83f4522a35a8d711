# ruff: noqa: PLR0913, PLR0917 - kernels take their arrays one by one
"""Pixels about atoms, and what to start from there."""

from typing import Any

from numba import njit

from omniscopy.model.compiling import keep_compiled
from omniscopy.physics.compiled import FAST
from omniscopy.physics.elementary import exp


def _fill_windows(
    image: Any, pixel: Any, down: Any, right: Any, dy: Any, dx: Any, centre: Any, radius: Any,
    edge: Any, values: Any, weight: Any,
) -> None:  # fmt: skip
    """Write the values of the pixels about atoms, and how much each counts.

    Parameters
    ----------
    image : array, shape (rows, columns)
    pixel : array of int, shape (atoms, 2)
        In the middle of each window.
    down, right : array of int, shape (points,)
        From there to each pixel of it, in rows and columns; `dy` and `dx` in lengths.
    centre : array, shape (atoms, 2)
        From there to the atom.
    radius, edge : array, shape (atoms,), and float
        Within which pixels count, and over which that falls off.
    values, weight : array, shape (atoms, points)
        What is written: 0 where there is no pixel, or no value.
    """
    for n in range(pixel.shape[0]):
        inner = max(radius[n] - 0.5 * edge, 0.0) ** 2
        for k in range(down.size):
            row, column = pixel[n, 0] + down[k], pixel[n, 1] + right[k]
            values[n, k] = weight[n, k] = 0.0
            if 0 <= row < image.shape[0] and 0 <= column < image.shape[1]:
                value = image[row, column]
                if value - value == 0.0:
                    away = (dy[k] - centre[n, 0]) ** 2 + (dx[k] - centre[n, 1]) ** 2
                    values[n, k], weight[n, k] = value, 1.0
                    if away > inner:
                        part = (radius[n] - away**0.5) / edge + 0.5
                        weight[n, k] = min(max(part, 0.0), 1.0)


def _start_windows(
    values: Any, weight: Any, dy: Any, dx: Any, centre: Any, width: Any, peak: Any, start: Any
) -> None:
    """Write height, background and mean square of the rest for Gaussians of one width.

    Parameters
    ----------
    values, weight, dy, dx, centre
        As `fill_windows` makes them.
    width : float
    peak : array, shape (points,)
        Room for a Gaussian.
    start : array, shape (atoms, 3)
        What is written.
    """
    for n in range(values.shape[0]):
        line, own = values[n], weight[n]
        for k in range(peak.size):
            off_y, off_x = dy[k] - centre[n, 0], dx[k] - centre[n, 1]
            peak[k] = exp(-0.5 * (off_y * off_y + off_x * off_x) / (width * width))
        total = peaks = level = 0.0
        for k in range(peak.size):
            total += own[k]
            peaks += own[k] * peak[k]
            level += own[k] * line[k]
        total = max(total, 1.0)
        peaks, level = peaks / total, level / total
        squares = product = rest = 0.0
        for k in range(peak.size):
            above = own[k] * (peak[k] - peaks)
            squares += above * peak[k]
            product += above * line[k]
        height = product / squares if squares > 0.0 else 0.0
        background = level - height * peaks
        for k in range(peak.size):
            rest += own[k] * (line[k] - height * peak[k] - background) ** 2
        start[n, 0], start[n, 1], start[n, 2] = height, background, rest / total


fill_windows: Any = keep_compiled(njit, _fill_windows, nogil=True, error_model="numpy")
start_windows: Any = keep_compiled(
    njit, _start_windows, nogil=True, error_model="numpy", fastmath=FAST
)
