"""What dimensions are: their kinds, their roles, the units of their coordinates."""

from collections.abc import Hashable
from typing import Any

import xarray as xr

from omniscopy.model.vocabulary import DEFAULT_ROLE, kind_of


def kind_of_dim(data: xr.DataArray | xr.Dataset, dim: Hashable) -> str | None:
    """Return the kind of a dimension: what its coordinate says, else what its name means.

    Parameters
    ----------
    data : DataArray or Dataset
        Where the dimension is.
    dim : hashable
        Its name.

    Returns
    -------
    str or None
        One of the kinds of the contract, such as ``"spatial"``; `None` for a name that is not in
        the vocabulary and a coordinate that states none.
    """
    return _attrs_of(data, dim).get("kind") or kind_of(str(dim))


def role_of_dim(data: xr.DataArray | xr.Dataset, dim: Hashable) -> str:
    """Return whether a dimension is mapped over (navigation) or worked on (signal).

    Parameters
    ----------
    data : DataArray or Dataset
        Where the dimension is.
    dim : hashable
        Its name.

    Returns
    -------
    str
        ``"navigation"`` or ``"signal"``: what its coordinate states, else the default of its kind;
        ``"navigation"`` for a dimension of unknown kind.
    """
    return _attrs_of(data, dim).get("role") or DEFAULT_ROLE.get(
        kind_of_dim(data, dim) or "", "navigation"
    )


def dims_of_kind(data: xr.DataArray, *kinds: str) -> list[str]:
    """Return the dimensions of these kinds, in order.

    Parameters
    ----------
    data : DataArray
        Where the dimensions are.
    *kinds : str
        Kinds of the contract, such as ``"spatial"``, ``"reciprocal"``.

    Returns
    -------
    list of str
        Names in the order of ``data.dims``; empty where none is of these kinds.
    """
    return [str(dim) for dim in data.dims if kind_of_dim(data, dim) in kinds]


def dims_of_role(data: xr.DataArray, role: str) -> list[str]:
    """Return the dimensions of this role, in order.

    Parameters
    ----------
    data : DataArray
        Where the dimensions are.
    role : str
        ``"navigation"`` or ``"signal"``.

    Returns
    -------
    list of str
        Names in the order of ``data.dims``; empty where none has this role.
    """
    return [str(dim) for dim in data.dims if role_of_dim(data, dim) == role]


def units_of(data: xr.DataArray | xr.Dataset, dim: Hashable) -> str | None:
    """Return the units of a dimension's coordinate.

    Parameters
    ----------
    data : DataArray or Dataset
        Where the dimension is.
    dim : hashable
        Its name.

    Returns
    -------
    str or None
        The units as stated; `None` where they are unknown or there is no coordinate.
    """
    return _attrs_of(data, dim).get("units")


def _attrs_of(data: xr.DataArray | xr.Dataset, dim: Hashable) -> dict[Any, Any]:
    # As a variable: to make an array of each coordinate takes longer than all checks.
    if isinstance(data, xr.DataArray):
        variable = data._coords.get(dim)
    else:
        variable = data.coords.variables.get(dim)
    return {} if variable is None else variable.attrs
