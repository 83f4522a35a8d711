"""The plane of an image: how far it reaches, and in which units."""

import re

from omniscopy.io.nanoscope.header import Header, Section, first_number, spelled
from omniscopy.io.records import Axis
from omniscopy.model.units import is_unit

_SIZE = re.compile(r"\s*([-+\d.eE]+)(?:\s+([-+\d.eE]+))?\s*(\D*?)\s*")


def plane_axes(header: Header, section: Section, rows: int, columns: int) -> tuple[Axis, Axis]:
    """Return the axes y and x of an image, from its top-left corner."""
    size = _scan_size(header, section)
    if size is None:
        return Axis(name="y", size=rows), Axis(name="x", size=columns)
    height, width, units = size
    return (
        Axis(name="y", size=rows, scale=height / rows, units=units),
        Axis(name="x", size=columns, scale=width / columns, units=units),
    )


def _scan_size(header: Header, section: Section) -> tuple[float, float, str] | None:
    """Return height, width and units."""
    for part in (section, header.first("Ciao scan list")):
        match = _SIZE.fullmatch(part.text("Scan Size") or "")
        if match is None:
            continue
        width, height = first_number(match[1]), first_number(match[2])
        units = spelled(match[3])
        if not width or not is_unit(units):
            continue
        # One number, or the same twice, is the width: the height follows from the aspect ratio.
        if not height or height == width:
            height = (
                width * _flatness(part) if part.text("Aspect Ratio") else width * _flatness(section)
            )
        return height, width, units
    return None


def _flatness(section: Section) -> float:
    """Return height over width: an aspect ratio of 2:1 is a scan of half the height."""
    width, _, height = (section.text("Aspect Ratio") or "").partition(":")
    above, below = first_number(height), first_number(width)
    return above / below if above and below and above > 0 and below > 0 else 1.0
