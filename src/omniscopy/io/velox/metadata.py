"""The metadata of a Velox frame, and what of it the common schema has."""

import datetime
import math
from collections.abc import Mapping
from typing import Any

_MODES = {"1": "TEM", "2": "STEM"}
_LEAST_CURRENT = 1e-12


def lookup(tree: Mapping[str, Any], path: str) -> Any:
    """Return the value at a dotted path, `None` where there is none."""
    value: Any = tree
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def number(tree: Mapping[str, Any], path: str) -> float | None:
    """Return the finite number at a dotted path; Velox writes numbers as text."""
    value = lookup(tree, path)
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def text(tree: Mapping[str, Any], path: str) -> str | None:
    """Return the text at a dotted path, `None` where it is empty or "None"."""
    value = lookup(tree, path)
    return value if isinstance(value, str) and value not in ("", "None") else None


def detector_of(tree: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is known of the detector that made the image, {} where nothing is."""
    index = lookup(tree, "BinaryResult.DetectorIndex")
    detector = lookup(tree, "Detectors")
    found = detector.get(f"Detector-{index}") if isinstance(detector, Mapping) else None
    named = text(tree, "BinaryResult.Detector")
    # The sum of segments has the name of all, and the index of the last one.
    if named and isinstance(found, Mapping) and str(found.get("DetectorName")).startswith(named):
        return found
    return {}


def modality(tree: Mapping[str, Any]) -> str | None:
    """Return "TEM" or "STEM"."""
    return _MODES.get(str(lookup(tree, "Optics.OperatingMode")))


def source(tree: Mapping[str, Any]) -> str | None:
    """Return the model of the microscope."""
    return text(tree, "Instrument.InstrumentModel") or text(tree, "Instrument.InstrumentClass")


def common_metadata(tree: Mapping[str, Any], application: str | None) -> dict[str, Any]:
    """Return the metadata of the common schema, in its units."""
    detector = detector_of(tree)
    # The microscope keeps the magnification in diffraction and the camera length in imaging.
    in_diffraction = str(lookup(tree, "Optics.ProjectorMode")) == "1"
    scanning = text(detector, "DetectorType") == "ScanningDetector"
    outer = _milliradians(number(detector, "CollectionAngleRange.end"))
    angles = bool(scanning and outer)
    groups: dict[str, dict[str, Any]] = {
        "instrument": {
            "vendor": text(tree, "Instrument.Manufacturer"),
            "model": source(tree),
            "software": f"Velox {application}" if application else None,
        },
        "beam": {
            "voltage": number(tree, "Optics.AccelerationVoltage"),
            "current": _screen_current(tree),
            "convergence_angle": _milliradians(number(tree, "Optics.BeamConvergence")),
            "magnification": None
            if in_diffraction
            else number(tree, "Optics.NominalMagnification"),
            "mode": text(tree, "Optics.IlluminationMode"),
        },
        "detector": {
            "name": text(tree, "BinaryResult.Detector"),
            "inner_angle": _milliradians(number(detector, "CollectionAngleRange.begin"))
            if angles
            else None,
            "outer_angle": outer if angles else None,
            "camera_length": number(tree, "Optics.CameraLength") if in_diffraction else None,
            "exposure_time": number(detector, "ExposureTime"),
            "elevation_angle": _degrees(number(detector, "ElevationAngle")),
            "azimuth_angle": _degrees(number(detector, "AzimuthAngle")),
            "live_time": number(detector, "LiveTime"),
            "real_time": number(detector, "RealTime"),
        },
        "scan": {
            "dwell_time": number(tree, "Scan.DwellTime"),
            "frame_time": number(tree, "Scan.FrameTime"),
            "rotation": _degrees(number(tree, "Scan.ScanRotation")),
        }
        if scanning
        else {},
        "stage": {
            "x": number(tree, "Stage.Position.x"),
            "y": number(tree, "Stage.Position.y"),
            "z": number(tree, "Stage.Position.z"),
            "alpha": _degrees(number(tree, "Stage.AlphaTilt")),
            "beta": _degrees(number(tree, "Stage.BetaTilt")),
        },
    }
    metadata: dict[str, Any] = {}
    started = _moment(number(tree, "Acquisition.AcquisitionStartDatetime.DateTime"))
    if started is not None:
        metadata["started"] = started
    for group, values in groups.items():
        known = {name: value for name, value in values.items() if value is not None}
        if known:
            metadata[group] = known
    return metadata


def of_the_filter(tree: Mapping[str, Any], losses: Mapping[str, Any]) -> dict[str, float]:
    """Return what is known of the energy filter that made a spectrum."""
    properties = lookup(tree, "CustomProperties")
    angle = None
    if isinstance(properties, Mapping):
        # Dots within a name are no path.
        angle = properties.get("EnergyFilter.CollectionAngleRange.End")
    found = {
        "collection_angle": _milliradians(number(angle, "value"))
        if isinstance(angle, Mapping)
        else None,
        "exposure_time": number(losses, "Data.exposureTime"),
    }
    return {name: value for name, value in found.items() if value is not None and value > 0}


def frame_interval(first: Mapping[str, Any], last: Mapping[str, Any], frames: int) -> float | None:
    """Return the seconds from frame to frame: a scan's frame time, a camera's time stamps."""
    if text(detector_of(first), "DetectorType") == "ScanningDetector":
        interval = number(first, "Scan.FrameTime")
        return interval if interval is not None and interval > 0 else None
    stamps = [_time_stamp(tree) for tree in (first, last)]
    if stamps[0] is None or stamps[1] is None or frames < 2:
        return None
    interval = (stamps[1] - stamps[0]) / 1e6 / (frames - 1)
    return interval if interval > 0 else None


def shared_by_all(trees: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what all nested dictionaries have in common."""
    if not trees:
        return {}
    shared: dict[str, Any] = {}
    for name, value in trees[0].items():
        others = [tree.get(name) for tree in trees[1:]]
        if isinstance(value, dict) and all(isinstance(other, dict) for other in others):
            inner = shared_by_all([value, *(other for other in others if other is not None)])
            if inner:
                shared[name] = inner
        elif all(other == value for other in others):
            shared[name] = value
    return shared


def _time_stamp(tree: Mapping[str, Any]) -> float | None:
    """Return the microseconds that a camera noted for a frame."""
    name = text(tree, "BinaryResult.Detector")
    properties = lookup(tree, "CustomProperties")
    if name is None or not isinstance(properties, Mapping):
        return None
    stamp = properties.get(f"Detectors[{name}].TimeStamp")
    return number(stamp, "value") if isinstance(stamp, Mapping) else None


def _moment(seconds: float | None) -> str | None:
    if seconds is None or not 0 < seconds < 1e11:
        return None
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat()


def _screen_current(tree: Mapping[str, Any]) -> float | None:
    """Return what the screen measured last in A, below which it measures nothing but noise."""
    current = number(tree, "Optics.LastMeasuredScreenCurrent")
    return current if current is not None and current >= _LEAST_CURRENT else None


def _milliradians(radians: float | None) -> float | None:
    return None if radians is None else radians * 1e3


def _degrees(radians: float | None) -> float | None:
    return None if radians is None else math.degrees(radians)
