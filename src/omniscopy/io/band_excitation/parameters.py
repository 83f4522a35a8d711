"""The parameter files of the band-excitation system: groups of lines `key : value`."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError
from omniscopy.io.spreadsheets import read_rows

HEADING = re.compile(
    r"\s*<(file|io|grid|be|vs|forc|misc|multi)[ \w]*parameters>[ \t]*\r?\n", re.IGNORECASE
)
_GROUP = re.compile(r"<?\s*(\w+)[ \w]*parameters\s*>?", re.IGNORECASE)
_BRACKET = re.compile(r"(?<=[^\s_])\[")
_RATE = re.compile(r"([-+.\deE]+)\s*([kMG]?)Hz", re.IGNORECASE)
_PREFIX = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}
_MOST_BYTES = 2**20

Parameters = dict[str, dict[str, Any]]


def read_parameters(path: Path) -> Parameters:
    """Return the parameters of a file by group and key, numbers as numbers.

    Keys are spelled as in the results of the field: `grid`: `num_rows`; `BE`:
    `center_frequency_[Hz]`; `IO`: `rate_[Hz]`.
    """
    text = head_of(path, _MOST_BYTES)
    groups: Parameters = {}
    group, current = groups.setdefault("", {}), ""
    for line in text.splitlines():
        key, colon, value = line.partition(" : ")
        if not colon:
            heading = _GROUP.fullmatch(line.strip())
            if heading:
                current = _group_name(heading[1])
                group = groups.setdefault(current, {})
            continue
        name = _key(key).removeprefix(f"{current}_")
        group.setdefault(name, _value(value.strip()))
    groups.pop("Multi", None)
    found = {name: values for name, values in groups.items() if values}
    if not found:
        message = "no parameter (`key : value`) is in the file"
        raise FormatError(message, path=path, offset=0)
    rate = found.get("IO", {}).get("rate")
    if isinstance(rate, str) and (match := _RATE.match(rate)):
        number = _value(match[1])
        if isinstance(number, int | float):
            found["IO"]["rate_[Hz]"] = number * _PREFIX[match[2].lower()]
    return found


def head_of(path: Path, most: int) -> str:
    """Return the first bytes of a file as text, or all lines of the sheet that it is."""
    if path.suffix.lower() in (".xls", ".xlsx"):
        rows = ([_said(cell) for cell in row if cell not in (None, "")] for row in read_rows(path))
        return "\n".join(" : ".join(row) for row in rows) + "\n"
    with path.open("rb") as file:
        return file.read(most).decode("utf-8", "replace")


def _said(cell: float | str | None) -> str:
    """Return what a cell says: whole numbers without a point, as in files of text."""
    return f"{cell:.15g}" if isinstance(cell, float) else str(cell).strip()


def number_of(groups: Mapping[str, Mapping[str, Any]], group: str, *keys: str) -> float | None:
    """Return the first of some parameters that is a finite number."""
    for key in keys:
        value = groups.get(group, {}).get(key)
        if isinstance(value, int | float) and math.isfinite(value):
            return float(value)
    return None


def text_of(groups: Mapping[str, Mapping[str, Any]], group: str, *keys: str) -> str:
    """Return the first of some parameters as text, "" where none is there."""
    for key in keys:
        value = groups.get(group, {}).get(key)
        if value is not None:
            return str(value)
    return ""


def size_of(
    groups: Mapping[str, Mapping[str, Any]], path: Path, group: str, *keys: str,
    default: int | None = None,
) -> int:  # fmt: skip
    """Return a parameter that is a number of things; raise where it is missing or none."""
    value = number_of(groups, group, *keys)
    if value is None and default is not None:
        return default
    if value is None or not 1 <= value < 2**31 or value != int(value):
        said = groups.get(group, {}).get(keys[0], "nothing")
        message = f"a number was expected for {keys[0]!r} of the group {group!r}, got {said!r}"
        raise FormatError(message, path=path, key=f"{group}/{keys[0]}")
    return int(value)


def _group_name(word: str) -> str:
    known = {"file": "File", "io": "IO", "grid": "grid", "be": "BE", "vs": "VS", "forc": "FORC",
             "misc": "Misc", "multi": "Multi"}  # fmt: skip
    return known.get(word.lower(), word)


def _key(text: str) -> str:
    words = text.strip().replace("# ", "num_").replace("#", "num_").replace(" ", "_")
    words = _BRACKET.sub("_[", words)
    return {"1_mode": "mode"}.get(words, words)


def _value(text: str) -> Any:
    if re.fullmatch(r"[-+]?\d{1,15}", text):
        return int(text)
    try:
        return float(text)
    except ValueError:
        return text
