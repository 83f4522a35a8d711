"""The plane of a scan that is stored from the bottom up."""

import math

from omniscopy.io.records import Axis


def plane_axis(
    name: str, size: int, offset: float, step: float, units: str | None, *, placed: bool
) -> Axis:
    """Return the axis `x` or `y` of an image that is shown with row 0 on top.

    `offset` is the place of the left column or of the bottom row. Where the scan has a place in
    the frame of the scanner, `y` descends from its top row; else labels start in the upper left.
    """
    step = abs(step)
    if not step or not math.isfinite(step) or not math.isfinite(offset):
        return Axis(name=name, size=size)
    if name != "y" or not placed:
        return Axis(name=name, size=size, scale=step, offset=offset, units=units)
    top = offset + (size - 1) * step
    return Axis(name=name, size=size, scale=-step, offset=top, units=units)
