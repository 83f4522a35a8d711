"""What a figure shows, in words: its caption, and its description for those who do not see it."""

import numpy as np
import xarray as xr

from omniscopy.model.analyses import signal_type
from omniscopy.model.dimensions import units_of
from omniscopy.plot.labels import (
    coordinate,
    dim_words,
    in_words,
    number,
    prefix,
    pretty_units,
    value_words,
    with_units,
)  # fmt: skip
from omniscopy.plot.points import point_dim, without_blanks
from omniscopy.plot.results import variables_of

_MOST_NAMES = 6


def describe_figure(data: xr.DataArray | xr.Dataset, *, largest: float | None = None) -> str:
    """Return a sentence: what the values are, along which dimensions, from where to where.

    Units are those of the figure. Of data that are not in memory they are known where `largest`
    says how large the values are, and those that are stored otherwise.
    """
    if isinstance(data, xr.Dataset):
        dim = point_dim(data)
        if dim is not None and set(data.dims) == {dim}:
            data = without_blanks(data, dim)
            if not data.sizes[dim]:
                return f"No {_plural(dim_words(data, dim), 2)} were found."
        names = [in_words(str(name)) for name in variables_of(data)]
        words = _listed(names) or "results"
        return _sentence(words, [_extent(data, str(dim)) for dim in data.dims])
    words = with_units(value_words(data), _shown_units(data, largest)) or "Values"
    return _sentence(words, [_extent(data, str(dim)) for dim in data.dims])


def alternative_text(
    title: str, data: xr.DataArray | xr.Dataset, *, largest: float | None = None
) -> str:
    """Return what is said in place of a figure that is not seen."""
    kind = "results" if isinstance(data, xr.Dataset) else signal_type(data).replace("_", " ")
    return f"{title}, {kind}: {describe_figure(data, largest=largest)}"


def _shown_units(data: xr.DataArray, largest: float | None) -> str | None:
    """Return the units with the prefix that figures give them."""
    units = data.attrs.get("units")
    if largest is not None:
        return prefix(np.array([largest]), units)[1]
    if data.chunks or data.dtype.kind not in "iufc" or not data.size:
        return units
    values = np.asarray(data.values)
    return prefix(np.abs(values) if data.dtype.kind == "c" else values, units)[1]


def _sentence(words: str, extents: list[str]) -> str:
    along = f" along {_listed(extents)}" if extents else ""
    return f"{words[:1].upper()}{words[1:]}{along}."


def _extent(data: xr.DataArray | xr.Dataset, dim: str) -> str:
    words, size = dim_words(data, dim), data.sizes[dim]
    if dim not in data.coords or data.coords[dim].dtype.kind not in "iuf" or size < 2:
        return f"{size} {_plural(words, size)}"
    array = data.coords[dim] if isinstance(data, xr.Dataset) else data
    positions, units = coordinate(array, dim)
    shown = units if units is not None else units_of(data, dim)
    printed = "" if shown in (None, "1") else f" {pretty_units(str(shown))}"
    low, high = float(positions[0]), float(positions[-1])
    return f"{words} ({number(low)} to {number(high)}{printed}, {size} points)"


def _plural(words: str, size: int) -> str:
    if size == 1 or len(words) < 3 or words.endswith("s"):
        return words
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}s"


def _listed(words: list[str]) -> str:
    shown = words[:_MOST_NAMES]
    if len(words) > _MOST_NAMES:
        shown.append(f"{len(words) - _MOST_NAMES} more")
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"
