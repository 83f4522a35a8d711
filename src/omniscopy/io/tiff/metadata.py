"""The tags of a TIFF page, whole and in the common schema."""

import math
import re
from collections.abc import Mapping
from typing import Any

from omniscopy.io.quantities import moment_of
from omniscopy.io.tiff.calibration import (
    FEI_TAGS,
    OLYMPUS_TAG,
    TVIPS_DIFFRACTION,
    TVIPS_TAG,
    ZEISS_TAG,
    number_at,
    sem_settings,
    sightx_camera_length,
    sightx_tree,
    tag_value,
)
from omniscopy.io.xml_trees import look_up
from omniscopy.model.units import conversion_factor, is_unit, spell

_LONGEST = 1000
_LONGEST_TEXT = 1 << 20


def original_metadata(page: Any) -> dict[str, Any]:
    """Return all tags by name; long arrays, such as the places of strips, are left out."""
    tags = {}
    for tag in page.tags:
        value = tag_value(page, tag.code)
        if isinstance(value, (tuple, list, bytes)) and len(value) > _LONGEST:
            continue
        if isinstance(value, str) and len(value) > _LONGEST_TEXT:
            continue
        tags[str(tag.name)] = _plain(value)
    settings = sem_settings(page)
    return tags if settings is None else {**tags, "settings": _plain(settings.entries)}


def common_metadata(page: Any) -> dict[str, Any]:
    """Return the metadata of the common schema."""
    tree: dict[str, dict[str, Any]] = {
        "": {
            "started": _started(tag_value(page, 306)),
            "operator": _text(tag_value(page, 315)),
        },
        "instrument": {
            "vendor": _text(tag_value(page, 271)),
            "model": _text(tag_value(page, 272)),
            "software": _text(tag_value(page, 305)),
        },
    }
    for found in (
        _fei(page),
        _zeiss(page),
        _olympus(page),
        _tvips(page),
        _sightx(page),
        _sem(page),
    ):
        for group, values in found.items():
            known = {name: value for name, value in values.items() if value is not None}
            tree[group] = {**tree.get(group, {}), **known}
    metadata: dict[str, Any] = {}
    for group, values in tree.items():
        known = {name: value for name, value in values.items() if value not in (None, "")}
        if known and group:
            metadata[group] = known
        metadata.update(known if not group else {})
    return metadata


def modality(page: Any) -> str | None:
    """Return "SEM" or "TEM" where a vendor's tag tells."""
    if _fei_beam(page) == "EBeam" or _zeiss(page) or sem_settings(page):
        return "SEM"
    return "TEM" if _tvips(page) else None


def _fei_tree(page: Any) -> Mapping[str, Any]:
    trees = [tag_value(page, code) for code in FEI_TAGS]
    return next((tree for tree in trees if isinstance(tree, Mapping)), {})


def _fei_beam(page: Any) -> str | None:
    """Return what made the image: EBeam, IBeam, or IRBeam for the navigation camera."""
    return _text(_entry(_fei_tree(page), "Beam", "Beam"))


def _fei(page: Any) -> dict[str, dict[str, Any]]:
    tree = _fei_tree(page)
    if not tree:
        return {}
    source = _fei_beam(page) or "EBeam"
    created = _text(_entry(tree, "PrivateFei", "TimeOfCreation"))
    return {
        "": {
            "started": moment_of(created, "%d.%m.%Y %H:%M:%S"),
            "operator": _text(_entry(tree, "User", "User")),
            "comment": _text(_entry(tree, "User", "UserText")),
        },
        "instrument": {
            "vendor": "FEI",
            "model": _text(_entry(tree, "System", "SystemType")),
            "software": _text(_entry(tree, "System", "Software")),
        },
        "beam": {
            "voltage": number_at(tree, "Beam", "HV"),
            "current": number_at(tree, source, "BeamCurrent"),
        },
        "detector": {"name": _text(_entry(tree, "Detectors", "Name"))},
        "scan": {
            "dwell_time": number_at(tree, "Scan", "Dwelltime"),
            "frame_time": number_at(tree, "Scan", "FrameTime"),
            "rotation": _degrees(number_at(tree, "Beam", "ScanRotation")),
        },
        "stage": {
            "x": number_at(tree, "Stage", "StageX"),
            "y": number_at(tree, "Stage", "StageY"),
            "z": number_at(tree, "Stage", "StageZ"),
            "alpha": _degrees(number_at(tree, "Stage", "StageT")),
        },
    }


def _zeiss(page: Any) -> dict[str, dict[str, Any]]:
    tree = tag_value(page, ZEISS_TAG)
    if not isinstance(tree, Mapping):
        return {}
    date, clock = (_text(_zeiss_value(tree, f"ap_{name}")) or "" for name in ("date", "time"))
    return {
        "": {
            "started": moment_of(f"{date} {clock}", "%d %b %Y %H:%M:%S"),
            "operator": _text(_zeiss_value(tree, "sv_user_name")),
        },
        "instrument": {"vendor": "Zeiss"},
        "beam": {
            "voltage": _zeiss_number(tree, "ap_actualkv", "V"),
            "current": _zeiss_number(tree, "ap_iprobe", "A"),
            "magnification": _zeiss_magnification(tree),
        },
        "detector": {"name": _text(_zeiss_value(tree, "dp_detector_channel"))},
        "scan": {
            "dwell_time": _zeiss_number(tree, "dp_dwell_time", "s"),
            "frame_time": _zeiss_number(tree, "ap_frame_time", "s"),
            "rotation": _zeiss_number(tree, "ap_scanrotation", "deg"),
        },
        "stage": {
            "x": _zeiss_number(tree, "ap_stage_at_x", "m"),
            "y": _zeiss_number(tree, "ap_stage_at_y", "m"),
            "z": _zeiss_number(tree, "ap_stage_at_z", "m"),
            "alpha": _zeiss_number(tree, "ap_stage_at_t", "deg"),
        },
    }


