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
        if len(which) == len(self.rows):
            return self
        return Windows(
            self.rows[which], self.columns[which], self.dy, self.dx, self.middle[which],
            self.values[which], self.weight[which],
        )  # fmt: skip


def windows_of(image: np.ndarray, places: np.ndarray, steps: Pair, radius: np.ndarray) -> Windows:
    """Return the pixels within a radius of each atom; places and radii as the steps.

    The weight falls off over a pixel at the edge, so that nothing jumps when an atom moves a bit.
    """
    edge = max(steps)
    most = float(radius.max(initial=0.0)) + 1.25 * edge
    offsets = [np.arange(-int(most / step), int(most / step) + 1) for step in steps]
    dy, dx = (each.ravel() for each in np.meshgrid(*offsets, indexing="ij"))
    inside = (dy * steps[0]) ** 2 + (dx * steps[1]) ** 2 <= most**2
    dy, dx = dy[inside], dx[inside]
    pixel = np.rint(places / np.array(steps)).astype(np.int64)
    rows, columns = pixel[:, :1] + dy, pixel[:, 1:] + dx
    there = (rows >= 0) & (rows < image.shape[0]) & (columns >= 0) & (columns < image.shape[1])
    rows, columns = (
        np.clip(each, 0, size - 1) for each, size in zip((rows, columns), image.shape, strict=True)
    )
    values = image[rows, columns]
    there &= np.isfinite(values)
    middle = pixel * np.array(steps)
    centre = places - middle
    away = np.hypot(dy * steps[0] - centre[:, :1], dx * steps[1] - centre[:, 1:])
    weight = np.clip((radius[:, None] - away) / edge + 0.5, 0.0, 1.0) * there
    return Windows(
        rows, columns, dy * steps[0], dx * steps[1], middle, np.where(there, values, 0.0), weight
    )
