"""Where the pixels of a picture lie, in units that read well."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from omniscopy.model.dimensions import kind_of_dim, units_of
from omniscopy.model.units import conversion_factor, is_unit, parse
from omniscopy.plot.labels import coordinate, dim_label, prefix

# Beyond this ratio of sides a true aspect leaves nothing to be seen.
_SLENDER = 10.0
# Largest deviation from a uniform grid, in steps, that is drawn as uniform.
_UNEVEN = 0.02


@dataclass(frozen=True)
class Ruler:
    """The coordinate of one side of a picture: positions, label, units, whether uniform."""

    positions: np.ndarray
    label: str
    units: str | None
    names: tuple[str, ...] = ()
    name: str = ""

    @property
    def uniform(self) -> bool:
        """Return whether the positions are evenly spaced."""
        if len(self.positions) < 3:
            return True
        step = self._step
        ideal = self.positions[0] + step * np.arange(len(self.positions))
        return step != 0 and bool(np.all(np.abs(self.positions - ideal) <= _UNEVEN * abs(step)))

    @property
    def monotonic(self) -> bool:
        """Return whether the positions only rise or only fall."""
        steps = np.diff(self.positions)
        return bool(np.all(steps > 0) or np.all(steps < 0))

    def numbered(self) -> "Ruler":
        """Return the ruler of the pixels' numbers: for a waveform that comes and goes."""
        return Ruler(np.arange(len(self.positions), dtype=np.float64), self.name, None)

    @property
    def edges(self) -> tuple[float, float]:
        """Return the outer edges of the first and the last pixel."""
        half = self._step / 2
        return float(self.positions[0] - half), float(self.positions[-1] + half)

    @property
    def _step(self) -> float:
        if len(self.positions) < 2:
            return 1.0
        step = float(self.positions[-1] - self.positions[0]) / (len(self.positions) - 1)
        return step if np.isfinite(step) and step else 1.0


@dataclass(frozen=True)
class Grid:
    """Both sides of a picture."""

    rows: Ruler
    columns: Ruler
    true_aspect: bool

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Return left, right, bottom and top, row 0 on top."""
        top, bottom = self.rows.edges
        left, right = self.columns.edges
        return left, right, bottom, top

    @property
    def uniform(self) -> bool:
        """Return whether every pixel has the same size."""
        return self.rows.uniform and self.columns.uniform

    @property
    def aspect(self) -> float:
        """Return height over width as the picture is drawn."""
        if not self.true_aspect:
            return 0.7
        left, right, bottom, top = self.extent
        return abs(bottom - top) / abs(right - left)


def ruler_of(data: xr.DataArray, dim: str) -> Ruler:
    """Return the ruler along one dimension; names stand at whole numbers."""
    positions, units = coordinate(data, dim)
    if positions.dtype.kind not in "iuf":
        names = tuple(str(name) for name in positions)
        places = np.arange(len(positions), dtype=np.float64)
        return Ruler(places, dim_label(data, dim, None), None, names)
    positions = positions.astype(np.float64)
    if not np.isfinite(positions).all():
        positions, units = np.arange(len(positions), dtype=np.float64), None
    numbers = f"{dim_label(data, dim, None)}, point number"
    return Ruler(positions, dim_label(data, dim, units), units, name=numbers)


def grid_of(plane: xr.DataArray) -> Grid:
    """Return the rulers of a plane; sides that measure the same get the same units."""
    rows_dim, columns_dim = (str(dim) for dim in plane.dims)
    rows, columns = (
        ruler if ruler.monotonic else ruler.numbered()
        for ruler in (ruler_of(plane, rows_dim), ruler_of(plane, columns_dim))
    )
    alike = kind_of_dim(plane, rows_dim) == kind_of_dim(plane, columns_dim)
    pictures = alike and kind_of_dim(plane, rows_dim) in ("spatial", "reciprocal")
    if not pictures or rows.names or columns.names:
        return Grid(rows, columns, true_aspect=False)
    row_units, column_units = units_of(plane, rows_dim), units_of(plane, columns_dim)
    if not _comparable(row_units, column_units):
        return Grid(rows, columns, true_aspect=False)
    numbered = rows.units is None or columns.units is None
    if numbered:
        return Grid(rows, columns, true_aspect=row_units == column_units is None)
    if column_units is not None and row_units is not None and is_unit(column_units):
        rows, columns = _in_common_units(plane, row_units, column_units)
    grid = Grid(rows, columns, true_aspect=True)
    slender = not 1 / _SLENDER <= grid.aspect <= _SLENDER
    return Grid(rows, columns, true_aspect=not slender)


def _comparable(one: str | None, other: str | None) -> bool:
    if one is None or other is None or not (is_unit(one) and is_unit(other)):
        return one == other
    return parse(one).powers == parse(other).powers


def _in_common_units(plane: xr.DataArray, row_units: str, column_units: str) -> tuple[Ruler, Ruler]:
    rows_dim, columns_dim = (str(dim) for dim in plane.dims)
    rows = np.asarray(plane.coords[rows_dim].values, np.float64)
    columns = np.asarray(plane.coords[columns_dim].values, np.float64)
    rows = rows * conversion_factor(row_units, column_units)
    factor, units = prefix(np.concatenate([rows, columns]), column_units)
    return (
        Ruler(rows * factor, dim_label(plane, rows_dim, units), units),
        Ruler(columns * factor, dim_label(plane, columns_dim, units), units),
    )
