"""Results carry the units that were stated for them, and nothing left over from their inputs."""

from collections.abc import Mapping
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

    `units` is `"1"` for a pure number and `None` where they are unknown. A variable called
    `status` gets its flag meanings. Coordinates keep their attributes; `coords` are those of
    values that have none of their own.
    """
    made: dict[str, xr.DataArray | xr.Variable] = {}
    for name, (values, units) in variables.items():
        made[name] = labelled(values, units=units)
        if name == "status":
            made[name] = made[name].astype(np.uint8)
            made[name].attrs |= status_attrs()
    return xr.Dataset(made, coords).drop_attrs(deep=False).assign_attrs(attrs or {})


def labelled(values: AnyArray, *, units: str | None, **attrs: Any) -> AnyArray:
    """Return `values` with these attributes in place of those they have."""
    stated = {} if units is None else {"units": units}
    made: Any = values.copy(deep=False)  # `drop_attrs` would copy the values
    made.attrs = {**stated, **attrs}
    return made
