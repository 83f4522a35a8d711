"""The tag tree of a DigitalMicrograph file: numbers, text and arrays in nested groups.

Large arrays stay in the file: their place, type and length are noted. Every count and size is
checked against the bytes that are left before it is used.
"""

import functools
import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError, UnsupportedFormatError

Group = dict[str, Any]

LARGEST_LIST = 1024  # bytes of an array that is read as a list of numbers
LARGEST_TEXT = 1 << 18  # bytes of an array that is read as text
DEEPEST_GROUP = 64
MOST_ENTRIES = 300_000
MOST_WORDS = 4096  # words of the description of one value

_HEAD = struct.Struct(">BH")
_FLAGS = struct.Struct(">BB")
_LONG = struct.Struct(">I")
_GROUP, _DATA = 20, 21
_STRUCT, _STRING, _ARRAY = 15, 18, 20
_UINT16 = 4
# Number types: how `struct` and how NumPy call them.
_NUMBERS = {
    2: ("h", "i2"), 3: ("i", "i4"), 4: ("H", "u2"), 5: ("I", "u4"), 6: ("f", "f4"),
    7: ("d", "f8"), 8: ("?", "?"), 9: ("b", "i1"), 10: ("B", "u1"), 11: ("q", "i8"),
    12: ("Q", "u8"),
}  # fmt: skip


@dataclass(frozen=True)
class StoredArray:
    """An array that stays in the file: where it begins, how many values, of which type."""

    offset: int
    count: int
    dtype: np.dtype[Any]

    @property
    def nbytes(self) -> int:
        """Return the bytes that the array takes."""
        return self.count * self.dtype.itemsize


@dataclass(frozen=True)
class TagFile:
    """The tree of a file; `cut` says where it breaks off when it was read in part."""

    version: int
    byte_order: str
    root: Group = field(default_factory=dict)
    cut: FormatError | None = None


def read_tags(path: Path, *, partial: bool = False) -> TagFile:
    """Return the tag tree of the file, as far as it goes with `partial`."""
    with _mapped(path) as buffer:
        reader = _TagReader(buffer, path)
        version, byte_order = reader.read_header()
        root: Group = {}
        try:
            reader.read_group(root, depth=0)
        except FormatError as error:
            if not partial:
                raise
            return TagFile(version, byte_order, root, error)
    return TagFile(version, byte_order, root)


def find_tag(tags: Any, path: str) -> Any:
    """Return the value at `path` (names with colons between them), or `None`."""
    for name in path.split(":"):
        if not isinstance(tags, dict):
            return None
        tags = tags.get(name)
    return tags


def without_arrays(tags: Any) -> Any:
    """Return a copy of the tree that holds numbers, text, lists and groups only."""
    if not isinstance(tags, dict):
        return tags
    return {
        name: without_arrays(value)
        for name, value in tags.items()
        if not isinstance(value, StoredArray)
    }


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    with Path(path).open("rb") as file:
        if file.seek(0, 2) == 0:
            message = "the file is empty; a DM3 or DM4 file starts with its version, 3 or 4"
            raise FormatError(message, path=path, offset=0)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
            yield buffer


class _UnknownTypeError(Exception):
    """A value of a type that is not known; in DM4 it can be passed over."""


