"""Gatan's tags in the words of the common metadata."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from omniscopy.io.dm.axes import signal_of
from omniscopy.io.dm.dates import find_start
from omniscopy.io.dm.images import Image
from omniscopy.io.dm.tags import find_tag

SOURCE = "Gatan DigitalMicrograph"
_CAMERA_LENGTH = "Microscope Info:Camera Length"
_MAGNIFICATION = "Microscope Info:Indicated Magnification"

_TEXTS: dict[str, tuple[str, ...]] = {
    "operator": ("Session Info:Operator", "Microscope Info:Operator"),
    "sample.name": ("Session Info:Specimen", "Microscope Info:Specimen"),
    "instrument.model": (
        "Session Info:Microscope",
        "Microscope Info:Microscope",
        "Microscope Info:Name",
    ),
    "beam.mode": ("Microscope Info:Illumination Mode",),
    "detector.name": (
        "DataBar:Device Name",
        "Acquisition:Device:Name",
        "EELS Spectrometer:Instrument name",
        "EDS:Detector Info:Detector type",
    ),
    "spectrometer.model": ("EELS Spectrometer:Instrument name",),
}


class _Number(NamedTuple):
    tag: str
    divisor: float = 1.0
    zero_is_known: bool = False


_NUMBERS: dict[str, tuple[_Number, ...]] = {
    "beam.voltage": (_Number("Microscope Info:Voltage"),),
    "beam.current": (_Number("Microscope Info:Probe Current (nA)", 1e9),),
    "beam.magnification": (
        _Number(_MAGNIFICATION),
        _Number("Microscope Info:Actual Magnification"),
    ),
    "beam.convergence_angle": (
        _Number("EELS:Experimental Conditions:Convergence semi-angle (mrad)"),
        _Number("EELS:Convergence semi-angle (mrad)"),
        _Number("Microscope Info:Convergence angle (mrad)"),
    ),
    "detector.collection_angle": (
        _Number("EELS:Experimental Conditions:Collection semi-angle (mrad)"),
        _Number("EELS:Collection semi-angle (mrad)"),
    ),
    "detector.camera_length": (
        _Number("Microscope Info:STEM Camera Length", 1e3),
        _Number(_CAMERA_LENGTH, 1e3),
    ),
    "detector.dispersion": (
        _Number("EELS:Acquisition:Spectrometer:Dispersion (eV/ch)"),
        _Number("EELS Spectrometer:Dispersion (eV/ch)"),
        _Number("EELS:Dispersion (eV/ch)"),
        _Number("EDS:Acquisition:Dispersion (eV)"),
    ),
    "detector.exposure_time": (
        _Number("EELS:Acquisition:Exposure (s)"),
        _Number("EELS:Exposure (s)"),
        _Number("CL:Acquisition:Exposure (s)"),
        _Number("DataBar:Exposure Time (s)"),
        _Number("Acquisition:Parameters:High Level:Exposure (s)"),
    ),
    "detector.accumulations": (
        _Number("EELS:Acquisition:Number of frames"),
        _Number("CL:Acquisition:Number of frames"),
    ),
    "spectrometer.centre_wavelength": (_Number("CL:Acquisition:Central wavelength (nm)"),),
    "detector.elevation_angle": (_Number("EDS:Detector Info:Elevation angle"),),
    "detector.azimuth_angle": (_Number("EDS:Detector Info:Azimuthal angle", zero_is_known=True),),
    "detector.live_time": (_Number("EDS:Live time"),),
    "detector.real_time": (_Number("EDS:Real time"),),
    "scan.dwell_time": (
        _Number("SI:Acquisition:Pixel time (s)"),
        _Number("CL:Acquisition:Dwell time (s)"),
        _Number("DigiScan:Sample Time", 1e6),
    ),
    "scan.rotation": (_Number("DigiScan:Rotation", zero_is_known=True),),
    "stage.x": (_Number("Microscope Info:Stage Position:Stage X", 1e6, zero_is_known=True),),
    "stage.y": (_Number("Microscope Info:Stage Position:Stage Y", 1e6, zero_is_known=True),),
    "stage.z": (_Number("Microscope Info:Stage Position:Stage Z", 1e6, zero_is_known=True),),
    "stage.alpha": (_Number("Microscope Info:Stage Position:Stage Alpha", zero_is_known=True),),
    "stage.beta": (_Number("Microscope Info:Stage Position:Stage Beta", zero_is_known=True),),
}
_MODALITIES = {"EELS": "EELS", "X-ray": "EDS", "CL": "CL"}
_MEANINGLESS = {"", "unknown", "none"}


def find_modality(image: Image) -> str | None:
    """Return the technique: the signal where it is stated, otherwise the microscope's mode."""
    signal = signal_of(image)
    if signal is not None:
        return _MODALITIES[signal]
    tags = _tag_groups(image)
    illumination = str(_first_text(tags, ("Microscope Info:Illumination Mode",))).upper()
    for mode in ("STEM", "SEM", "TEM"):
        if illumination.startswith(mode):
            return mode
    operation = _first_text(tags, ("Microscope Info:Operation Mode",))
    if operation == "SCANNING" or any("DigiScan" in group for group in tags):
        return "STEM"
    return "TEM" if operation == "IMAGING" else None


