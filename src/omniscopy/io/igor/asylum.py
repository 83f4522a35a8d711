"""What Asylum Research means by the labels and settings in its waves."""

from collections.abc import Mapping
from typing import Any

from omniscopy.io.igor.note import number, setting, started
from omniscopy.model.units import spell

_SIGNS = ("InvOLS", "SpringConstant", "ImagingMode", "MicroscopeModel")

# The start of a channel's label: quantity and units. The first that fits counts.
_QUANTITIES: tuple[tuple[str, str, str | None], ...] = (
    ("DeflV", "deflection", "V"),
    ("AmplitudeV", "amplitude", "V"),
    ("AmpV", "amplitude", "V"),
    ("ZSensorV", "height", "V"),
    ("RawZSensor", "height", "m"),
    ("Height", "height", "m"),
    ("ZSensor", "height", "m"),
    ("ZSnsr", "height", "m"),
    ("ZAvg", "height", "m"),
    ("LVDT", "height", "m"),
    ("Raw", "height", "m"),
    ("XSensor", "position", "m"),
    ("YSensor", "position", "m"),
    ("XLVDT", "position", "m"),
    ("YLVDT", "position", "m"),
    ("Amp", "amplitude", "m"),
    ("Defl", "deflection", "m"),
    ("Phas", "phase", "deg"),
    ("Curr", "current", "A"),
    ("Freq", "frequency", "Hz"),
    ("Bias", "bias", "V"),
    ("TipBias", "bias", "V"),
    ("SurfaceBias", "bias", "V"),
    ("Potential", "potential", "V"),
    ("Lateral", "lateral deflection", "V"),
    ("Inputi", "in-phase signal", "V"),
    ("Inputq", "quadrature signal", "V"),
    ("Drive", "drive", "V"),
    ("UserIn", "voltage", "V"),
    ("Adhesion", "force", "N"),
    ("MaxForce", "force", "N"),
    ("Force", "force", "N"),
    ("Indentation", "indentation", "m"),
    ("Stiffness", "stiffness", "N/m"),
    ("Modulus", "modulus", "Pa"),
    ("Young", "modulus", "Pa"),
    ("LossTan", "loss tangent", "1"),
    ("Time", "time", "s"),
)
_METADATA = {
    # setting -> path of the common metadata, in its units already
    "ScanRate": ("scan", "line_rate"),
    "ScanAngle": ("scan", "rotation"),
    "SpringConstant": ("probe", "spring_constant"),
    "InvOLS": ("probe", "sensitivity"),
    "DriveAmplitude": ("probe", "drive_amplitude"),
    "DriveFrequency": ("probe", "drive_frequency"),
    "TipVoltage": ("probe", "bias"),
}
_SETPOINTS = (
    # where in the name of the mode: setting, units
    ("Contact", "DeflectionSetpointVolts", "V"),
    ("PFM", "DeflectionSetpointVolts", "V"),
    ("AC", "AmplitudeSetpointVolts", "V"),
)
_DIRECTIONS = (("Retrace", "retrace"), ("Trace", "trace"))
_RAMPS = {1: "extend", -1: "retract", 0: "dwell"}
_HEIGHTS = ("ZSnsr", "ZSensor", "LVDT", "Raw")


def is_asylum(settings: Mapping[str, Any]) -> bool:
    """Return whether a note is one of Asylum Research."""
    return any(key in settings for key in _SIGNS)


def describe_label(label: str, settings: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return quantity and units of a channel, `None` where its label does not tell."""
    stem = label
    for ending, _ in _DIRECTIONS:
        stem = stem.removesuffix(ending)
    # The second pass of a line, the lifted one, has the same channels as the first.
    stem = stem.removeprefix("Nap")
    # So are images that were made of a map of force curves called.
    stem = stem.removeprefix("Map")
    given = setting(settings, f"{stem}Unit")
    for start, quantity, units in _QUANTITIES:
        if stem.startswith(start):
            return quantity, spell(str(given)) if given is not None else units
    return None, None if given is None else spell(str(given))


def scan_direction(label: str) -> str | None:
    """Return whether a channel is the trace or the retrace."""
    for ending, word in _DIRECTIONS:
        if label.endswith(ending):
            return word
    return None


def height_label(labels: list[str]) -> str | None:
    """Return the channel of a force curve that says where the probe was: sensor before drive."""
    for start in _HEIGHTS:
        for label in labels:
            if label.startswith(start):
                return label
    return None


def ramp_segments(settings: Mapping[str, Any], points: int) -> list[dict[str, Any]]:
    """Return the parts of a force curve: which points extend, dwell and retract."""
    try:
        ends = [int(part) for part in str(setting(settings, "Indexes")).strip(", ").split(",")]
        signs = str(setting(settings, "Direction")).strip(", ").split(",")
        words = [_RAMPS[int(float(sign))] for sign in signs[1 : len(ends)]]
    except (ValueError, KeyError):
        return []
    if len(words) != len(ends) - 1 or sorted(ends) != ends or ends[0] < 0 or ends[-1] > points:
        return []
    # The last index is that of the last point, not one past it.
    ends[-1] = points if ends[-1] == points - 1 else ends[-1]
    return [
        {"direction": word, "start": start, "stop": stop}
        for word, start, stop in zip(words, ends[:-1], ends[1:], strict=True)
    ]


def common_metadata(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the note that the common schema knows."""
    found: dict[str, Any] = {"technique": "AFM", "instrument": {"vendor": "Asylum Research"}}
    for key, (group, name) in _METADATA.items():
        value = number(settings, key)
        if value is not None:
            found.setdefault(group, {})[name] = value
    frame_time = number(settings, "ImageFrameTime")
    if frame_time:
        found.setdefault("scan", {})["frame_time"] = frame_time
    texts = {
        ("instrument", "model"): setting(settings, "MicroscopeModel"),
        ("instrument", "software"): setting(settings, "Version"),
        ("feedback", "mode"): setting(settings, "ImagingMode"),
        ("feedback", "setpoint"): _setpoint(settings),
    }
    for (group, name), text in texts.items():
        if text is not None:
            found.setdefault(group, {})[name] = str(text)
    comment = setting(settings, "ImageNote") or setting(settings, "ForceNote")
    for name, text in (("comment", comment), ("started", started(settings))):
        if text is not None:
            found[name] = str(text)
    return found


def _setpoint(settings: Mapping[str, Any]) -> str | None:
    mode = str(setting(settings, "ImagingMode") or "")
    for part, key, units in _SETPOINTS:
        value = number(settings, key)
        if part in mode and value is not None:
            return f"{value:g} {units}"
    return None
