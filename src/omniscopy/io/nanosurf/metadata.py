"""What the header of a Nanosurf file says in the words of the common metadata."""

import re
from typing import Any

from omniscopy.io.nanosurf.header import Header
from omniscopy.io.quantities import known_units, moment_of, stated
from omniscopy.model.units import conversion_factor

_QUANTITY = re.compile(r"([-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)\s*(.*)")
_PROPERTY = re.compile(r"D\[([^\]]*)\]\*\[([^\]]*)\]")


def modality(header: Header) -> str:
    """Return STM or AFM."""
    words = header.section("DataSet-Info").get("Op. mode", "")
    return "STM" if "stm" in words.lower() or "tunnel" in words.lower() else "AFM"


def common_metadata(header: Header) -> dict[str, Any]:
    """Return the values of the header that the common schema knows."""
    info = header.section("DataSet-Info")
    line, points = _value(info.get("Time/Line", ""), "s"), _value(info.get("Points", ""), None)
    lever = header.section("DataSet\\Calibration\\Cantilever").get("Prop0", "")
    stiffness = _PROPERTY.fullmatch(lever)
    return stated(
        {
            "technique": modality(header),
            "started": _started(info.get("Date", ""), info.get("Time", "")),
            "instrument": {
                "vendor": "Nanosurf",
                "model": info.get("Head type") or info.get("Scan head"),
                "software": info.get("Software ver."),
            },
            "scan": {
                "dwell_time": line / points if line and points else None,
                "rotation": _value(info.get("Rotation", ""), "deg"),
            },
            "probe": {
                "spring_constant": None
                if stiffness is None
                else _value(f"{stiffness[1]} {stiffness[2]}", "N/m"),
                "bias": _value(info.get("Tip voltage", ""), "V"),
            },
            "feedback": {"setpoint": info.get("Setpoint"), "mode": info.get("Op. mode")},
        }
    )


def _value(text: str, units: str | None) -> float | None:
    """Return a quantity such as `500ms` in `units`."""
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        return None
    if units is None:
        return float(match[1])
    found = known_units(match[2])
    try:
        return None if found is None else float(match[1]) * conversion_factor(found, units)
    except ValueError:
        return None


def _started(date: str, clock: str) -> str | None:
    return moment_of(f"{date} {clock}", "%d-%m-%Y %H:%M:%S")
