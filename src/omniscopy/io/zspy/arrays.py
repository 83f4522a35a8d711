"""Arrays of a Zarr store of version 2, read chunk by chunk.

Only codecs that unpack numbers are known: one that is not, such as those for Python objects,
which could run any code, is refused before it is asked for anything.
"""

import itertools
import math
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.arrays import full_key
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.records import Key
from omniscopy.io.zspy.stores import Store

_NUMBER = re.compile(r"[<>|][biufc]\d{1,2}")
_LARGEST_CHUNK = 2**31 - 2**16  # what blosc can pack
# What packs into few bytes is nearly empty; more than this is a damaged size.
_PACKED, _SURELY_FITS, _MARGIN = 20_000, 2**24, 2**16
_MOST_LISTS, _MOST_OF_LISTS = 2**20, 2**26
_DAMAGE = (ValueError, RuntimeError, TypeError, MemoryError, OverflowError, zlib.error)


@dataclass(frozen=True)
class ChunkedArray:
    """An array under a name of a store; `codec` is the name of what packs its chunks."""

    store: Store
    name: str
    shape: tuple[int, ...]
    file_dtype: np.dtype[Any]
    chunk: tuple[int, ...]
    codec: str | None
    order: Any
    separator: str
    fill: Any

    @property
    def path(self) -> str:
        """Return the path of the store."""
        return self.store.path

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the type of the values, of native byte order."""
        return self.file_dtype.newbyteorder("=")

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Return the shape of the chunks."""
        return self.chunk or None

    def __getitem__(self, key: Key) -> np.ndarray:
        """Return the values asked for."""
        parts = full_key(key, self.shape)
        wanted = [
            range(part, part + 1) if isinstance(part, int) else range(*part.indices(size))
            for part, size in zip(parts, self.shape, strict=True)
        ]
        values = np.full([len(each) for each in wanted], self.fill, self.dtype)
        touched = [
            [
                place
                for place in range(each[0] // length, each[-1] // length + 1)
                if _within(each, place, length)
            ]
            if len(each)
            else []
            for each, length in zip(wanted, self.chunk, strict=True)
        ]
        for place in itertools.product(*touched):
            self._put(values, wanted, place)
        kept = tuple(0 if isinstance(part, int) else slice(None) for part in parts)
        return np.asarray(values[kept])

    def _put(self, values: np.ndarray, wanted: list[range], place: tuple[int, ...]) -> None:
        """Put what is wanted of one chunk into `values`."""
        here, there = [], []
        for each, number, length in zip(wanted, place, self.chunk, strict=True):
            start = number * length
            first = -(-(max(start, each[0]) - each[0]) // each.step)
            stop = -(-(min(start + length, each[-1] + 1) - each[0]) // each.step)
            here.append(slice(first, stop))
            inside = each[first] - start
            there.append(slice(inside, each[stop - 1] - start + 1, each.step))
        chunk = self._chunk(place)
        if chunk is not None:
            values[tuple(here)] = chunk[tuple(there)]

    def _chunk(self, place: tuple[int, ...]) -> np.ndarray | None:
        """Return a chunk, `None` where none was written."""
        name = f"{self.name}/{self.separator.join(map(str, place)) or '0'}"
        size = self.store.size(name)
        if size is None:
            return None
        expected = math.prod(self.chunk) * self.file_dtype.itemsize
        if expected > max(size * _PACKED, _SURELY_FITS):
            message = f"a chunk of {expected} bytes is claimed, {size} are stored"
            raise FormatError(message, path=self.path, key=name)
        content = unpack(
            self.store.read(name, most=expected + _MARGIN) or b"",
            self.codec,
            expected,
            self.path,
            name,
        )
        if len(content) != expected:
            message = f"the chunk has {len(content)} bytes, {expected} were expected"
            raise FormatError(message, path=self.path, key=name)
        return np.frombuffer(content, self.file_dtype).reshape(self.chunk, order=self.order)


def describe_array(store: Store, name: str) -> dict[str, Any] | None:
    """Return the description of an array, `None` where there is none."""
    return store.document(f"{name}/.zarray") or None


def open_array(store: Store, name: str) -> ChunkedArray:
    """Return the handle of an array of numbers, after its description was looked at.

    Raises
    ------
    FormatError
        The description is damaged; `UnsupportedFormatError` where the values are packed in a way
        that is not known.
    """
    said = describe_array(store, name)
    key = f"{name}/.zarray"
    if said is None:
        raise FormatError("the array has no description", path=store.path, key=key)  # noqa: EM101
    shape, chunk = (_sizes(said.get(entry)) for entry in ("shape", "chunks"))
    dtype = _dtype(said.get("dtype"))
    if shape is None or chunk is None or len(shape) != len(chunk) or 0 in chunk:
        message = f"the shape {said.get('shape')} and chunks {said.get('chunks')} cannot be"
        raise FormatError(message, path=store.path, key=key)
    if dtype is None:
        message = f"the signal holds no numbers, but values of type {said.get('dtype')!r}"
        raise FormatError(message, path=store.path, key=key)
    if math.prod(chunk) * dtype.itemsize > _LARGEST_CHUNK or math.prod(shape) > 2**60:
        message = f"chunks of {chunk} {dtype} of an array {shape} cannot be"
        raise FormatError(message, path=store.path, key=key)
    if said.get("filters") or said.get("order", "C") not in ("C", "F"):
        message = f"filters {said.get('filters')} of order {said.get('order')} are not known"
        raise UnsupportedFormatError(message, path=store.path, key=key)
    separator = said.get("dimension_separator", ".")
    return ChunkedArray(
        store=store, name=name, shape=shape, file_dtype=dtype, chunk=chunk,
        codec=known_codec(said.get("compressor"), store.path, key), order=said.get("order", "C"),
        separator="/" if separator == "/" else ".", fill=_fill(said.get("fill_value"), dtype),
    )  # fmt: skip


def known_codec(said: Any, path: str, key: str) -> str | None:
    """Return the name of what packs chunks, or raise where it is not known."""
    if said is None:
        return None
    if not isinstance(said, Mapping) or said.get("id") not in _UNPACKERS:
        message = f"the values are packed by {said!r}; known are {', '.join(_UNPACKERS)}"
        raise UnsupportedFormatError(message, path=path, key=key)
    return str(said["id"])


def unpack(packed: bytes, codec: str | None, expected: int, path: str, key: str) -> bytes:
    """Return the unpacked bytes of a chunk, `expected` at most."""
    try:
        return packed if codec is None else _UNPACKERS[codec](packed, expected)
    except _DAMAGE as error:
        message = f"the chunk cannot be unpacked ({error})"
        raise FormatError(message, path=path, key=key) from error


def read_texts(store: Store, name: str, most: int) -> list[str] | None:
    """Return a list of texts in one chunk, `None` where it is something else or damaged."""
    said = describe_array(store, name) or {}
    shape = _sizes(said.get("shape"))
    filters = said.get("filters")
    texts = isinstance(filters, list) and [each.get("id") for each in filters] == ["vlen-utf8"]
    size = store.size(f"{name}/0")
    if not texts or shape is None or len(shape) != 1 or shape[0] > most or size is None:
        return None
    try:
        codec = known_codec(said.get("compressor"), store.path, name)
        content = unpack(
            store.read(f"{name}/0", most=most * 64 + _MARGIN) or b"",
            codec,
            most * 64,
            store.path,
            name,
        )
    except FormatError:
        return None
    found: list[str] = []
    place = 4
    while place + 4 <= len(content) and len(found) < shape[0]:
        length = int.from_bytes(content[place : place + 4], "little")
        found.append(content[place + 4 : place + 4 + length].decode("utf-8", "replace"))
        place += 4 + length
    return found


def read_lists(store: Store, name: str) -> tuple[tuple[int, ...], list[np.ndarray]] | None:
    """Return the shape of an array of lists of numbers and the lists, `None` where it is none.

    Raises
    ------
    FormatError
        A chunk is damaged.
    """
    said = describe_array(store, name) or {}
    filters, key = said.get("filters") or [], f"{name}/.zarray"
    shape, chunk = (_sizes(said.get(entry)) for entry in ("shape", "chunks"))
    if not isinstance(filters, list) or len(filters) != 1 or not isinstance(filters[0], Mapping):
        return None
    if filters[0].get("id") != "vlen-array" or said.get("dtype") != "|O":
        return None
    dtype = _dtype(filters[0].get("dtype"))
    if dtype is None or dtype.kind not in "iuf" or not shape or not chunk or 0 in chunk:
        return None
    if len(shape) != len(chunk) or max(math.prod(shape), math.prod(chunk)) > _MOST_LISTS:
        message = f"lists at {shape} places in chunks of {chunk} cannot be"
        raise FormatError(message, path=store.path, key=key)
    codec = known_codec(said.get("compressor"), store.path, key)
    separator = "/" if said.get("dimension_separator") == "/" else "."
    lists = np.full(shape, None, object)
    counts = [range(-(-size // length)) for size, length in zip(shape, chunk, strict=True)]
    for place in itertools.product(*counts):
        part = f"{name}/{separator.join(map(str, place))}"
        size = store.size(part)
        if size is None:
            continue
        most = min(size * _PACKED, _MOST_OF_LISTS)
        content = unpack(store.read(part, most=most) or b"", codec, most, store.path, part)
        inner = np.full(math.prod(chunk), None, object)
        for number, values in enumerate(_listed(content, dtype, inner.size, store.path, part)):
            inner[number] = values
        corner = [number * length for number, length in zip(place, chunk, strict=True)]
        kept = [
            min(length, size - at) for length, size, at in zip(chunk, shape, corner, strict=True)
        ]
        whole = tuple(slice(at, at + count) for at, count in zip(corner, kept, strict=True))
        folded = inner.reshape(chunk, order="F" if said.get("order") == "F" else "C")
        lists[whole] = folded[tuple(slice(count) for count in kept)]
    nothing = np.empty(0, dtype.newbyteorder("="))
    return shape, [nothing if each is None else each for each in lists.ravel()]


def _listed(
    content: bytes, dtype: np.dtype[Any], most: int, path: str, key: str
) -> Iterator[np.ndarray]:
    """Yield the lists of a chunk: how many there are, then the bytes of each before it."""
    place = 4
    for _ in range(min(int.from_bytes(content[:4], "little"), most)):
        length = int.from_bytes(content[place : place + 4], "little")
        if place + 4 + length > len(content) or length % dtype.itemsize:
            message = f"a list of {length} bytes does not fit in the chunk"
            raise FormatError(message, path=path, key=key)
        values = np.frombuffer(content, dtype, length // dtype.itemsize, place + 4)
        yield values.astype(dtype.newbyteorder("="))
        place += 4 + length


def _unpack_blosc(packed: bytes, expected: int) -> bytes:
    from numcodecs import Blosc  # type: ignore[import-untyped]

    # A header of 16 bytes: the fifth to eighth are the length of what was packed.
    size = int.from_bytes(packed[4:8], "little")
    if len(packed) < 16 or size > expected:
        message = f"{size} bytes are claimed, {expected} were expected"
        raise ValueError(message)
    return bytes(Blosc().decode(packed))


def _unpack_zstd(packed: bytes, expected: int) -> bytes:
    from numcodecs import Zstd

    room = np.empty(expected, np.uint8)
    return np.asarray(Zstd().decode(packed, out=room)).tobytes()


def _unpack_lz4(packed: bytes, expected: int) -> bytes:
    from numcodecs import LZ4

    if int.from_bytes(packed[:4], "little") > expected:
        message = f"more than {expected} bytes are claimed"
        raise ValueError(message)
    return bytes(LZ4().decode(packed))


def _inflate(packed: bytes, expected: int) -> bytes:
    stream = zlib.decompressobj(wbits=47)
    content = stream.decompress(packed, expected + 1)
    if not stream.eof:
        message = "it is cut short, or longer than it should be"
        raise ValueError(message)
    return content


_UNPACKERS = {
    "blosc": _unpack_blosc, "zstd": _unpack_zstd, "lz4": _unpack_lz4,
    "zlib": _inflate, "gzip": _inflate,
}  # fmt: skip


def _within(wanted: range, place: int, length: int) -> bool:
    """Return whether something of a chunk is wanted along a dimension."""
    start = place * length
    first = -(-(max(start, wanted[0]) - wanted[0]) // wanted.step)
    return first < len(wanted) and wanted[first] < start + length


def _sizes(said: Any) -> tuple[int, ...] | None:
    if not isinstance(said, list) or len(said) > 32:
        return None
    whole = all(isinstance(n, int) and not isinstance(n, bool) and 0 <= n < 2**48 for n in said)
    return tuple(said) if whole else None


def _dtype(said: Any) -> np.dtype[Any] | None:
    """Return a type of numbers, or of records of bytes; `None` for all else."""
    try:
        if isinstance(said, str) and _NUMBER.fullmatch(said):
            return np.dtype(said)
        if isinstance(said, list) and 0 < len(said) < 8:
            fields = [(str(name), kind) for name, kind in said if _NUMBER.fullmatch(kind)]
            return np.dtype(fields) if len(fields) == len(said) else None
    except (TypeError, ValueError):
        return None
    return None


def _fill(said: Any, dtype: np.dtype[Any]) -> Any:
    special = {"NaN": np.nan, "Infinity": np.inf, "-Infinity": -np.inf}
    if dtype.names:
        return np.zeros((), dtype)
    value = special.get(said, 0) if isinstance(said, str) else said
    if not isinstance(value, int | float):
        return np.zeros((), dtype)
    try:
        return np.asarray(value).astype(dtype)
    except (ValueError, OverflowError):
        return np.zeros((), dtype)
