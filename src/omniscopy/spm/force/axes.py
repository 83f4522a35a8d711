"""Which axis of labelled data the curves run along, and in which units it is."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.threads import blocks_of, share_work
from omniscopy.model import DataError, require_array, require_real, require_units, role_of_dim

_RECORDED = ("time", "sample", "indentation", "z")


def curve_axis(
    data: xr.DataArray, name: str, dim: str | None, *, units: str | None = "m"
) -> tuple[str, xr.DataArray]:
    """Return the dimension of the curves, and the coordinate `name` along it.

    The coordinate may be that of the dimension, or one that differs from curve to curve.
    """
    require_array(data)
    require_real(data)
    if dim is not None and dim not in data.dims:
        message = f"expected a dimension {dim!r}, got {tuple(data.dims)}"
        raise DataError(message)
    if name not in data.coords and dim is not None and dim in data.coords:
        name = dim
    if name not in data.coords:
        hint = (
            "; `spm.to_separation` makes it"
            if name == "indentation"
            else "; assign the height of the base, as in `data.assign_coords(z=...)`"
        )
        message = f"expected a coordinate {name!r}, got {sorted(map(str, data.coords))}{hint}"
        raise DataError(message)
    axis = data.coords[name]
    along = [str(each) for each in axis.dims if each in data.dims]
    if dim is None:
        likely = [each for each in along if each == name]
        likely += [each for each in along if each in _RECORDED and each not in likely]
        likely += [each for each in along if role_of_dim(data, each) == "signal"]
        dim = likely[0] if likely else (along[-1] if along else None)
    if dim is None or dim not in along:
        message = f"coordinate {name!r} does not run along a dimension of the curves"
        raise DataError(message)
    if data.sizes[dim] < 8:
        message = f"curves along {dim!r} have {data.sizes[dim]} points; at least 8 are needed"
        raise DataError(message)
    if units is not None:
        require_units(axis, units, what=f"coordinate {name!r}")
    # Without labels: the axis of a dimension is one row of numbers like that of every curve.
    return dim, xr.DataArray(axis.variable.to_base_variable())


def map_curves(
    kernel: Callable[..., None], data: xr.DataArray, axis: xr.DataArray, dim: str, outputs: int,
    *numbers: Any,
) -> list[xr.DataArray]:  # fmt: skip
    """Return what a compiled function finds of every curve, as one map for each number.

    It takes rows of the axis (one, or one for each curve), rows of values, numbers, and the rows
    that it fills in.
    """
    made = map_signal(
        run_kernel, data, dim=dim, also=[axis], output_dims=[{"parameter": outputs}],
        parameters={
            "kernel": kernel, "outputs": outputs, "numbers": numbers,
            "threads": None if data.chunks is None else 1,
        },
    )[0]  # fmt: skip
    return [made.isel(parameter=number, drop=True) for number in range(outputs)]


def run_kernel(
    values: np.ndarray, axis: np.ndarray, *, kernel: Callable[..., None], outputs: int,
    numbers: tuple[Any, ...], threads: int | None,
) -> np.ndarray:  # fmt: skip
    """Return what a compiled function finds of every curve of a block."""
    rows, places = as_rows(values, axis)
    found = np.full((len(rows), outputs), np.nan)
    blocks = blocks_of(len(rows), rows.shape[1])

    def work(begin: int) -> None:
        part = slice(begin, begin + blocks.step)
        own = places[part] if len(places) > 1 else places
        kernel(
            np.ascontiguousarray(own, np.float64), np.ascontiguousarray(rows[part], np.float64),
            *numbers, found[part],
        )  # fmt: skip

    share_work(work, blocks, threads)
    return found.reshape(*values.shape[:-1], outputs)


def as_rows(values: np.ndarray, axis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return curves, and their axis (one row, or one for each curve), as tables."""
    rows = values.reshape(-1, values.shape[-1])
    if axis.size == axis.shape[-1]:
        return rows, axis.reshape(1, -1)
    places = axis
    while places.ndim < values.ndim:
        places = places[None]
    return rows, np.broadcast_to(places, values.shape).reshape(rows.shape)
