"""What the settings in a frame say in the words of the common metadata."""

import re
from typing import Any

from omniscopy.io.quantities import moment_of, stated
from omniscopy.io.temperatures import kelvins
from omniscopy.io.xml_trees import look_up, parse_xml, xml_tree

_TECHNIQUES = {
    "0": "AFM", "1": "AFM", "2": "STM", "3": "SNOM", "Contact": "AFM", "SemiContact": "AFM",
    "Semicontact": "AFM", "STM": "STM",
}  # fmt: skip
_CLOCK = re.compile(r"(\d+):(\d{2}):(\d{2})")


def read_settings(text: str) -> Any:
    """Return the XML of a frame as nested dictionaries, empty where it has none."""
    root = parse_xml(text.lstrip("\ufeff"))
    tree = {} if root is None else xml_tree(root)
    return tree if isinstance(tree, dict) else {}


def technique_of(settings: Any, device: str | None = None) -> str | None:
    """Return the technique by the settings of a frame, else by the device that it names."""
    known = look_up(settings, "Parameters", "Nova", "Technique")
    known = known or look_up(settings, "Parameters", "Common", "Technic")
    if look_up(settings, "Parameters", "FrameType").startswith("Spectra"):
        return "Raman"
    return _TECHNIQUES.get(known, device)


def common_metadata(settings: Any, *, started: str | None, technique: str | None) -> dict[str, Any]:
    """Return the settings that the common schema knows."""

    def said(*path: str) -> str:
        return look_up(settings, "Parameters", *path)

    def optics(*path: str) -> float | None:
        return number(said("Measurement", "Spectra", *path)) or None

    return stated(
        {
            "technique": technique,
            "started": started_of(settings) or started,
            "comment": look_up(settings, "TextComment"),
            "instrument": {
                "vendor": "NT-MDT",
                "model": said("DeviceType"),
                "software": said("Common", "BuildID") or said("Nova", "Application"),
            },
            "scan": {
                "frame_time": _seconds(said("Nova", "ScanningTime") or said("Scan", "ExecTime")),
                "rotation": number(said("Measurement", "Scanning", "Angle")),
                "direction": said("Nova", "ScanDirection").lower(),
            },
            "probe": {"spring_constant": number(said("Common", "Probe", "Stiffness"))},
            "laser": {"wavelength": optics("Spectrometer", "LaserWavelength")},
            "spectrometer": {
                "grating": said("Measurement", "Spectra", "Spectrometer", "Grating"),
                "centre_wavelength": optics("Spectrometer", "OperatingGratingWavelength"),
            },
            "detector": {
                "name": said("Measurement", "Spectra", "Detector", "Type"),
                "exposure_time": optics("Detector", "ExposureTime"),
                "temperature": kelvins(optics("Detector", "Temperature")),
            },
            "feedback": {"mode": said("Scan", "ScanMode")},
        }
    )


def started_of(settings: Any) -> str | None:
    """Return when a scan was started: frames only say when they were saved."""
    day = look_up(settings, "Parameters", "Common", "Date")
    clock = look_up(settings, "Parameters", "Scan", "StartTime")
    return moment_of(f"{day} {clock}", "%d.%m.%Y %H:%M:%S")


def number(text: str) -> float | None:
    """Return a number with a decimal point or comma, `None` for other text."""
    if not re.fullmatch(r"\s*[-+]?\d+([.,]\d*)?([eE][-+]?\d+)?\s*", text):
        return None
    return float(text.replace(",", "."))


def _seconds(text: str) -> float | None:
    match = _CLOCK.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds = (int(part) for part in match.groups())
    return 3600.0 * hours + 60.0 * minutes + seconds
