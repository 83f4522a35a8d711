"""The objects of a file, one after another: a header of 512 bytes, a comment, and numbers."""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Mapped
from omniscopy.io.errors import FormatError
from omniscopy.io.records import Key, LazyArray

_FIELDS = (
    ("code", "12s"), ("format", "h"), ("objects", "h"), ("version", "h"), ("type", "h"),
    ("name", "30s"), ("operator", "30s"), ("planes", "h"), ("acquisition", "h"),
    ("range_type", "h"), ("special_points", "h"), ("absolute", "h"), ("gauge_resolution", "f"),
    ("depth", "i"), ("bits", "h"), ("z_min", "i"), ("z_max", "i"), ("columns", "i"),
    ("rows", "i"), ("total", "i"), ("x_step", "f"), ("y_step", "f"), ("z_step", "f"),
    ("x_name", "16s"), ("y_name", "16s"), ("z_name", "16s"), ("x_units", "16s"),
    ("y_units", "16s"), ("z_units", "16s"), ("x_length_units", "16s"),
    ("y_length_units", "16s"), ("z_length_units", "16s"), ("x_ratio", "f"), ("y_ratio", "f"),
    ("z_ratio", "f"), ("imprint", "h"), ("inverted", "h"), ("levelled", "h"), ("spare_1", "12s"),
    ("seconds", "h"), ("minutes", "h"), ("hours", "h"), ("day", "h"), ("month", "h"),
    ("year", "h"), ("weekday", "h"), ("duration", "f"), ("packed_size", "I"), ("spare_2", "6s"),
    ("comment_size", "h"), ("private_size", "h"), ("client", "128s"), ("x_offset", "f"),
    ("y_offset", "f"), ("z_offset", "f"), ("t_step", "f"), ("t_offset", "f"),
    ("t_name", "13s"), ("t_units", "13s"),
)  # fmt: skip
_HEADER = struct.Struct("<" + "".join(kind for _, kind in _FIELDS))
_PLAIN, _PACKED = b"DIGITAL SURF", b"DSCOMPRESSED"
_TYPES: dict[int, np.dtype[Any]] = {16: np.dtype("<i2"), 32: np.dtype("<i4")}
_SPECTRAL_MAP = 21
# More than zlib can pack into a byte.
_MOST_TIMES = 1040
_MOST_OBJECTS, _MOST_STREAMS = 1 << 14, 1 << 10


@dataclass(frozen=True)
class Packed:
    """Numbers that are packed in streams, unpacked whole for each read."""

    path: str
    streams: tuple[tuple[int, int, int], ...]
    shape: tuple[int, ...]
    file_dtype: np.dtype[Any]

    @property
    def dtype(self) -> np.dtype[Any]:  # noqa: D102
        return self.file_dtype.newbyteorder("=")

    @property
    def chunks(self) -> tuple[int, ...] | None:  # noqa: D102
        return self.shape

    def __getitem__(self, key: Key) -> np.ndarray:
        parts = []
        with Path(self.path).open("rb") as file:
            for offset, packed, size in self.streams:
                file.seek(offset)
                stream = zlib.decompressobj()
                try:
                    part = stream.decompress(file.read(packed), max(size, 1))
                except zlib.error as error:
                    message = f"the numbers cannot be unpacked ({error}); the file is damaged"
                    raise FormatError(message, path=self.path, offset=offset) from error
                if len(part) != size:
                    message = f"{size} bytes were expected, {len(part)} were unpacked"
                    raise FormatError(message, path=self.path, offset=offset)
                parts.append(part)
        values = np.frombuffer(b"".join(parts), self.file_dtype).reshape(self.shape)
        return np.array(values[key], dtype=self.dtype, order="C")


@dataclass(frozen=True)
class Block:
    """One object: the fields of its header, its comment, and its numbers as they are stored."""

    fields: dict[str, Any]
    comment: str
    numbers: LazyArray

    @property
    def type(self) -> int:
        """Return the number of the kind of object."""
        return int(self.fields["type"])


