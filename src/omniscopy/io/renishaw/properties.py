"""Sets of named properties, which WiRE keeps its settings in."""

import struct
from typing import Any

_MARK = b"PSET"
_NUMBERS = {"?": "?", "c": "B", "s": "h", "i": "i", "w": "q", "r": "f", "q": "d", "t": "Q"}
_ARRAY = 0x80
_DEEPEST = 12
# Names that files use without listing them.
_NAMES = {
    0x193: "Settings", 0x19B: "Label", 0x1AE: "Operator", 0x1AF: "Time", 0x1B0: "Version",
    0x3E9: "Name", 0x3EA: "Description", 0x3EB: "Language", 0x3EC: "Script", 0x3F1: "File",
    0x3F3: "Items", 0x3F7: "Laser key", 0x3FA: "Grating key", 0x3FB: "Laser",
    0x3FE: "Objective magnification", 0x3FF: "Objective",
}  # fmt: skip


def parse_properties(raw: bytes) -> tuple[dict[str, Any], int]:
    """Return the properties in a block as a tree, and the bytes that they take.

    What is damaged ends the tree, and is no error: it holds settings, no data.
    """
    if raw[:4] != _MARK or len(raw) < 8:
        return {}, 0
    (size,) = struct.unpack_from("<I", raw, 4)
    names = dict(_NAMES)
    items = _items(raw[8 : 8 + size], names, 0)
    return _named(items, names), 8 + size


def _items(raw: bytes, names: dict[int, str], depth: int) -> list[tuple[int, Any]]:
    """Return keys and values in their order; names of keys are added to `names`."""
    found: list[tuple[int, Any]] = []
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
                    names[key] = content.decode("utf-8", "replace")
                    continue
                value = _content(kind, content, names, depth)
            else:
                break
            found.append((key, value))
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


def _content(kind: str, raw: bytes, names: dict[int, str], depth: int) -> Any:
    if kind == "u":
        return raw.decode("utf-8", "replace")
    if kind == "b":
        return f"{len(raw)} bytes"
    return _items(raw, names, depth + 1) if depth < _DEEPEST else []


def _named(items: list[tuple[int, Any]], names: dict[int, str]) -> dict[str, Any]:
    """Return a tree with the names of its keys; what has none keeps its number."""
    tree: dict[str, Any] = {}
    for key, value in items:
        name = names.get(key, f"0x{key:x}")
        while name in tree:
            name += " (again)"
        is_group = isinstance(value, list) and value and isinstance(value[0], tuple)
        tree[name] = _named(value, names) if is_group else value
    return tree
