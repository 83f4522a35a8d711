"""What the header of a WSxM file says in the words of the common metadata."""

import datetime as dt
import re
from typing import Any

from omniscopy.io.quantities import stated
from omniscopy.io.wsxm.header import Header
from omniscopy.model.units import conversion_factor

_TIME = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}), (\d{1,2}):(\d{2}):(\d{2})")


def modality(header: Header) -> str:
    """Return STM or AFM."""
    return "STM" if header.text("General Info", "Head type").upper() == "STM" else "AFM"


def scan_direction(header: Header) -> str:
    """Return whether the lines were measured forward or backward, empty where it is unknown."""
    return header.text("General Info", "X scanning direction").lower()


def common_metadata(header: Header) -> dict[str, Any]:
    """Return the values of the header that the common schema knows."""
    return stated(
        {
            "technique": modality(header),
            "started": _started(header.text("General Info", "Acquisition time")),
            "comment": header.text("Miscellaneous", "Comments"),
            "instrument": {
                "vendor": "Nanotec",
                "model": header.text("Head Settings", "Head Name"),
                "software": _software(header),
            },
            "scan": {
                "line_rate": _value(header, "Control", "X-Frequency", "Hz"),
                "rotation": header.number("Control", "Angle"),
                "direction": scan_direction(header),
            },
            "probe": {
                "bias": _value(header, "Control", "Topography Bias", "V"),
                "spring_constant": _value(header, "General Info", "Force constant", "N/m"),
                "drive_amplitude": _value(header, "Dynamic settings", "Amplitude", "V"),
            },
            "feedback": {
                "setpoint": header.text("Control", "Set Point"),
                "mode": header.text("Feedback settings", "Input channel"),
            },
        }
    )


def _software(header: Header) -> str:
    version = header.text("Miscellaneous", "Acquired with version")
    return f"WSxM {version}" if version else ""


def _value(header: Header, section: str, key: str, units: str) -> float | None:
    value, found = header.quantity(section, key)
    try:
        return None if value is None or found is None else value * conversion_factor(found, units)
    except ValueError:
        return None


def _started(text: str) -> str | None:
    """Return a time of which the day comes first, as Spaniards write it."""
    match = _TIME.match(text)
    if match is None:
        return None
    day, month, year, hour, minute, second = (int(part) for part in match.groups())
    try:
        return dt.datetime(year, month, day, hour, minute, second).isoformat()
    except ValueError:
        return None
