"""Labelled data for formats of even grids and of units without prefixes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.model.conversion import convert_units
from omniscopy.model.errors import DataError
from omniscopy.model.provenance import CHANGE, PROVENANCE, record
from omniscopy.model.units import is_unit, without_prefixes


@dataclass(frozen=True)
class EvenLine:
    """A dimension with even steps, counted so that it ascends."""

    name: str
    size: int
    length: float
    offset: float
    units: str | None
    descends: bool
    attrs: dict[str, Any]

    @property
    def note(self) -> dict[str, Any]:
        """Return what restores the dimension where its length and offset are known."""
        return {"name": self.name, "attrs": self.attrs, "descends": self.descends}


def even_line(data: xr.DataArray, dim: str) -> EvenLine | None:
    """Return a dimension, `None` where its coordinate is uneven or no number."""
    size = data.sizes[dim]
    if dim not in data.coords:
        return EvenLine(dim, size, float(size), 0.0, None, descends=False, attrs={})
    coordinate = data.coords[dim]
    if coordinate.dtype.kind not in "iuf" or size == 0:
        return None
    values = np.asarray(coordinate.values, np.float64)
    step = (values[-1] - values[0]) / (size - 1) if size > 1 else 1.0
    even = values[0] + step * np.arange(size)
    if not np.isfinite(values).all() or step == 0:
        return None
    if not np.allclose(values, even, rtol=0, atol=1e-6 * abs(step)):
        return None
    return EvenLine(
        name=dim,
        size=size,
        length=float(abs(step) * size),
        offset=float(-values[0] if step < 0 else values[0]),
        units=coordinate.attrs.get("units"),
        descends=bool(step < 0),
        attrs={str(key): value for key, value in coordinate.attrs.items()},
    )


def require_even(data: xr.DataArray, dim: str, *, what: str) -> EvenLine:
    """Return a dimension, or raise `UnsupportedFormatError` where it is uneven or no number."""
    line = even_line(data, dim)
    if line is None:
        message = (
            f"{what} has an even grid, but the coordinate {dim!r} is uneven or no number; "
            "save to .nc, .h5 or .zarr instead"
        )
        raise UnsupportedFormatError(message)
    return line


def in_plain_units(data: xr.DataArray) -> xr.DataArray:
    """Return `data` with values and coordinates in units without prefixes, which its history says.

    What has no units, or such as are unknown, is left as it is.
    """
    made = data
    factor, units = plain_units(data)
    if factor != 1:
        made = convert_units(made, units)
    for dim in map(str, data.dims):
        if dim in data.coords and data.coords[dim].dtype.kind in "iuf":
            factor, units = plain_units(data.coords[dim])
            if factor != 1:
                made = convert_units(made, units, dim=dim)
    if made is data or PROVENANCE not in data.attrs:
        return made
    return record(made, CHANGE, parameters={}, inputs={"data": data})


def require_real(data: xr.DataArray, *, what: str) -> None:
    """Raise `UnsupportedFormatError` unless values are real numbers or truth values."""
    if data.dtype.kind not in "biuf":
        message = (
            f"{what} holds real numbers, not values of type {data.dtype}; save real and "
            "imaginary parts one by one, or save to .nc, .h5 or .zarr"
        )
        raise UnsupportedFormatError(message)


def require_finite(data: xr.DataArray, *, what: str) -> None:
    """Raise `DataError` where values are NaN or infinite."""
    if not is_finite(data):
        message = f"{what} holds finite numbers only; replace NaN and infinities before saving"
        raise DataError(message)


def is_finite(data: xr.DataArray) -> bool:
    """Return whether all values are finite; lazy ones are computed chunk by chunk."""
    return data.dtype.kind != "f" or bool(np.isfinite(data).all())


def plain_units(data: xr.DataArray) -> tuple[float, str]:
    """Return units without prefixes, and what values are multiplied by to be in them."""
    units = data.attrs.get("units")
    return without_prefixes(units) if units and is_unit(units) else (1.0, "")
