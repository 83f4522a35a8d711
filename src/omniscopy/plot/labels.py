"""What is written on figures: quantities with their units, in a prefix that reads well."""

import functools
import re
from typing import Any

import matplotlib.font_manager
import numpy as np
import xarray as xr
from matplotlib.ft2font import FT2Font

from omniscopy.model.dimensions import kind_of_dim, units_of
from omniscopy.model.units import conversion_factor, is_unit, readable
from omniscopy.model.vocabulary import DIMENSIONS

# Text that comes from a file is written as it is, never read as mathematics.
PLAIN: dict[str, Any] = {"parse_math": False}

_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
# Results that are known by their symbols, or not by their names.
_FORMULAS = {"t_over_lambda": "t/λ", "com": "centre of mass"}
_SYMBOLS = {"deg": "°", "Ohm": "Ω"}
_PREFIXES = ("f", "p", "n", "µ", "m", "", "k", "M", "G")
_GRAPH_NAME = re.compile(r"-[0-9a-f]{32}$")
_AREA = re.compile(r"[fpnµmk]?m\^([2-9])")
_POWER = re.compile(r"([^\d^\s/]+)\^?(-?\d+)?")


def pretty_units(units: str) -> str:
    """Return units as they are printed: `1/nm` → `nm⁻¹`, `m^3` → `m³`, `deg` → `°`."""
    above, *below = units.split("/")
    below = [part.strip() for part in below]
    if above.strip() == "1" and len(below) == 1:
        symbol, power = _symbol_and_power(below[0])
        return f"{symbol}{f'-{power or 1}'.translate(_SUPERSCRIPTS)}" if symbol else units
    return "/".join(_printed(part) for part in (above, *below))


def with_units(words: str, units: str | None) -> str:
    """Return a label such as `Energy loss (eV)`; unknown and pure numbers have no brackets."""
    # Symbols such as t/λ and kx keep their letters.
    words = words[:1].upper() + words[1:] if len(words) > 2 and words[1].isalpha() else words
    if units in (None, "", "1"):
        return drawable(words)
    return drawable(f"{words} ({pretty_units(units)})" if words else pretty_units(units))


def dim_words(data: xr.DataArray | xr.Dataset, dim: str) -> str:
    """Return what a dimension is called in words: `energy loss`, `x`."""
    attrs = data.coords[dim].attrs if dim in data.coords else {}
    known = DIMENSIONS.get(dim)
    if attrs.get("long_name"):
        return str(attrs["long_name"])
    # Two sides of a picture measure the same; their names tell them apart.
    if kind_of_dim(data, dim) in ("spatial", "reciprocal"):
        return dim
    stated = attrs.get("quantity") or (known.quantity if known else None)
    return str(stated or dim).replace("_", " ")


def dim_label(data: xr.DataArray, dim: str, units: str | None) -> str:
    """Return the label of an axis that shows the coordinate of `dim` in `units`."""
    return with_units(dim_words(data, dim), units)


def value_words(data: xr.DataArray, *, title: str | None = None) -> str:
    """Return what the values are in words, unless the title says so already."""
    quantity = data.attrs.get("quantity")
    if quantity:
        return in_words(str(quantity))
    named = _given_name(data)
    return "" if named == title else in_words(named)


def in_words(name: str) -> str:
    """Return the name of a variable as it is read: `t_over_lambda` → `t/λ`, else without `_`."""
    stem = name.removesuffix("_std")
    words = _FORMULAS.get(stem, stem.replace("_", " "))
    return words if stem == name else f"{words} std"


def title_of(data: xr.DataArray | xr.Dataset) -> str:
    """Return the title of data, empty where it has none."""
    return drawable(_given_name(data))


def _given_name(data: xr.DataArray | xr.Dataset) -> str:
    """Return the title or the name of data; xarray gives lazy data the name of their graph."""
    name = data.attrs.get("long_name") or getattr(data, "name", None) or ""
    return "" if _GRAPH_NAME.search(str(name)) else str(name)


def coordinate(data: xr.DataArray, dim: str) -> tuple[np.ndarray, str | None]:
    """Return the coordinate of `dim` in the prefix of its units that reads best."""
    if dim not in data.coords:
        return np.arange(data.sizes[dim], dtype=np.float64), None
    values = np.asarray(data.coords[dim].values)
    units = units_of(data, dim)
    if values.dtype.kind not in "iuf":
        return values, units
    factor, units = prefix(values, units)
    return values * factor, units


