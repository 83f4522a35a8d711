"""Sets of named properties, which WiRE keeps its settings in."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_MARK = b"PSET"
_NUMBERS = {
    "?": "?", "c": "B", "s": "h", "i": "i", "l": "I", "w": "q", "r": "f", "q": "d", "d": "d",
    "t": "Q",
}  # fmt: skip
_ARRAY = 0x80
_DEEPEST = 12
# Names that files use without listing them.
_NAMES = {
    0x193: "Settings", 0x19B: "Label", 0x1AE: "Operator", 0x1AF: "Time", 0x1B0: "Version",
    0x3E9: "Name", 0x3EA: "Description", 0x3EB: "Language", 0x3EC: "Script", 0x3F1: "File",
    0x3F3: "Items", 0x3F7: "Laser key", 0x3FA: "Grating key", 0x3FB: "Laser",
    0x3FE: "Objective magnification", 0x3FF: "Objective",
}  # fmt: skip


@dataclass
class _Set:
    """Keys and values in their order, and the names that the set gives its keys."""

    items: list[tuple[int, Any]] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)

    def tree(self, outer: Mapping[int, str] = _NAMES) -> dict[str, Any]:
        """Return a tree with the names of its keys; what has none keeps its number.

        A set may name its keys anew, or use the names of the set that it is in.
        """
        names = {**outer, **self.names}
        tree: dict[str, Any] = {}
        for key, value in self.items:
            name = names.get(key, f"0x{key:x}")
            while name in tree:
                name += " (again)"
            tree[name] = value.tree(names) if isinstance(value, _Set) else value
        return tree


def parse_properties(raw: bytes) -> tuple[dict[str, Any], int]:
    """Return the properties in a block as a tree, and the bytes that they take.

    What is damaged ends the tree, and is no error: it holds settings, no data.
    """
    if raw[:4] != _MARK or len(raw) < 8:
        return {}, 0
    (size,) = struct.unpack_from("<I", raw, 4)
    return _items(raw[8 : 8 + size], 0).tree(), 8 + size


def _items(raw: bytes, depth: int) -> _Set:
    """Return the keys and values of a set, and the names that it gives its keys."""
    found = _Set()
    at = 0
    try:
        while at < len(raw):
            kind, flags, key = chr(raw[at]), raw[at + 1], struct.unpack_from("<H", raw, at + 2)[0]
            at += 4
            if kind in _NUMBERS:
                value, at = _numbers(raw, at, kind, is_array=bool(flags & _ARRAY))
            elif kind in "upbk":
                (size,) = struct.unpack_from("<I", raw, at)
                content = raw[at + 4 : at + 4 + size]
                at += 4 + size
                if kind == "k":
                    found.names[key] = content.decode("utf-8", "replace")
                    continue
                value = _content(kind, content, depth)
            else:
                break
            found.items.append((key, value))
    except (struct.error, IndexError):
        return found
    return found


def _numbers(raw: bytes, at: int, kind: str, *, is_array: bool) -> tuple[Any, int]:
    code = _NUMBERS[kind]
    if not is_array:
        return struct.unpack_from(f"<{code}", raw, at)[0], at + struct.calcsize(f"<{code}")
    (count,) = struct.unpack_from("<I", raw, at)
    if count * struct.calcsize(code) > len(raw) - at:
        return [], len(raw)
    values = struct.unpack_from(f"<{count}{code}", raw, at + 4)
    return list(values), at + 4 + count * struct.calcsize(code)


def _content(kind: str, raw: bytes, depth: int) -> Any:
    if kind == "u":
        return raw.decode("utf-8", "replace")
    if kind == "b":
        return f"{len(raw)} bytes"
    return _items(raw, depth + 1) if depth < _DEEPEST else {}
