"""Several dimensions as one, and back."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.model import DataError, coordinate, operation, role_of_dim
from omniscopy.signal.companions import Labelled, Nature, blank_of, change_each, require_labelled

# Where the coordinate of the folded dimension keeps what it was made of.
FOLDED = "folded"


@operation(example={"data": "spectrum_image", "dims": ["y", "x"]})
def fold(data: Labelled, dims: Sequence[str] | None = None, *, into: str = "point") -> Labelled:
    """Join several dimensions to one, such as those of a scan to a list of its points.

    Parameters
    ----------
    data : DataArray or Dataset, any dimensions
        Lazy or in memory; nothing is copied where `dims` lie side by side and in this order.
        Of a Dataset every variable with one of `dims` is folded.
    dims : sequence of str
        What is joined, the slowest first; all navigation dimensions otherwise.
    into : str
        The name of the new dimension.

    Returns
    -------
    DataArray or Dataset, units of `data`
        With the new dimension in the place of the first of `dims`. Its labels number the
        points; the coordinates of `dims` lie along it. `unfold` is the way back, also for a
        part of the points.

    Raises
    ------
    DataError
        A dimension is missing or named twice, or `into` is there already.

    Examples
    --------
    >>> import omniscopy as om
    >>> points = om.signal.fold(om.samples.spectrum_image())
    >>> dict(points.sizes), points["x"].dims
    ({'point': 320, 'energy_loss': 280}, ('point',))
    """
    require_labelled(data)
    chosen = _chosen(data, dims)
    if into in data.dims or into in data.coords:
        message = f"there is a dimension or coordinate {into!r} already; give another with `into=`"
        raise DataError(message)
    sizes = [data.sizes[dim] for dim in chosen]
    shared = [name for name, each in data.coords.items() if {*chosen} & {*each.dims}]
    folded = {
        "dims": chosen,
        "sizes": sizes,
        "axes": {dim: _axis_of(data, dim) for dim in chosen if dim in data.coords},
        "along": {str(name): [str(d) for d in data.coords[name].dims] for name in shared},
    }
    coords: dict[Any, Any] = {
        name: _folded(data.coords[name].variable.to_base_variable(), chosen, into, sizes)
        for name in shared
    }
    number = np.arange(math.prod(sizes))
    coords[into] = coordinate(into, number, "1", kind="point", **{FOLDED: folded})

    def change(values: xr.DataArray, *_: object) -> xr.DataArray:
        made = _folded(values.variable, chosen, into, sizes)
        kept = {name: each for name, each in values.coords.items() if name not in shared}
        return xr.DataArray(made, {**kept, **coords}, name=values.name)

    return change_each(data, change, dims={*chosen})


@operation(example={"data": "folded"})
def unfold(data: Labelled, dim: str | None = None) -> Labelled:
    """Take apart a dimension that `fold` made.

    Parameters
    ----------
    data : DataArray or Dataset, with a folded dimension
        Lazy or in memory: all points, or some of them in any order.
    dim : str
        The folded dimension; the only one otherwise.

    Returns
    -------
    DataArray or Dataset, units of `data`
        With the dimensions and coordinates that were folded. Where points are gone, values are
        NaN (integers become floating point), a mask is false, a status 4 (no data) and any
        other flag 0. Nothing is copied where no point is gone.

    Raises
    ------
    DataError
        There is no such dimension, it is empty, or its points are not those of `fold` any more.

    Examples
    --------
    >>> import omniscopy as om
    >>> data = om.samples.spectrum_image()
    >>> bright = om.signal.fold(data)[::3]
    >>> om.signal.unfold(bright).dims
    ('y', 'x', 'energy_loss')
    """
    require_labelled(data)
    dim = _folded_dim(data, dim)
    folded = data.coords[dim].attrs[FOLDED]
    dims, sizes = list(folded["dims"]), [int(size) for size in folded["sizes"]]
    taken = [each for each in dims if each in data.dims]
    if taken:
        message = f"the result has a dimension {taken[0]!r}, which the data have already"
        raise DataError(message)
    source = _source(data, dim, math.prod(sizes))
    coords: dict[Any, Any] = {
        name: (name, np.asarray(axis["values"]), dict(axis["attrs"]))
        for name, axis in folded["axes"].items()
    }
    for name, each in data.coords.items():
        if dim in each.dims and name not in (dim, *coords):
            values = _unfolded(each, dim, dims, sizes, source).variable
            along = folded["along"].get(str(name), dims)
            if source is None:
                values = values.isel({each: 0 for each in dims if each not in along})
            if {*dims} & {*values.dims} == {*along}:
                coords[name] = values

    def change(values: xr.DataArray, nature: Nature, _owner: xr.DataArray) -> xr.DataArray:
        made = _unfolded(values, dim, dims, sizes, source, flag=nature == "flag").variable
        kept = {name: each for name, each in values.coords.items() if dim not in each.dims}
        return xr.DataArray(made, {**kept, **coords}, name=values.name)

    return change_each(data, change, dims={dim})


def _chosen(data: xr.DataArray | xr.Dataset, dims: Sequence[str] | None) -> list[str]:
    """Return the dimensions that are to be folded."""
    if isinstance(dims, str):
        dims = [dims]
    chosen = list(dims) if dims is not None else [
        str(dim) for dim in data.dims if role_of_dim(data, dim) == "navigation"
    ]  # fmt: skip
    missing = [dim for dim in chosen if dim not in data.dims]
    if missing or not chosen:
        message = f"expected dimensions of {tuple(map(str, data.dims))}, got {tuple(chosen)}"
        raise DataError(message)
    if len({*chosen}) < len(chosen):
        message = f"dimensions {tuple(chosen)} hold one twice"
        raise DataError(message)
    return chosen


def _folded(
    variable: xr.Variable, dims: Sequence[str], into: str, sizes: Sequence[int]
) -> xr.Variable:
    """Return a variable with its `dims` as one, in the place of the first of them."""
    present = [dim for dim in variable.dims if dim in dims]
    if len(present) < len(dims):
        full = dict(zip(dims, sizes, strict=True)) | dict(variable.sizes)
        variable = variable.set_dims(full)  # type: ignore[no-untyped-call]
    others = [dim for dim in variable.dims if dim not in dims]
    at = min(variable.dims.index(dim) for dim in dims)
    variable = variable.transpose(*others[:at], *dims, *others[at:])
    shape = (*variable.shape[:at], math.prod(sizes), *variable.shape[at + len(dims) :])
    made = variable.data.reshape(shape)
    return xr.Variable((*others[:at], into, *others[at:]), made, variable.attrs)


def _unfolded(
    values: xr.DataArray,
    dim: str,
    dims: Sequence[str],
    sizes: Sequence[int],
    source: np.ndarray | None,
    *,
    flag: bool = False,
) -> xr.DataArray:
    """Return values with `dim` taken apart; `source` says where each point is."""
    if source is not None:
        there = xr.DataArray(source >= 0, dims=dim)
        values = values.drop_vars(dim).isel({dim: np.maximum(source, 0)})
        if not there.all():
            filled = values.where(there, blank_of(values) if flag else np.nan)
            values = filled.astype(values.dtype) if flag else filled
    at = values.dims.index(dim)
    shape = (*values.shape[:at], *sizes, *values.shape[at + 1 :])
    return xr.DataArray(
        values.data.reshape(shape), dims=(*values.dims[:at], *dims, *values.dims[at + 1 :]),
        attrs=values.attrs,
    )  # fmt: skip


def _source(data: xr.DataArray | xr.Dataset, dim: str, count: int) -> np.ndarray | None:
    """Return where each point that was folded is now, -1 where it is gone; `None` if in order."""
    number = np.asarray(data.coords[dim].values)
    valid = number.dtype.kind in "iu" and np.unique(number).size == number.size
    if not valid or (number.size and not 0 <= number.min() <= number.max() < count):
        message = (
            f"the labels of {dim!r} are not numbers of the {count} points that were folded; "
            "keep those that `fold` gave"
        )
        raise DataError(message)
    if np.array_equal(number, np.arange(count)):
        return None
    if not number.size:
        message = f"{dim!r} is empty; there is nothing to unfold"
        raise DataError(message)
    source = np.full(count, -1)
    source[number] = np.arange(number.size)
    return source


def _folded_dim(data: xr.DataArray | xr.Dataset, dim: str | None) -> str:
    found = [str(d) for d in data.dims if d in data.coords and FOLDED in data.coords[d].attrs]
    if dim is not None and dim in found:
        return dim
    if dim is None and len(found) == 1:
        return found[0]
    known = f"folded are {found}" if found else "none of them was made by `fold`"
    asked = f"{dim!r} is not folded" if dim else "name the dimension with `dim=`"
    message = f"dimensions are {tuple(map(str, data.dims))}, {known}; {asked}"
    raise DataError(message)


def _axis_of(data: xr.DataArray | xr.Dataset, dim: str) -> dict[str, Any]:
    """Return the labels of a dimension and what describes them."""
    labels = data.coords[dim]
    return {"values": np.asarray(labels.values), "attrs": dict(labels.attrs)}
