"""What a parameter file says in the words of the common metadata."""

import datetime as dt
from typing import Any

from omniscopy.io.pifm.parameters import Parameters
from omniscopy.io.quantities import known_units, stated
from omniscopy.model.units import conversion_factor

_QUARTER = dt.timedelta(minutes=15)


def common_metadata(parameters: Parameters) -> dict[str, Any]:
    """Return the entries that the common schema knows."""
    vista = parameters.text("VistaScanVersion")
    setpoint = f"{parameters.text('SetPoint')} {parameters.text('SetPointPhysUnit')}".strip()
    return stated(
        {
            "technique": "AFM",
            "started": _started(parameters),
            "operator": parameters.text("UserName"),
            "comment": parameters.text("UserNotes"),
            "sample": {"name": parameters.text("SampleName")},
            "instrument": {
                "vendor": "Molecular Vista" if vista else "Anfatec",
                "software": f"VistaScan {vista}" if vista else parameters.text("Version"),
            },
            "scan": {
                "line_rate": parameters.number("Speed"),
                "rotation": parameters.number("Angle"),
            },
            "stage": {name: _micrometres(parameters, f"{name.upper()}Stage") for name in "xy"},
            "probe": {
                "bias": _value(parameters, "Bias", "V"),
                "drive_frequency": _value(parameters, "LockInFreq", "Hz"),
                "drive_amplitude": _value(parameters, "LockInAmpl", "V"),
            },
            "feedback": {"mode": parameters.text("FeedbackMode"), "setpoint": setpoint},
        }
    )


def _value(parameters: Parameters, key: str, units: str) -> float | None:
    """Return an entry whose units are another entry."""
    value, found = parameters.number(key), known_units(parameters.text(f"{key}PhysUnit"))
    try:
        return None if value is None or found is None else value * conversion_factor(found, units)
    except ValueError:
        return None


def _micrometres(parameters: Parameters, key: str) -> float | None:
    value = parameters.number(key)
    return None if value is None else value * 1e-6


def _started(parameters: Parameters) -> str | None:
    """Return the start, with the zone where the file tells the same time here and in UTC."""
    start = _time(parameters.text("StartDate"), parameters.text("StartTime"))
    saved = _time(parameters.text("Date"), parameters.text("Time"))
    if start is None:
        return None if saved is None else saved.isoformat()
    try:
        universal = dt.datetime.strptime(parameters.text("UTCDateTime"), "%Y/%m/%d %H:%M:%S")
    except ValueError:
        return start.isoformat()
    if saved is None or abs(saved - universal) > dt.timedelta(hours=15):
        return start.isoformat()
    zone = round((saved - universal) / _QUARTER) * _QUARTER
    return start.replace(tzinfo=dt.timezone(zone)).isoformat()


def _time(date: str, clock: str) -> dt.datetime | None:
    try:
        return dt.datetime.strptime(f"{date} {clock}", "%m/%d/%Y %I:%M:%S %p")
    except ValueError:
        return None
