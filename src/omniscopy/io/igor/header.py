"""The headers of an Igor binary wave, versions 1, 2, 3 and 5, in either byte order."""

import math
import struct
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.quantities import text_of

MOST_TEXT = 1 << 24
_NUMBERS = {0x02: "f4", 0x04: "f8", 0x08: "i1", 0x10: "i2", 0x20: "i4", 0x80: "i8"}
_COMPLEX, _UNSIGNED = 0x01, 0x40
_BINARY = {1: 8, 2: 16, 3: 20, 5: 64}
_OLD_WAVE = 110  # bytes of the wave header of versions 1 to 3, without the first four points
_OLD_PADDING = 16
_NEW_WAVE = 320
_LABEL = 32


@dataclass(frozen=True)
class Wave:
    """What the headers say, and where the parts of the file are."""

    path: Path
    version: int
    order: str
    name: str
    type_code: int
    points: int
    shape: tuple[int, ...]
    scales: tuple[float, ...]
    offsets: tuple[float, ...]
    data_offset: int
    data_bytes: int
    tail_offset: int
    data_units: str = ""
    dim_units: tuple[str, ...] = ()
    created: int = 0
    modified: int = 0
    tail_sizes: dict[str, int] = field(default_factory=dict)

    @property
    def is_text(self) -> bool:
        """Return whether the wave holds strings instead of numbers."""
        return self.type_code == 0

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the type of the values in the file, its byte order included."""
        code = self.type_code & ~(_COMPLEX | _UNSIGNED)
        word = _NUMBERS.get(code, "")
        if self.type_code & _UNSIGNED and word.startswith("i"):
            word = "u" + word[1:]
        if self.type_code & _COMPLEX and word.startswith("f"):
            word = f"c{2 * int(word[1:])}"
        elif self.type_code & (_COMPLEX | _UNSIGNED) and not word.startswith("u"):
            word = ""
        if not word:
            message = (
                f"the wave is of type {self.type_code:#x}; numbers (real and complex) and text "
                "are read, references to waves and folders are not"
            )
            raise UnsupportedFormatError(message, path=self.path)
        return np.dtype(self.order + word)


def read_header(path: Path, *, at: int = 0, partial: bool = False) -> Wave:
    """Return the headers of the wave at a place of a file.

    They are checked against each other and the checksum.
    """
    with path.open("rb") as file:
        file.seek(at)
        start = file.read(384)
    order, version = _find_version(start, path)
    binary_bytes = _BINARY[version]
    wave_bytes = _NEW_WAVE if version == 5 else _OLD_WAVE
    if len(start) < binary_bytes + wave_bytes:
        message = f"the headers take {binary_bytes + wave_bytes} bytes, the file has {len(start)}"
        raise FormatError(message, path=path, offset=len(start))
    if not partial:
        padding = 0 if version == 5 else _OLD_PADDING
        _verify_checksum(start[: binary_bytes + wave_bytes + padding], order, path)
    read = _read_new if version == 5 else _read_old
    wave = read(path, start, order, version, binary_bytes)
    wave = replace(wave, data_offset=wave.data_offset + at, tail_offset=wave.tail_offset + at)
    _check_sizes(wave)
    return wave


def read_tail(wave: Wave, *, partial: bool = False) -> dict[str, bytes]:
    """Return what follows the data: note, formula, units, labels, ends of the strings."""
    parts: dict[str, bytes] = {}
    size = wave.path.stat().st_size
    place = wave.tail_offset
    with wave.path.open("rb") as file:
        for name, wanted in wave.tail_sizes.items():
            if place + wanted > size and not partial:
                message = f"the wave's {name} needs {wanted} bytes, the file ends before them"
                raise FormatError(message, path=wave.path, offset=place)
            if wanted <= MOST_TEXT:
                file.seek(place)
                parts[name] = file.read(wanted)
            place += wanted
    return parts


def read_labels(wave: Wave, parts: dict[str, bytes]) -> list[list[str]]:
    """Return the labels of the indices of every dimension, empty lists where it has none."""
    labels = []
    for axis, size in enumerate(wave.shape):
        cells = parts.get(f"labels of dimension {axis}", b"")
        names = [_text(cells[at : at + _LABEL]) for at in range(0, len(cells), _LABEL)][: size + 1]
        # The first cell names the dimension, the others its indices; a single layer may have the
        # first alone.
        labels.append(names if len(names) == size == 1 else names[1:])
    return labels


def _find_version(start: bytes, path: Path) -> tuple[str, int]:
    if len(start) < 2:
        message = f"an Igor binary wave starts with its version, the file has {len(start)} bytes"
        raise FormatError(message, path=path, offset=0)
    for order in "<>":
        (version,) = struct.unpack_from(order + "h", start)
        if version in (1, 2, 3, 5):
            return order, version
    message = f"an Igor binary wave starts with version 1, 2, 3 or 5, the file with {start[:2]!r}"
    if 0 in start[:2] and max(start[:2]) < 16:
        raise UnsupportedFormatError(message, path=path, offset=0)
    raise FormatError(message, path=path, offset=0)


def _verify_checksum(headers: bytes, order: str, path: Path) -> None:
    words = headers.ljust(len(headers) + len(headers) % 2, b"\0")
    total = int(np.frombuffer(words, order + "i2").sum(dtype=np.int64)) & 0xFFFF
    if total:
        message = (
            f"the checksum of the headers is {total:#06x} instead of 0: they are damaged; "
            "partial=True reads what they say all the same"
        )
        raise FormatError(message, path=path, offset=0)


def _read_new(path: Path, start: bytes, order: str, version: int, binary_bytes: int) -> Wave:
    sizes = struct.unpack_from(order + "2x2x4i4i4ii", start)
    wave_size, formula, note, data_units = sizes[:4]
    dim_units, dim_labels, indices = sizes[4:8], sizes[8:12], sizes[12]
    fields = struct.unpack_from(order + "4xIIih2x6x2x32s8x4i4d4d4s16s", start, binary_bytes)
    created, modified, points, type_code, name = fields[:5]
    extents, scales, offsets = fields[5:9], fields[9:13], fields[13:17]
    short_units = [fields[18][4 * i : 4 * i + 4] for i in range(4)]
    shape = tuple(extents[: extents.index(0)]) if 0 in extents else tuple(extents)
    return Wave(
        path=path,
        version=version,
        order=order,
        name=_text(name),
        type_code=type_code,
        points=points,
        shape=shape or (0,),
        scales=scales,
        offsets=offsets,
        data_offset=binary_bytes + _NEW_WAVE,
        data_bytes=wave_size - _NEW_WAVE,
        tail_offset=binary_bytes + wave_size,
        data_units=_text(fields[17]),
        dim_units=tuple(_text(units) for units in short_units),
        created=created,
        modified=modified,
        tail_sizes={
            "formula": formula,
            "note": note,
            "data units": data_units,
            **{f"units of dimension {i}": size for i, size in enumerate(dim_units)},
            **{f"labels of dimension {i}": size for i, size in enumerate(dim_labels)},
            "string indices": indices,
        },
    )


def _read_old(path: Path, start: bytes, order: str, version: int, binary_bytes: int) -> Wave:
    (wave_size,) = struct.unpack_from(order + "i", start, 2)
    tail: dict[str, int] = {}
    if version == 2:
        tail = {"note": struct.unpack_from(order + "i", start, 6)[0]}
    elif version == 3:
        note, formula = struct.unpack_from(order + "2i", start, 6)
        tail = {"note": note, "formula": formula}
    layout = order + "h4x20s8x4s4si2xdd"
    fields = struct.unpack_from(layout, start, binary_bytes)
    type_code, name, data_units, dim_units, points, scale, offset = fields
    created, modified = struct.unpack_from(order + "I2xI", start, binary_bytes + 96)
    data_bytes = wave_size - _OLD_WAVE - _OLD_PADDING
    # A wave that depends on a formula is saved without its values.
    stored = 0 if data_bytes == 0 and tail.get("formula") else points
    return Wave(
        path=path,
        version=version,
        order=order,
        name=_text(name),
        type_code=type_code,
        points=stored,
        shape=(stored,),
        scales=(scale,),
        offsets=(offset,),
        data_offset=binary_bytes + _OLD_WAVE,
        data_bytes=data_bytes,
        tail_offset=binary_bytes + wave_size,
        data_units=_text(data_units),
        dim_units=(_text(dim_units),),
        created=created,
        modified=modified,
        tail_sizes=tail,
    )


def _check_sizes(wave: Wave) -> None:
    if any(size < 0 for size in (*wave.shape, wave.points, *wave.tail_sizes.values())):
        message = f"a size in the headers is negative (shape {wave.shape}, {wave.tail_sizes})"
        raise FormatError(message, path=wave.path, offset=0)
    if math.prod(wave.shape) != wave.points:
        message = f"the headers say {wave.points} points, but a shape of {wave.shape}"
        raise FormatError(message, path=wave.path, offset=0)
    if wave.data_bytes < 0:
        message = f"the headers leave {wave.data_bytes} bytes for the data"
        raise FormatError(message, path=wave.path, offset=0)
    if not wave.is_text and wave.points * wave.dtype.itemsize > wave.data_bytes:
        message = (
            f"{wave.points} points of {wave.dtype} need {wave.points * wave.dtype.itemsize} "
            f"bytes, the headers leave {wave.data_bytes}"
        )
        raise FormatError(message, path=wave.path, offset=0)


def _text(raw: bytes) -> str:
    # What follows the first zero byte is left over from a longer name.
    return text_of(raw.split(b"\0", 1)[0]).strip()
