"""Images, movies and volumes: values are stored from the lower right corner to the upper left."""

import math
from typing import Any

import numpy as np

from omniscopy.io.arrays import Flipped, Scaled, Transposed
from omniscopy.io.errors import FormatError
from omniscopy.io.pieces import map_rows
from omniscopy.io.planes import plane_axis
from omniscopy.io.quantities import dimension_of, measures, quantity_of
from omniscopy.io.records import Axis, Channel, LazyArray
from omniscopy.io.wsxm.arrays import SpanningRange
from omniscopy.io.wsxm.header import Header
from omniscopy.io.wsxm.metadata import modality, scan_direction

_RAMP = "Spectroscopy images ramp value list"


def image_channel(header: Header, *, partial: bool) -> Channel:
    """Return the image of a file, (y, x)."""
    shape = _plane(header)
    counts, missing = map_rows(header.path, header.end, shape, header.dtype, partial=partial)
    data, units = _topography(header, counts)
    return _channel(header, Flipped(data, (0, 1)), _plane_axes(header), units, missing)


def movie_channel(header: Header, *, partial: bool) -> Channel:
    """Return the frames of a movie, (frame, y, x)."""
    shape = (_number(header, "Number of Frames"), *_plane(header))
    counts, missing = map_rows(header.path, header.end, shape, header.dtype, partial=partial)
    data, units = _topography(header, counts)
    axes = [Axis(name="frame", size=shape[0]), *_plane_axes(header)]
    return _channel(header, Flipped(data, (1, 2)), axes, units, missing)


def volume_channels(header: Header, *, partial: bool) -> list[Channel]:
    """Return the topography and a spectrum at each of its pixels, (y, x, ramp)."""
    shape, ramp = _plane(header), _number(header, "Number of points per ramp")
    topography = image_channel(header, partial=partial)
    offset = header.end + math.prod(shape) * header.dtype.itemsize
    counts, missing = map_rows(header.path, offset, (ramp, *shape), header.dtype, partial=partial)
    factor, units = header.quantity("General Info", "Conversion factor 0 for input channel")
    volts = header.number("General Info", "ADC to V conversion factor")
    data: LazyArray = Transposed(Flipped(counts, (1, 2)), (1, 2, 0))
    if factor is None or volts is None:
        units = None
    else:
        inverted = header.text("General Info", "Channel is inverted") == "Yes"
        zero = header.number("General Info", "Conversion offset 0 for input channel") or 0.0
        data = Scaled(data, -factor * volts if inverted else factor * volts, zero)
    axes = [*_plane_axes(header), _ramp_axis(header, ramp)]
    name = header.text("General Info", "Acquisition channel") or "Spectroscopy"
    spectra = _channel(header, data, axes, units, missing, title=f"{name} spectra")
    return [topography, spectra]


def _channel(
    header: Header,
    data: LazyArray,
    axes: list[Axis],
    units: str | None,
    missing: dict[str, Any] | None,
    *,
    title: str = "",
) -> Channel:  # fmt: skip
    name = title or header.text("General Info", "Acquisition channel") or "Image"
    direction = scan_direction(header)
    return Channel(
        title=name,
        data=data,
        axes=axes,
        quantity=quantity_of(name, units),
        units=units,
        modality=modality(header),
        source="WSxM",
        metadata={"scan": {"direction": direction}} if direction else {},
        attrs={} if missing is None else {"incomplete": missing},
    )


def _plane(header: Header) -> tuple[int, int]:
    return _number(header, "Number of rows"), _number(header, "Number of columns")


def _number(header: Header, key: str) -> int:
    found = header.count(key)
    if found < 1:
        message = f"at least 1 was expected, {found} was found"
        raise FormatError(message, path=header.path, key=f"General Info/{key}")
    return found


def _topography(header: Header, counts: LazyArray) -> tuple[LazyArray, str | None]:
    """Return values that span the range which the header states, and their units."""
    extent, units = header.quantity("General Info", "Z Amplitude")
    low, high = (header.number("Miscellaneous", key) for key in ("Minimum", "Maximum"))
    if not extent or units is None:
        return counts, None
    channel = header.text("General Info", "Acquisition channel")
    factor, per = header.quantity("General Info", "Conversion Factor 00")
    if channel == "Amplitude" and factor and per is not None and measures(per, "m"):
        # An amplitude was measured in volts, which older programs wrote as heights.
        extent, units = extent / factor, "V"
    if low is None or high is None or low == high:
        return SpanningRange(counts, extent), units
    scale = extent / (high - low)
    if counts.dtype == np.float64 and math.isclose(scale, 1.0, rel_tol=1e-5):
        return counts, units  # numbers that are final; the header has them rounded
    return Scaled(counts, scale), units


def _plane_axes(header: Header) -> list[Axis]:
    rows, columns = _plane(header)
    starts = [header.number("General Info", f"{name} starting offset") for name in "YX"]
    placed = any(start is not None for start in starts)
    axes = []
    for name, size, start in zip("yx", (rows, columns), starts, strict=True):
        length, units = header.quantity("Control", f"{name.upper()} Amplitude")
        label = name if units is None or measures(units, "m") else dimension_of(units, name)
        axis = plane_axis(name, size, start or 0.0, (length or 0.0) / size, units, placed=placed)
        axes.append(axis if label == name else _renamed(axis, label))
    return axes


def _renamed(axis: Axis, name: str) -> Axis:
    return Axis(name=name, size=axis.size, scale=axis.scale, offset=axis.offset, units=axis.units)


def _ramp_axis(header: Header, size: int) -> Axis:
    """Return the values of the ramp, in the order of the images."""
    found = [header.quantity(_RAMP, f"Image {i:03d}") for i in range(size)]
    values = [value for value, _ in found if value is not None]
    units = found[0][1]
    name = dimension_of(units, "z")
    if len(values) < size:
        return Axis(name=name, size=size, role="signal")
    return Axis(name=name, size=size, units=units, values=np.array(values), role="signal")
