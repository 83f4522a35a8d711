"""Doing the same for every pixel."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.model import labelled, require_dims

# What compiled functions take in place of half and of extended precision.
_COMPILED = {"e": np.dtype("f4"), "g": np.dtype("f8"), "G": np.dtype("c16")}


def map_signal(
    function: Callable[..., Any],
    data: xr.DataArray,
    *,
    dim: str | Sequence[str],
    output_dims: Sequence[Mapping[str, int]] = ({},),
    dtypes: Sequence[npt.DTypeLike] | None = None,
    parameters: Mapping[str, Any] | None = None,
    also: Sequence[xr.DataArray] = (),
    whole: Sequence[str] = (),
) -> tuple[xr.DataArray, ...]:
    """Map `function` over all dimensions of `data` but those it works on.

    Parameters
    ----------
    function : callable
        Takes an array of shape (..., dim) and returns one array, or a tuple of arrays, of
        shape (..., output dims). It is called for a block of pixels at a time.
    data : DataArray
        Lazy or in memory; its chunks along `dim` are joined.
    dim : str or sequence of str
        The dimensions that `function` works on.
    output_dims : sequence of mappings of dimension to size
        New dimensions of each array that `function` returns.
    dtypes : sequence of dtype, optional
        Of each array; float64 where left out.
    parameters : mapping, optional
        Further keyword arguments of `function`.
    also : sequence of DataArray
        Further arrays, given to `function` after the first one: each with the dimensions of `dim`
        and of `whole` that it has last, and with others that fit to those of `data` by
        broadcasting.
    whole : sequence of str
        Dimensions that only arrays of `also` have, given to `function` as a whole too.

    Returns
    -------
    tuple of DataArray
        Without attributes; the other dimensions of `data` come first, in their order, with
        their coordinates.
    """
    dims = [dim] if isinstance(dim, str) else list(dim)
    data, *also = (_native(each) for each in (data, *also))
    if not also and data.chunks is None:
        return _at_once(function, data, dims, output_dims, dict(parameters or {}))
    inside = [[d for d in (*dims, *whole) if d in each.dims] for each in also]
    arrays = [
        each if each.chunks is None else each.chunk(dict.fromkeys(core, -1))
        for each, core in zip((data, *also), (dims, *inside), strict=True)
    ]
    sizes = {name: size for output in output_dims for name, size in output.items()}
    made = xr.apply_ufunc(
        function,
        *arrays,
        kwargs=dict(parameters or {}),
        input_core_dims=[dims, *inside],
        output_core_dims=[list(output) for output in output_dims],
        exclude_dims={*dims, *whole},
        dask="parallelized",
        dask_gufunc_kwargs={
            "output_sizes": sizes,
            # Given the types alone, dask casts an empty array of the input's and warns of it.
            "meta": tuple(np.empty(0, each) for each in dtypes or [np.float64] * len(output_dims)),
        },
        keep_attrs=True,  # those of the coordinates; the values' own are dropped below
    )
    found = made if isinstance(made, tuple) else (made,)
    return tuple(labelled(each, units=None) for each in found)


def _native(data: xr.DataArray) -> xr.DataArray:
    """Return the same in numbers that compiled functions take: no half or extended precision."""
    dtype = _COMPILED.get(data.dtype.char, data.dtype.newbyteorder("="))
    return data if data.dtype == dtype and data.dtype.isnative else data.astype(dtype)


def _at_once(
    function: Callable[..., Any],
    data: xr.DataArray,
    dims: Sequence[str],
    output_dims: Sequence[Mapping[str, int]],
    parameters: Mapping[str, Any],
) -> tuple[xr.DataArray, ...]:
    """Return the same of one array in memory; to compare and broadcast nothing takes as long."""
    require_dims(data, dims)
    ordered = data.variable.transpose(..., *dims)
    outer = ordered.dims[: ordered.ndim - len(dims)]
    found = function(ordered.data, **parameters)
    arrays = found if isinstance(found, tuple) else (found,)
    kept = {name: each for name, each in data._coords.items() if not set(each.dims) & set(dims)}
    indexes = {name: index for name, index in data._indexes.items() if name in kept}
    made = []
    for values, new in zip(arrays, output_dims, strict=True):
        expected = (*ordered.shape[: len(outer)], *new.values())
        if np.shape(values) != expected:
            message = f"{function} made an array of shape {np.shape(values)} in place of {expected}"
            raise ValueError(message)
        variable = xr.Variable((*outer, *new), values)
        coords = {name: each.copy(deep=False) for name, each in kept.items()}
        made.append(
            xr.DataArray(variable, coords, name=data.name, indexes=indexes, fastpath=True)
        )  # fmt: skip
    return tuple(made)
