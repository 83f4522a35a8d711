"""Along which bias loops are measured: a dimension, or a coordinate that differs between loops."""

from collections.abc import Callable

import numpy as np
import xarray as xr

from omniscopy.model import DataError, require_array, require_dim, require_units, role_of_dim


def loop_axis(data: xr.DataArray, dim: str, *, at_least: int = 4) -> tuple[str, xr.DataArray]:
    """Return the dimension of loops, and the bias in volts along it.

    Parameters
    ----------
    data : DataArray
        What is measured along loops.
    dim : str
        The bias: a dimension, or a coordinate of several dimensions, of which the last one of
        the signal, such as ``sample``, is that of the loops.
    at_least : int
        Steps of a loop.

    Returns
    -------
    (str, DataArray)
        The bias has the dimension of the loops last.
    """
    require_array(data)
    along = dim
    if dim not in data.dims and dim in data.coords and data.coords[dim].ndim > 0:
        dims = [str(each) for each in data.coords[dim].dims]
        along = ([each for each in dims if role_of_dim(data, each) == "signal"] or dims)[-1]
        factor = require_units(data.coords[dim], "V", what=f"coordinate {dim!r}")
        if data.sizes[along] < at_least:
            message = f"a loop has {data.sizes[along]} steps; at least {at_least} are needed"
            raise DataError(message)
    else:
        require_dim(data, dim, units="V", ascending=False, at_least=at_least)
        factor = require_units(data.coords[dim], "V")
    bias = data.coords[dim].drop_attrs(deep=False).reset_coords(drop=True).compute() * factor
    if not np.isfinite(bias.values).all():
        message = f"coordinate {dim!r} has values that are not finite"
        raise DataError(message)
    return along, bias.transpose(..., along)


def for_each_bias(
    data: xr.DataArray, along: str, bias: xr.DataArray,
    work: Callable[[xr.DataArray, np.ndarray], xr.Dataset],
) -> xr.Dataset:  # fmt: skip
    """Return what `work` makes of the loops of each bias, put together again."""
    others = [str(each) for each in bias.dims if each != along]
    if not others:
        return work(data, np.asarray(bias.values, np.float64))
    first = others[0]
    parts = [
        for_each_bias(
            data.isel({first: slice(n, n + 1)}), along, bias.isel({first: n}, drop=True), work
        )
        for n in range(data.sizes[first])
    ]
    return xr.concat(parts, first, coords="minimal", compat="override", combine_attrs="override")
