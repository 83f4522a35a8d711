"""Attributes of HDF5 read from the headers of objects, which the library takes long to ask for.

Only those that are most often met: texts, integers and floats, whose values stand in the header
itself, and data sets that are as small (HDF5 File Format Specification 3.0, sections IV.A.2.b, d,
i, m and v). What is kept elsewhere
or is of another type is left to the library.
"""

import functools
import math
import struct
from typing import Any

import numpy as np

from omniscopy.io.storage.hdf5_heaps import (
    EXTERNAL,
    LAYOUT,
    SPACE,
    TYPE,
    Attribute,
    Heaps,
    Slot,
    heaps_of_open,
)

# What an attribute is that is not there, and one that only the library can read.
ABSENT, ELSEWHERE = object(), object()

_INTEGER, _FLOAT, _TEXT, _CHOICE, _LIST = 0, 1, 3, 8, 9
_UP_TO_NUL, _FILLED_WITH_NUL = 0, 1
_FIXED = {_INTEGER: struct.Struct("<3sIHH"), _FLOAT: struct.Struct("<3sIHHBBBBI")}
# Places and sizes of exponent and mantissa, and the bias of the exponent.
_IEEE = {4: (23, 8, 0, 23, 127), 8: (52, 11, 0, 52, 1023)}
_LONGEST = 60_000
# How the values of a data set are laid out.
_COMPACT, _IN_A_ROW = 0, 1


def read_from_header(found: Any, name: bytes) -> Any:
    """Return an attribute of a group or dataset as NumPy or a text gives it.

    `ABSENT` where there is none of the name, `ELSEWHERE` where the header does not hold it.
    """
    kept = heaps_of_open(found)
    if kept is None:
        return ELSEWHERE
    heaps, address = kept
    attribute = heaps.header(address).attributes.get(name)
    if attribute is None:
        return ELSEWHERE if heaps.has_further_attributes(address) else ABSENT
    return value_in(heaps, attribute)


def all_in_header(found: Any) -> tuple[Heaps, dict[bytes, Attribute]] | None:
    """Return the attributes of an object by name, `None` where only the library knows them all."""
    kept = heaps_of_open(found)
    if kept is None or kept[0].has_further_attributes(kept[1]):
        return None
    return kept[0], kept[0].header(kept[1]).attributes


def small_values(dataset: Any) -> Any:
    """Return the values of a small data set as `read_from_header` does those of an attribute.

    `ELSEWHERE` where they are in blocks, many, or of a type that only the library reads.
    """
    kept = heaps_of_open(dataset)
    if kept is None:
        return ELSEWHERE
    heaps, address = kept
    messages = heaps.header(address).messages
    if EXTERNAL in messages or not messages.keys() >= {SPACE, TYPE, LAYOUT}:
        return ELSEWHERE
    place, layout = messages[LAYOUT]
    if len(layout) < 4 or layout[0] not in (3, 4) or layout[1] not in (_COMPACT, _IN_A_ROW):
        return ELSEWHERE
    if layout[1] == _COMPACT:
        place, values = place + 4, layout[4 : 4 + int.from_bytes(layout[2:4], "little")]
    else:
        end = 2 + heaps.offset_bytes
        start = int.from_bytes(layout[2:end], "little")
        size = int.from_bytes(layout[end : end + heaps.length_bytes], "little")
        if size > _LONGEST or start + size > heaps.size:
            return ELSEWHERE
        place = heaps.base + start
        values = heaps.read(place, size)
    return value_in(heaps, Attribute(place, values, messages[TYPE][1], messages[SPACE][1]))


def value_in(heaps: Heaps, attribute: Attribute) -> Any:
    """Return an attribute as `read_from_header` does."""
    shape = _shape(attribute.space, heaps.length_bytes)
    kind, values = attribute.kind, attribute.value
    if shape is None or len(kind) < 8:
        return ELSEWHERE
    code = kind[0] & 15
    if code == _LIST and kind[1] & 15 == 1 and len(shape) < 2:
        width = heaps.reference.size
        size = width * math.prod(shape)
        heaps.require_references(values, size, width, [Slot(0, 1)], attribute.place)
        return _decoded(
            [heaps.text(values[at : at + width]) for at in range(0, size, width)], shape
        )
    width = int.from_bytes(kind[4:8], "little")
    size = math.prod(shape) * width
    if size > min(len(values), _LONGEST) or not width:
        return ELSEWHERE
    if code == _TEXT:
        return _texts(values[:size], kind[1] & 15, width, shape)
    if code == _CHOICE and len(kind) > 8:
        # Numbers that have names; those of truth are kept as such.
        if b"FALSE\0" in kind:
            is_plain = width == 1 and kind[1:3] == b"\2\0" and kind.endswith(b"\0\1")
            return np.frombuffer(values[:size], bool).reshape(shape)[()] if is_plain else ELSEWHERE
        code, kind = kind[8] & 15, kind[8:]
        if code != _INTEGER or kind[4:8] != attribute.kind[4:8]:
            return ELSEWHERE
    dtype = _number_type(code, kind)
    return ELSEWHERE if dtype is None else np.frombuffer(values[:size], dtype).reshape(shape)[()]


def _texts(values: bytes, padding: int, width: int, shape: tuple[int, ...]) -> Any:
    if padding not in (_UP_TO_NUL, _FILLED_WITH_NUL) or len(shape) > 1:
        return ELSEWHERE
    parts = [values[at : at + width] for at in range(0, len(values), width)]
    if padding == _UP_TO_NUL:
        parts = [part.split(b"\0", 1)[0] for part in parts]
    else:
        parts = [part.rstrip(b"\0") for part in parts]
    return _decoded(parts, shape)


def _decoded(parts: list[bytes], shape: tuple[int, ...]) -> list[str] | str:
    texts = [part.decode("utf-8", "replace") for part in parts]
    return texts if shape else texts[0]


@functools.lru_cache(maxsize=256)
def _number_type(code: int, kind: bytes) -> np.dtype[Any] | None:
    """Return the type of integers or floats that NumPy has too."""
    layout = _FIXED.get(code)
    if layout is None or len(kind) < 1 + layout.size:
        return None
    bits, width, start, precision, *form = layout.unpack_from(kind, 1)
    if start or precision != 8 * width or width not in (1, 2, 4, 8):
        return None
    order = ">" if bits[0] & 1 else "<"
    if code == _INTEGER:
        return np.dtype(f"{order}{'i' if bits[0] & 8 else 'u'}{width}")
    # The leading 1 of the mantissa is implied, and the sign is the last bit.
    if bits[0] & ~1 != 0x20 or bits[1] != precision - 1 or _IEEE.get(width) != tuple(form):
        return None
    return np.dtype(f"{order}f{width}")


@functools.lru_cache(maxsize=256)
def _shape(space: bytes, width: int) -> tuple[int, ...] | None:
    """Return the shape of values, `None` of those without any and of unknown layouts."""
    if len(space) < 4:
        return None
    version, rank, kind = space[0], space[1], space[3]
    start = {1: 8, 2: 4}.get(version)
    if start is None or (version == 2 and kind > 1) or len(space) < start + rank * width:
        return None
    places = range(start, start + rank * width, width)
    return tuple(int.from_bytes(space[at : at + width], "little") for at in places)
