"""Patches and curves as rows of numbers, and what is known of their axes."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.model import (
    DataError,
    conversion_factor,
    coordinate,
    is_unit,
    require_array,
    require_dim,
    require_plane,
    require_real,
    require_uniform,
    units_of,
)

_OUTER = "examples"


@dataclass(frozen=True)
class Frame:
    """The axes of patches, as a model keeps them.

    Attributes
    ----------
    dims : tuple of str
        Dimensions of a patch.
    shape : tuple of int
    steps : tuple of float
        Distances of pixels, in the units of the first dimension.
    units : str or None
        Of the first dimension.
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    steps: tuple[float, ...]
    units: str | None

    @property
    def half(self) -> float:
        """Return half the larger width between the middles of the outermost pixels."""
        return 0.5 * max(
            abs(step) * (count - 1) for step, count in zip(self.steps, self.shape, strict=True)
        )

    @property
    def extent(self) -> tuple[float, ...]:
        """Return half widths in parts of the larger one, negative where coordinates descend."""
        return tuple(
            0.5 * step * (count - 1) / self.half
            for step, count in zip(self.steps, self.shape, strict=True)
        )

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "dims": list(self.dims), "shape": list(self.shape), "steps": list(self.steps),
            "units": self.units,
        }  # fmt: skip

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "Frame":
        """Return what `as_json` told."""
        return cls(tuple(told["dims"]), tuple(told["shape"]), tuple(told["steps"]), told["units"])

    def coordinates(self, dims: tuple[str, ...]) -> dict[str, xr.Variable]:
        """Return coordinates about the middle of patches."""
        return {
            dim: coordinate(
                dim, step * (np.arange(count) - (count - 1) / 2), self.units, kind="spatial",
                role="signal",
            )
            for dim, count, step in zip(dims, self.shape, self.steps, strict=True)
        }  # fmt: skip


def frame_of(data: xr.DataArray, axes: int, dims: tuple[str, ...] | None) -> Frame:
    """Return the axes of patches; raise where they cannot be turned or shifted."""
    require_array(data)
    require_real(data)
    if axes == 1:
        dims = (str(data.dims[-1]),) if dims is None else tuple(dims)
        require_dim(data, dims[0], ascending=False, at_least=4)
        units = units_of(data, dims[0])
        return Frame(dims, (data.sizes[dims[0]],), (require_uniform(data, dims[0]),), units)
    pair = None if dims is None else (dims[0], dims[1])
    dims = require_plane(data, pair, kind="spatial", at_least=4)
    steps = [require_uniform(data, dim) for dim in dims]
    rows, columns = (units_of(data, dim) for dim in dims)
    if rows != columns:
        if not (rows and columns and is_unit(rows) and is_unit(columns)):
            message = f"rows and columns must be in units that convert, got {rows} and {columns}"
            raise DataError(message)
        steps[1] *= conversion_factor(columns, rows)
    return Frame(dims, tuple(data.sizes[dim] for dim in dims), tuple(steps), rows)


def rows_of(data: xr.DataArray, dims: tuple[str, ...]) -> tuple[np.ndarray, xr.DataArray]:
    """Return patches as rows, (examples, pixels), and a template of what is found for each."""
    outer = [str(dim) for dim in data.dims if dim not in dims]
    ordered = data.transpose(*outer, *dims)
    template = ordered.isel(dict.fromkeys(dims, 0), drop=True)
    count = math.prod(template.shape)
    pixels = math.prod(data.sizes[dim] for dim in dims)
    values = np.asarray(ordered.values, np.float32).reshape(count, pixels)
    return values, template


def require_frame(data: xr.DataArray, frame: Frame, dims: tuple[str, ...] | None) -> Frame:
    """Return the axes of patches; raise unless they are those that were learnt from."""
    found = frame_of(data, len(frame.shape), dims)
    if found.shape != frame.shape or not np.allclose(found.steps, frame.steps, rtol=1e-3):
        message = (
            f"this model knows patches of {frame.shape} pixels with steps {frame.steps} "
            f"{frame.units or ''}, got {found.shape} with {found.steps}"
        )
        raise DataError(message)
    return found
