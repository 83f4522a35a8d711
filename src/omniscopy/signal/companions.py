"""Values and what goes with them: the same change for an array or for each variable of a Dataset.

Of the companions of a signal (`variance`, `height_std`, `mask`, `status`) each changes in its
own way when the signal is added up or interpolated.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeVar, cast

import numpy as np
import xarray as xr

from omniscopy.model import DataError, Status
from omniscopy.model.units import product
from omniscopy.signal.sums import described

Nature = Literal["value", "variance", "std", "flag"]
Labelled = TypeVar("Labelled", bound=xr.DataArray | xr.Dataset)
# Takes an array, what it is, and the values that it belongs to.
Change = Callable[[xr.DataArray, Nature, xr.DataArray], xr.DataArray]

_FLAGS = ("mask", "status")
_SIGNAL = "signal"


def change_each(
    data: Labelled, change: Change, *, dims: set[str], units: str | None = "1"
) -> Labelled:
    """Return an array or a Dataset whose variables with any of `dims` are changed.

    The changed arrays get their descriptions from what they were, and their units times `units`.
    """
    require_labelled(data)
    if isinstance(data, xr.DataArray):
        nature: Nature = "flag" if _is_flag(data) else "value"
        return cast("Labelled", _described(change(data, nature, data), data, nature, units))
    made = {}
    for name, values in data.data_vars.items():
        if dims & set(values.dims):
            kind = nature_of(str(name), values)
            changed = change(values, kind, _owner(data, str(name)))
            made[name] = _described(changed, values, kind, units)
        else:
            made[name] = values
    return cast("Labelled", xr.Dataset(made, attrs=_own(data.attrs)))


def require_labelled(data: object) -> None:
    """Raise unless `data` is an array or a Dataset."""
    if not isinstance(data, xr.DataArray | xr.Dataset):
        message = (
            f"expected labelled data (xarray.DataArray or Dataset), got {type(data).__name__}; "
            "label it with `xarray.DataArray(values, dims=..., coords=...)`"
        )
        raise DataError(message)


def nature_of(name: str, values: xr.DataArray) -> Nature:
    """Return what a variable of a Dataset holds, from its name and type."""
    if name in _FLAGS or _is_flag(values):
        return "flag"
    if name == "variance" or name.endswith("_variance"):
        return "variance"
    return "std" if name.endswith("_std") else "value"


def real_type(values: xr.DataArray) -> type:
    """Return the type of factors of `values` that leaves single precision what it is."""
    return np.float32 if values.dtype in (np.float32, np.complex64) else np.float64


def blank_of(flags: xr.DataArray) -> int:
    """Return the flag of a place without an answer: no data for outcomes, 0 for others."""
    known = str(flags.attrs.get("flag_meanings", "")).split()
    return int(Status.NO_DATA) if Status.NO_DATA.name.lower() in known else 0


def _is_flag(values: xr.DataArray) -> bool:
    return values.dtype.kind == "b" or {"flag_values", "flag_meanings"} <= {*values.attrs}


def _owner(data: xr.Dataset, name: str) -> xr.DataArray:
    """Return the values that a variable is the uncertainty of; itself otherwise."""
    for ending in ("_std", "_variance"):
        if name.endswith(ending) and name.removesuffix(ending) in data:
            return data[name.removesuffix(ending)]
    return data[_SIGNAL] if name == "variance" and _SIGNAL in data else data[name]


def _described(
    made: xr.DataArray, values: xr.DataArray, nature: Nature, by: str | None
) -> xr.DataArray:
    if nature == "flag":
        return made.assign_attrs(_own(values.attrs))
    units = values.attrs.get("units")
    if by != "1":
        units = product((units, 1), (by, 2 if nature == "variance" else 1))
    return described(made, values, units=units)


def _own(attrs: dict[Any, Any]) -> dict[Any, Any]:
    """Return attributes without the history, which the operation writes."""
    return {key: value for key, value in attrs.items() if key != "provenance"}
