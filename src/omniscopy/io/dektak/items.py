"""The items of a Dektak file: named values, one within another, arrays left where they are."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError

MAGIC = b"VCA DATA\x01\x00\x00\x55"
_MOST_ITEMS, _DEEPEST, _LONGEST = 100_000, 16, 1 << 20
_NUMBERS = {
    0x01: "<?", 0x04: "<h", 0x05: "<H", 0x06: "<i", 0x07: "<I", 0x0A: "<q", 0x0B: "<Q",
    0x0C: "<f", 0x0D: "<d",
}  # fmt: skip
_CONTAINERS = (0x46, 0x47, 0x7D)
_TIME_LENGTH = 9
# After the name and the symbol of a unit: its value and what is not known.
_UNIT_TAIL = 20


@dataclass(frozen=True)
class Quantity:
    """A number with its unit."""

    value: float
    symbol: str
    name: str = ""


@dataclass(frozen=True)
class Block:
    """Numbers that lie in the file: where, how many bytes, and the points (rows, columns)."""

    offset: int
    size: int
    shape: tuple[int, ...] = ()


@dataclass
class Cursor:
    """A place in the bytes of a file."""

    path: Path
    content: Any
    at: int = 0
    items: int = 0
    found: dict[str, Any] = field(default_factory=dict)

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        if size < 0 or self.at + size > len(self.content):
            message = f"{size} bytes are needed, {len(self.content) - self.at} are there"
            raise FormatError(message, path=self.path, offset=self.at)
        self.at += size
        return bytes(self.content[self.at - size : self.at])

    def number(self, form: str) -> Any:
        """Return the next number."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def text(self, size: int) -> str:
        """Return the next bytes as text."""
        if size > _LONGEST:
            message = f"a text of {size} bytes cannot be; the file is damaged"
            raise FormatError(message, path=self.path, offset=self.at)
        return self.take(size).decode("utf-8", "replace")

    def name(self) -> str:
        """Return the next text that has its length before it."""
        return self.text(self.number("<I"))

    def length(self) -> int:
        """Return the next length, which has the number of its own bytes before it."""
        form = {1: "<B", 2: "<H", 4: "<I", 8: "<Q"}.get(self.number("<B"))
        if form is None:
            message = "a length of 1, 2, 4 or 8 bytes was expected; the file is damaged"
            raise FormatError(message, path=self.path, offset=self.at - 1)
        return int(self.number(form))


def read_items(path: Path, content: Any) -> dict[str, Any]:
    """Return every item by its path, such as `/1D_Data/Raw/Extent`.

    Raises
    ------
    FormatError
        The file is cut short or damaged, or holds an item of unknown type.
    """
    cursor = Cursor(path, content)
    if cursor.take(len(MAGIC)) != MAGIC:
        message = f"a Dektak file starts with {MAGIC!r}"
        raise FormatError(message, path=path, offset=0)
    while cursor.at < len(content) and _read_item(cursor, "", 0):
        pass
    return cursor.found


def _read_item(cursor: Cursor, parent: str, depth: int) -> bool:
    """Read one item; return whether it is another than the end of a container."""
    start = cursor.at
    name = f"{parent}/{cursor.name()}"
    kind = cursor.number("<B")
    cursor.items += 1
    if cursor.items > _MOST_ITEMS or depth > _DEEPEST:
        message = "there are too many items, or too deep ones; the file is damaged"
        raise FormatError(message, path=cursor.path, offset=start)
    if kind == 0x7F:
        return False
    if kind in _CONTAINERS:
        _read_container(cursor, name, depth)
    elif kind in _NUMBERS:
        cursor.found[name] = cursor.number(_NUMBERS[kind])
    elif kind in _READERS:
        cursor.found[name] = _READERS[kind](cursor)
    else:
        message = f"an item {name!r} of the type {kind:#04x} is not known"
        raise FormatError(message, path=cursor.path, offset=start)
    return True


def _read_container(cursor: Cursor, name: str, depth: int) -> None:
    size = cursor.length()
    end = cursor.at + size
    if end > len(cursor.content):
        message = f"{name!r} needs {size} bytes, {len(cursor.content) - cursor.at} are there"
        raise FormatError(message, path=cursor.path, offset=cursor.at)
    while cursor.at < end and _read_item(cursor, name, depth + 1):
        pass
    cursor.at = end


def _sized(read: Callable[[Cursor], Any]) -> Callable[[Cursor], Any]:
    """Return a function that reads a value which has its length before it."""

    def read_sized(cursor: Cursor) -> Any:
        size = cursor.length()
        end = cursor.at + size
        value = read(cursor)
        if cursor.at > end:
            message = f"a value is longer than the {size} bytes it says"
            raise FormatError(message, path=cursor.path, offset=end)
        cursor.take(end - cursor.at)
        return value

    return read_sized


def _quantity(cursor: Cursor) -> Quantity:
    value, name = cursor.number("<d"), cursor.name()
    return Quantity(value, cursor.name(), name)


def _unit(cursor: Cursor) -> Quantity:
    name, symbol = cursor.name(), cursor.name()
    value = cursor.number("<d")
    cursor.take(_UNIT_TAIL - 8)
    return Quantity(value, symbol, name)


def _array(cursor: Cursor) -> Block:
    cursor.name()
    return _skip(cursor, cursor.length())


def _named_matrix(cursor: Cursor) -> Block:
    cursor.name()
    cursor.number("<I")
    return _matrix(cursor)


def _matrix(cursor: Cursor) -> Block:
    cursor.name()
    size = cursor.length()
    shape = (cursor.number("<I"), cursor.number("<I"))
    return _skip(cursor, size - 8, shape)


def _skip(cursor: Cursor, size: int, shape: tuple[int, ...] = ()) -> Block:
    """Return the block of numbers that begins here, and go past it."""
    there = len(cursor.content) - cursor.at
    if not 0 <= size <= there:
        message = f"an array of {size} bytes, but {there} are there; the file is cut short"
        raise FormatError(message, path=cursor.path, offset=cursor.at)
    cursor.at += size
    return Block(cursor.at - size, size, shape)


def _texts(cursor: Cursor) -> list[str]:
    cursor.name()
    size = cursor.length()
    end = cursor.at + size
    found = []
    while cursor.at < end:
        found.append(cursor.name())
    return found


_READERS: dict[int, Callable[[Cursor], Any]] = {
    0x00: _named_matrix,
    0x0E: _array,  # a type, of which nothing is known
    0x12: lambda cursor: cursor.text(cursor.length()),
    0x13: _sized(_quantity),
    0x15: lambda cursor: cursor.take(_TIME_LENGTH),
    0x18: _sized(_unit),
    0x40: _array,
    0x42: _texts,
    0x45: _matrix,
    0x7C: _array,
}
