"""Groups of named arrays that other programs wrote, by the CF conventions, as channels."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from omniscopy.io.arrays import Derived
from omniscopy.io.records import Axis, Channel, Key, LazyArray, Variable
from omniscopy.io.remote import Place
from omniscopy.io.storage.restored import SIGNAL
from omniscopy.model.units import spell

# Attributes that say how values are packed; they are undone here and not passed on.
_PACKING = ("_FillValue", "missing_value", "scale_factor", "add_offset")
_HIDDEN = {*_PACKING, "coordinates", "bounds", "_ARRAY_DIMENSIONS", "calendar", "dtype"}
_SECONDS = {
    "nanosecond": 1e-9, "microsecond": 1e-6, "millisecond": 1e-3, "second": 1.0, "sec": 1.0,
    "s": 1.0, "minute": 60.0, "min": 60.0, "hour": 3600.0, "hr": 3600.0, "h": 3600.0,
    "day": 86400.0, "d": 86400.0,
}  # fmt: skip
_CALENDARS = ("", "standard", "gregorian", "proleptic_gregorian")


@dataclass(frozen=True)
class GroupVariable:
    """A named array; `dims` is empty where its dimensions have no names."""

    dims: tuple[str, ...]
    data: Any
    attrs: Mapping[str, Any]


@dataclass(frozen=True)
class Group:
    """Arrays that share dimensions by name; `path` is "/" for the root."""

    path: str
    attrs: Mapping[str, Any]
    variables: Mapping[str, GroupVariable]


@dataclass(frozen=True)
class Unpacked(Derived):
    """``offset + scale * inner``, NaN where `inner` is one of `missing`."""

    scale: float = 1.0
    offset: float = 0.0
    missing: tuple[float, ...] = ()
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.float64))

    def __getitem__(self, key: Key) -> np.ndarray:
        """Return the values asked for."""
        packed = np.asarray(self.inner[key])
        values = np.asarray(packed * self.scale + self.offset, self.dtype)
        for code in self.missing:
            values[packed == code] = np.nan
        return values


def to_channels(group: Group, path: Place) -> list[Channel]:
    """Return the channels of a group.

    A group with a variable `signal`, or with the uncertainties or the status of a fit, is one
    node; in any other each variable is a channel of its own.
    """
    variables = {name: _named_dims(each) for name, each in group.variables.items()}
    dimensions = {dim for each in variables.values() for dim in each.dims}
    listed = {
        name
        for attrs in (group.attrs, *(each.attrs for each in variables.values()))
        for name in str(attrs.get("coordinates", "")).split()
    }
    aside = {name for name in variables if name in dimensions or name in listed}
    aside |= {str(each.attrs["bounds"]) for each in variables.values() if "bounds" in each.attrs}
    coords = {name: each for name, each in variables.items() if name in aside}
    data = {name: each for name, each in variables.items() if name not in aside}
    if not data:
        return []
    stem = group.path.strip("/")
    if SIGNAL in data or "status" in data or any(name.endswith("_std") for name in data):
        return [_node(stem or path.stem, data, coords, group.attrs)]
    if len(data) == 1 and stem and group.path.count("/") == 1:
        ((name, values),) = data.items()
        return [_channel(name, values, coords, group="", node=stem)]
    return [_channel(name, values, coords, group=stem, node=name) for name, values in data.items()]


def decoded(variable: GroupVariable) -> LazyArray | np.ndarray:
    """Return values with packing and dates undone, as the CF conventions say."""
    data, attrs = variable.data, variable.attrs
    if data.dtype.kind not in "iuf":
        return data
    if attrs.get("dtype") == "bool":
        return np.asarray(data[(slice(None),) * len(data.shape)]).astype(bool)
    since = _since(attrs)
    if since is not None and data.dtype.itemsize >= 4:
        return _dates(np.asarray(data[(slice(None),) * len(data.shape)]), *since)
    scale, offset = (_number(attrs.get(key)) for key in ("scale_factor", "add_offset"))
    codes = [_number(attrs.get(key)) for key in ("_FillValue", "missing_value")]
    missing = tuple({code for code in codes if code is not None and np.isfinite(code)})
    if scale is None and offset is None and not missing:
        return data
    dtype = data.dtype if data.dtype.kind == "f" else np.dtype(np.float64)
    return Unpacked(data, 1.0 if scale is None else scale, offset or 0.0, missing, dtype)


def plain_value(value: Any) -> Any:
    """Return an attribute as a number, text or list: bytes decoded, arrays of one unpacked."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.generic):
        return plain_value(value.item())
    if isinstance(value, np.ndarray):
        items = [plain_value(item) for item in value.reshape(-1).tolist()]
        return items[0] if len(items) == 1 else items
    if isinstance(value, str | int | float | bool | list | dict | type(None)):
        return value
    return str(value)


