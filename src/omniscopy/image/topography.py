"""What operations on topographies share: which points count, steps in one unit, image by image."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.native_threads import native_threads_held
from omniscopy.model import (
    DataError,
    conversion_factor,
    is_unit,
    labelled,
    require_array,
    require_choice,
    require_plane,
    require_real,
    require_uniform,
    units_of,
)
from omniscopy.model.units import parse
from omniscopy.signal.positions import require_same_places
from omniscopy.signal.precision import single_or_double

Masking = Literal["exclude", "include"]
Dims = tuple[str, str]
# What still describes heights after something was subtracted from them.
_KEPT = ("long_name", "quantity", "signal_type", "modality", "source", "metadata")


def require_image(image: xr.DataArray, dims: Dims | None, *, at_least: int = 2) -> Dims:
    """Return the two dimensions of images of real numbers; raise where there are none."""
    dims = require_plane(image, dims, kind="spatial", at_least=at_least)
    require_real(image)
    return dims


def marked(mask: xr.DataArray, *, what: str = "the mask") -> xr.DataArray:
    """Return where a mask marks a point: where it is true, or a number other than 0."""
    require_array(mask)
    if mask.dtype.kind not in "biuf":
        message = f"{what} must be true and false or numbers, got {mask.dtype}"
        raise DataError(message)
    points = (mask != 0) & mask.notnull() if mask.dtype.kind == "f" else mask != 0
    return labelled(points, units=None)


def used_points(
    image: xr.DataArray, mask: xr.DataArray | None, masking: Masking, dims: Dims
) -> xr.DataArray | None:
    """Return which points a mask leaves, `None` where there is no mask."""
    require_choice("masking", masking, get_args(Masking))
    if mask is None:
        return None
    points = marked(mask)
    missing = [
        dim for dim in (*dims, *points.dims) if dim not in points.dims or dim not in image.dims
    ]
    if missing:
        message = (
            f"the mask has dimensions {tuple(map(str, mask.dims))}, the image "
            f"{tuple(map(str, image.dims))}; it must have {dims} and may have others of the image"
        )
        raise DataError(message)
    require_same_places(points, image, [str(dim) for dim in points.dims], "the mask")
    points = points.drop_vars(list(points.coords))
    used = points if masking == "include" else ~points
    if used.chunks is None and not bool(used.any()):
        message = f"the mask ({masking!r}) leaves no point of the image; give another one"
        raise DataError(message)
    return used


def map_images(
    function: Callable[..., np.ndarray],
    image: xr.DataArray,
    dims: Dims,
    *,
    used: xr.DataArray | None = None,
    also: xr.DataArray | None = None,
    dtype: npt.DTypeLike | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> xr.DataArray:
    """Return what `function` makes of every image: an array of its shape.

    It takes the values in double precision and which of them are finite and `used`; then those
    of `also`, and the parameters. `dtype` is that of the result, otherwise that of the image.
    """
    kind = np.dtype(dtype or single_or_double(image.dtype))
    given = [each for each in (used, also) if each is not None]

    def run(block: np.ndarray, *others: np.ndarray) -> np.ndarray:
        wide = [np.broadcast_to(other, block.shape) for other in others]
        made = np.empty(block.shape, dtype=kind)
        for place in np.ndindex(*block.shape[:-2]):
            values = np.array(block[place], dtype=np.float64, order="C")
            points = np.isfinite(values)
            own = [other[place] for other in wide]
            if used is not None:
                points &= own.pop(0)
            # Products with few columns are slower by threads that wait for each other.
            with native_threads_held():
                made[place] = function(values, points, *own, **(parameters or {}))
        return made

    sizes = {dim: image.sizes[dim] for dim in dims}
    (made,) = map_signal(run, image, dim=dims, output_dims=[sizes], dtypes=[kind], also=given)
    kept = {name: each for name, each in image.coords.items() if {*each.dims} <= {*made.dims}}
    return made.assign_coords(kept).transpose(*image.dims)


def like(values: xr.DataArray, image: xr.DataArray) -> xr.DataArray:
    """Return heights with the description and the units of the image they were made of."""
    kept = {key: image.attrs[key] for key in _KEPT if key in image.attrs}
    return labelled(values, units=image.attrs.get("units"), **kept)


def as_mask(values: xr.DataArray, title: str, **attrs: Any) -> xr.DataArray:
    """Return true and false with the description of a mask."""
    return labelled(values, units="1", long_name=title, quantity="mask", **attrs)


def steps_of(image: xr.DataArray, dims: Dims) -> tuple[float, float]:
    """Return the distances between rows and between columns, in the units of the rows."""
    units = [units_of(image, dim) for dim in dims]
    steps = [abs(require_uniform(image, dim)) for dim in dims]
    if units[0] == units[1]:
        return steps[0], steps[1]
    if not all(is_unit(each) for each in units):
        message = (
            f"coordinates {dims} must be in units that convert, got {units[0]!r}, {units[1]!r}"
        )
        raise DataError(message)
    return steps[0], steps[1] * conversion_factor(str(units[1]), str(units[0]))


def directions_of(data: xr.DataArray, dims: Dims) -> tuple[float, float]:
    """Return 1 where a coordinate grows from row to row, or from column to column, and else -1."""
    down, right = (1.0 if require_uniform(data, dim) > 0 else -1.0 for dim in dims)
    return down, right


def listed_like(other: xr.DataArray, image: xr.DataArray, dims: Dims) -> xr.DataArray:
    """Return a template or a tip whose rows and columns go where those of the image do."""
    ways = dict(zip(dims, directions_of(image, dims), strict=True))
    turned = [dim for dim in dims if ways[dim] * float(other[dim][-1] - other[dim][0]) < 0]
    return other.isel(dict.fromkeys(turned, slice(None, None, -1)))


def are_lengths(image: xr.DataArray, dims: Dims) -> bool:
    """Return whether heights and coordinates are lengths, so that they can be compared."""
    units = [image.attrs.get("units"), *(units_of(image, dim) for dim in dims)]
    return all(is_unit(each) and parse(str(each)).powers == parse("m").powers for each in units)


def require_lengths(image: xr.DataArray, dims: Dims, *, why: str) -> float:
    """Return the factor that brings heights to the units of the rows; raise where none does."""
    if not are_lengths(image, dims):
        message = (
            f"{why} compares heights with distances: both must be lengths, got values in "
            f"{image.attrs.get('units')!r} and {dims} in "
            f"{tuple(units_of(image, dim) for dim in dims)}"
        )
        raise DataError(message)
    return conversion_factor(image.attrs["units"], str(units_of(image, dims[0])))


def require_positive_length(name: str, value: float | None) -> float:
    """Return a length that is above 0; raise otherwise."""
    if value is None or not (np.isfinite(value) and value > 0):
        message = f"{name} must be above 0, in the units of the coordinates, got {value!r}"
        raise DataError(message)
    return float(value)
