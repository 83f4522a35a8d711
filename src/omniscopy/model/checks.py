"""Contracts that operations state on their first lines."""

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.model.errors import DataError
from omniscopy.model.units import conversion_factor, is_unit, parse
from omniscopy.model.vocabulary import DEFAULT_ROLE, kind_of


def kind_of_dim(data: xr.DataArray | xr.Dataset, dim: Hashable) -> str | None:
    """Return the kind of a dimension: what its coordinate says, else what its name means."""
    return _attrs_of(data, dim).get("kind") or kind_of(str(dim))


def role_of_dim(data: xr.DataArray | xr.Dataset, dim: Hashable) -> str:
    """Return whether a dimension is mapped over (navigation) or worked on (signal)."""
    return _attrs_of(data, dim).get("role") or DEFAULT_ROLE.get(
        kind_of_dim(data, dim) or "", "navigation"
    )


def dims_of_kind(data: xr.DataArray, *kinds: str) -> list[str]:
    """Return the dimensions of these kinds, in order."""
    return [str(dim) for dim in data.dims if kind_of_dim(data, dim) in kinds]


def dims_of_role(data: xr.DataArray, role: str) -> list[str]:
    """Return the dimensions of this role, in order."""
    return [str(dim) for dim in data.dims if role_of_dim(data, dim) == role]


def units_of(data: xr.DataArray | xr.Dataset, dim: Hashable) -> str | None:
    """Return the units of a dimension's coordinate, `None` where they are unknown."""
    return _attrs_of(data, dim).get("units")


def _attrs_of(data: xr.DataArray | xr.Dataset, dim: Hashable) -> dict[Any, Any]:
    # As a variable: to make an array of each coordinate takes longer than all checks.
    variable = data.coords.variables.get(dim)
    return {} if variable is None else variable.attrs


def require_array(data: object) -> None:
    """Raise unless `data` is a DataArray."""
    if not isinstance(data, xr.DataArray):
        hint = (
            "; pick one of its variables, as in `dataset['signal']`"
            if isinstance(data, xr.Dataset | xr.DataTree)
            else "; label it with `xarray.DataArray(values, dims=..., coords=...)`"
        )
        message = f"expected a labelled array (xarray.DataArray), got {type(data).__name__}{hint}"
        raise DataError(message)


def require_dim(
    data: xr.DataArray,
    dim: str,
    *,
    units: str | None = None,
    ascending: bool = True,
    at_least: int = 1,
) -> None:
    """Raise unless `data` has the dimension `dim`, ascending, in units that convert to `units`."""
    require_array(data)
    if dim not in data.dims:
        message = (
            f"expected a dimension {dim!r}, got {tuple(data.dims)}; name the dimension to use "
            "with `dim=`, or rename it with `data.rename`"
        )
        raise DataError(message)
    if data.sizes[dim] < at_least:
        message = f"dimension {dim!r} has {data.sizes[dim]} points; at least {at_least} are needed"
        raise DataError(message)
    if dim not in data.coords:
        wanted = f" in {units}" if units else ""
        message = (
            f"dimension {dim!r} has no coordinate; assign one{wanted}, as in `data.assign_coords("
            f"{dim}=({dim!r}, step * np.arange({data.sizes[dim]}), "
            f"{{'units': {units or 'nm'!r}}}))`"
        )
        raise DataError(message)
    if units is not None:
        require_units(data.coords[dim], units, what=f"coordinate {dim!r}")
    if ascending and not data.indexes[dim].is_monotonic_increasing:
        message = f"coordinate {dim!r} must ascend; sort it with `data.sortby({dim!r})`"
        raise DataError(message)


def require_units(data: xr.DataArray, units: str, *, what: str = "the data") -> float:
    """Return the factor that brings `data` to `units`; raise where that has no meaning."""
    found = data.attrs.get("units")
    if found is None or not is_unit(found) or parse(found).powers != parse(units).powers:
        message = f"{what} must be in {units!r} or units that convert to it, got {found!r}"
        raise DataError(message)
    return conversion_factor(found, units)


