# ruff: noqa: PLR0913, PLR0917 - kernels take their arrays one by one
"""Images that atoms make together, and what the others add to the window of each."""

from typing import Any

from numba import njit

from omniscopy.model.compiling import keep_compiled
from omniscopy.physics.compiled import FAST
from omniscopy.physics.elementary import exp


def _add_atoms(shapes: Any, reach: Any, y: Any, x: Any, image: Any) -> None:
    """Add atoms to an image, each as far as it reaches.

    Parameters
    ----------
    shapes : array, shape (atoms, 6)
        Height, place along y and x, and the form (yy, yx, xx) of each Gaussian.
    reach : array, shape (atoms,)
        How far, in the units of the places.
    y, x : array
        Places of rows and of columns, which ascend in equal steps; `x` from 0 on.
    image : array, shape (rows, columns)
        Changed in place.
    """
    step_y, step_x = y[1] - y[0], x[1]
    for n in range(shapes.shape[0]):
        height, at_y, at_x, yy, yx, xx = shapes[n]
        at_row = (at_y - y[0]) / step_y
        top = min(max(0.0, at_row - reach[n] / step_y), 1.0 * y.size)
        left = min(max(0.0, (at_x - reach[n]) / step_x), 1.0 * x.size)
        bottom = min(max(0.0, at_row + reach[n] / step_y + 1.0), 1.0 * y.size)
        right = min(max(0.0, (at_x + reach[n]) / step_x + 1.0), 1.0 * x.size)
        along = x[int(left) : int(right)]
        for row in range(int(top), int(bottom)):
            line, dy = image[row, int(left) : int(right)], y[row] - at_y
            for k in range(along.size):
                dx = along[k] - at_x
                form = yy * dy * dy + 2.0 * yx * dy * dx + xx * dx * dx
                line[k] += height * exp(-0.5 * form)


def _take_others(
    image: Any, shapes: Any, slopes: Any, pixel: Any, down: Any, right: Any, dy: Any, dx: Any,
    which: Any, line: Any, least: Any, others: Any, changed: Any,
) -> None:  # fmt: skip
    """Write what all atoms but its own add to the pixels of some windows, and a slope.

    What has changed too little is left as it was.

    Parameters
    ----------
    image : array, shape (rows, columns)
        What `add_atoms` made of all.
    shapes : array, shape (atoms, 6)
        As there, but places relative to the middle of the window.
    slopes : array, shape (some, 2)
        How the background changes along y and x from the middle of those windows.
    pixel : array of int, shape (atoms, 2)
        In the middle of each window.
    down, right : array of int, shape (points,)
        From there to each pixel of it, in rows and columns; `dy` and `dx` in lengths. Those
        outside of the image are the nearest that are inside.
    which : array of int, shape (some,)
        Numbers of the atoms whose windows are written.
    line : array, shape (points,)
        Room to work in.
    least : array, shape (some,)
        How large a change of a pixel must be.
    others : array, shape (atoms, points)
        What is written over what was there before.
    changed : array of bool, shape (some,)
        Where that was written.
    """
    for w in range(which.size):
        n = which[w]
        height, at_y, at_x, yy, yx, xx = shapes[n]
        for k in range(dy.size):
            off_y, off_x = dy[k] - at_y, dx[k] - at_x
            form = yy * off_y * off_y + 2.0 * yx * off_y * off_x + xx * off_x * off_x
            line[k] = slopes[w, 0] * dy[k] + slopes[w, 1] * dx[k] - height * exp(-0.5 * form)
        most = 0.0
        for k in range(dy.size):
            row = min(max(pixel[n, 0] + down[k], 0), image.shape[0] - 1)
            column = min(max(pixel[n, 1] + right[k], 0), image.shape[1] - 1)
            line[k] += image[row, column]
            most = max(most, abs(line[k] - others[n, k]))
        changed[w] = not most <= least[w]
        if changed[w]:
            for k in range(dy.size):
                others[n, k] = line[k]


add_atoms: Any = keep_compiled(njit, _add_atoms, nogil=True, error_model="numpy", fastmath=FAST)
take_others: Any = keep_compiled(njit, _take_others, nogil=True, error_model="numpy", fastmath=FAST)