def prefix(
    values: np.ndarray, units: str | None, *, below: float = 2_000
) -> tuple[float, str | None]:
    """Return the factor and the units in which `values` are neither huge nor tiny.

    Units are kept while the largest value lies between 0.1 and `below`.
    """
    if units is None or not is_unit(units) or values.dtype.kind not in "iuf":
        return 1.0, units
    finite = np.abs(values[np.isfinite(values)])
    largest = float(finite.max()) if finite.size else 0.0
    # Energies stay in eV or keV as the field gives them.
    if largest == 0 or 0.1 <= largest < below or units.endswith("eV"):
        return 1.0, units
    target = readable_units(largest, units)
    return conversion_factor(units, target), target


def readable_units(value: float, units: str) -> str:
    """Return the prefix of `units` in which `value` lies between 1 and 1000, if there is one."""
    if not is_unit(units):
        return units
    if units.startswith("1/") and units.count("/") == 1:
        return _readable_reciprocal(value, units)
    if (match := _AREA.fullmatch(units)) is not None:
        return _readable_power(value, units, match[1])
    target = readable(value, units)[1]
    # Tenths of a nanometre are given as such.
    if target == "pm" and value * conversion_factor(units, "nm") >= 0.1:
        return "nm"
    return target


def number_with_units(value: float, units: str | None, *, kept: bool = False) -> str:
    """Return a value as text, such as `12.4 nm`, its units with another prefix unless `kept`."""
    if units is None or not np.isfinite(value):
        return number(value)
    factor = 1.0
    if not kept:
        factor, units = prefix(np.asarray([value], np.float64), units, below=1_000)
    printed = "" if units in (None, "1") else pretty_units(str(units))
    gap = "" if printed in ("°", "") else " "
    return drawable(f"{number(value * factor)}{gap}{printed}")


def number(value: float) -> str:
    """Return a number with four digits that count, powers of ten as such: `1.2×10⁻⁹`."""
    if value != 0 and np.isfinite(value) and 1e4 <= abs(value) < 1e6:
        return f"{value:.0f}"
    digits, _, power = f"{value:.4g}".partition("e")
    return f"{digits}×10{str(int(power)).translate(_SUPERSCRIPTS)}" if power else digits


def drawable(text: str) -> str:
    """Return `text` with a box in place of each character that the font of figures lacks."""
    text = re.sub(r"\s+", " ", text)
    known = _characters()
    return "".join(char if ord(char) in known or char == " " else "□" for char in text)


def shortened(text: str, length: int) -> str:
    """Return `text`, cut with an ellipsis where it is longer than `length`."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


@functools.cache
def _characters() -> frozenset[int]:
    font = FT2Font(matplotlib.font_manager.findfont("DejaVu Sans"))
    return frozenset(font.get_charmap())


def _readable_reciprocal(value: float, units: str) -> str:
    base = units.removeprefix("1/")
    stem = next((base.removeprefix(p) for p in _PREFIXES if p and base == p + "m"), base)
    if stem != "m" or 0.001 <= value < 1000:
        return units
    for symbol in reversed(_PREFIXES):
        target = f"1/{symbol}m"
        if 1 <= value * conversion_factor(units, target) * (1 + 1e-9) < 1000:
            return target
    return units


def _readable_power(value: float, units: str, power: str) -> str:
    """Return the largest unit of an area, a volume or the like of which there is more than one."""
    for symbol in reversed(_PREFIXES[: _PREFIXES.index("k") + 1]):
        target = f"{symbol}m^{power}"
        if abs(value) * conversion_factor(units, target) * (1 + 1e-9) >= 1:
            return target
    return units


def _symbol_and_power(text: str) -> tuple[str, str]:
    match = _POWER.fullmatch(text)
    return (match[1], match[2] or "") if match else ("", "")


def _printed(text: str) -> str:
    parts = []
    for word in text.split():
        symbol, power = _symbol_and_power(word)
        parts.append(_SYMBOLS.get(symbol, symbol) + power.translate(_SUPERSCRIPTS) or word)
    return " ".join(parts)
