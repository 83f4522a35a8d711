"""Images: a buffer after the other, each from its bottom row up."""

import re
from typing import Any

import numpy as np

from omniscopy.io.arrays import Flipped, Scaled
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.picoview.header import Header
from omniscopy.io.planes import plane_axis
from omniscopy.io.quantities import finite_number, known_units, quantity_of
from omniscopy.io.records import Axis, Channel, LazyArray
from omniscopy.io.surfaces import map_grid

# How numbers are stored, and what stands for the range of their buffer.
_BINARY = {"BINARY": ("<i2", 2.0**15), "": ("<i2", 2.0**15), "BINARY_32": ("<i4", 2.0**31)}
# How texts are: one number after the other of all buffers, or a column for each buffer.
_TEXT = {"ASCII": 2.0**15, "ASCII_ABSOLUTE": None, "ASCII_MULTICOLUMN": None}


def read_images(header: Header, *, partial: bool) -> list[Channel]:
    """Return a channel (y, x) for each buffer, in its unit, with row 0 on top."""
    if header.kind in _BINARY:
        return [_binary(header, number, partial=partial) for number in range(len(header.buffers))]
    if header.kind in _TEXT:
        return _text(header)
    message = f"numbers stored as {header.kind!r} are not read, only {[*_BINARY, *_TEXT]}"
    raise UnsupportedFormatError(message, path=header.path, key="data")


def _shape(header: Header) -> tuple[int, int]:
    sizes = [header.entries.get(key, "") for key in ("yPixels", "xPixels")]
    for key, text in zip(("yPixels", "xPixels"), sizes, strict=True):
        if not re.fullmatch(r"[1-9]\d{0,5}", text):
            message = f"a number of pixels was expected, {text!r} was found"
            raise FormatError(message, path=header.path, key=key)
    return int(sizes[0]), int(sizes[1])


def _binary(header: Header, number: int, *, partial: bool) -> Channel:
    dtype, full = _BINARY[header.kind]
    rows, columns = _shape(header)
    offset = header.data_offset + number * rows * columns * int(dtype[-1])
    stored, gap = map_grid(header.path, offset, (rows, columns), dtype, partial=partial)
    extent = finite_number(header.buffers[number].entries.get("bufferRange", ""))
    # The last row of a buffer is the top one, whichever way was scanned.
    data = Scaled(Flipped(stored, (0,)), (extent or full) / full)
    return _channel(header, number, data, known=extent is not None, gap=gap)


def _text(header: Header) -> list[Channel]:
    shape, count = _shape(header), len(header.buffers)
    found, wanted = header.columns(), shape[0] * shape[1] * count
    if found.size < wanted:
        message = f"{count} buffers of {shape} pixels have {wanted} numbers, not {found.size}"
        raise FormatError(message, path=header.path, offset=header.data_offset)
    in_columns = header.kind == "ASCII_MULTICOLUMN"
    values = (found.T if in_columns else found).ravel()[:wanted].reshape(count, *shape)[:, ::-1]
    full = _TEXT[header.kind]
    channels = []
    for number, plane in enumerate(values):
        extent = finite_number(header.buffers[number].entries.get("bufferRange", ""))
        scaled = plane if full is None or extent is None else plane * (extent / full)
        known = full is None or extent is not None
        channels.append(_channel(header, number, np.ascontiguousarray(scaled), known=known))
    return channels


def _channel(
    header: Header,
    number: int,
    data: LazyArray | np.ndarray,
    *,
    known: bool,
    gap: dict[str, Any] | None = None,
) -> Channel:
    buffer = header.buffers[number].entries
    units = known_units(buffer.get("bufferUnit")) if known else None
    title = buffer["bufferLabel"] or f"Buffer {number}"
    direction = buffer.get("trace") or buffer.get("direction")
    return Channel(
        title=f"{title} {direction}" if direction else title,
        data=data,
        axes=_axes(header),
        quantity=quantity_of(title, units),
        units=units,
        modality="AFM" if "afm" in header.entries.get("mode", "").lower() else None,
        source="Agilent PicoView",
        metadata={"scan": {"direction": direction.lower()}} if direction else {},
        original_metadata=buffer,
        attrs={} if gap is None else {"incomplete": gap},
    )


def _axes(header: Header) -> list[Axis]:
    offsets = [header.number(f"{letter}Offset") or 0.0 for letter in "yx"]
    return [
        plane_axis(
            name,
            size,
            offset,
            (header.number(f"{name}Length") or 0.0) / size,
            "m",
            placed=any(offsets),
        )
        for name, size, offset in zip("yx", _shape(header), offsets, strict=True)
    ]
