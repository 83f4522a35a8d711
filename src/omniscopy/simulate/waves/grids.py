"""The grid that a wave is sampled on, and the band of frequencies that it keeps."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.model import DataError, OmniscopyWarning, coordinate, require_uniform, require_units

Floats = npt.NDArray[np.float64]

KEPT = 2.0 / 3.0
"""Part of the frequencies that is kept: a product of two such waves does not fold into it."""


class AliasingWarning(OmniscopyWarning):
    """A grid is too coarse for what is simulated on it."""


@dataclass(frozen=True)
class Grid:
    """Pixels along y and x, and the lengths of the cell in Å."""

    shape: tuple[int, int]
    size: tuple[float, float]

    @property
    def sampling(self) -> tuple[float, float]:
        """Return the lengths of a pixel in Å."""
        return (self.size[0] / self.shape[0], self.size[1] / self.shape[1])

    @cached_property
    def ky(self) -> Floats:
        """Return the frequencies along y in 1/Å, as transforms have them."""
        return np.asarray(np.fft.fftfreq(self.shape[0], self.sampling[0]))

    @cached_property
    def kx(self) -> Floats:
        """Return the frequencies along x in 1/Å, as transforms have them."""
        return np.asarray(np.fft.fftfreq(self.shape[1], self.sampling[1]))

    @property
    def limit(self) -> float:
        """Return the largest frequency that waves keep, in 1/Å."""
        return KEPT * 0.5 / max(self.sampling)

    @cached_property
    def columns(self) -> tuple[int, int]:
        """Return how many frequencies along x of 0 and more, and how many below 0, are worked on.

        All that the band holds and some more: rows of whole lines of the cache are quicker.
        """
        wanted = 2 * int(np.floor(self.limit * self.size[1] + 1e-9)) + 1
        width = min(8 * -(-wanted // 8), self.shape[1])
        return (width + 1) // 2, width // 2

    @cached_property
    def band_kx(self) -> Floats:
        """Return the frequencies along x that are worked on."""
        above, below = self.columns
        return np.concatenate([self.kx[:above], self.kx[self.shape[1] - below :]])

    @cached_property
    def square(self) -> Floats:
        """Return k² of the band, shape (ky, kx of the band)."""
        return self.ky[:, None] ** 2 + self.band_kx[None, :] ** 2

    @cached_property
    def inside(self) -> npt.NDArray[np.bool_]:
        """Return which frequencies of the band are within the limit."""
        return self.square <= self.limit**2 * (1.0 + 1e-12)

    def angle_limit(self, wavelength: float) -> float:
        """Return the largest angle that waves keep, in mrad."""
        return 1e3 * wavelength * self.limit


def grid_of(data: xr.DataArray) -> Grid:
    """Return the grid of labelled planes (y, x), or raise where it is none in a length."""
    sizes, lengths = [], []
    for dim in ("y", "x"):
        step = require_uniform(data, dim)
        factor = require_units(data.coords[dim], "Å", what=f"coordinate {dim!r}")
        if step <= 0:
            message = f"coordinate {dim!r} must ascend; sort it with `data.sortby({dim!r})`"
            raise DataError(message)
        sizes.append(data.sizes[dim])
        lengths.append(step * factor * data.sizes[dim])
    return Grid((sizes[0], sizes[1]), (lengths[0], lengths[1]))


def plane_coordinates(grid: Grid) -> dict[str, Any]:
    """Return the coordinates of the pixels in Å."""
    return {
        dim: coordinate(dim, step * np.arange(count), "Å")
        for dim, step, count in zip(("y", "x"), grid.sampling, grid.shape, strict=True)
    }


def require_angle(grid: Grid, angle: float, wavelength: float, what: str) -> None:
    """Raise unless waves keep this angle (mrad)."""
    reach = grid.angle_limit(wavelength)
    if angle > reach * (1.0 + 1e-9):
        needed = 1e3 * wavelength * 0.5 * KEPT / angle
        message = (
            f"{what} reaches {angle:g} mrad, but waves sampled every {max(grid.sampling):.4g} Å "
            f"keep angles to {reach:.4g} mrad; make the potential with a sampling of "
            f"{needed:.3g} Å or finer"
        )
        raise DataError(message)