def common_metadata(image: Image) -> dict[str, Any]:
    """Return what the tags say, in nested dictionaries of the common vocabulary."""
    tags = _tag_groups(image)
    found: dict[str, Any] = {
        "title": image.name or None,
        "started": next((s for s in map(find_start, tags) if s is not None), None),
        "technique": find_modality(image),
        "instrument.software": _software(tags),
        "spectrometer.grating": _grating(tags),
    }
    found |= {path: _first_text(tags, names) for path, names in _TEXTS.items()}
    found |= {path: _first_number(tags, numbers) for path, numbers in _NUMBERS.items()}
    if _is_diffraction(tags):
        # There it is the camera length in mm that is shown as magnification.
        found["beam.magnification"] = None
        lengths = (_Number(_MAGNIFICATION, 1e3), _Number(_CAMERA_LENGTH, 1e3))
        found["detector.camera_length"] = _first_number(tags, lengths)
    return _nested({path: value for path, value in found.items() if value is not None})


def _tag_groups(image: Image) -> list[Mapping[str, Any]]:
    """Return the image's tags and, for stacks made from other images, those of the source."""
    source = find_tag(image.tags, "source:Tags at creation")
    return [image.tags, source] if isinstance(source, dict) else [image.tags]


def _values(tags: list[Mapping[str, Any]], name: str) -> Iterator[Any]:
    return (find_tag(group, name) for group in tags)


def _first_text(tags: list[Mapping[str, Any]], names: tuple[str, ...]) -> str | None:
    for name in names:
        for value in _values(tags, name):
            if isinstance(value, str) and value.strip().lower() not in _MEANINGLESS:
                return value.strip()
    return None


def _first_number(tags: list[Mapping[str, Any]], numbers: tuple[_Number, ...]) -> float | None:
    for number in numbers:
        for value in _values(tags, number.tag):
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                continue
            if math.isfinite(value) and (value != 0 or number.zero_is_known):
                return float(value) / number.divisor
    return None


def _is_diffraction(tags: list[Mapping[str, Any]]) -> bool:
    """Return whether a broad beam made a pattern; a scanned one has a magnification too."""
    illumination = str(_first_text(tags, ("Microscope Info:Illumination Mode",))).upper()
    modes = ("Microscope Info:Imaging Mode", "Microscope Info:Operation Mode")
    said = [str(_first_text(tags, (mode,))).upper() for mode in modes]
    return illumination.startswith("TEM") and any("DIFF" in mode for mode in said)


def _grating(tags: list[Mapping[str, Any]]) -> str | None:
    lines = _first_number(tags, (_Number("CL:Acquisition:Dispersion grating (lines/mm)"),))
    return None if lines is None else f"{lines:g} lines/mm"


def _software(tags: list[Mapping[str, Any]]) -> str:
    version = _first_text(tags, ("GMS Version:Created", "GMS Version:Saved"))
    return SOURCE if version is None else f"{SOURCE} {version}"


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        *groups, name = path.split(".")
        level = tree
        for group in groups:
            level = level.setdefault(group, {})
        level[name] = value
    return tree
