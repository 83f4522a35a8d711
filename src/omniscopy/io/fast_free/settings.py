"""The settings of fast free transients: sections of lines `name = value`."""

import math
import re
from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError

_MOST_BYTES = 1 << 20
_SECTION = re.compile(r"\[(.+)\]")

Settings = dict[str, dict[str, Any]]


def read_settings(path: Path) -> Settings:
    """Return the settings of a file by section and name, numbers as numbers."""
    with path.open("rb") as file:
        text = file.read(_MOST_BYTES).decode("utf-8", "replace")
    found: Settings = {}
    section: dict[str, Any] | None = None
    for line in text.splitlines():
        words = re.split(r"\s[#;]", line.strip())[0].strip()
        heading = _SECTION.fullmatch(words)
        name, equals, value = words.partition("=")
        if heading:
            section = found.setdefault(heading[1].strip(), {})
        elif equals and section is not None and not words.startswith(("#", ";")):
            section[name.strip()] = _value(value.strip())
    return found


def number_in(settings: Settings, name: str) -> float | None:
    """Return a setting that is a finite number, in whatever section and letters it is."""
    for section in settings.values():
        for key, value in section.items():
            known = isinstance(value, int | float) and math.isfinite(value)
            if key.lower() == name.lower() and known:
                return float(value)
    return None


def count_in(settings: Settings, path: Path, name: str) -> int | None:
    """Return a setting that is a number of things, `None` where it is not said."""
    value = number_in(settings, name)
    if value is None:
        return None
    if not 1 <= value < 2**24 or value != int(value):
        message = f"a number was expected for {name!r}, got {value!r}"
        raise FormatError(message, path=path, key=name)
    return int(value)


def _value(text: str) -> Any:
    try:
        return int(text) if re.fullmatch(r"[-+]?\d{1,15}", text) else float(text)
    except ValueError:
        return text
