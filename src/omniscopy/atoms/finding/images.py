"""Images of atoms: what is asked of them, and where their pixels are."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from omniscopy.atoms.tables import require_positions
from omniscopy.image.topography import Dims, require_image, steps_of
from omniscopy.model import (
    conversion_factor,
    require_conversion,
    require_uniform,
    units_of,
)

Pair = tuple[float, float]


@dataclass(frozen=True)
class Grid:
    """Where the pixels of an image are.

    `first` and `step` are those of the coordinates, `factor` brings x to the `units` of y;
    `unit` is the shorter distance of two pixels, in `units`, and `aspect` the distances of rows
    and of columns in it.
    """

    dims: Dims
    first: Pair
    step: Pair
    units: str | None
    factor: float
    unit: float
    aspect: Pair

    def rows(self, places: np.ndarray, axis: int) -> np.ndarray:
        """Return places along one axis, in the units of y, as rows or columns."""
        own = places / (self.factor if axis else 1.0)
        made: np.ndarray = (own - self.first[axis]) / self.step[axis]
        return made

    def places(self, rows: np.ndarray, axis: int) -> np.ndarray:
        """Return rows or columns as places in the units of y."""
        factor = self.factor if axis else 1.0
        made: np.ndarray = factor * (self.first[axis] + rows * self.step[axis])
        return made


def grid_of(image: xr.DataArray, dims: Dims | None, *, at_least: int = 8) -> Grid:
    """Return where the pixels of images are; raise where they are no uniform grid of numbers."""
    dims = require_image(image, dims, at_least=at_least)
    apart = steps_of(image, dims)
    steps = [require_uniform(image, dim) for dim in dims]
    units = [units_of(image, dim) for dim in dims]
    factor = 1.0
    if units[0] != units[1]:
        factor = conversion_factor(str(units[1]), str(units[0]))
    unit = min(apart)
    return Grid(
        dims, (float(image[dims[0]][0]), float(image[dims[1]][0])), (steps[0], steps[1]),
        units[0], factor, unit, (apart[0] / unit, apart[1] / unit),
    )  # fmt: skip


def factor_to(positions: xr.Dataset, grid: Grid) -> float:
    """Return what brings positions to the units of an image; raise where nothing does."""
    own = require_positions(positions)
    return require_conversion(own, grid.units, what="positions", of="the image")


def filled(image: np.ndarray, known: np.ndarray, reach: tuple[float, float]) -> np.ndarray:
    """Return an image in which what is missing is the mean of its surroundings."""
    from scipy.ndimage import gaussian_filter

    if known.all():
        return image
    values = np.where(known, image, 0.0)
    share = gaussian_filter(known.astype(np.float64), reach)
    mean = float(image[known].mean())
    around = (gaussian_filter(values, reach) + 1e-3 * mean) / (share + 1e-3)
    return np.where(known, image, around)
