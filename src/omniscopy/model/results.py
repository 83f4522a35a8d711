"""Results carry the units that were stated for them, and nothing left over from their inputs."""

from typing import Any

import numpy as np
import xarray as xr

from omniscopy.model.status import status_attrs


def result(
    attrs: dict[str, Any] | None = None, /, **variables: tuple[xr.DataArray, str | None]
) -> xr.Dataset:
    """Return a Dataset of ``name=(values, units)`` without the attributes of what made them.

    `units` is `"1"` for a pure number and `None` where they are unknown. A variable called
    `status` gets its flag meanings. Coordinates keep their attributes.
    """
    made: dict[str, xr.DataArray] = {}
    for name, (values, units) in variables.items():
        made[name] = labelled(values, units=units)
        if name == "status":
            made[name] = made[name].astype(np.uint8).assign_attrs(status_attrs())
    return xr.Dataset(made).drop_attrs(deep=False).assign_attrs(attrs or {})


def labelled(values: xr.DataArray, *, units: str | None, **attrs: Any) -> xr.DataArray:
    """Return `values` with these attributes in place of those they have."""
    stated = {} if units is None else {"units": units}
    made = values.copy(deep=False)  # `drop_attrs` would copy the values
    made.attrs = {**stated, **attrs}
    return made
