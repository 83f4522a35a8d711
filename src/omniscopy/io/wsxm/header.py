"""The text before the values of a WSxM file: sections of `key: value`, of a stated size."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.quantities import known_units

_START = b"WSxM file copyright"
_SIZE = re.compile(rb"Image header size:\s*(\d{1,9})")
_FIRST_LINES = 512
_LARGEST = 1 << 24
_DTYPES = {
    "short": "<i2",
    "short-data": "<i2",
    "unsignedshort": "<u2",
    "integer-data": "<i4",
    "integer": "<i4",
    "signedinteger": "<i4",
    "float-data": "<f4",
    "float": "<f4",
    "double": "<f8",
    "double-data": "<f8",
}


@dataclass(frozen=True)
class Header:
    """The sections by name, and where the values start."""

    path: Path
    offset: int
    end: int
    sections: dict[str, dict[str, str]]

    def text(self, section: str, key: str) -> str:
        """Return an entry as text, empty where it is missing."""
        return self.sections.get(section, {}).get(key, "")

    def has(self, key: str) -> bool:
        """Return whether the general section has an entry."""
        return key in self.sections.get("General Info", {})

    def count(self, key: str) -> int:
        """Return a number of things of the general section."""
        text = self.text("General Info", key)
        if not re.fullmatch(r"\d{1,7}", text):
            message = f"a number was expected, {text!r} was found"
            raise FormatError(message, path=self.path, key=f"General Info/{key}")
        return int(text)

    def quantity(self, section: str, key: str) -> tuple[float | None, str | None]:
        """Return an entry such as `600 nm` as number and units, `None` for what is not there."""
        number, _, units = self.text(section, key).partition(" ")
        try:
            value = float(number)
        except ValueError:
            return None, None
        return (value if math.isfinite(value) else None), known_units(units.replace("KHz", "kHz"))

    def number(self, section: str, key: str) -> float | None:
        """Return an entry as a number without its units."""
        return self.quantity(section, key)[0]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the type of the values, which old files do not name."""
        name = self.text("General Info", "Image Data Type") or "short"
        if name not in _DTYPES:
            message = f"values of the type {name!r} are not read"
            raise UnsupportedFormatError(
                message, path=self.path, key="General Info/Image Data Type"
            )
        return np.dtype(_DTYPES[name])


def read_header(path: Path, offset: int = 0) -> Header:
    """Return the header that starts at byte `offset`."""
    with path.open("rb") as file:
        file.seek(offset)
        first = file.read(_FIRST_LINES)
        if not first.startswith(_START):
            message = f"a WSxM header starts with {_START.decode()!r}, this one with {first[:16]!r}"
            raise FormatError(message, path=path, offset=offset)
        match = _SIZE.search(first)
        size = 0 if match is None else int(match[1])
        if not 0 < size <= _LARGEST:
            message = "the first lines do not say 'Image header size'; the file is damaged"
            raise FormatError(message, path=path, offset=offset)
        file.seek(offset)
        raw = file.read(size)
    if len(raw) < size:
        message = f"a header of {size} bytes is announced, {len(raw)} are left; it is cut short"
        raise FormatError(message, path=path, offset=offset)
    return Header(path, offset, offset + size, _parse_sections(raw.decode("latin-1")))


def _parse_sections(text: str) -> dict[str, dict[str, str]]:
    sections: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for line in text.splitlines():
        words = line.strip()
        if words.startswith("[") and words.endswith("]"):
            section = sections.setdefault(words[1:-1], {})
        elif ":" in words:
            key, _, value = words.partition(":")
            section[key.strip()] = value.strip()
    sections.pop("Header end", None)
    return sections
