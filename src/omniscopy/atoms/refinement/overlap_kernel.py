"""Images that atoms make together, and what the others add to the window of each."""

from typing import Any

from numba import njit

from omniscopy.model.compiling import keep_compiled
from omniscopy.physics.compiled import FAST
from omniscopy.physics.elementary import exp


def add_atoms(shapes: Any, reach: Any, step_y: Any, step_x: Any, image: Any) -> None:
    """Add atoms to an image, each as far as it reaches.

    Parameters
    ----------
    shapes : array, shape (atoms, 6)
        Height, place along y and x, and the form (yy, yx, xx) of each Gaussian.
    reach : array, shape (atoms,)
        How far, in the units of the places.
    step_y, step_x : float
        Distances of rows and of columns.
    image : array, shape (rows, columns)
        Changed in place.
    """
    for n in range(shapes.shape[0]):
        height, y, x, yy, yx, xx = shapes[n]
        top, bottom = max(0.0, (y - reach[n]) / step_y), (y + reach[n]) / step_y + 1.0
        left, right = max(0.0, (x - reach[n]) / step_x), (x + reach[n]) / step_x + 1.0
        end = min(image.shape[1], int(max(right, 0.0)))
        for row in range(int(top), min(image.shape[0], int(max(bottom, 0.0)))):
            dy = row * step_y - y
            for column in range(int(left), end):
                dx = column * step_x - x
                form = yy * dy * dy + 2.0 * yx * dy * dx + xx * dx * dx
                image[row, column] += height * exp(-0.5 * form)


def take_others(  # noqa: PLR0917 - kernels take their arrays one by one
    image: Any, shapes: Any, rows: Any, columns: Any, steps: Any, others: Any
) -> None:
    """Write what all atoms but its own add to the pixels of each window.

    Parameters
    ----------
    image : array, shape (rows, columns)
        What `add_atoms` made of all.
    shapes : array, shape (atoms, 6)
        As there.
    rows, columns : array of int, shape (atoms, points)
        The pixels of each window.
    steps : (float, float)
        Distances of rows and of columns.
    others : array, shape (atoms, points)
        What is written.
    """
    for n in range(shapes.shape[0]):
        height, y, x, yy, yx, xx = shapes[n]
        for k in range(rows.shape[1]):
            dy, dx = rows[n, k] * steps[0] - y, columns[n, k] * steps[1] - x
            form = yy * dy * dy + 2.0 * yx * dy * dx + xx * dx * dx
            others[n, k] = image[rows[n, k], columns[n, k]] - height * exp(-0.5 * form)


add_atoms_compiled, take_others_compiled = (
    keep_compiled(njit, function, nogil=True, error_model="numpy", fastmath=FAST)
    for function in (add_atoms, take_others)
)