def read_blocks(path: Path, *, partial: bool) -> tuple[list[Block], str | None]:
    """Return the objects of a file; with `partial`, those before a damaged one, and its fault."""
    end = path.stat().st_size
    found: list[Block] = []
    at = 0
    with path.open("rb") as file:
        while at < end and len(found) < _MOST_OBJECTS:
            try:
                block, at = _read_block(file, path, at, end)
            except FormatError as error:
                if partial and found:
                    return found, f"object {len(found) + 1}: {error.message}"
                raise error.in_file(path) from None
            found.append(block)
    return found, None


def _read_block(file: Any, path: Path, at: int, end: int) -> tuple[Block, int]:
    """Return the object at a byte of the file, and where the next one starts."""
    file.seek(at)
    raw = file.read(_HEADER.size)
    if len(raw) < _HEADER.size or raw[:12] not in {_PLAIN, _PACKED}:
        message = "the header of an object was expected; the file is cut short or damaged"
        raise FormatError(message, offset=at)
    values = zip(_FIELDS, _HEADER.unpack(raw), strict=True)
    fields = {name: _plain(value) for (name, _), value in values}
    sizes = (fields["comment_size"], fields["private_size"])
    dtype = _TYPES.get(fields["bits"])
    if min(sizes) < 0 or dtype is None:
        message = f"{fields['bits']} bits a number and comments of {sizes} bytes are not known"
        raise FormatError(message, offset=at)
    comment = file.read(sizes[0])
    start = at + _HEADER.size + sum(sizes)
    shape = _shape(fields, at)
    if raw[:12] == _PLAIN:
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        _require(start, size, end, shape)
        numbers: LazyArray = Mapped(str(path), start, shape, dtype)
    else:
        size = fields["packed_size"]
        _require(start, size, end, shape)
        streams = _streams(file, start, size, int(np.prod(shape, dtype=object)) * dtype.itemsize)
        numbers = Packed(str(path), streams, shape, dtype)
    return Block(fields, comment.decode("latin-1"), numbers), start + size


def _shape(fields: dict[str, Any], at: int) -> tuple[int, ...]:
    """Return lines and points of each, and the depth of a volume of spectra."""
    columns, rows, total = fields["columns"], fields["rows"], fields["total"]
    if columns < 1 or rows < 1:
        message = f"an object of {rows} lines of {columns} points cannot be"
        raise FormatError(message, offset=at)
    depth = fields["depth"]
    if fields["type"] == _SPECTRAL_MAP and depth > 1:
        return rows, columns, depth
    if total != rows * columns:
        message = f"{rows} lines of {columns} points are not the {total} points announced"
        raise FormatError(message, offset=at)
    return rows, columns


def _require(start: int, size: int, end: int, shape: tuple[int, ...]) -> None:
    if start + size > end:
        message = (
            f"{shape} numbers need {size} bytes, there are {max(end - start, 0)}; the file is "
            "cut short or its header is damaged"
        )
        raise FormatError(message, offset=start)


def _streams(file: Any, start: int, size: int, wanted: int) -> tuple[tuple[int, int, int], ...]:
    """Return offset, packed and plain length of each stream."""
    file.seek(start)
    head = file.read(min(size, 4 + 8 * _MOST_STREAMS))
    count = int.from_bytes(head[:4], "little")
    if count < 1 or 4 + 8 * count > len(head):
        message = f"{count} packed streams cannot be in {size} bytes"
        raise FormatError(message, offset=start)
    lengths = struct.iter_unpack("<II", head[4 : 4 + 8 * count])
    found, at = [], start + 4 + 8 * count
    for plain, packed in lengths:
        if at + packed > start + size or plain > packed * _MOST_TIMES:
            message = f"a stream of {packed} bytes for {plain} cannot be there"
            raise FormatError(message, offset=start)
        found.append((at, packed, plain))
        at += packed
    if sum(plain for _, _, plain in found) != wanted:
        message = f"the packed streams are not of {wanted} bytes"
        raise FormatError(message, offset=start)
    return tuple(found)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.partition(b"\0")[0].decode("latin-1").strip()
    return value
