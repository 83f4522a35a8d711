"""Where points are, as coordinates along their dimension say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import xarray as xr

from omniscopy.model import DataError, conversion_factor, kind_of_dim
from omniscopy.model.vocabulary import kind_of
from omniscopy.signal.companions import Labelled, require_labelled

PLANES = (("y", "x"), ("ky", "kx"))
_ORDER = ("z", "y", "x", "ky", "kx")
_ABOUT = ("units", "quantity", "kind", "role")


@dataclass(frozen=True)
class Scatter:
    """Where points are: `positions`, shape (points, names), in the units of their coordinates."""

    dim: str
    names: tuple[str, ...]
    positions: np.ndarray
    attrs: dict[str, dict[str, Any]]

    def factors(self) -> np.ndarray:
        """Return what brings all positions to the units of the first one."""
        units = [self.attrs[name].get("units") for name in self.names]
        factors = [1.0]
        for name, own in zip(self.names[1:], units[1:], strict=True):
            if own == units[0]:
                factors.append(1.0)
                continue
            try:
                factors.append(conversion_factor(str(own), str(units[0])))
            except DataError as error:
                message = (
                    f"{self.names[0]!r} is in {units[0]!r} and {name!r} in {own!r}: there is no "
                    "distance between points. Take method='histogram' with a spacing for each"
                )
                raise DataError(message) from error
        return np.array(factors)


def with_positions(points: Labelled, places: Sequence[str] | None) -> tuple[Labelled, Scatter]:
    """Return points with their positions as coordinates, and where they are."""
    require_labelled(points)
    known: Any = points.coords if isinstance(points, xr.DataArray) else points.variables
    planes = PLANES if places is None else (tuple(places),)
    for names in planes:
        if all(name in known and known[name].ndim == 1 for name in names):
            dims = {known[name].dims for name in names}
            if len(dims) == 1 and not {*names} & {*points.dims}:
                break
    else:
        wanted = " or ".join(map(str, planes))
        message = (
            f"expected positions {wanted} along one dimension of points, got dimensions "
            f"{tuple(map(str, points.dims))} and coordinates {tuple(map(str, points.coords))}; "
            "name them with `places=`"
        )
        raise DataError(message)
    if isinstance(points, xr.Dataset):
        points = cast("Labelled", points.set_coords(list(names)))
    columns = []
    for name in names:
        values = np.asarray(points.coords[name].values)
        if values.dtype.kind not in "iuf":
            message = f"positions {name!r} must be numbers, got {values.dtype}"
            raise DataError(message)
        columns.append(values.astype(np.float64))
    attrs = {}
    for name in names:
        own = {k: v for k, v in points.coords[name].attrs.items() if k in _ABOUT}
        attrs[name] = own if kind_of(name) else {"kind": "spatial", **own}
    dim = str(points.coords[names[0]].dims[0])
    return points, Scatter(dim, names, np.stack(columns, axis=-1), attrs)


def place_dims(data: xr.DataArray | xr.Dataset, *kinds: str) -> list[str]:
    """Return the dimensions of the first of `kinds` that there is, rows before columns."""
    for kind in kinds:
        found = [str(dim) for dim in data.dims if kind_of_dim(data, dim) == kind]
        if found:
            known = [dim for dim in _ORDER if dim in found]
            return [*(dim for dim in found if dim not in known), *known]
    return []


def require_same_places(other: xr.DataArray, data: Any, dims: Sequence[str], what: str) -> None:
    """Raise unless `other` has the labels of `data` along `dims`."""
    for dim in dims:
        same = other.sizes[dim] == data.sizes[dim]
        if same and dim in other.coords and dim in data.coords:
            mine, theirs = (np.asarray(each.coords[dim].values) for each in (other, data))
            same = np.array_equal(mine, theirs) or (
                mine.dtype.kind in "iuf" and np.allclose(mine, theirs, rtol=1e-6, atol=0)
            )
        if not same:
            message = f"{what} has other labels of {dim!r} than the data"
            raise DataError(message)
