"""The pixels about each atom, as spectra that the engine fits."""

from typing import NamedTuple

import numpy as np

from omniscopy.atoms.refinement.window_kernel import fill_windows
from omniscopy.compute.threads import available_cores, share_work

Pair = tuple[float, float]


class Windows(NamedTuple):
    """Pixels about atoms.

    Attributes
    ----------
    pixel : array of int, shape (atoms, 2)
        Row and column of the pixel in the middle.
    down, right : array of int, shape (points,)
        Rows and columns from there, the same for all atoms; `dy` and `dx` are the distances.
    middle : array, shape (atoms, 2)
        Place of the pixel in the middle.
    values : array, shape (atoms, points)
    weight : array, shape (atoms, points)
        0 outside of the image, where nothing was measured, and beyond the own radius.
    """

    pixel: np.ndarray
    down: np.ndarray
    right: np.ndarray
    dy: np.ndarray
    dx: np.ndarray
    middle: np.ndarray
    values: np.ndarray
    weight: np.ndarray

    def take(self, which: np.ndarray) -> "Windows":
        """Return the windows of some atoms."""
        if len(which) == len(self.pixel):
            return self
        return self._replace(
            pixel=self.pixel[which], middle=self.middle[which], values=self.values[which],
            weight=self.weight[which],
        )  # fmt: skip


def windows_of(image: np.ndarray, places: np.ndarray, steps: Pair, radius: np.ndarray) -> Windows:
    """Return the pixels within a radius of each atom; places and radii as the steps.

    The weight falls off over a pixel at the edge, so that nothing jumps when an atom moves a bit.
    """
    edge = max(steps)
    most = float(radius.max(initial=0.0)) + 1.25 * edge
    offsets = [np.arange(-int(most / step), int(most / step) + 1) for step in steps]
    down, right = (each.ravel() for each in np.meshgrid(*offsets, indexing="ij"))
    inside = (down * steps[0]) ** 2 + (right * steps[1]) ** 2 <= most**2
    down, right = down[inside], right[inside]
    dy, dx = down * steps[0], right * steps[1]
    pixel = np.rint(places / np.array(steps)).astype(np.int64)
    middle = pixel * np.array(steps)
    values, weight = np.empty((2, len(places), down.size))
    whole, centre = np.ascontiguousarray(image), places - middle

    def fill(begin: int) -> None:
        part = slice(begin, begin + parts.step)
        fill_windows(
            whole, pixel[part], down, right, dy, dx, centre[part], radius[part], edge,
            values[part], weight[part],
        )  # fmt: skip

    parts = shares(len(places))
    share_work(fill, parts)
    return Windows(pixel, down, right, dy, dx, middle, values, weight)


def shares(count: int) -> range:
    """Return where the shares of each core begin; the step is how much each is."""
    return range(0, count, max(2, -(-count // available_cores())))