def require_uniform(data: xr.DataArray, dim: str, *, tolerance: float = 1e-3) -> float:
    """Return the step of a uniform coordinate; raise where the steps differ.

    `tolerance` is the largest deviation from a uniform grid, in steps.
    """
    require_dim(data, dim, ascending=False, at_least=2)
    values = np.asarray(data.coords[dim].values)
    if values.dtype.kind not in "iuf":
        message = f"coordinate {dim!r} must be numbers, got {values.dtype}"
        raise DataError(message)
    step = float(values[-1] - values[0]) / (len(values) - 1)
    deviation = np.abs(values - (values[0] + step * np.arange(len(values))))
    if step == 0 or not np.all(deviation <= tolerance * abs(step)):
        worst = float(np.max(deviation)) / abs(step) if step else float("inf")
        message = (
            f"coordinate {dim!r} must be uniform; it deviates from a uniform grid by "
            f"{worst:.3g} steps. Resample it with `signal.interpolate`"
        )
        raise DataError(message)
    return step


def require_window(
    data: xr.DataArray, dim: str, window: tuple[float, float], *, at_least: int
) -> xr.DataArray:
    """Return the part of `data` whose `dim` lies in `window`, at least `at_least` channels."""
    low, high = window
    if not low < high:
        message = f"window {window} must be (low, high) with low < high"
        raise DataError(message)
    inside = data.sel({dim: slice(low, high)})
    if inside.sizes[dim] < at_least:
        first, last = float(data[dim][0]), float(data[dim][-1])
        message = (
            f"window {window} holds {inside.sizes[dim]} channels of {dim!r} (which spans "
            f"{first:g} to {last:g}); at least {at_least} are needed"
        )
        raise DataError(message)
    return inside


def require_dims(data: xr.DataArray, dims: Iterable[str]) -> None:
    """Raise unless `data` has all of `dims`."""
    require_array(data)
    missing = [dim for dim in dims if dim not in data.dims]
    if missing:
        message = f"expected dimensions {tuple(dims)}, got {tuple(data.dims)}: {missing} missing"
        raise DataError(message)


def require_plane(
    data: xr.DataArray, dims: tuple[str, str] | None, *, kind: str, at_least: int = 2
) -> tuple[str, str]:
    """Return the two dimensions that make the images of `data`.

    `dims` where they are given, as (rows, columns); else the last two of this kind (`spatial`,
    `reciprocal`), rows first whatever their order in the array.
    """
    require_array(data)
    if dims is None:
        found = dims_of_kind(data, kind)
        if len(found) < 2:
            message = (
                f"expected two {kind} dimensions, got {tuple(data.dims)} of kinds "
                f"{tuple(kind_of_dim(data, dim) for dim in data.dims)}; name them with `dims=`"
            )
            raise DataError(message)
        rows, columns = sorted(found[-2:], key=_rank)
        dims = (rows, columns)
    for dim in dims:
        require_dim(data, dim, ascending=False, at_least=at_least)
    return dims


def _rank(dim: str) -> int:
    """Return where a dimension stands in a displayed image; unknown ones keep their order."""
    order = ("z", "y", "x", "ky", "kx")
    return order.index(dim) if dim in order else len(order)


def require_real(data: xr.DataArray) -> None:
    """Raise unless the values are real numbers."""
    if data.dtype.kind not in "biuf":
        message = (
            f"expected real numbers, got {data.dtype}; take `abs(data)`, `data.real` or one field"
        )
        raise DataError(message)


def require_numbers(data: xr.DataArray) -> None:
    """Raise unless the values are real or complex numbers."""
    require_array(data)
    if data.dtype.kind not in "biufc":
        message = f"expected numbers, got {data.dtype}; take one of the fields"
        raise DataError(message)


def require_choice(name: str, choice: object, choices: Iterable[object]) -> None:
    """Raise unless the parameter `name` is one of `choices`."""
    choices = tuple(choices)
    if choice not in choices:
        message = f"{name} must be one of {choices}, got {choice!r}"
        raise DataError(message)
