"""From counts to physical units: the hard scale of the converter times a sensitivity."""

import re
from dataclasses import dataclass

from omniscopy.io.nanoscope.header import (
    Header,
    Quantity,
    Section,
    first_number,
    parse_quantity,
    parse_reference,
    spelled,
)
from omniscopy.model.units import conversion_factor, is_unit

_PLAIN = re.compile(r"\s*([-+\d.eE]+)\s+(\S+)\s*")


@dataclass(frozen=True)
class Scale:
    """What a count is worth; `missing` names a sensitivity that the header lacks."""

    factor: float
    units: str | None
    missing: str | None = None


def find_scale(header: Header, section: Section, itemsize: int, *, force: bool) -> Scale | None:
    """Return what a count of the channel in `section` is worth, `None` where it is not said."""
    found = _hard_scale(section)
    if found is None:
        return _plain_scale(section, itemsize)
    # The range of an image is that of its counts, also after the vendor's software has levelled
    # and stretched it. That of a force curve is one of display, and the converter's step holds.
    step, units = found.value / 2 ** (8 * itemsize), found.units
    if force and found.step is not None:
        step, units = found.step, found.step_units
    if found.sensitivity is None:
        return Scale(step, _known(units))
    sensitivity = header.sensitivity(found.sensitivity)
    if sensitivity is None:
        return Scale(step, _known(units), missing=found.sensitivity)
    return _scaled(step, units, *sensitivity)


def _hard_scale(section: Section) -> Quantity | None:
    for pattern in (r"@\d+:Z scale", r"@\d+:FV scale"):
        for key in section.keys_like(pattern):
            text = section.text(key)
            target = parse_reference(text)
            found = parse_quantity(section.text(f"@{target}") if target else text)
            if found is not None:
                return found
    return None


def _plain_scale(section: Section, itemsize: int) -> Scale | None:
    """Return what a count is worth by a `Z scale` such as `438.6 nm`, the range of all counts.

    Files of before version 4.3, and some that programs exported later, have it so. Without units
    it is a number of the program's own.
    """
    text = section.text("Z scale") or ""
    match = _PLAIN.fullmatch(text)
    value, units = (first_number(match[1]), _known(match[2])) if match else (None, None)
    return Scale(value / 2 ** (8 * itemsize), units) if value and units else None


def _scaled(step: float, units: str, value: float, per: str) -> Scale:
    """Return ``step units`` times a sensitivity of ``value per``, such as 12 nm/V."""
    if not per:
        return Scale(step * value, _known(units))
    above, _, below = per.rpartition("/")
    above, below, units = spelled(above or per), spelled(below), spelled(units)
    if below == units:
        return Scale(step * value, _known(above))
    if is_unit(below) and is_unit(units):
        try:
            return Scale(step * value * conversion_factor(units, below), _known(above))
        except ValueError:
            return Scale(step * value, None)
    return Scale(step * value, None)


def _known(units: str) -> str | None:
    # Units such as "Arb" and "log(Pa)" are none that a reader of the data could convert.
    units = spelled(units)
    return units if is_unit(units) else None
