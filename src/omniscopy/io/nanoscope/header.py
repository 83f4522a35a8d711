r"""The text at the start of a Nanoscope file: sections `\*Name` of lines `\Key: value`."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError
from omniscopy.model.units import conversion_factor, is_unit, spell

_MOST_BYTES = 1 << 22
_MOST_LINES = 200_000
_LONGEST = 1000
_START = re.compile(rb"\\\*(Force |EC )?[Ff]ile list\r?\n")
_END = re.compile(rb"\\\*(Force )?[Ff]ile list end")
_LINE = re.compile(r"\\(@(?:\d+:)?[^:]*|[^@:][^:]*):(.*)")
_QUANTITY = re.compile(
    r"\s*V\s*(?:\[(?P<sensitivity>[^\]]*)\])?\s*(?:\((?P<step>[^\s)]+)\s*(?P<step_units>.*)/LSB\))?"
    r"\s*(?P<value>[-+\d.eE]+)\s*(?P<units>.*?)\s*"
)
_REFERENCE = re.compile(r"\s*C\s*\[(?P<target>[^\]]*)\]")
_SOFT_SECTIONS = ("Ciao scan list", "Ciao force list", "Scanner list")
_SPELLINGS = {"~m": "µm", "º": "deg", "°": "deg"}


@dataclass(frozen=True)
class Section:
    """A section of the header; keys differ in their capitals from version to version."""

    name: str
    values: dict[str, Any] = field(default_factory=dict)

    def text(self, key: str) -> str | None:
        """Return a value, the first of repeated ones, `None` where it is missing or empty."""
        found = self._by_lower.get(key.lower())
        found = found[0] if isinstance(found, list) else found
        # No line of a whole header is as long; patterns take their time over endless ones.
        return found[:_LONGEST] or None if found else None

    def number(self, key: str) -> float | None:
        """Return the number that a value starts with."""
        return first_number(self.text(key))

    def count(self, key: str) -> int | None:
        """Return a value that must be a whole number of things."""
        text = self.text(key)
        return int(text) if text is not None and re.fullmatch(r"\d{1,12}", text) else None

    def keys_like(self, pattern: str) -> list[str]:
        """Return the keys that match a pattern, whatever their capitals."""
        return [key for key in self.values if re.fullmatch(pattern, key, re.IGNORECASE)]

    @property
    def _by_lower(self) -> dict[str, Any]:
        return {key.lower(): value for key, value in self.values.items()}


@dataclass(frozen=True)
class Quantity:
    """A value of the header: ``V [sensitivity] (step units/LSB) value units``."""

    value: float
    units: str
    step: float | None
    step_units: str
    sensitivity: str | None


@dataclass(frozen=True)
class Header:
    """The sections of a file in their order, and where the text ends."""

    path: Path
    sections: list[Section]
    end: int

    def all(self, ending: str) -> list[Section]:
        """Return the sections whose name ends so."""
        return [part for part in self.sections if part.name.lower().endswith(ending.lower())]

    def first(self, name: str) -> Section:
        """Return the first section of a name, an empty one where there is none."""
        found = [part for part in self.sections if part.name.lower() == name.lower()]
        return found[0] if found else Section(name)

    def sensitivity(self, name: str) -> tuple[float, str] | None:
        """Return a soft scale as number and units, such as 26.2 nm/V."""
        others = [part.name for part in self.sections if part.name not in _SOFT_SECTIONS]
        for section in (*_SOFT_SECTIONS, *others):
            found = parse_quantity(self.first(section).text(f"@{name}"))
            if found is not None:
                return found.value, found.units
        return None

    def physical(self, section: str, *keys: str, units: str) -> float | None:
        """Return the first of some values that is there and can be had in `units`."""
        for key in keys:
            found = parse_quantity(self.first(section).text(key))
            if found is not None and is_unit(found.units):
                return found.value * conversion_factor(spelled(found.units), units)
        return None

    def tree(self) -> dict[str, Any]:
        """Return the header as nested dictionaries; repeated sections give a list."""
        tree: dict[str, Any] = {}
        for section in self.sections:
            before = tree.setdefault(section.name, section.values)
            if isinstance(before, list):
                before.append(section.values)
            elif before is not section.values:
                tree[section.name] = [before, section.values]
        return tree


def read_header(path: Path) -> Header:
    """Return the header of the file at `path`."""
    with path.open("rb") as file:
        start = file.read(1 << 16)
        if _START.match(start) is None:
            message = rf"a Nanoscope file starts with '\*File list', this one with {start[:16]!r}"
            raise FormatError(message, path=path, offset=0)
        end = _END.search(start)
        if end is None:
            start += file.read(_MOST_BYTES - len(start))
            end = _END.search(start)
    if end is None:
        message = r"the header has no '\*File list end'; the file is cut short or damaged"
        raise FormatError(message, path=path, offset=len(start))
    return Header(path, _parse_sections(start[: end.start()], path), end.end())


def parse_quantity(text: str | None) -> Quantity | None:
    """Return what a line of the form `V ...` says, `None` where it is of another form."""
    match = _QUANTITY.fullmatch(text or "")
    if match is None:
        return None
    value, step = first_number(match["value"]), first_number(match["step"])
    if value is None:
        return None
    units, step_units = match["units"], match["step_units"] or ""
    return Quantity(value, units, step, step_units.strip(), match["sensitivity"])


def parse_reference(text: str | None) -> str | None:
    """Return the key that a line of the form `C [key] ...` refers to."""
    match = _REFERENCE.match(text or "")
    return None if match is None else match["target"]


def first_number(text: str | None) -> float | None:
    """Return the finite number that a text starts with."""
    match = re.match(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?", text or "")
    if match is None:
        return None
    value = float(match[0])
    return value if abs(value) < 1e300 else None


def spelled(units: str) -> str:
    """Return a unit of the header in its usual spelling."""
    return spell(_SPELLINGS.get(units.strip(), units))


def _parse_sections(raw: bytes, path: Path) -> list[Section]:
    lines = re.split(r"\r\n|\n|\r", raw.decode("latin-1"))
    if len(lines) > _MOST_LINES:
        message = f"the header has {len(lines)} lines, more than any Nanoscope writes"
        raise FormatError(message, path=path, offset=0)
    sections: list[Section] = []
    for line in lines:
        if line.startswith("\\*"):
            sections.append(Section(line[2:].strip()))
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        values, key, value = sections[-1].values, match[1].strip(), match[2].strip()
        if key in values:
            values[key] = (
                [*values[key], value] if isinstance(values[key], list) else [values[key], value]
            )
        else:
            values[key] = value
    return sections