class _TagReader:
    def __init__(self, buffer: mmap.mmap, path: Path) -> None:
        self.buffer = buffer
        self.path = path
        self.size = len(buffer)
        self.offset = 0
        self.entries = 0
        self.version = 0
        self.word = "I"
        self.length = _LONG
        self.mark = struct.Struct(">4sI")
        self.order = "<"

    def read_header(self) -> tuple[int, str]:
        """Read version, size and byte order, and stand at the root group then."""
        (self.version,) = self.take(_LONG, "the version")
        if self.version not in (3, 4):
            message = f"the file starts with version {self.version}, but DM3 is 3 and DM4 is 4"
            raise UnsupportedFormatError(message, path=self.path, offset=0)
        self.word = "I" if self.version == 3 else "Q"
        self.length = struct.Struct(f">{self.word}")
        self.mark = struct.Struct(f">4s{self.word}")
        self.take(self.length, "the size of the root group")
        at = self.offset
        (flag,) = self.take(_LONG, "the byte order")
        if flag not in (0, 1):
            message = f"the byte order is {flag}, but must be 0 (big endian) or 1 (little endian)"
            raise FormatError(message, path=self.path, offset=at)
        self.order = "<" if flag else ">"
        return self.version, self.order

    def read_group(self, group: Group, depth: int) -> None:
        """Fill `group` with the entries that follow."""
        if depth > DEEPEST_GROUP:
            self.fail(f"groups are nested more than {DEEPEST_GROUP} deep")
        self.take(_FLAGS, "the flags of a group")
        at = self.offset
        (count,) = self.take(self.length, "the number of entries of a group")
        smallest = 3 if self.version == 3 else 11
        if count * smallest > self.size - self.offset:
            self.fail(f"a group of {count} entries does not fit in the rest of the file", at)
        self.entries += count
        if self.entries > MOST_ENTRIES:
            self.fail(f"there are more than {MOST_ENTRIES} entries", at)
        unnamed = 0
        for _ in range(count):
            at = self.offset
            kind, length = self.take(_HEAD, "an entry")
            name = self.take_bytes(length, "the name of an entry").decode("latin-1")
            if not name:
                name, unnamed = str(unnamed), unnamed + 1
            self.read_entry(group, _free_name(group, name), kind, at, depth)

    def read_entry(self, group: Group, name: str, kind: int, at: int, depth: int) -> None:
        """Read the group or value that follows into `group` under `name`."""
        end = 0
        if self.version == 4:
            (length,) = self.take(self.length, "the length of an entry")
            end = self.offset + length
        if kind == _GROUP:
            group[name] = {}
            self.read_group(group[name], depth + 1)
        elif kind == _DATA:
            try:
                self.read_data(group, name, end)
            except _UnknownTypeError as unknown:
                # A tag of an odd type must not stop the rest from being read.
                if not self.offset <= end <= self.size:
                    self.fail(f"the value of {name!r} is of the unknown type {unknown}", at)
                self.offset = end
        else:
            self.fail(f"an entry of kind {kind}, where {_GROUP} or {_DATA} was expected", at)

    def read_data(self, group: Group, name: str, end: int) -> None:
        """Read the description of a value and the value."""
        at = self.offset
        mark, words = self.take(self.mark, "the mark of a value")
        if mark != b"%%%%":
            self.fail(f"the value of {name!r} does not begin with '%%%%'", at)
        if not 0 < words <= MOST_WORDS:
            self.fail(f"the value of {name!r} has a description of {words} words", at)
        info = self.take(_form(f">{words}{self.word}"), "a value's description")
        if info[0] == _ARRAY:
            self.read_array(group, name, info)
        elif info[0] == _STRING:
            group[name] = self.read_string(info, end)
        else:
            codes = _codes(info)
            form = _form(self.order + "".join(_NUMBERS[code][0] for code in codes))
            value = self.take(form, "a value")
            group[name] = list(value) if info[0] == _STRUCT else value[0]

    def read_array(self, group: Group, name: str, info: tuple[int, ...]) -> None:
        """Read a small array or text, or note where a large one (or any `Data`) is."""
        at = self.offset
        stored = StoredArray(at, info[-1], _element_type(self.order, info[1:-1]))
        text = info[1] == _UINT16 and stored.nbytes <= LARGEST_TEXT
        if name == "Data" or not (text or stored.nbytes <= LARGEST_LIST):
            group[name] = stored
            self.skip(stored.nbytes, f"the array {name!r}")
            return
        payload = self.take_bytes(stored.nbytes, f"the array {name!r}")
        if text:
            group[name] = self.as_text(payload)
        else:
            group[name] = [_plain(value) for value in np.frombuffer(payload, stored.dtype).tolist()]

    def read_string(self, info: tuple[int, ...], end: int) -> str:
        """Read a counted text; DM4 tells whether its length is in bytes or in characters."""
        if len(info) < 2:
            self.fail("a text has no length")
        nbytes = 2 * info[1]
        if self.version == 4 and end == self.offset + info[1]:
            nbytes = info[1]
        if nbytes > LARGEST_TEXT:
            self.skip(nbytes, "a text")
            return ""
        return self.as_text(self.take_bytes(nbytes, "a text"))

    def as_text(self, payload: bytes) -> str:
        """Decode UTF-16 of the file's byte order, up to the first NUL."""
        order = "utf-16-le" if self.order == "<" else "utf-16-be"
        return payload.decode(order, "replace").split("\0", 1)[0]

    def take(self, form: struct.Struct, what: str) -> tuple[Any, ...]:
        """Read numbers of a fixed form."""
        start = self.offset
        self.skip(form.size, what)
        return form.unpack_from(self.buffer, start)

    def take_bytes(self, count: int, what: str) -> bytes:
        """Read `count` bytes."""
        start = self.offset
        self.skip(count, what)
        return self.buffer[start : self.offset]

    def skip(self, count: int, what: str) -> None:
        """Pass over `count` bytes, which must be there."""
        left = self.size - self.offset
        if count > left:
            message = (
                f"{what} needs {count} bytes, but the file ({self.size} bytes) has {left} there; "
                "it is cut short or damaged"
            )
            raise FormatError(message, path=self.path, offset=self.offset)
        self.offset += count

    def fail(self, message: str, offset: int | None = None) -> None:
        """Raise `FormatError` for the byte `offset`, or for the present one."""
        offset = self.offset if offset is None else offset
        message = f"{message}; the file is damaged"
        raise FormatError(message, path=self.path, offset=offset)


def _free_name(group: Group, name: str) -> str:
    """Return `name`, numbered where the group has it already."""
    if name not in group:
        return name
    number = len(group)
    while f"{name}_{number}" in group:
        number += 1
    return f"{name}_{number}"


@functools.lru_cache(256)
def _form(text: str) -> struct.Struct:
    return struct.Struct(text)


def _codes(info: tuple[int, ...]) -> tuple[int, ...]:
    """Return the types of the numbers of one value: one, or several in a struct."""
    is_struct = info[:1] == (_STRUCT,)
    codes = info[4::2] if is_struct else info
    is_whole = len(info) == 3 + 2 * info[2] if is_struct and len(info) > 4 else len(codes) == 1
    if is_whole and all(code in _NUMBERS for code in codes):
        return codes
    raise _UnknownTypeError(str(info[:3]))


@functools.lru_cache(256)
def _element_type(order: str, info: tuple[int, ...]) -> np.dtype[Any]:
    codes = _codes(info)
    if len(info) == 1:
        return np.dtype(order + _NUMBERS[codes[0]][1])
    return np.dtype([(f"f{i}", order + _NUMBERS[code][1]) for i, code in enumerate(codes)])


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
