"""What the header of a Nanonis scan says in the words of the common metadata."""

import datetime as dt
from typing import Any

from omniscopy.io.nanonis.header import Header

_BY_NAME = (
    # the start of a channel's name: its quantity
    ("z", "height", "m"),
    ("current", "current", "A"),
    ("bias", "bias", "V"),
    ("phase", "phase", "deg"),
    ("amplitude", "amplitude", "m"),
    ("excitation", "excitation", "V"),
)
_BY_UNITS = {"A": "current", "V": "voltage", "Hz": "frequency", "m": "length", "deg": "phase"}


def quantity_of(name: str, units: str | None) -> str | None:
    """Return the quantity of a channel by its name, else by its units."""
    for start, quantity, expected in _BY_NAME:
        if name.lower().startswith(start) and units == expected:
            return quantity
    return _BY_UNITS.get(units or "")


def modality(header: Header) -> str:
    """Return AFM where the oscillation of a cantilever or fork was fed back or recorded."""
    names = [row.get("Name", "") for row in (*header.table("DATA_INFO"), *_controllers(header))]
    oscillates = any("freq" in name.lower() or "amplitude" in name.lower() for name in names)
    by_current = any("current" in row.get("Name", "").lower() for row in _controllers(header))
    return "AFM" if oscillates and not by_current else "STM"


def common_metadata(header: Header) -> dict[str, Any]:
    """Return the values of the header that the common schema knows."""
    groups: dict[str, dict[str, Any]] = {
        "instrument": {
            "vendor": "SPECS",
            "software": f"Nanonis, format {header.text('NANONIS_VERSION')}",
        },
        "scan": _scan(header),
        "probe": {"bias": _first(header.numbers("BIAS")), "drive_frequency": _drive(header)},
        "feedback": _feedback(header),
    }
    found: dict[str, Any] = {
        "technique": modality(header),
        "started": started(header.text("REC_DATE"), header.text("REC_TIME")),
        "comment": header.text("COMMENT") or None,
        **{name: _stated(group) or None for name, group in groups.items()},
    }
    return _stated(found)


def started(date: str, clock: str) -> str | None:
    """Return when the scan was started in ISO 8601, without a zone."""
    try:
        day, month, year = (int(part) for part in date.split("."))
        hour, minute, second = (int(part) for part in clock.split(":"))
        return dt.datetime(year, month, day, hour, minute, second).isoformat()
    except ValueError:
        return None


def _scan(header: Header) -> dict[str, float | None]:
    times, pixels = header.numbers("SCAN_TIME"), header.numbers("SCAN_PIXELS")
    line = sum(times[:2])
    return {
        "rotation": _first(header.numbers("SCAN_ANGLE")),
        "frame_time": _first(header.numbers("ACQ_TIME")),
        "line_rate": 1 / line if line > 0 else None,
        "dwell_time": times[0] / pixels[0] if times and pixels and pixels[0] > 0 else None,
    }


def _drive(header: Header) -> float | None:
    """Return the frequency in Hz at which a probe is driven, `None` where it is not."""
    if header.text("Oscillation Control>output off").upper() != "FALSE":
        return None
    return _first(header.numbers("Oscillation Control>Center Frequency (Hz)"))


def _feedback(header: Header) -> dict[str, str | None]:
    for row in _controllers(header):
        return {"mode": row.get("Name") or None, "setpoint": row.get("Setpoint") or None}
    return {}


def _controllers(header: Header) -> list[dict[str, str]]:
    rows = header.table("Z-CONTROLLER")
    return [row for row in rows if row.get("on") == "1"] or rows


def _first(numbers: list[float]) -> float | None:
    return numbers[0] if numbers else None


def _stated(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