def _olympus(page: Any) -> dict[str, dict[str, Any]]:
    tree = tag_value(page, OLYMPUS_TAG)
    if not isinstance(tree, Mapping):
        return {}
    return {
        "beam": {"magnification": number_at(tree, "magnification")},
        "detector": {"name": _text(tree.get("cameraname"))},
    }


def _tvips(page: Any) -> dict[str, dict[str, Any]]:
    tree = tag_value(page, TVIPS_TAG)
    if not isinstance(tree, Mapping) or not tree:
        return {}
    exposure = number_at(tree, "ExposureTime")
    position = tree.get("TemStagePosition")
    known = isinstance(position, (list, tuple)) and len(position) >= 3
    # In diffraction it is the camera length, in units that are not stated.
    is_image = number_at(tree, "TemMode") != TVIPS_DIFFRACTION
    return {
        "": {"comment": _text(tree.get("Comment"))},
        "instrument": {"model": _text(tree.get("TemType"))},
        "beam": {
            "voltage": number_at(tree, "TemHighTension") or None,
            "magnification": number_at(tree, "TemMagnification") if is_image else None,
        },
        "detector": {
            "name": _text(tree.get("CameraType")),
            "exposure_time": exposure * 1e-3 if exposure else None,
        },
        "stage": dict(zip("xyz", map(_real, position or ()), strict=False)) if known else {},
    }


def _sightx(page: Any) -> dict[str, dict[str, Any]]:
    tree = sightx_tree(page)
    if not tree:
        return {}
    mode, length = look_up(tree, "ImageFormingSystem", "ModeString"), sightx_camera_length(tree)
    magnification = number_at(tree, "ImageFormingSystem", "SelectorValue")
    return {
        "": {"technique": "STEM" if look_up(tree, "Eos", "EosMode") == "eosASID" else "TEM"},
        "instrument": {"model": _text(look_up(tree, "Instruments"))},
        "beam": {
            "voltage": number_at(tree, "ElectronGun", "AccelerationVoltage"),
            "magnification": magnification if mode == "MAG" else None,
        },
        "detector": {"camera_length": length},
        "stage": {
            name: number_at(tree, "GonioStage", "StagePosition", key)
            for name, key in (("alpha", "TX"), ("beta", "TY"))
        },
    }


def _sem(page: Any) -> dict[str, dict[str, Any]]:
    found = sem_settings(page)
    if found is None:
        return {}
    groups = {key: value for key, value in found.metadata.items() if isinstance(value, dict)}
    plain = {key: value for key, value in found.metadata.items() if not isinstance(value, dict)}
    return {**groups, "": plain}


def _real(value: Any) -> float | None:
    return number_at({"": value}, "")


def _entry(tree: Mapping[str, Any], section: str, name: str) -> Any:
    found = tree.get(section)
    return found.get(name) if isinstance(found, Mapping) else None


def _zeiss_value(tree: Mapping[str, Any], name: str) -> Any:
    entry = tree.get(name)
    return entry[1] if isinstance(entry, tuple) and len(entry) > 1 else None


def _zeiss_magnification(tree: Mapping[str, Any]) -> float | None:
    """Return a magnification such as `42.9 K X`, of which the K are thousands."""
    entry = tree.get("ap_mag")
    words = " ".join(str(word) for word in entry[1:]) if isinstance(entry, tuple) else ""
    found = re.fullmatch(r"([\d.]{1,20})\s*(K)?\s*X", words.strip(), re.IGNORECASE)
    value = number_at({"": found[1]}, "") if found else None
    return None if found is None or value is None else value * (1e3 if found[2] else 1.0)


def _zeiss_number(tree: Mapping[str, Any], name: str, units: str) -> float | None:
    entry = tree.get(name)
    if not isinstance(entry, tuple) or len(entry) != 3:
        return None
    found = spell(str(entry[2]))
    if not found or not is_unit(found):
        return None
    try:
        return float(entry[1]) * conversion_factor(found, units)
    except (ValueError, TypeError):
        return None


def _text(value: Any) -> str | None:
    return (str(value).strip("\0 ") or None) if isinstance(value, (str, int, float)) else None


def _started(value: Any) -> str | None:
    return moment_of(_text(value), "%Y:%m:%d %H:%M:%S")


def _degrees(radians: float | None) -> float | None:
    return None if radians is None else math.degrees(radians)


def _plain(value: Any) -> Any:
    """Return what JSON can hold."""
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(entry) for entry in value[:_LONGEST]]
    if isinstance(value, bytes):
        return value.hex()
    if value is None or isinstance(value, (str, bool, int, float)):
        return int(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    return str(value)
