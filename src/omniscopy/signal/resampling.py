"""Fewer, other or only some of the points along any dimensions."""

import math
from collections.abc import Mapping
from typing import Any, Literal, cast, get_args

import numpy as np
import xarray as xr

from omniscopy.model import DataError, operation, require_choice, require_numbers
from omniscopy.model.units import is_unit, parse
from omniscopy.signal.bin_kernel import sum_bins
from omniscopy.signal.companions import (
    Labelled,
    Nature,
    change_each,
    real_type,
    require_labelled,
)

Reduction = Literal["sum", "mean"]
Remainder = Literal["drop", "keep"]

_COUNTED = (parse("counts").powers, parse("electrons").powers)


@operation(example={"data": "spectrum_image", "factors": {"y": 3, "energy_loss": 2}})
def rebin(
    data: Labelled,
    factors: Mapping[str, int],
    *,
    reduce: Reduction | None = None,
    remainder: Remainder = "drop",
) -> Labelled:
    r"""Join neighbouring points to bins.

    Parameters
    ----------
    data : DataArray or Dataset, any dimensions
        Lazy or in memory. Of a Dataset every variable with one of the dimensions is rebinned:
        variances and standard deviations (``*_std``) as independent noise has it, a mask is
        true where any of its points is.
    factors : mapping of dimension to int
        How many points make a bin.
    reduce : {"sum", "mean"}
        What a bin holds; "sum" for counts and electrons, "mean" for anything else otherwise.
    remainder : {"drop", "keep"}
        What happens to points that are left over at the end of a dimension: they are left out,
        or make a last bin of their own.

    Returns
    -------
    DataArray or Dataset, units of `data`
        On the means of the coordinates: a bin lies in the middle of its points, and its edges
        are half a bin away. Means of integers are float64; everything else keeps its
        precision. Values that are NaN are left out; NaN where there is no other.

    Raises
    ------
    DataError
        A dimension is missing or has fewer points than a bin, or a factor is no whole number.

    Notes
    -----
    A sum has the variance :math:`\sum \sigma_i^2`, the mean of n points :math:`\sum \sigma_i^2 /
    n^2`.

    Examples
    --------
    >>> import omniscopy as om
    >>> coarse = om.signal.rebin(om.samples.spectrum_image(), {"y": 2, "x": 4})
    >>> dict(coarse.sizes), coarse["y"].values[:2]
    ({'y': 8, 'x': 5, 'energy_loss': 280}, array([0.25, 1.25]))
    """
    require_labelled(data)
    _require_dims(data, factors)
    require_choice("remainder", remainder, get_args(Remainder))
    if reduce is not None:
        require_choice("reduce", reduce, get_args(Reduction))
    for dim, factor in factors.items():
        if isinstance(factor, bool) or int(factor) != factor or factor < 1:
            message = f"the factor of {dim!r} must be a whole number of points, got {factor!r}"
            raise DataError(message)
        if factor > data.sizes[dim] and not (remainder == "keep" and data.sizes[dim]):
            message = f"{dim!r} has {data.sizes[dim]} points; a bin of {factor} has no room there"
            raise DataError(message)

    def change(values: xr.DataArray, nature: Nature, owner: xr.DataArray) -> xr.DataArray:
        require_numbers(values)
        own = {dim: int(n) for dim, n in factors.items() if dim in values.dims}
        keep = remainder == "keep"
        if nature == "flag":
            return _joined(values, own, keep=keep, how="max")
        wanted = reduce or ("sum" if is_counted(owner) else "mean")
        noise = values**2 if nature == "std" else values
        total = _joined(noise, own, keep=keep, how="sum")
        if wanted == "mean":
            count = _joined(_present(values, own), own, keep=keep, how="sum")
            power = 1 if nature == "value" else 2
            total = total / count.where(count > 0).astype(real_type(total)) ** power
        return total**0.5 if nature == "std" else total

    return change_each(data, change, dims=set(factors))


