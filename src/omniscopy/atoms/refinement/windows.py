"""The pixels about each atom, as spectra that the engine fits."""

from typing import NamedTuple

import numpy as np

Pair = tuple[float, float]


class Windows(NamedTuple):
    """Pixels about atoms.

    Attributes
    ----------
    rows, columns : array of int, shape (atoms, points)
        Pixels of each window; those outside of the image are the nearest that are inside.
    dy, dx : array, shape (points,)
        Distances from the pixel in the middle, the same for all atoms.
    middle : array, shape (atoms, 2)
        Place of that pixel.
    values : array, shape (atoms, points)
    weight : array, shape (atoms, points)
        0 outside of the image, where nothing was measured, and beyond the own radius.
    """

    rows: np.ndarray
    columns: np.ndarray
    dy: np.ndarray
    dx: np.ndarray
    middle: np.ndarray
    values: np.ndarray
    weight: np.ndarray

    def take(self, which: np.ndarray) -> "Windows":
        """Return the windows of some atoms."""
        return Windows(
            self.rows[which], self.columns[which], self.dy, self.dx, self.middle[which],
            self.values[which], self.weight[which],
        )  # fmt: skip


def windows_of(image: np.ndarray, places: np.ndarray, steps: Pair, radius: np.ndarray) -> Windows:
    """Return the pixels within a radius of each atom; places and radii as the steps."""
    most = float(radius.max(initial=0.0))
    reach = [int(most / step) for step in steps]
    offsets = [np.arange(-n, n + 1) for n in reach]
    dy, dx = (each.ravel() for each in np.meshgrid(*offsets, indexing="ij"))
    squared = (dy * steps[0]) ** 2 + (dx * steps[1]) ** 2
    inside = squared <= most**2
    dy, dx, squared = dy[inside], dx[inside], squared[inside]
    pixel = np.rint(places / np.array(steps)).astype(np.int64)
    rows, columns = pixel[:, :1] + dy, pixel[:, 1:] + dx
    there = (rows >= 0) & (rows < image.shape[0]) & (columns >= 0) & (columns < image.shape[1])
    rows, columns = (
        np.clip(each, 0, size - 1) for each, size in zip((rows, columns), image.shape, strict=True)
    )
    values = image[rows, columns]
    there &= np.isfinite(values) & (squared <= (radius**2)[:, None] * (1 + 1e-12))
    return Windows(
        rows, columns, dy * steps[0], dx * steps[1], pixel * np.array(steps),
        np.where(there, values, 0.0), there.astype(np.float64),
    )  # fmt: skip
