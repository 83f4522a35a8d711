"""What the header of a Nanoscope file says in the words of the common metadata."""

import datetime as dt
import math
import re
from typing import Any

from omniscopy.io.nanoscope.header import Header, spelled
from omniscopy.model.units import conversion_factor, is_unit

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE = re.compile(
    r"(\d{1,2}):(\d{2}):(\d{2}) ([AP])M \w+ (\w{3})\w* (\d{1,2}) (\d{4})", re.IGNORECASE
)
_SETPOINTS = (
    # where in the name of the mode: key of the setpoint
    ("tapping", "@2:TMSetAmplitude"),
    ("contact", "@2:AFMSetDeflection"),
    ("scanasyst", "@2:SoftHarmoniXSetpoint"),
    ("peak", "@2:SoftHarmoniXSetpoint"),
    ("stm", "@2:STMSetCurrent"),
)
_TITLES = (
    # the start of a channel's name: its quantity
    ("height", "height"),
    ("z sensor", "height"),
    ("deflection", "deflection"),
    ("amplitude", "amplitude"),
    ("tm deflection", "deflection"),
    ("phase", "phase"),
    ("current", "current"),
    ("friction", "friction"),
    ("potential", "potential"),
    ("frequency", "frequency"),
    ("peak force", "force"),
    ("adhesion", "adhesion"),
    ("deformation", "deformation"),
    ("dissipation", "dissipation"),
    ("dmtmodulus", "modulus"),
    ("logdmtmodulus", "modulus"),
    ("stiffness", "stiffness"),
)


def quantity_of(title: str) -> str | None:
    """Return the quantity of a channel by its name."""
    for start, quantity in _TITLES:
        if title.lower().startswith(start):
            return quantity
    return None


def microscope_mode(header: Header) -> str | None:
    """Return the name of the mode as the user reads it, such as Tapping."""
    text = header.first("Ciao scan list").text("@MicroscopeList") or ""
    quoted = re.search(r'"([^"]+)"', text)
    return quoted[1] if quoted else None


def modality(header: Header) -> str:
    """Return STM or AFM."""
    return "STM" if "stm" in (microscope_mode(header) or "").lower() else "AFM"


def common_metadata(header: Header) -> dict[str, Any]:
    """Return the values of the header that the common schema knows."""
    main = header.sections[0]
    scan = header.first("Ciao scan list")
    equipment = header.first("Equipment list")
    rotation = scan.number("Rotate Ang.")
    version = main.text("Version")
    found: dict[str, dict[str, Any]] = {
        "instrument": {
            "vendor": "Bruker",
            "model": equipment.text("Description") or equipment.text("Microscope"),
            "software": f"Nanoscope {version}" if version else None,
        },
        "scan": {
            "line_rate": scan.number("Scan Rate"),
            "rotation": None if rotation is None else round(math.degrees(rotation), 3),
        },
        "probe": {
            "spring_constant": _spring_constant(header),
            "sensitivity": _sensitivity(header),
            "drive_amplitude": _scan_value(header, "@2:CantDrive", "@2:Drive amplitude", units="V"),
            "drive_frequency": _scan_value(
                header, "@2:CantFrequency", "@2:Drive frequency", units="Hz"
            ),
            "bias": _scan_value(header, "@2:Tip Bias", "@2:TipBias", units="V"),
        },
        "feedback": {"mode": microscope_mode(header), "setpoint": _setpoint(header)},
    }
    groups = {name: _stated(group) for name, group in found.items()}
    single = {
        "technique": modality(header),
        "started": started(main.text("Date")),
        "comment": main.text("Text"),
    }
    return {**_stated(single), **{name: group for name, group in groups.items() if group}}


def started(text: str | None) -> str | None:
    """Return a date such as `03:52:08 PM Thu Aug 03 2017` in ISO 8601, without a zone."""
    match = _DATE.fullmatch((text or "").strip())
    if match is None or match[5].lower() not in _MONTHS:
        return None
    hour = int(match[1]) % 12 + (12 if match[4].upper() == "P" else 0)
    month = _MONTHS.index(match[5].lower()) + 1
    try:
        day = dt.date(int(match[7]), month, int(match[6]))
        clock = dt.time(hour, int(match[2]), int(match[3]))
    except ValueError:
        return None
    return dt.datetime.combine(day, clock).isoformat()


def _scan_value(header: Header, *keys: str, units: str) -> float | None:
    try:
        return header.physical("Ciao scan list", *keys, units=units)
    except ValueError:
        return None


def _spring_constant(header: Header) -> float | None:
    for section in (*header.all("image list"), header.first("Ciao force list")):
        value = section.number("Spring Constant")
        if value:
            return value
    return None


def _sensitivity(header: Header) -> float | None:
    found = header.sensitivity("Sens. DeflSens") or header.sensitivity("Sens. Deflection")
    # Without a length in its units the sensitivity has not been measured.
    if found is None or not found[1].endswith("/V") or not is_unit(found[1]):
        return None
    try:
        return found[0] * conversion_factor(spelled(found[1]), "m/V")
    except ValueError:
        return None


def _setpoint(header: Header) -> str | None:
    mode = (microscope_mode(header) or "").lower()
    for part, key in _SETPOINTS:
        text = header.first("Ciao scan list").text(key)
        match = re.search(r"\)\s*(.+)$", text or "")
        if part in mode and match is not None:
            return match[1].strip()
    return None


def _stated(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
