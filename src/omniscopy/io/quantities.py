"""What was measured, by titles of channels and their units; numbers, texts and times of headers."""

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import numpy as np

from omniscopy.model.units import conversion_factor, is_unit, spell

# Words in the title of a channel: its quantity, and a unit of that quantity where only one will do.
_BY_TITLE = (
    (r"amplitude|\bampl?\b|\bmag\b", "amplitude", None),
    (r"phase", "phase", "deg"),
    (r"potential|\bcpd\b", "potential", "V"),
    (r"adhesion|force", "force", "N"),
    (r"lateral|friction", "friction", None),
    (r"deflection|\bdefl", "deflection", None),
    (r"height|topo|\bz\b|z[- _]?(axis|sensor|snsr|range|scan)", "height", "m"),
    (r"current|\bi\b|iprobe", "current", "A"),
    (r"freq", "frequency", "Hz"),
    (r"\bbias\b", "bias", "V"),
    (r"dissipation", "dissipation", None),
    (r"excitation", "excitation", None),
    (r"capacitance|dc/dv", "capacitance", None),
    (r"intensity|\braman", "intensity", None),
)
_BY_UNITS = (
    ("A", "current"),
    ("V", "voltage"),
    ("Hz", "frequency"),
    ("deg", "phase"),
    ("N", "force"),
    ("s", "time"),
    ("m", "length"),
    ("counts", "intensity"),
)
_BRACKETS = re.compile(r"[(]([^()]*)[)]")
_DIMENSIONS = (
    # a unit of the abscissa: the dimension it is
    ("V", "bias"),
    ("s", "time"),
    ("Hz", "frequency"),
    ("eV", "energy"),
    ("1/cm", "wavenumber"),
)


def quantity_of(title: str, units: str | None) -> str | None:
    """Return the quantity of a channel by its title where its units agree, else by its units."""
    for words, quantity, expected in _BY_TITLE:
        fits = expected is None or units is None or measures(units, expected)
        if fits and re.search(words, title.lower()):
            return quantity
    for known, quantity in _BY_UNITS:
        if units is not None and measures(units, known):
            return quantity
    return None


def dimension_of(units: str | None, default: str) -> str:
    """Return the dimension that a spectrum with an abscissa in `units` is along."""
    for known, name in _DIMENSIONS:
        if units is not None and measures(units, known):
            return name
    return default


def measures(units: str, known: str) -> bool:
    """Return whether `units` is a unit of the same quantity as `known`."""
    try:
        conversion_factor(units, known)
    except ValueError:
        return False
    return True


def known_units(text: str | None) -> str | None:
    """Return a unit in its usual spelling, `None` where the text is empty or no unit."""
    units = spell(text or "")
    return units if units and is_unit(units) else None


def split_heading(text: str) -> tuple[str, str | None]:
    """Return name and units of a column such as `Current [bwd] (A)` or `Wavenumber cm-1`."""
    words = " ".join(text.split())
    for match in _BRACKETS.finditer(words):
        units = known_units(match[1])
        if units is not None or not match[1].strip():
            name = f"{words[: match.start()].rstrip()} {words[match.end() :].lstrip()}"
            return name.strip(), units
    name, _, last = words.rpartition(" ")
    units = known_units(last)
    return (name, units) if name and units is not None else (words, None)


def finite_number(text: str | float) -> float | None:
    """Return a text as a number, `None` where it is none, NaN or infinite."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def number_in(value: Any) -> float | None:
    """Return the only number of an array, `None` where it is none, NaN or infinite."""
    if isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind in "iuf":
        return finite_number(value.item())
    return None


def moment_of(text: str | None, *forms: str) -> str | None:
    """Return a date and time as ISO 8601, by the first form (of `strptime`) that it has."""
    for form in forms:
        with suppress(ValueError):
            return datetime.strptime((text or "").strip(), form).isoformat()
    return None


def text_of(raw: bytes) -> str:
    """Return text in UTF-8, or in Latin-1 where it is none."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def stated(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of nested values: no `None`, no empty text, no empty group."""
    found = {
        key: stated(value) if isinstance(value, Mapping) else value for key, value in values.items()
    }
    return {key: value for key, value in found.items() if value not in (None, "", {})}