def _node(
    name: str,
    data: Mapping[str, GroupVariable],
    coords: Mapping[str, GroupVariable],
    attrs: Mapping[str, Any],
) -> Channel:
    """Return a group as one node of several variables."""
    if SIGNAL in data:
        main = _channel(SIGNAL, data[SIGNAL], coords, group="", node=name)
        others = {key: each for key, each in data.items() if key != SIGNAL}
    else:
        dims = list(dict.fromkeys(dim for each in data.values() for dim in each.dims))
        sizes = _sizes(data)
        axes = [_axis(dim, sizes[dim], coords) for dim in dims]
        main = Channel(title=name, name=name, data=None, axes=axes, attrs=_shown(attrs))
        others = dict(data)
    variables = {
        key: Variable(dims=each.dims, data=decoded(each), attrs=_shown(each.attrs, keep_units=True))
        for key, each in others.items()
    }
    return replace(main, variables=variables)


def _channel(
    name: str,
    variable: GroupVariable,
    coords: Mapping[str, GroupVariable],
    *,
    group: str,
    node: str,
) -> Channel:
    attrs = {key: plain_value(value) for key, value in variable.attrs.items()}
    sizes = dict(zip(variable.dims, variable.data.shape, strict=True))
    further = {
        key: Variable(dims=each.dims, data=decoded(each), attrs=_shown(each.attrs, keep_units=True))
        for key, each in coords.items()
        if each.dims != (key,) and set(each.dims) <= set(variable.dims)
    }
    return Channel(
        title=str(attrs.get("long_name") or (node if name == SIGNAL else name)),
        name=node,
        group=group,
        data=decoded(variable),
        axes=[_axis(dim, sizes[dim], coords) for dim in variable.dims],
        quantity=_text(attrs.get("quantity") or attrs.get("standard_name")),
        units=_units(attrs),
        signal_type=_text(attrs.get("signal_type")),
        coordinates=further,
        attrs=_shown(attrs),
    )


def _axis(dim: str, size: int, coords: Mapping[str, GroupVariable]) -> Axis:
    variable = coords.get(dim)
    if variable is None or variable.dims != (dim,):
        return Axis(name=dim, size=size)
    values = decoded(variable)
    attrs = {key: plain_value(value) for key, value in variable.attrs.items()}
    return Axis(
        name=dim,
        size=size,
        values=np.asarray(values[(slice(None),)]),
        units=_units(attrs),
        quantity=_text(attrs.get("quantity") or attrs.get("standard_name")),
        kind=_text(attrs.get("kind")),
        attrs=_shown(attrs),
    )


def _named_dims(variable: GroupVariable) -> GroupVariable:
    if len(variable.dims) == len(variable.data.shape) == len(set(variable.dims)):
        return variable
    names = tuple(f"dim_{number}" for number in range(len(variable.data.shape)))
    return replace(variable, dims=names)


def _sizes(variables: Mapping[str, GroupVariable]) -> dict[str, int]:
    return {
        dim: size
        for each in variables.values()
        for dim, size in zip(each.dims, each.data.shape, strict=True)
    }


def _shown(attrs: Mapping[str, Any], *, keep_units: bool = False) -> dict[str, Any]:
    """Return the attributes that are passed on; units of dates are in their type."""
    hidden = _HIDDEN if keep_units and _since(attrs) is None else _HIDDEN | {"units"}
    return {key: plain_value(value) for key, value in attrs.items() if key not in hidden}


def _units(attrs: Mapping[str, Any]) -> str | None:
    units = attrs.get("units")
    if not isinstance(units, str) or _since(attrs) is not None:
        return None
    return spell(units) or None


def _since(attrs: Mapping[str, Any]) -> tuple[float, np.datetime64] | None:
    """Return the seconds of one step and the start of a CF time, `None` where there is none."""
    found = re.fullmatch(r"\s*(\w+?)s?\s+since\s+(\S.*)", str(attrs.get("units", "")))
    if not found or str(attrs.get("calendar", "")).lower() not in _CALENDARS:
        return None
    step = _SECONDS.get(found[1].lower())
    try:
        start = datetime.fromisoformat(found[2].strip().removesuffix(" UTC"))
    except ValueError:
        return None
    if start.tzinfo is not None:
        start = start.astimezone(UTC).replace(tzinfo=None)
    return None if step is None else (step, np.datetime64(start, "ns"))


def _dates(values: np.ndarray, step: float, start: np.datetime64) -> np.ndarray:
    nanoseconds = step * 1e9
    if values.dtype.kind in "iu" and nanoseconds == int(nanoseconds):
        lost = values == np.iinfo(np.int64).min
        elapsed = np.where(lost, 0, values).astype(np.int64) * int(nanoseconds)
    else:
        lost = ~np.isfinite(values)
        elapsed = np.round(np.where(lost, 0.0, values) * nanoseconds).astype(np.int64)
    return np.where(lost, np.datetime64("NaT", "ns"), start + elapsed.astype("m8[ns]"))


def _number(value: Any) -> float | None:
    value = plain_value(value)
    return float(value) if isinstance(value, int | float) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
