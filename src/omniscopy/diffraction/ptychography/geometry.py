"""Where the windows of a scan are on the grid of the object, and the object on that of the scan.

The object has the axes of the detector, and pixels that are the inverse of its width.
"""

from dataclasses import dataclass

import numpy as np

from omniscopy.diffraction.ptychography.experiment import Experiment, Turn

# Pixels around the object, for positions that move.
MARGIN = 5


@dataclass(frozen=True)
class Geometry:
    """Grids for a scan: of the object, of the window, and of an image along y and x.

    Lengths are in nm; `pixel` is that of the object along the axes of the detector.
    """

    window: tuple[int, int]
    pixel: tuple[float, float]
    positions: np.ndarray
    shape: tuple[int, int]
    image_y: np.ndarray
    image_x: np.ndarray
    turn: Turn
    corner: tuple[float, float]

    def first(self, axis: int) -> int:
        """Return the pixel of the object at the middle of the window at the first corner."""
        return MARGIN + self.window[axis] // 2

    def places(self, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where positions of the scan are in pixels of the object, in its axes."""
        row, column = self.turn.to_detector(y, x)
        return (
            (row - self.corner[0]) / self.pixel[0] + MARGIN,
            (column - self.corner[1]) / self.pixel[1] + MARGIN,
        )

    def positions_of(self, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the positions in the scan, in nm, of windows in pixels, shape (points, 2)."""
        lengths = (windows - MARGIN) * self.pixel + np.array(self.corner)
        y, x = self.turn.matrix.T @ lengths.T
        return y, x

    def image_of(self, values: np.ndarray) -> np.ndarray:
        """Return the object along y and x of the scan."""
        from scipy import ndimage

        row, column = self.places(self.image_y[:, None], self.image_x[None, :])
        shape = (len(self.image_y), len(self.image_x))
        at = [
            np.broadcast_to(each + size // 2, shape)
            for each, size in zip((row, column), self.window, strict=True)
        ]
        rounded = [np.rint(each).astype(int) for each in at]
        if all(np.max(np.abs(a - r)) < 1e-6 for a, r in zip(at, rounded, strict=True)):
            return np.asarray(values[tuple(rounded)])
        return np.asarray(ndimage.map_coordinates(values, at, order=5, mode="nearest"))


def geometry_of(found: Experiment, turn: Turn) -> Geometry:
    """Return the grids for a scan."""
    window = (len(found.ky), len(found.kx))
    pixel = tuple(1.0 / (n * abs(dk)) for n, dk in zip(window, found.pixels, strict=True))
    y, x = (each.ravel() for each in np.meshgrid(found.y, found.x, indexing="ij"))
    lengths = np.stack(turn.to_detector(y, x), axis=1)
    corner = lengths.min(axis=0)
    positions = (lengths - corner) / pixel + MARGIN
    # What is between pixels only by rounding would cost two more transforms.
    near = np.rint(positions)
    positions = np.where(np.abs(positions - near) < 1e-6, near, positions)
    last = np.rint(positions).max(axis=0).astype(int)
    shape = tuple(int(end) + size + MARGIN for end, size in zip(last, window, strict=True))
    finest = min(pixel)
    steps = pixel if turn.rotation == 0 else (finest, finest)
    images = [
        axis.min() + step * np.arange(int(np.floor(np.ptp(axis) / step + 1e-6)) + 1)
        for axis, step in zip((found.y, found.x), steps, strict=True)
    ]
    return Geometry(
        window, (pixel[0], pixel[1]), positions, (shape[0], shape[1]), images[0], images[1], turn,
        (float(corner[0]), float(corner[1])),
    )  # fmt: skip
