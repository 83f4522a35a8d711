"""What the settings of Nanonis spectra say in the words of the common metadata."""

import re
from collections.abc import Iterable, Mapping

from omniscopy.io.nanonis import metadata
from omniscopy.io.quantities import finite_number, known_units

# When the measurement started, else when it was saved: newer versions leave `Date` empty.
_MOMENTS = ("Start time", "Date", "Saved Date")
_DRIVE = "Oscillation Control"
_OSCILLATION = re.compile(r"amplitude|frequency shift|phase|excitation|deflection")


def number(settings: Mapping[str, str], key: str) -> float | None:
    """Return a setting as a number, also with a decimal comma; `None` where it is none."""
    return finite_number(settings.get(key, "").replace(",", "."))


def started(settings: Mapping[str, str]) -> str | None:
    """Return when the measurement was started in ISO 8601, without a zone."""
    moments = [metadata.started(*settings.get(key, "").partition(" ")[::2]) for key in _MOMENTS]
    return next(filter(None, moments), None)


def drive_frequency(settings: Mapping[str, str]) -> float | None:
    """Return the frequency in Hz at which a probe is driven, `None` where it is not."""
    if settings.get(f"{_DRIVE}>output off", "").upper() != "FALSE":
        return None
    return number(settings, f"{_DRIVE}>Center Frequency (Hz)")


def feedback(settings: Mapping[str, str]) -> dict[str, str | None]:
    """Return what was held constant, and at which value."""
    setpoint = number(settings, "Z-Controller>Setpoint")
    unit = settings.get("Z-Controller>Setpoint unit", "")
    return {
        "mode": settings.get("Z-Controller>Controller name"),
        "setpoint": None if setpoint is None else f"{setpoint:g} {known_units(unit) or ''}",
    }


def technique_of(headings: Iterable[str]) -> str:
    """Return AFM where the oscillation or deflection of a probe was recorded."""
    return "AFM" if any(_OSCILLATION.search(word.lower()) for word in headings) else "STM"
