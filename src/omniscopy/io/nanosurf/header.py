"""The text of a Nanosurf file: sections of `key=value`, up to the mark before the data."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError

_START = re.compile(rb"\[DataSet\]\r?\n")
_MARK = b"\n#!"
_MOST_BYTES = 1 << 24
_STEP = 1 << 16

Section = dict[str, str]


@dataclass(frozen=True)
class Header:
    """The sections by name, and where the data start."""

    path: Path
    sections: dict[str, Section]
    data_offset: int

    def section(self, name: str) -> Section:
        """Return a section, empty where it is missing."""
        return self.sections.get(name, {})

    def tree(self) -> dict[str, Any]:
        """Return the sections as nested dictionaries, by the parts of their names."""
        tree: dict[str, Any] = {}
        for name, values in self.sections.items():
            branch = tree
            for part in name.split("\\"):
                inner = branch.setdefault(part, {})
                if not isinstance(inner, dict):  # a section that is called like a key
                    inner = branch[part] = {"value": inner}
                branch = inner
            branch.update(values)
        return tree


def read_header(path: Path) -> Header:
    """Return the header of the file at `path`."""
    with path.open("rb") as file:
        raw = file.read(_STEP)
        if not _START.match(raw):
            message = f"a Nanosurf file starts with '[DataSet]', this one with {raw[:16]!r}"
            raise FormatError(message, path=path, offset=0)
        end = raw.find(_MARK)
        while end < 0 and len(raw) < _MOST_BYTES:
            more = file.read(_STEP)
            if not more:
                break
            looked = len(raw) - len(_MARK)
            raw += more
            end = raw.find(_MARK, looked)
    if end < 0:
        message = "the header does not end with '#!'; the file is cut short"
        raise FormatError(message, path=path, offset=len(raw))
    return Header(path, _parse_sections(_decode(raw[:end])), end + len(_MARK))


def number(section: Section, key: str, default: float | None = None) -> float | None:
    """Return a finite number, the default where it is missing or none."""
    try:
        value = float(section.get(key, ""))
    except ValueError:
        return default
    return value if math.isfinite(value) else default


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _parse_sections(text: str) -> dict[str, Section]:
    sections: dict[str, Section] = {}
    section: Section = {}
    for line in text.splitlines():
        if line.startswith("[") and line.rstrip().endswith("]"):
            section = sections.setdefault(line.strip()[1:-1], {})
        elif "=" in line:
            key, _, value = line.partition("=")
            section[key.strip()] = value.strip()
    return sections
