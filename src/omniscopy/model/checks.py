"""Contracts that operations state on their first lines."""

from collections.abc import Hashable, Iterable

import numpy as np
import xarray as xr

from omniscopy.model.dimensions import dims_of_kind, kind_of_dim, units_of
from omniscopy.model.errors import DataError
from omniscopy.model.units import conversion_factor, is_unit, parse
from omniscopy.model.vocabulary import kind_of

# What units a coordinate may be in, for the one who has to write them down.
_USUAL = {"reciprocal": "1/nm", "temporal": "s"}


def require_array(data: object) -> None:
    """Refuse what is no labelled array.

    Parameters
    ----------
    data : object
        Should be a DataArray.

    Raises
    ------
    DataError
        `data` is anything else; of a Dataset or a tree the text says how to take one variable.
    """
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
    """Refuse data without a dimension, or with one that cannot be calculated with.

    Parameters
    ----------
    data : DataArray
        Data of any shape.
    dim : str
        Dimension that is needed, with a coordinate.
    units : str, optional
        Units to which those of the coordinate must convert.
    ascending : bool
        Whether the coordinate must ascend.
    at_least : int
        Fewest points along the dimension.

    Raises
    ------
    DataError
        `data` is no DataArray; `dim` or its coordinate is missing, is too short, is in units that
        do not convert to `units`, or does not ascend.
    """
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
    if dim not in data._coords:
        wanted = f" in {units}" if units else ""
        message = (
            f"dimension {dim!r} has no coordinate; assign one{wanted}, as in `data.assign_coords("
            f"{dim}=({dim!r}, step * np.arange({data.sizes[dim]}), "
            f"{{'units': {units or _USUAL.get(str(kind_of(dim)), 'nm')!r}}}))`"
        )
        raise DataError(message)
    if units is not None:
        require_units(data.coords[dim], units, what=f"coordinate {dim!r}")
    if ascending and not data.indexes[dim].is_monotonic_increasing:
        message = f"coordinate {dim!r} must ascend; sort it with `data.sortby({dim!r})`"
        raise DataError(message)


def require_units(data: xr.DataArray, units: str, *, what: str = "the data") -> float:
    """Return the factor that brings data to the units of a calculation.

    Parameters
    ----------
    data : DataArray
        Data, or a coordinate, that states its units.
    units : str
        Units wanted.
    what : str
        What `data` is called in the error.

    Returns
    -------
    float
        Values times this factor are in `units`.

    Raises
    ------
    DataError
        `data` has no units, or units that measure something else.
    """
    found = data.attrs.get("units")
    if found is None or not is_unit(found) or parse(found).powers != parse(units).powers:
        message = f"{what} must be in {units!r} or units that convert to it, got {found!r}"
        raise DataError(message)
    return conversion_factor(found, units)


def require_uniform(data: xr.DataArray, dim: str, *, tolerance: float = 1e-3) -> float:
    """Return the step of a uniform coordinate.

    Parameters
    ----------
    data : DataArray
        Data of any shape.
    dim : str
        Dimension whose coordinate is looked at; it ascends or descends.
    tolerance : float
        Largest deviation from a uniform grid, in steps.

    Returns
    -------
    float
        Step in units of the coordinate; negative where it descends.

    Raises
    ------
    DataError
        `dim` or its coordinate is missing, has fewer than two points or is not of numbers, or the
        steps differ by more than `tolerance`.
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
    """Return the part of data in a window, both ends included.

    Parameters
    ----------
    data : DataArray
        Data with the ascending coordinate `dim`.
    dim : str
        Dimension that is cut.
    window : (low, high)
        Ends in units of the coordinate.
    at_least : int
        Fewest points that the window must hold.

    Returns
    -------
    DataArray
        A view; the other dimensions are as they were.

    Raises
    ------
    DataError
        The window is empty or holds fewer than `at_least` points.
    """
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
    """Refuse data that lack a dimension.

    Parameters
    ----------
    data : DataArray
        Data of any shape.
    dims : iterable of str
        Dimensions that are needed.

    Raises
    ------
    DataError
        `data` is no DataArray or one of `dims` is missing.
    """
    require_array(data)
    missing = [dim for dim in dims if dim not in data.dims]
    if missing:
        message = f"expected dimensions {tuple(dims)}, got {tuple(data.dims)}: {missing} missing"
        raise DataError(message)


def require_plane(
    data: xr.DataArray, dims: tuple[str, str] | None, *, kind: str, at_least: int = 2
) -> tuple[str, str]:
    """Return the two dimensions that make the images of `data`.

    Parameters
    ----------
    data : DataArray
        Images, with any number of other dimensions.
    dims : (rows, columns), optional
        Taken where given; else the last two dimensions of this kind, rows first whatever their
        order in the array.
    kind : str
        ``"spatial"`` or ``"reciprocal"``.
    at_least : int
        Fewest points along each.

    Returns
    -------
    (str, str)
        Names of the rows' and the columns' dimension.

    Raises
    ------
    DataError
        `data` is no DataArray, fewer than two dimensions are of this kind, or one of the two has no
        coordinate, one that is not finite, or too few points.
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
        # As a variable: to make an array of it, with its coordinates, takes longer than the check.
        labels = data._coords[dim].values
        if labels.dtype.kind == "f" and not np.isfinite(labels).all():
            missing = np.count_nonzero(~np.isfinite(labels))
            message = (
                f"coordinate {dim!r} has {missing} values that are not finite; assign it anew, or "
                f"leave those rows out with `data.sel({dim}=np.isfinite(data[{dim!r}]))`"
            )
            raise DataError(message)
    return dims


