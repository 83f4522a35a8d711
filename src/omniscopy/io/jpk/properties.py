"""The settings in JPK files: lines of `key=value` as Java writes them."""

import re
from collections.abc import Mapping

from omniscopy.io.quantities import finite_number

Properties = Mapping[str, str]

_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)")
_LETTERS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def parse_properties(raw: bytes) -> dict[str, str]:
    """Return the entries of a text; lines that are none are left out."""
    text = raw.decode("latin-1").replace("\\\r\n", "").replace("\\\n", "")
    entries = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith(("#", "!")):
            entries[_unescaped(key.strip())] = _unescaped(value.strip())
    return entries


def ending(properties: Properties, suffix: str) -> str:
    """Return the first entry whose key ends so, empty where there is none."""
    for key, value in properties.items():
        if key.endswith(suffix):
            return value
    return ""


def number_ending(properties: Properties, suffix: str) -> float | None:
    """Return the first entry whose key ends so as a finite number."""
    return finite_number(ending(properties, suffix))


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_character, text) if "\\" in text else text


def _character(match: re.Match[str]) -> str:
    word = match[1]
    return chr(int(word[1:], 16)) if len(word) == 5 else _LETTERS.get(word, word)
