"""What is in the regions of a map."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.model import (
    DataError,
    coordinate,
    operation,
    require_array,
    require_numbers,
    result,
)
from omniscopy.signal.positions import place_dims, require_same_places

# What is kept of each region of each chunk, along the last axis.
_PARTS = 3


@operation(example={"data": "spectrum_image", "regions": "regions"})
def measure_regions(
    data: xr.DataArray,
    regions: xr.DataArray,
    *,
    labels: Sequence[int] | None = None,
) -> xr.Dataset:
    r"""Measure the mean, the sum and the spread of the data in each region.

    Parameters
    ----------
    data : DataArray, shape (..., y, x, ...)
        Lazy or in memory, such as a spectrum image.
    regions : DataArray of int or bool, shape (y, x) or (..., y, x)
        A number for each place, such as `label_regions` or a segmentation gives, 0 outside; or
        a mask, which is one region. Further dimensions, such as frames, are those of the data:
        their regions are measured by themselves.
    labels : sequence of int
        The numbers that are wanted; all that there are otherwise, but 0. A lazy map is
        computed to know them, unless it states them as ``flag_values``.

    Returns
    -------
    Dataset, shape (region, ...)
        ``mean`` with its standard error ``mean_std``, ``sum`` and ``standard_deviation``, in
        units of `data`, and ``pixels``, the number of values. Values that are NaN are left
        out: NaN where there is no other, and the spread where there is one only.

    Raises
    ------
    DataError
        The map has other places than the data, or no region.

    Notes
    -----
    :math:`\sigma^2 = \sum |x - \bar x|^2 / (n - 1)`, and :math:`\sigma / \sqrt n` for the mean.

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.signal.measure_regions(om.samples.spectrum_image(), om.samples.regions())
    >>> found["mean"].dims, found["region_name"].values
    (('region', 'energy_loss'), array(['left', 'right'], dtype='<U5'))
    """
    require_array(data)
    require_array(regions)
    require_numbers(data)
    dims, outer = _region_dims(data, regions)
    require_same_places(regions, data, [*outer, *dims], "the map of regions")
    wanted = _wanted(regions, labels)
    others = [str(dim) for dim in data.dims if dim not in (*dims, *outer)]
    values = data.transpose(*outer, *dims, *others)
    parts = _parts_of_chunks(values, regions.transpose(*outer, *dims), wanted, len(outer))
    names = [*outer, *dims, *others, "region"]
    kept = {name: each for name, each in data.coords.items() if {*each.dims} <= {*outer, *others}}
    count, total, squares = (
        xr.DataArray(parts[..., number], {**kept, "region": _region_labels(regions, wanted)}, names)
        for number in range(_PARTS)
    )
    count, squares = count.real, squares.real
    pixels = count.sum(dims)
    there = pixels.where(pixels > 0)
    # By the inverse: a division of complex numbers by NaN warns.
    mean = total.sum(dims) * (1 / there)
    # Spreads of chunks about their own means, and of these about the mean of all.
    apart = abs(total * (1 / count.where(count > 0)) - mean) ** 2
    squares = (squares + (count * apart).where(count > 0, 0.0)).sum(dims)
    deviation = (squares / (pixels - 1).where(pixels > 1)) ** 0.5
    units = data.attrs.get("units")
    found = {
        "mean": (mean, units),
        "mean_std": (deviation / there**0.5, units),
        "sum": (total.sum(dims).where(pixels > 0), units),
        "standard_deviation": (deviation, units),
        "pixels": (pixels.astype(np.int64), "1"),
    }
    order = ("region", *outer, *others)
    made = result(None, **{name: (each.transpose(*order), u) for name, (each, u) in found.items()})
    names_of = _region_names(regions, wanted)
    return made if names_of is None else made.assign_coords(region_name=("region", names_of))


def _region_dims(data: xr.DataArray, regions: xr.DataArray) -> tuple[list[str], list[str]]:
    """Return the dimensions that regions extend over, and the further ones of the map."""
    missing = [str(dim) for dim in regions.dims if dim not in data.dims]
    if missing or not regions.dims:
        message = (
            f"the map of regions has dimensions {tuple(map(str, regions.dims))}, the data "
            f"{tuple(map(str, data.dims))}"
        )
        raise DataError(message)
    if regions.dtype.kind not in "biuf":
        message = f"regions must be numbered or a mask, got {regions.dtype}"
        raise DataError(message)
    if "region" in data.dims:
        message = "the data have a dimension 'region' already; rename it with `data.rename`"
        raise DataError(message)
    dims = place_dims(regions, "spatial", "reciprocal", "point") or [*map(str, regions.dims)]
    return dims, [str(dim) for dim in regions.dims if dim not in dims]


def _wanted(regions: xr.DataArray, labels: Sequence[int] | None) -> np.ndarray:
    """Return the numbers of the regions."""
    if labels is not None:
        wanted = np.asarray(labels)
    elif regions.dtype.kind == "b":
        wanted = np.array([1])
    elif "flag_values" in regions.attrs:
        wanted = np.asarray(regions.attrs["flag_values"])
        wanted = wanted[wanted != 0]
    else:
        found = np.asarray(regions.values)
        wanted = np.unique(found[np.isfinite(found) & (found != 0)])
    if wanted.ndim != 1 or not wanted.size or np.any(wanted != np.round(wanted)):
        message = (
            "there is no region: all of the map is 0"
            if wanted.size == 0
            else f"regions must be numbered by whole numbers, got {wanted[:5]}"
        )
        raise DataError(message)
    return wanted.astype(np.int64)


def _parts_of_chunks(
    values: xr.DataArray, regions: xr.DataArray, wanted: np.ndarray, outer: int
) -> Any:
    """Return count, sum and squares of deviation of each region of each chunk, last axis."""
    wide = np.complex128 if values.dtype.kind == "c" else np.float64
    options: dict[str, Any] = {"wanted": wanted, "outer": outer, "wide": wide}
    if values.chunks is None and regions.chunks is None:
        return _parts(values.values, np.asarray(regions.values), **options)
    import dask.array

    da: Any = dask.array
    lazy = values.chunk() if values.chunks is None else values
    chunks = lazy.chunks or ()
    places = tuple(range(values.ndim))
    return da.blockwise(
        _parts, (*places, values.ndim, values.ndim + 1), lazy.data, places,
        da.asarray(regions.data).rechunk(chunks[: regions.ndim]), places[: regions.ndim],
        new_axes={values.ndim: wanted.size, values.ndim + 1: _PARTS},
        adjust_chunks={axis: lambda _size: 1 for axis in range(outer, regions.ndim)},
        dtype=wide, meta=np.empty((0,) * (values.ndim + 2), dtype=wide), **options,
    )  # fmt: skip


def _parts(
    values: np.ndarray, regions: np.ndarray, *, wanted: np.ndarray, outer: int, wide: Any
) -> np.ndarray:
    """Return the parts of one chunk, shape (*outer, 1, ..., *others, regions, 3)."""
    from scipy import sparse

    inner = regions.ndim - outer
    pages = math.prod(regions.shape[:outer])
    others = values.shape[regions.ndim :]
    rows = values.reshape(pages, math.prod(regions.shape[outer:]), math.prod(others))
    made = np.zeros((pages, rows.shape[2], wanted.size, _PARTS), dtype=wide)
    order = np.argsort(wanted)
    for page, numbers in enumerate(regions.reshape(rows.shape[:2])):
        place = np.minimum(np.searchsorted(wanted[order], numbers), wanted.size - 1)
        inside = np.flatnonzero(wanted[order][place] == numbers)
        number = order[place[inside]]
        shape = (wanted.size, inside.size)
        members = sparse.csr_matrix((np.ones(inside.size), (number, np.arange(inside.size))), shape)
        chosen = rows[page][inside].astype(wide)
        finite = np.isfinite(chosen)
        count, total = members @ finite.astype(float), members @ np.where(finite, chosen, 0)
        mean = total / np.maximum(count, 1)
        apart = np.where(finite, chosen - mean[number], 0)
        made[page] = np.stack([count, total, members @ np.abs(apart) ** 2], axis=-1).swapaxes(0, 1)
    return made.reshape(*regions.shape[:outer], *[1] * inner, *others, wanted.size, _PARTS)


def _region_labels(regions: xr.DataArray, wanted: np.ndarray) -> xr.Variable:
    quantity = regions.attrs.get("quantity", "region")
    return coordinate("region", wanted, "1", kind="parameter", quantity=quantity)


def _region_names(regions: xr.DataArray, wanted: np.ndarray) -> list[str] | None:
    """Return the names of regions that the map knows."""
    numbers = [int(number) for number in regions.attrs.get("flag_values", ())]
    words = str(regions.attrs.get("flag_meanings", "")).split()
    names = dict(zip(numbers, words, strict=False)) if len(numbers) == len(words) else {}
    return [names[int(n)] for n in wanted] if all(int(n) in names for n in wanted) else None
