"""Results carry the units that were stated for them, and nothing left over from their inputs."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from omniscopy.model.status import status_attrs

AnyArray = TypeVar("AnyArray", bound=xr.DataArray | xr.Variable)


def result(
    attrs: dict[str, Any] | None = None,
    coords: Mapping[Any, xr.DataArray] | None = None,
    /,
    **variables: tuple[xr.DataArray | xr.Variable, str | None],
) -> xr.Dataset:
    """Return a Dataset of ``name=(values, units)`` without the attributes of what made them.

    Parameters
    ----------
    attrs : dict, optional
        Attributes of the Dataset.
    coords : mapping of name to DataArray, optional
        Coordinates of values that have none of their own; others keep theirs, with attributes.
    **variables : (DataArray or Variable, str or None)
        Values and their units: ``"1"`` for a pure number, `None` where they are unknown.

    Returns
    -------
    Dataset
        A variable called ``status`` is `uint8` with its flag meanings.
    """
    shared = None
    if coords is None:
        shared = _shared_coordinates(values for values, _ in variables.values())
    made: dict[str, Any] = {}
    for name, (values, units) in variables.items():
        if shared is not None and isinstance(values, xr.DataArray):
            values = values.variable  # noqa: PLW2901 - the coordinates are stated once for all
        made[name] = labelled(values, units=units)
        if name == "status":
            if made[name].dtype != np.uint8:
                made[name] = made[name].astype(np.uint8)
            made[name].attrs |= status_attrs()
    if coords is None:
        coords = shared
    if isinstance(coords, xr.Coordinates):
        return _assembled(made, coords, attrs or {})
    return xr.Dataset(made, coords, attrs or {})


def _assembled(
    variables: dict[str, Any], coords: xr.Coordinates, attrs: dict[str, Any]
) -> xr.Dataset:  # fmt: skip
    """Return a Dataset, without comparing labels where all is told by dimensions alone."""
    bare = all(type(each) is xr.Variable for each in variables.values())
    whole: dict[Any, xr.Variable] = {**variables, **coords.variables}
    sizes: dict[Any, int] = {}
    agree = all(
        sizes.setdefault(dim, size) == size
        for each in whole.values()
        for dim, size in zip(each.dims, each.shape, strict=True)
    )
    if not (bare and agree and not variables.keys() & (coords.variables.keys() | sizes.keys())):
        return xr.Dataset(variables, coords, attrs)
    own = {name: each.copy(deep=False) for name, each in coords.variables.items()}
    return xr.Dataset._construct_direct(
        {**variables, **own}, set(own), sizes, dict(attrs), dict(coords.xindexes)
    )


def _shared_coordinates(arrays: Iterable[xr.DataArray | xr.Variable]) -> Any:
    """Return the coordinates of arrays that have the same ones, `None` of others.

    As many results are made of one calculation, to compare the labels of each with those of all
    others would take longer than the calculation of a small block.
    """
    first: Any = None
    for each in arrays:
        if not isinstance(each, xr.DataArray):
            return None
        if first is None:
            first = each
        elif not _same(each._coords, first._coords):
            return None
    return None if first is None else first.coords


def _same(one: Mapping[Any, xr.Variable], other: Mapping[Any, xr.Variable]) -> bool:
    """Return whether coordinates are the same arrays, not only equal ones."""
    return one.keys() == other.keys() and all(
        each._data is other[name]._data for name, each in one.items()
    )


def labelled(values: AnyArray, *, units: str | None, **attrs: Any) -> AnyArray:
    """Return `values` with these attributes in place of those they have.

    Parameters
    ----------
    values : DataArray or Variable
        Not copied.
    units : str or None
        Units of the values; `None` where they are unknown.
    **attrs
        Further attributes.

    Returns
    -------
    DataArray or Variable
        The same values and coordinates.
    """
    stated = {**({} if units is None else {"units": units}), **attrs}
    made: Any
    if type(values) is xr.Variable:
        return xr.Variable(values.dims, values._data, stated, fastpath=True)  # type: ignore[return-value]
    made = values.copy(deep=False)  # `drop_attrs` would copy the values
    made.attrs = stated
    return made
