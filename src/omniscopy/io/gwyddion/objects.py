"""The objects of a Gwyddion file: a tree of named components, whose long numbers stay on disk."""

import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from omniscopy.io.errors import FormatError, UnsupportedFormatError

MOST_COMPONENTS = 200_000
DEEPEST = 32
LONGEST_NAME = 4096

_ATOMS = {"b": "<B", "c": "<b", "i": "<i", "q": "<q", "d": "<d"}
_ARRAYS = {"C": "<i1", "I": "<i4", "Q": "<i8", "D": "<f8"}
# Types of the values of a container, as files before version 1.2 number them.
_OLD_TYPES = {12: "c", 16: "c", 20: "b", 24: "i", 28: "i", 40: "q", 60: "d", 64: "s", 80: "o"}

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Block:
    """Numbers on disk: `there` of `count` are in the file."""

    path: Path
    offset: int
    count: int
    there: int
    dtype: np.dtype[Any]

    def values(self) -> np.ndarray:
        """Return the numbers, read now."""
        found = np.fromfile(self.path, self.dtype, self.there, offset=self.offset)
        return found.astype(self.dtype.newbyteorder("="))


@dataclass
class Object:
    """An object of the file: its class and its components by name."""

    kind: str
    offset: int
    items: dict[str, Any] = field(default_factory=dict)

    def get(self, name: str, kind: type[Kind]) -> Kind | None:
        """Return a component, `None` where it is missing or of another type."""
        value = self.items.get(name)
        return value if isinstance(value, kind) else None

    def number(self, name: str, default: float = 0.0) -> float:
        """Return a number, the default where it is missing or not finite."""
        value = self.items.get(name)
        is_number = isinstance(value, int | float) and np.isfinite(value)
        return float(value) if is_number else default  # type: ignore[arg-type]

    def text(self, name: str) -> str:
        """Return a text, empty where it is missing."""
        return self.get(name, str) or ""

    def objects(self, name: str) -> "list[Object]":
        """Return the objects of a list."""
        found = self.get(name, list) or []
        return [each for each in found if isinstance(each, Object)]


def read_objects(path: Path, *, partial: bool = False) -> tuple[Object, bool]:
    """Return the outermost object of a file, and whether the file is of the old kind."""
    with path.open("rb") as file:
        try:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:
            raise FormatError("the file is empty (0 bytes)", path=path) from None  # noqa: EM101
        with data:
            magic = data[:4]
            if magic not in (b"GWYP", b"GWYO"):
                message = f"a Gwyddion file starts with 'GWYP' or 'GWYO', this file with {magic!r}"
                raise FormatError(message, path=path, offset=0)
            parser = _Parser(data, path, is_old=magic == b"GWYO", partial=partial)
            found = parser.object(len(data), depth=0)
            if found.kind != "GwyContainer":
                message = f"the file holds a {found.kind!r} and no container of measurements"
                raise UnsupportedFormatError(message, path=path, offset=4)
            return found, parser.is_old


def plain(value: Any) -> Any:
    """Return an object as nested dictionaries without its long arrays."""
    if isinstance(value, Object):
        if value.kind == "GwySIUnit":
            return value.text("unitstr")
        return {
            name: plain(item) for name, item in value.items.items() if not isinstance(item, Block)
        }
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


class _CutError(FormatError):
    """The file ends within a component."""


@dataclass
class _Parser:
    """Where in the file we are."""

    data: mmap.mmap
    path: Path
    is_old: bool
    partial: bool
    at: int = 4
    components: int = 0

    def object(self, end: int, *, depth: int) -> Object:
        """Return the object that starts here and ends at `end` or before."""
        start = self.at
        if depth > DEEPEST:
            message = f"objects lie in each other more than {DEEPEST} deep"
            raise self.error(message)
        found = Object(self.name(end), start)
        size = self.count(end)
        if size > end - self.at:
            if not (self.partial and end == len(self.data)):
                message = f"an object of {size} bytes is announced where {end - self.at} are left"
                raise self.error(message)
            size = end - self.at
        stop = self.at + size
        old_items = self.is_old and found.kind == "GwyContainer"
        try:
            while self.at < stop:
                self.component(found, stop, old_items=old_items, depth=depth)
        except _CutError:
            if not self.partial:
                raise
            self.at = stop
        return found

    def component(self, found: Object, end: int, *, old_items: bool, depth: int) -> None:
        """Read one component into `found`."""
        self.components += 1
        if self.components > MOST_COMPONENTS:
            message = f"the file has more than {MOST_COMPONENTS} components"
            raise self.error(message)
        if old_items:
            code = _OLD_TYPES.get(self.count(end), "?")
            name = self.name(end)
        else:
            name = self.name(end)
            code = chr(self.take(1, end)[0])
        found.items[name] = self.value(code, end, depth=depth)

    def value(self, code: str, end: int, *, depth: int) -> Any:
        """Return the value of a component of the type `code`."""
        if code in _ATOMS:
            form = _ATOMS[code]
            return struct.unpack(form, self.take(struct.calcsize(form), end))[0]
        if code in _ARRAYS:
            return self.block(np.dtype(_ARRAYS[code]), end)
        if code == "s":
            return self.string(end)
        if code == "o":
            return self.object(end, depth=depth + 1)
        if code == "S":
            return self.several(lambda: self.string(end), end)
        if code == "O":
            return self.several(lambda: self.object(end, depth=depth + 1), end)
        message = f"a component has the unknown type {code!r}"
        raise self.error(message)

    def several(self, read: Callable[[], Kind], end: int) -> list[Kind]:
        """Return a list of texts or objects."""
        number = self.count(end)
        if number > end - self.at or self.components + number > MOST_COMPONENTS:
            message = f"{number} items are announced where {end - self.at} bytes are left"
            raise self.error(message)
        self.components += number
        return [read() for _ in range(number)]

    def block(self, dtype: np.dtype[Any], end: int) -> Block:
        """Return the place of an array and step over it."""
        count = self.count(end)
        there = min(count, (end - self.at) // dtype.itemsize)
        if there < count and not (self.partial and end == len(self.data)):
            message = f"{count} numbers are announced where {end - self.at} bytes are left"
            raise self.error(message)
        found = Block(self.path, self.at, count, there, dtype)
        self.at = end if there < count else self.at + count * dtype.itemsize
        return found

    def count(self, end: int) -> int:
        """Return an unsigned number of 4 bytes."""
        return int.from_bytes(self.take(4, end), "little")

    def name(self, end: int) -> str:
        """Return a name, which is no longer than names are."""
        return self.string(min(end, self.at + LONGEST_NAME))

    def string(self, end: int) -> str:
        """Return a text that ends with a zero byte."""
        stop = self.data.find(b"\0", self.at, end)
        if stop < 0:
            raise self.error("a text has no end", kind=_CutError)  # noqa: EM101
        raw, self.at = self.data[self.at : stop], stop + 1
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return raw.decode("latin-1")

    def take(self, number: int, end: int) -> bytes:
        """Return the next bytes."""
        if self.at + number > end:
            raise self.error("a component is cut short", kind=_CutError)  # noqa: EM101
        self.at += number
        return self.data[self.at - number : self.at]

    def error(self, message: str, *, kind: type[FormatError] = FormatError) -> FormatError:
        """Return an error that names the place."""
        told = f"{message}; the file is cut short or damaged"
        return kind(told, path=self.path, offset=self.at)
