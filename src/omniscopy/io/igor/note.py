"""The wave note: lines of `key: value`, which Asylum Research fills with all its settings."""

import datetime as dt
import math
import re
from collections.abc import Mapping
from typing import Any

_LINE = re.compile(r"^\s*([^:=\r\n]{1,80}?)\s*:\s*(.*?)\s*$")
_NUMBER = re.compile(r"^[+-]?(0|[1-9]\d*)(\.\d*)?([eE][+-]?\d+)?$")
_CLOCK = re.compile(r"\s*(\d{1,2}):(\d{2})(?::(\d{2}))?\s*(?:([AP])M)?\s*", re.IGNORECASE)


def parse_note(text: str) -> tuple[dict[str, Any], list[str]]:
    """Return the settings in a note and its other lines; repeated keys give a list."""
    settings: dict[str, Any] = {}
    remarks: list[str] = []
    for line in re.split(r"\r\n|\r|\n", text):
        match = _LINE.match(line)
        if match is None:
            if line.strip():
                remarks.append(line.strip())
            continue
        key, value = match[1], _value(match[2])
        if key not in settings:
            settings[key] = value
        elif isinstance(settings[key], list):
            settings[key].append(value)
        else:
            settings[key] = [settings[key], value]
    return settings, remarks


def setting(settings: Mapping[str, Any], key: str) -> Any:
    """Return a setting, of repeated ones the last, `None` where it is missing or empty."""
    value = settings.get(key)
    value = value[-1] if isinstance(value, list) else value
    return None if value in ("", "NaN", "nan") else value


def number(settings: Mapping[str, Any], key: str) -> float | None:
    """Return a setting as a number, `None` where it is none."""
    value = setting(settings, key)
    return float(value) if isinstance(value, int | float) else None


def started(settings: Mapping[str, Any]) -> str | None:
    """Return when the measurement was saved, in ISO 8601 without a zone."""
    date, clock = setting(settings, "Date"), setting(settings, "Time")
    try:
        day = dt.date.fromisoformat(str(date))
    except ValueError:
        return None
    try:
        return dt.datetime.combine(day, _clock(str(clock))).isoformat()
    except ValueError:
        return day.isoformat()


def _clock(text: str) -> dt.time:
    match = _CLOCK.fullmatch(text)
    if match is None:
        message = f"{text!r} is no time of day"
        raise ValueError(message)
    hour = int(match[1])
    if match[4]:
        hour = hour % 12 + (12 if match[4].upper() == "P" else 0)
    return dt.time(hour, int(match[2]), int(match[3] or 0))


def _value(text: str) -> int | float | str:
    # Serial numbers such as 007 stay text, as do NaN and inf, which JSON does not know.
    match = _NUMBER.match(text)
    if match is None or len(text) > 30:
        return text
    if match[2] is None and match[3] is None:
        return int(text)
    value = float(text)
    return value if math.isfinite(value) else text
