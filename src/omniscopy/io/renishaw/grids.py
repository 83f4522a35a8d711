"""The grid, line or series that the spectra of a WiRE file are of."""

import math
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from omniscopy.io.arrays import Derived, full_key
from omniscopy.io.records import Axis, Key, Variable
from omniscopy.io.renishaw.origins import Origin

_AREA = struct.Struct("<II3f3f3II")
_LINE = 128
_OFF_GRID = 0.05


@dataclass(frozen=True)
class Layout:
    """The axes that spectra are along; `order` is the number of each, -1 where there is none."""

    axes: list[Axis]
    coordinates: dict[str, Variable] = field(default_factory=dict)
    order: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the number of positions along each axis."""
        return tuple(axis.size for axis in self.axes)


@dataclass(frozen=True)
class Arranged(Derived):
    """Rows of `inner` at the places that `order` gives them; where it is -1 they are NaN."""

    order: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:  # noqa: D102
        return (*self.order.shape, *self.inner.shape[1:])

    @property
    def chunks(self) -> tuple[int, ...] | None:  # noqa: D102
        return None

    def __getitem__(self, key: Key) -> np.ndarray:
        parts = full_key(key, self.shape)
        numbers = np.asarray(self.order[parts[: self.order.ndim]])
        within = parts[self.order.ndim :]
        flat = numbers.ravel()
        there = flat >= 0
        low, high = (int(flat[there].min()), int(flat[there].max())) if there.any() else (0, -1)
        rows = self.inner[(slice(low, high + 1), *within)]
        values = np.full((flat.size, *rows.shape[1:]), np.nan, self.dtype)
        values[there] = rows[flat[there] - low]
        return values.reshape(numbers.shape + rows.shape[1:])


def find_layout(
    origins: dict[str, Origin], area: bytes | None, spectra: int, collected: int
) -> Layout:
    """Return how the spectra lie: on a grid, at points, or along what was varied."""
    if area is not None and len(area) >= _AREA.size:
        fields = _AREA.unpack_from(area)
        is_line = bool(fields[0] & _LINE)
        grid = None if is_line else _grid(fields, origins, spectra, collected)
        if grid is not None:
            return grid
    places = [name for name in ("x", "y") if name in origins and origins[name].primary]
    if places and spectra > 1:
        return _points(origins, spectra, collected)
    if spectra == 1:
        others = {name: each.variable((), ()) for name, each in origins.items()}
        return Layout([], others, None if collected else np.full((), -1))
    return _series(origins, spectra, collected)


def _grid(
    fields: tuple[Any, ...], origins: dict[str, Origin], spectra: int, collected: int
) -> Layout | None:
    """Return a map or a volume, `None` where the places of spectra are not on its grid."""
    offsets, steps, sizes = fields[2:5], fields[5:8], fields[8:11]
    if math.prod(sizes) != spectra or not all(map(math.isfinite, (*offsets, *steps))):
        return None
    names = [
        name for name, size in zip("zyx", sizes[::-1], strict=True) if size > 1 or name in "xy"
    ]
    axes, numbers = [], np.zeros(collected, np.int64)
    for name in names:
        at = "xyz".index(name)
        offset, step, size = offsets[at], steps[at], sizes[at]
        axes.append(Axis(name=name, size=size, scale=step, offset=offset, units="µm"))
        if name not in origins:
            return None
        along = (origins[name].values[:collected] - offset) / step if step else np.zeros(collected)
        nearest = np.rint(along)
        near = np.isfinite(along) & (np.abs(along - nearest) < _OFF_GRID)
        if not (near & (nearest >= 0) & (nearest < size)).all():
            return None
        numbers = numbers * size + nearest.astype(np.int64)
    if len(np.unique(numbers)) != collected:
        return None
    order = np.full(spectra, -1, np.int64)
    order[numbers] = np.arange(collected)
    shape = tuple(axis.size for axis in axes)
    dims = tuple(axis.name for axis in axes)
    in_order = bool((order == np.arange(spectra)).all())
    others = {
        name: Variable(dims=dims, data=_arranged(each.values, order, shape), attrs=attrs)
        for name, each in origins.items()
        if name not in dims
        for attrs in [each.variable((), (-1,)).attrs]
    }
    return Layout(axes, others, None if in_order else order.reshape(shape))


def _arranged(values: np.ndarray, order: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.where(order < 0, np.nan, values[order]).reshape(shape)


def _points(origins: dict[str, Origin], spectra: int, collected: int) -> Layout:
    """Return spectra at places that are on no grid, with the distance along their way."""
    coordinates = {name: each.variable(("point",), (spectra,)) for name, each in origins.items()}
    places = [origins[name].values for name in "xyz" if name in origins]
    steps = np.sqrt(sum(np.diff(values) ** 2 for values in places))
    way = np.concatenate([[0.0], np.cumsum(steps)])
    coordinates["distance"] = Variable(
        dims=("point",), data=way, attrs={"quantity": "length", "units": "µm"}
    )
    return Layout([Axis(name="point", size=spectra)], coordinates, _order(spectra, collected))


def _series(origins: dict[str, Origin], spectra: int, collected: int) -> Layout:
    """Return spectra along the first quantity that was varied, or numbered."""
    varied = [each for each in origins.values() if each.primary]
    if not varied:
        axis = Axis(name="frame", size=spectra)
        used = None
    else:
        used = varied[0]
        axis = _series_axis(used, spectra)
    coordinates = {
        name: each.variable((axis.name,), (spectra,))
        for name, each in origins.items()
        if each is not used and name != axis.name
    }
    return Layout([axis], coordinates, _order(spectra, collected))


def _series_axis(origin: Origin, spectra: int) -> Axis:
    values = origin.values
    known = {"z": "length", "time": "time"}
    name = origin.name if origin.name in known else "parameter"
    return Axis(
        name=name,
        size=spectra,
        values=values,
        units=origin.units,
        quantity=known.get(name, origin.name.replace("_", " ")),
        attrs={"long_name": origin.label} if origin.label else {},
    )


def _order(spectra: int, collected: int) -> np.ndarray | None:
    if collected == spectra:
        return None
    numbers = np.arange(spectra)
    return np.where(numbers < collected, numbers, -1)
