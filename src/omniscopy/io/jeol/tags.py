"""Trees of tags, which JEOL's files describe themselves with.

A tag is the byte 1, a name, a type, a value, then the tags within it, then the byte 255. Lengths
and types are u32; names and texts end in NUL and are in Shift-JIS.
"""

import datetime as dt
import math
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_BEGIN, _END = 1, 255
_ROOT_BYTES = 12  # of a root without a name and a value
_HEAD = struct.Struct("<II")
_DEEPEST, _LONGEST_NAME, _MOST_TAGS = 32, 256, 100_000
_LARGEST_VALUE = 1 << 16
_NUMBERS = {
    1: "u1", 2: "<u2", 3: "<i4", 4: "<f4", 5: "<f8", 7: "<i2", 8: "<i4", 9: "<f4", 10: "<f8",
    11: "u1", 14: "<u2",
}  # fmt: skip
_TEXTS = (12, 20)
_LIST = 13
_OLE_EPOCH = dt.datetime(1899, 12, 30)
# Kinds that are always many numbers, even where there is one.
_ARRAYS = (7, 8, 9, 10)


@dataclass
class Tag:
    """A value, where its bytes are in the file, and the tags within it by name."""

    value: Any = None
    offset: int = 0
    size: int = 0
    inner: dict[str, "Tag"] = field(default_factory=dict)

    def find(self, *path: str) -> "Tag | None":
        """Return the tag at a path, `None` where there is none."""
        tag: Tag | None = self
        for name in path:
            tag = None if tag is None else tag.inner.get(name)
        return tag

    def number(self, *path: str) -> float | None:
        """Return the finite number at a path, `None` where there is none."""
        tag = self.find(*path)
        value = None if tag is None else tag.value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        return float(value) if math.isfinite(value) else None

    def text(self, *path: str) -> str:
        """Return the text at a path, empty where there is none."""
        tag = self.find(*path)
        return tag.value if tag is not None and isinstance(tag.value, str) else ""

    def moment(self, *path: str) -> str | None:
        """Return the time at a path, kept as days in the clock of the computer."""
        return moment_of(self.number(*path))

    def described(self) -> Any:
        """Return the tree as nested dictionaries, without values that are no text or number."""
        if not self.inner:
            return self.value
        inner = {name: tag.described() for name, tag in self.inner.items()}
        found: dict[str, Any] = {name: value for name, value in inner.items() if value is not None}
        return found if self.value is None else {"value": self.value, **found}


def moment_of(days: float | None) -> str | None:
    """Return a number of days as a time."""
    if days is None or not 0 < days < 100_000:
        return None
    moment = _OLE_EPOCH + dt.timedelta(days=days, microseconds=500)
    return moment.isoformat(timespec="milliseconds")


def parse_tags(raw: Any, start: int, stop: int) -> Tag:
    """Return the tree in a part of a file, as far as it is sound.

    Parameters
    ----------
    raw : bytes or mmap
        The file.
    start, stop : int
        Where the tree begins, and what it does not go beyond.
    """
    stop = min(stop, len(raw))
    return _Parser(raw, stop).tree(start + _ROOT_BYTES)


@dataclass
class _Parser:
    raw: Any
    stop: int
    left: int = _MOST_TAGS

    def tree(self, at: int) -> Tag:
        root = Tag()
        self._inner(root, at, 0)
        return root

    def _inner(self, parent: Tag, at: int, depth: int) -> int | None:
        """Add the tags at a place to `parent`; return where they end, `None` where they do not."""
        while at < self.stop and self.raw[at] == _BEGIN:
            self.left -= 1
            found = self._tag(at) if self.left > 0 and depth < _DEEPEST else None
            if found is None:
                return None
            name, tag, after = found
            while name in parent.inner:
                name += "_"
            parent.inner[name] = tag
            end = self._inner(tag, after, depth + 1)
            if end is None or end >= self.stop or self.raw[end] != _END:
                return None
            at = end + 1
        return at

    def _tag(self, at: int) -> tuple[str, Tag, int] | None:
        """Return name and tag at a place, and where its value ends."""
        if at + 5 > self.stop:
            return None
        length = int.from_bytes(self.raw[at + 1 : at + 5], "little")
        at += 5
        if length > _LONGEST_NAME or at + length + _HEAD.size > self.stop:
            return None
        name = _text(self.raw[at : at + length])
        at += length
        kind, size = _HEAD.unpack_from(self.raw, at)
        at += _HEAD.size
        if at + size > self.stop:
            return None
        value = _value(self.raw[at : at + size], kind) if 0 < size <= _LARGEST_VALUE else None
        return name, Tag(value, at, size), at + size


def _value(raw: bytes, kind: int) -> Any:
    if kind in _TEXTS:
        return _text(raw)
    if kind == _LIST:
        return [_text(part) for part in raw.rstrip(b"\0").split(b"\0")]
    dtype = np.dtype(_NUMBERS.get(kind, "V1"))
    if dtype.kind == "V" or len(raw) % dtype.itemsize:
        return None
    numbers = np.frombuffer(raw, dtype).tolist()
    return numbers[0] if len(numbers) == 1 and kind not in _ARRAYS else numbers


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("cp932", errors="replace")
