"""Data in few words and numbers, as plain values of JSON, with units."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from omniscopy.model.errors import DataError
from omniscopy.model.vocabulary import METADATA

Labelled = xr.DataArray | xr.Dataset
Data = TypeVar("Data", xr.DataArray, xr.Dataset, Labelled)
MOST_NUMBERS = 1000
_DIGITS = 6
_LONGEST_TEXT, _LONGEST_LIST = 300, 12
_SAID = ("long_name", "quantity", "units", "signal_type", "modality", "incomplete")


def describe(data: Labelled) -> dict[str, Any]:
    """Return what data are: dimensions with units and ends, and every variable."""
    said = {key: plain(data.attrs[key]) for key in _SAID if key in data.attrs}
    facts = {"kind": "array" if isinstance(data, xr.DataArray) else "results", **said}
    facts["dimensions"] = [_dimension(data, str(dim)) for dim in data.dims]
    if isinstance(data, xr.DataArray):
        return {"name": plain(data.name), **facts, **_values_of(data)}
    facts["variables"] = [
        {
            "name": str(name),
            "units": values.attrs.get("units"),
            "dims": [str(dim) for dim in values.dims],
            **_values_of(values),
        }
        for name, values in data.data_vars.items()
    ]
    return facts


def numbers(data: xr.DataArray) -> dict[str, Any]:
    """Return the numbers of an array, evenly thinned to at most `MOST_NUMBERS`, with units."""
    strides = _strides({str(dim): size for dim, size in data.sizes.items()})
    taken = data.isel({dim: slice(None, None, step) for dim, step in strides.items()}).compute()
    facts: dict[str, Any] = {"units": data.attrs.get("units"), "dims": [str(d) for d in data.dims]}
    if strides:
        facts["one_of_every"] = strides
    facts["coordinates"] = {
        str(dim): {
            "units": taken.coords[dim].attrs.get("units"),
            "values": plain(taken.coords[dim].values, longest=MOST_NUMBERS),
        }
        for dim in taken.dims
        if dim in taken.coords
    }
    if taken.dtype.kind == "c":
        parts = {"real": taken.real.values, "imaginary": taken.imag.values}
        facts["values"] = {key: plain(part, longest=MOST_NUMBERS) for key, part in parts.items()}
    else:
        facts["values"] = plain(taken.values, longest=MOST_NUMBERS)
    return facts


def part_of(data: Data, labels: Mapping[str, Any]) -> Data:
    """Return the part of data at a label, or between two, of each dimension that is named."""
    for dim, wanted in labels.items():
        if dim not in data.dims:
            message = f"there is no dimension {dim!r}; there are {', '.join(map(str, data.dims))}"
            raise DataError(message)
        known = dim in data.coords
        places = np.asarray(data.coords[dim].values) if known else np.arange(data.sizes[dim])
        data = data.isel({dim: _positions(places, dim, wanted)})
    return data


def search_metadata(data: Labelled, words: str) -> list[dict[str, Any]]:
    """Return the entries whose names hold all of some words; common ones first, with units."""
    wanted = words.lower().split()
    found = []
    for key in ("metadata", "original_metadata"):
        for name, value in _leaves(data.attrs.get(key, {})):
            if all(word in name.lower() for word in wanted):
                entry = {"name": name, "value": plain(value)}
                units = METADATA.get(name) if key == "metadata" else None
                found.append({**entry, "units": units} if units else entry)
    return found


def plain(value: Any, *, longest: int = _LONGEST_LIST) -> Any:
    """Return a value as JSON knows it, rounded and cut short; NaN and infinities are null."""
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist() if value.dtype.kind in "biufUO" else str_list(value),
                     longest=longest)  # fmt: skip
    if isinstance(value, Mapping):
        return {str(key): plain(item, longest=longest) for key, item in value.items()}
    if isinstance(value, list | tuple):
        kept = [plain(item, longest=longest) for item in value[:longest]]
        return kept if len(value) <= longest else [*kept, f"… {len(value) - longest} more"]
    if isinstance(value, bool | int) or value is None:
        return value
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    text = str(value)
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"


def str_list(value: np.ndarray | np.generic) -> Any:
    """Return times, bytes and the like as text."""
    return np.asarray(value).astype(str).tolist()


def _dimension(data: Labelled, dim: str) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": dim, "size": data.sizes[dim]}
    if dim in data.coords and data.sizes[dim]:
        values = data.coords[dim].values
        ends = {"first": plain(values[0]), "last": plain(values[-1])}
        facts |= {"units": data.coords[dim].attrs.get("units"), **ends}
    return facts


def _values_of(data: xr.DataArray) -> dict[str, Any]:
    facts = {"dtype": str(data.dtype), "bytes": data.nbytes, "lazy": data.chunks is not None}
    if data.size == 1 and not facts["lazy"]:
        return {**facts, "value": plain(data.values.reshape(-1)[0])}
    return facts


def _strides(sizes: Mapping[str, int]) -> dict[str, int]:
    """Return the steps by which to take points, along the longest dimensions first."""
    left, steps = dict(sizes), dict.fromkeys(sizes, 1)
    while math.prod(left.values()) > MOST_NUMBERS:
        dim = max(left, key=lambda name: left[name])
        steps[dim] += 1
        left[dim] = -(-sizes[dim] // steps[dim])
    return {dim: step for dim, step in steps.items() if step > 1}


def _positions(places: np.ndarray, dim: str, wanted: Any) -> Any:
    span = f"{dim!r} goes from {plain(places[0])} to {plain(places[-1])}" if places.size else dim
    if isinstance(wanted, list):
        if len(wanted) != 2 or places.dtype.kind not in "biuf":
            message = f"a part of {dim!r} is a label or [low, high], got {wanted!r}; {span}"
            raise DataError(message)
        low, high = (edge if end is None else end
                     for end, edge in zip(wanted, (-math.inf, math.inf), strict=True))  # fmt: skip
        inside = np.flatnonzero((places >= low) & (places <= high))
        if not inside.size:
            message = f"there is nothing between {wanted[0]} and {wanted[1]}: {span}"
            raise DataError(message)
        return slice(int(inside[0]), int(inside[-1]) + 1)
    if places.dtype.kind in "biuf" and isinstance(wanted, int | float) and places.size:
        nearest = int(np.argmin(np.abs(places - wanted)))
        step = abs(float(places[-1] - places[0])) / max(places.size - 1, 1)
        if abs(float(places[nearest]) - wanted) > step:
            message = f"there is nothing at {wanted}: {span}"
            raise DataError(message)
        return nearest
    exact = np.flatnonzero(places.astype(str) == str(wanted))
    if not exact.size:
        message = f"{dim!r} has no point {wanted!r}; {span}"
        raise DataError(message)
    return int(exact[0])


def _leaves(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        name = f"{above}.{key}" if above else str(key)
        if isinstance(value, Mapping):
            yield from _leaves(value, name)
        else:
            yield name, value
