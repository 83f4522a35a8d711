"""Regions of an image or a list of points."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.model import DataError, labelled, operation, require_array
from omniscopy.signal.positions import PLANES, place_dims


@dataclass(frozen=True)
class Circle:
    """The places within a radius.

    Parameters
    ----------
    centre : sequence of float, units of the coordinates
        In the order of the dimensions: (y, x).
    radius : float, units of the coordinates
        Places at this distance belong to it.
    inner : float, units of the coordinates
        Places nearer than this do not: a ring.
    """

    centre: Sequence[float]
    radius: float
    inner: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.inner < self.radius:
            message = f"expected 0 <= inner < radius, got {self.inner!r} and {self.radius!r}"
            raise DataError(message)
        object.__setattr__(self, "centre", tuple(self.centre))

    def holds(self, places: np.ndarray) -> np.ndarray:
        """Return which places, shape (..., dims), are in the circle."""
        _require_length(len(self.centre), places, f"the centre {self.centre}")
        distance = np.sqrt(((places - np.asarray(self.centre)) ** 2).sum(axis=-1))
        return np.asarray((distance <= self.radius) & (distance >= self.inner))


@dataclass(frozen=True)
class Polygon:
    """The places inside of a polygon of any shape, which closes itself.

    Parameters
    ----------
    corners : sequence of (float, float), units of the coordinates
        At least three, one after the other, each in the order of the dimensions: (y, x).
    """

    corners: Sequence[tuple[float, float]]

    def __post_init__(self) -> None:
        corners = np.asarray(self.corners, dtype=np.float64)
        if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3:
            message = f"a polygon has at least three corners (y, x), got {self.corners!r}"
            raise DataError(message)
        object.__setattr__(self, "corners", tuple(map(tuple, corners.tolist())))

    def holds(self, places: np.ndarray) -> np.ndarray:
        """Return which places, shape (..., 2), are in the polygon."""
        from skimage.measure import points_in_poly

        _require_length(2, places, "a corner")
        check: Any = points_in_poly
        inside = check(places.reshape(-1, 2), np.asarray(self.corners))
        return np.asarray(inside).reshape(places.shape[:-1])


Shape = Circle | Polygon
Window = Mapping[str, Sequence[float | None] | slice]
_EXAMPLE = {"left": {"x": (None, 1.0)}, "right": Circle((1.0, 2.5), 0.8)}


@operation(example={"data": "spectrum_image", "regions": _EXAMPLE}, lazy=False)
def label_regions(
    data: xr.DataArray,
    regions: Mapping[str, Shape | Window],
    *,
    dims: Sequence[str] | None = None,
) -> xr.DataArray:
    """Make a map of regions that are given by their labels or outlines.

    Parameters
    ----------
    data : DataArray, shape (..., y, x) or (..., point)
        Whose places are meant; its values are not looked at.
    regions : mapping of name to region, units of the coordinates
        Each a window of labels for some dimensions (``{"x": (20, 200)}`` with `None` for an
        open end, both ends included), a `Circle` or a `Polygon`. Where they overlap, the later
        one lies above.
    dims : sequence of str
        Dimensions of the map, in the order of the coordinates of shapes: the spatial ones
        otherwise, or else the reciprocal ones or that of points, whose positions are meant.

    Returns
    -------
    DataArray of int, shape (y, x) or (point), 1
        The number of the region from 1 on, 0 outside of all; the names are its flag meanings.

    Raises
    ------
    DataError
        There are no such dimensions, or a region holds no place.

    Examples
    --------
    >>> import omniscopy as om
    >>> regions = om.signal.label_regions(om.samples.spectrum_image(), {"left": {"x": (0, 4)}})
    >>> regions.dims, int(regions.sum())
    (('y', 'x'), 144)
    """
    require_array(data)
    chosen = _map_dims(data, dims)
    if not regions:
        message = "there is no region; name one, as in {'film': {'y': (0.0, 5.0)}}"
        raise DataError(message)
    shape = tuple(data.sizes[dim] for dim in chosen)
    labels = _labels(data, chosen, shape)
    axes = chosen
    if len(chosen) == 1:
        planes = [names for names in PLANES if all(name in labels for name in names)]
        axes = list(planes[0]) if planes and chosen[0] not in planes[0] else chosen
    made = np.zeros(shape, dtype=np.uint8 if len(regions) < 256 else np.int32)
    for number, (name, region) in enumerate(regions.items(), 1):
        inside = _inside(region, labels, axes, name)
        if not inside.any():
            spans = ", ".join(
                f"{axis!r} spans {labels[axis].min():g} to {labels[axis].max():g}"
                for axis in axes
                if axis in labels and labels[axis].size
            )
            message = f"region {name!r} holds no place; {spans or 'there is none'}"
            raise DataError(message)
        made[inside] = number
    kept = {name: each for name, each in data.coords.items() if {*each.dims} <= {*chosen}}
    numbers = [*range(len(regions) + 1)]
    words = " ".join(["outside", *("_".join(str(name).split()) for name in regions)])
    return labelled(
        xr.DataArray(made, kept, dims=chosen), units="1", long_name="Regions", quantity="region",
        flag_values=numbers, flag_meanings=words,
    )  # fmt: skip


def _map_dims(data: xr.DataArray, dims: Sequence[str] | None) -> list[str]:
    """Return the dimensions in which regions lie."""
    if dims is not None:
        missing = [dim for dim in dims if dim not in data.dims]
        if missing or not dims:
            message = f"expected dimensions of {tuple(map(str, data.dims))}, got {tuple(dims)}"
            raise DataError(message)
        return list(dims)
    found = place_dims(data, "spatial", "reciprocal", "point")
    if found:
        return found
    message = (
        f"dimensions {tuple(map(str, data.dims))} are of no place or point; name those of the "
        "regions with `dims=`"
    )
    raise DataError(message)


def _labels(
    data: xr.DataArray, dims: Sequence[str], shape: tuple[int, ...]
) -> dict[str, np.ndarray]:
    """Return what coordinates say of every place of the map."""
    found = {}
    for name, each in data.coords.items():
        if each.dims and {*each.dims} <= {*dims} and each.dtype.kind in "iuf":
            full = xr.Variable(dims, np.empty(shape, dtype=bool))
            _, wide = xr.broadcast(xr.DataArray(full), each.drop_vars(list(each.coords)))
            found[str(name)] = np.asarray(wide.transpose(*dims).values, dtype=np.float64)
    return found


def _inside(
    region: Any, labels: Mapping[str, np.ndarray], axes: Sequence[str], name: str
) -> np.ndarray:
    """Return which places of the map are in a region."""
    if isinstance(region, Shape):
        missing = [axis for axis in axes if axis not in labels]
        if missing:
            message = f"region {name!r} needs coordinates of numbers for {missing}"
            raise DataError(message)
        return region.holds(np.stack([labels[axis] for axis in axes], axis=-1))
    if not isinstance(region, Mapping) or not region:
        message = (
            f"region {name!r} must be a Circle, a Polygon or a window such as "
            f"{{'x': (0.0, 5.0)}}, got {region!r}"
        )
        raise DataError(message)
    inside = np.ones(next(iter(labels.values())).shape if labels else (), dtype=bool)
    for axis, ends in region.items():
        if axis not in labels:
            message = f"region {name!r} knows {axis!r}; coordinates of the places are {[*labels]}"
            raise DataError(message)
        low, high = (ends.start, ends.stop) if isinstance(ends, slice) else ends
        low, high = -math.inf if low is None else low, math.inf if high is None else high
        if not low <= high:
            message = f"window {(low, high)} of {axis!r} must be (low, high) with low <= high"
            raise DataError(message)
        inside &= (labels[axis] >= low) & (labels[axis] <= high)
    return inside


def _require_length(count: int, places: np.ndarray, what: str) -> None:
    if places.shape[-1] != count:
        message = f"{what} has {count} coordinates, a place of the map has {places.shape[-1]}"
        raise DataError(message)