@operation(example={"data": "spectrum_image", "window": {"x": [1.0, 6.0]}})
def crop(data: Labelled, window: Mapping[str, tuple[float | None, float | None]]) -> Labelled:
    """Keep the part of the data between labels.

    Parameters
    ----------
    data : DataArray or Dataset, any dimensions
        Lazy or in memory; nothing is copied where the part is in one piece.
    window : mapping of coordinate to (low, high), units of the coordinates
        Both ends belong to the part; `None` where there is no limit. A coordinate is that of
        a dimension, in any order, or one that lies along a dimension, such as the positions
        ``x`` and ``y`` of points.

    Returns
    -------
    DataArray or Dataset, units of `data`
        The values as they are.

    Raises
    ------
    DataError
        A coordinate is missing, a window is empty, or nothing lies in it.

    Examples
    --------
    >>> import omniscopy as om
    >>> part = om.signal.crop(om.samples.spectrum_image(), {"energy_loss": (450, 470)})
    >>> part.sizes["energy_loss"]
    41
    """
    require_labelled(data)
    kept: dict[str, np.ndarray] = {}
    for name, ends in window.items():
        dim, inside = _inside(data, name, ends)
        kept[dim] = inside & kept[dim] if dim in kept else inside
    for dim, inside in kept.items():
        if not inside.any():
            message = f"the windows {dict(window)} have no point of {dim!r} in common"
            raise DataError(message)
    indexers = {dim: _slice(inside) for dim, inside in kept.items()}
    part = cast("Labelled", data.isel(indexers))

    def change(values: xr.DataArray, _nature: Nature, _owner: xr.DataArray) -> xr.DataArray:
        return values

    return change_each(part, change, dims=set(map(str, part.dims)))


def is_counted(values: xr.DataArray) -> bool:
    """Return whether values are numbers of events, which add up when points are joined."""
    units = values.attrs.get("units")
    return is_unit(units) and parse(str(units)).powers in _COUNTED


def _joined(
    values: xr.DataArray, factors: Mapping[str, int], *, keep: bool, how: Literal["sum", "max"]
) -> xr.DataArray:
    """Return sums or maxima of bins, one dimension after the other; NaN is left out."""
    words = [n for n, c in values.coords.items() if c.dtype.kind not in "iufcM"]
    values = values.drop_vars([name for name in words if set(factors) & {*values[name].dims}])
    for dim in (each for each in values.dims if each in factors):  # the last reads the least
        size, factor = values.sizes[dim], factors[str(dim)]
        whole = size // factor * factor
        parts = [(slice(0, whole), factor)] if whole else []
        parts += [(slice(whole, None), size - whole)] if keep and whole < size else []
        made = []
        for part, width in parts:
            bins = values.isel({dim: part}).coarsen({dim: width}, coord_func="mean")
            made.append(bins.reduce(_sum_of_bins) if how == "sum" else bins.max())
        values = made[0] if len(made) == 1 else xr.concat(made, dim, join="exact")
    return values


def _sum_of_bins(values: Any, axis: tuple[int]) -> Any:
    """Return sums along one axis of an array in memory or a lazy one."""
    if isinstance(values, np.ndarray):
        return sum_bins(values, axis)
    dtype = sum_bins(np.empty((0,) * values.ndim, values.dtype), axis).dtype
    return values.map_blocks(sum_bins, axis=axis, drop_axis=axis, dtype=dtype)


def _present(values: xr.DataArray, factors: Mapping[str, int]) -> xr.DataArray:
    """Return where there are values, as numbers to be added up; without NaN, along bins only."""
    if values.dtype.kind in "fc":
        return values.notnull()
    return xr.DataArray(
        np.ones([values.sizes[dim] for dim in factors], dtype=np.int64), dims=list(factors)
    )


def _inside(
    data: xr.DataArray | xr.Dataset, name: str, ends: tuple[float | None, float | None]
) -> tuple[str, np.ndarray]:
    """Return along which dimension a coordinate lies, and which of its labels are in a window."""
    if name not in data.coords or data.coords[name].ndim != 1:
        known = [str(each) for each, values in data.coords.items() if values.ndim == 1]
        message = f"expected a coordinate {name!r} along one dimension; there are {known}"
        raise DataError(message)
    labels = np.asarray(data.coords[name].values)
    low = -math.inf if ends[0] is None else ends[0]
    high = math.inf if ends[1] is None else ends[1]
    if not low <= high:
        message = f"window {(low, high)} of {name!r} must be (low, high) with low <= high"
        raise DataError(message)
    if labels.dtype.kind not in "iuf":
        message = f"coordinate {name!r} must be numbers, got {labels.dtype}"
        raise DataError(message)
    inside = (labels >= low) & (labels <= high)
    if not inside.any():
        span = f"spans {labels.min():g} to {labels.max():g}" if labels.size else "is empty"
        message = f"window {(low, high)} holds no point of {name!r}, which {span}"
        raise DataError(message)
    return str(data.coords[name].dims[0]), inside


def _slice(inside: np.ndarray) -> slice | np.ndarray:
    """Return the chosen places, as a slice where they are in one piece: that copies nothing."""
    places = np.flatnonzero(inside)
    whole = places[-1] - places[0] + 1 == places.size
    return slice(int(places[0]), int(places[-1]) + 1) if whole else places


def _require_dims(data: xr.DataArray | xr.Dataset, dims: Mapping[str, object]) -> None:
    missing = [dim for dim in dims if dim not in data.dims]
    if missing or not dims:
        message = f"expected dimensions of {tuple(map(str, data.dims))}, got {tuple(dims)}"
        raise DataError(message)
