"""What is fitted: data, weights and starts are checked before anything is computed."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from omniscopy.model import (
    DataError,
    dims_of_role,
    kind_of_dim,
    require_array,
    require_dims,
    require_plane,
    require_real,
    require_window,
)
from omniscopy.signal.layout import Layout
from omniscopy.signal.noise import spectral_dim
from omniscopy.signal.scans import can_scan


def prepare_data(
    data: xr.DataArray,
    layout: Layout,
    dim: str | Sequence[str] | None,
    window: tuple[float, float] | None,
) -> tuple[xr.DataArray, list[str]]:
    """Return what is fitted, along ordered axes, and the dimensions of the model."""
    require_array(data)
    _require_kind(data, layout)
    dims = model_dims(data, layout, dim)
    if window is not None:
        _require_pair(window, layout)
    for each in dims:
        if not np.isfinite(np.asarray(data.coords[each].values, dtype=np.float64)).all():
            message = f"coordinate {each!r} has values that are not finite"
            raise DataError(message)
        index = data.indexes[each]
        if not index.is_monotonic_increasing and (
            window is not None or not index.is_monotonic_decreasing
        ):
            data = data.sortby(each)
    if window is not None:
        data = require_window(data, dims[0], window, at_least=1)
    return data, dims


def _require_pair(window: object, layout: Layout) -> None:
    """Raise unless a window is two numbers, for spectra."""
    if layout.ndim == 2:
        message = "a model of images takes no window; select the part with `.sel`"
        raise DataError(message)
    pair = tuple(window) if isinstance(window, Sequence) and len(window) == 2 else ("",)
    if not all(isinstance(each, int | float | np.number) for each in pair):
        message = f"window must be (low, high) in units of the coordinate, got {window!r}"
        raise DataError(message)


def model_dims(data: xr.DataArray, layout: Layout, dim: str | Sequence[str] | None) -> list[str]:
    """Return the dimensions that a model is of: those given, or those of the signal."""
    if layout.ndim == 1:
        if dim is not None and not isinstance(dim, str):
            message = f"a model of spectra has one dimension, got dim={dim!r}"
            raise DataError(message)
        return [spectral_dim(data, dim, at_least=1)]
    if isinstance(dim, str):
        message = "a model of images needs two dimensions, as dim=('y', 'x')"
        raise DataError(message)
    return list(image_dims(data, dim))


def _require_kind(data: xr.DataArray, layout: Layout) -> None:
    """Raise unless data and model are both real, or both complex."""
    if not layout.is_complex:
        require_real(data)
    elif data.dtype.kind != "c":
        message = f"the model is complex, the data are {data.dtype}: give complex data"
        raise DataError(message)


def image_dims(data: xr.DataArray, dim: Sequence[str] | None) -> tuple[str, str]:
    """Return rows and columns of images: those given, of the signal, or of space."""
    if dim is None and len(dims_of_role(data, "signal")) != 2:
        return require_plane(data, None, kind="spatial")
    dims = list(dim) if dim is not None else dims_of_role(data, "signal")
    if len(dims) != 2:
        message = f"a model of images needs two dimensions, as dim=('y', 'x'), got {tuple(dims)}"
        raise DataError(message)
    kinds = {kind_of_dim(data, each) for each in dims if each in data.dims}
    kind = "reciprocal" if "reciprocal" in kinds else "spatial"
    rows, columns = require_plane(data, (dims[0], dims[1]) if dim else None, kind=kind)
    return rows, columns


def prepare_weights(weights: xr.DataArray, data: xr.DataArray, dims: Sequence[str]) -> xr.DataArray:
    """Return weights of the part of the data that is fitted, its dimensions last."""
    require_dims(weights, dims)
    require_real(weights)
    without = [each for each in dims if each not in weights.coords]
    if without:
        message = f"weights need the coordinates of the data along {without}"
        raise DataError(message)
    missing = [str(each) for each in weights.dims if each not in data.dims]
    if missing:
        message = f"weights have the dimensions {missing}, which the data have not"
        raise DataError(message)
    message = "weights must have the coordinates of the data, each value once"
    if not all(each.indexes[dim].is_unique for each in (weights, data) for dim in dims):
        raise DataError(message)
    try:
        part = weights.sel({each: data.coords[each] for each in dims})
        xr.align(part, data, join="exact", copy=False)
    except (KeyError, ValueError) as error:
        raise DataError(message) from error
    return part.transpose(..., *dims)


def prepare_starts(
    layout: Layout,
    start: xr.Dataset | Mapping[str, float] | None,
    data: xr.DataArray,
    dims: Sequence[str],
) -> tuple[np.ndarray, xr.DataArray | None]:
    """Return the numbers that parameters start from, and a map of those of every pixel.

    The map has the dimension `parameter` last, and NaN for those that it does not hold.
    """
    numbers = layout.starts.copy()
    mapped: list[str] = []
    maps = None
    if isinstance(start, xr.Dataset):
        maps, mapped = _maps(layout, start, data, dims)
    elif start is not None:
        _require_mapping(start)
        unknown = set(start) - set(layout.names)
        if unknown:
            message = f"start of {sorted(unknown)}; the parameters are {list(layout.names)}"
            raise DataError(message)
        for name, value in start.items():
            numbers[layout.names.index(name)] = _number(name, value)
    _require_estimates(layout, numbers, mapped)
    return numbers, maps


def _require_mapping(start: object) -> None:
    if not isinstance(start, Mapping):
        message = (
            "start must be numbers by name, as {'gaussian_centre': 2.0}, a Dataset of maps, or "
            f"'neighbours', 'clusters' or 'pyramid', got {start!r}"
        )
        raise DataError(message)


def _number(name: str, value: object) -> float:
    if isinstance(value, xr.DataArray | np.ndarray) and value.ndim > 0:
        message = (
            f"start of {name} is an array: give maps as a Dataset, start=Dataset({{{name!r}: ...}})"
        )
        raise DataError(message)
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        message = f"start of {name} must be a number, got {value!r}"
        raise DataError(message) from error


def _maps(
    layout: Layout, start: xr.Dataset, data: xr.DataArray, dims: Sequence[str]
) -> tuple[xr.DataArray, list[str]]:
    mapped = [name for name in layout.names if name in start]
    if not mapped:
        message = (
            f"start holds {sorted(map(str, start.data_vars))}; the parameters are "
            f"{list(layout.names)}"
        )
        raise DataError(message)
    for name in mapped:
        foreign = [str(d) for d in start[name].dims if d in dims or d not in data.dims]
        if foreign:
            message = f"start of {name} has the dimensions {foreign}; it needs one per pixel"
            raise DataError(message)
        try:
            xr.align(start[name], data, join="exact", copy=False)
        except ValueError as error:
            message = f"start of {name} must have the coordinates of the data"
            raise DataError(message) from error
    nothing = xr.DataArray(np.nan)
    each = [
        start[name].reset_coords(drop=True).astype(np.float64) if name in mapped else nothing
        for name in layout.names
    ]
    rows = xr.concat(
        xr.broadcast(*each), "parameter", coords="minimal", compat="override", join="override",
        combine_attrs="drop",
    )  # fmt: skip
    return rows.transpose(..., "parameter"), mapped


def _require_estimates(layout: Layout, given: np.ndarray, mapped: Sequence[str]) -> None:
    """Raise where a parameter has no start and none can be estimated."""
    for number, (name, info) in enumerate(zip(layout.names, layout.infos, strict=True)):
        if not np.isnan(given[number]) or name in mapped or layout.roots[number] != number:
            continue
        if layout.source[number] < 0:
            message = f"{name} is fixed, but at no value: give one, as in `Fixed(1.0)` or `start`"
            raise DataError(message)
        owner = layout.components[int(np.searchsorted(layout.first, number, side="right")) - 1]
        known = info.linear or can_scan(info, layout.lower[number], layout.upper[number])
        if owner.role == "other" and not known:
            message = (
                f"{name} needs a number to start from, as in start={{{name!r}: 1.0}}, or bounds: "
                f"its units do not say where to look for it"
            )
            raise DataError(message)