def _rank(dim: str) -> int:
    """Return where a dimension stands in a displayed image; unknown ones keep their order."""
    order = ("z", "y", "x", "ky", "kx")
    return order.index(dim) if dim in order else len(order)


def require_conversion(
    units: str | None, target: str | None, *, what: str, of: str = "the data"
) -> float:
    """Return the factor that brings one thing to the units of another.

    Parameters
    ----------
    units, target : str or None
        Those of the thing and of the other; 1 where they are the same, unknown ones too.
    what, of : str
        What the thing and the other are called in the error.

    Returns
    -------
    float
        Values in `units` times this factor are in `target`.

    Raises
    ------
    DataError
        They differ, and one is unknown or they measure different things.
    """
    if units == target:
        return 1.0
    if is_unit(units) and is_unit(target):
        here, there = str(units), str(target)
        if parse(here).powers == parse(there).powers:
            return conversion_factor(here, there)
    message = (
        f"{what} in {units!r} cannot be converted to {target!r}, the units of {of}; give both the "
        "same units"
    )
    raise DataError(message)


def require_same_units(data: xr.DataArray, dims: Iterable[str]) -> str | None:
    """Return the units that coordinates share.

    Parameters
    ----------
    data : DataArray
        Data of any shape.
    dims : sequence of str
        Dimensions, such as those of a plane in which angles or distances are measured.

    Returns
    -------
    str or None
        `None` where none has units.

    Raises
    ------
    DataError
        Their units differ.
    """
    dims = tuple(dims)
    found = [units_of(data, dim) for dim in dims]
    if any(each != found[0] for each in found):
        said = " and ".join(repr(each) for each in found)
        message = (
            f"coordinates {dims} must have the same units, got {said}; convert one with "
            "`convert_units(data, units, dim=...)`"
        )
        raise DataError(message)
    return found[0]


def require_same_direction(
    other: xr.DataArray | xr.Dataset, data: xr.DataArray | xr.Dataset, *, what: str
) -> None:
    """Refuse data that would be combined by position, where one is listed backwards.

    Parameters
    ----------
    other : DataArray or Dataset
        What goes with `data`, as dead pixels do with patterns; its labels may be others.
    data : DataArray or Dataset
        Data of any shape.
    what : str
        What `other` is, for the error.

    Raises
    ------
    DataError
        A coordinate of a dimension that both have ascends in one and falls in the other.
    """
    for dim in other.dims:
        ways = [_way(each, dim) for each in (other, data)]
        if ways[0] * ways[1] < 0:
            message = (
                f"coordinate {dim!r} of {what} {'ascends' if ways[0] > 0 else 'falls'}, that of "
                f"the data does not; sort both with `.sortby({dim!r})`"
            )
            raise DataError(message)


def _way(data: xr.DataArray | xr.Dataset, dim: Hashable) -> float:
    """Return the sign of the steps of a coordinate: 0 where it has none."""
    if dim not in data.coords or data.sizes[dim] < 2 or data.coords[dim].dtype.kind not in "iuf":
        return 0.0
    first, last = data.coords[dim].values[[0, -1]].astype(np.float64)
    return float(np.nan_to_num(np.sign(last - first)))


def require_real(data: xr.DataArray) -> None:
    """Refuse values that are no real numbers.

    Parameters
    ----------
    data : DataArray
        Booleans, integers or floats are let through.

    Raises
    ------
    DataError
        Complex numbers, text, times or records.
    """
    if data.dtype.kind not in "biuf":
        message = (
            f"expected real numbers, got {data.dtype}; take `abs(data)`, `data.real` or one field"
        )
        raise DataError(message)


def require_numbers(data: xr.DataArray) -> None:
    """Refuse values that are neither real nor complex numbers.

    Parameters
    ----------
    data : DataArray
        Booleans, integers, floats or complex numbers are let through.

    Raises
    ------
    DataError
        `data` is no DataArray, or its values are text, times or records.
    """
    require_array(data)
    if data.dtype.kind not in "biufc":
        message = f"expected numbers, got {data.dtype}; take one of the fields"
        raise DataError(message)


def require_choice(name: str, choice: object, choices: Iterable[object]) -> None:
    """Refuse a word that is none of those that a parameter may take.

    Parameters
    ----------
    name : str
        Name of the parameter, for the error.
    choice : object
        What was given.
    choices : iterable
        What may be given.

    Raises
    ------
    DataError
        `choice` is none of `choices`, which the text lists.
    """
    choices = tuple(choices)
    if choice not in choices:
        message = f"{name} must be one of {choices}, got {choice!r}"
        raise DataError(message)
