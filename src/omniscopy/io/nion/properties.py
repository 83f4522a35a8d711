"""The properties of a data item: calibrations, what its dimensions are, and how it was made."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omniscopy.io.quantities import stated
from omniscopy.io.records import Axis
from omniscopy.model.units import is_unit, spell

_COLOURS = {3: ("blue", "green", "red"), 4: ("blue", "green", "red", "alpha")}


@dataclass(frozen=True)
class Calibration:
    """A value is `offset + scale * i`, in `units`, which may be empty."""

    offset: float = 0.0
    scale: float = 1.0
    units: str = ""


def parse_properties(text: Any) -> dict[str, Any]:
    """Return properties from their JSON text, {} where it is damaged."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    if not isinstance(text, str):
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def calibration_of(said: Any) -> Calibration:
    """Return a calibration, the neutral one where it makes no sense."""
    if not isinstance(said, Mapping):
        return Calibration()
    scale = _finite(said.get("scale"))
    units = said.get("units")
    units = units if isinstance(units, str) else ""
    return Calibration(_finite(said.get("offset")) or 0.0, scale or 1.0, spell(units))


def axes_of(said: Mapping[str, Any], shape: Sequence[int], *, has_colours: bool) -> list[Axis]:
    """Return the axes of an item: those of a sequence, of a collection, and of each datum."""
    sized = list(shape[:-1]) if has_colours else list(shape)
    listed = said.get("dimensional_calibrations") or said.get("spatial_calibrations")
    listed = listed if isinstance(listed, list) else []
    calibrations = [calibration_of(each) for each in listed[: len(sized)]]
    calibrations += [Calibration()] * (len(sized) - len(calibrations))
    sequence, collection = _parts(said, len(sized))
    is_scanned = collection == 2
    names: list[str] = []
    for number, each in enumerate(calibrations):
        after = len(sized) - 1 - number
        if number < sequence:
            name = "time" if each.units in ("s", "ms", "µs", "us") else "frame"
        elif number < sequence + collection:
            name = _position(each, sequence + collection - 1 - number, collection)
        else:
            datum = len(sized) - sequence - collection
            name = _datum(each, said, after, datum, is_scanned=is_scanned)
        names.append(_once(name, names))
    axes = [_axis(n, size, c) for n, size, c in zip(names, sized, calibrations, strict=True)]
    if has_colours:
        import numpy as np

        words = np.array(_COLOURS[shape[-1]])
        axes.append(Axis(name="channel", size=len(words), values=words))
    return axes


def colours_in(said: Mapping[str, Any], shape: Sequence[int], dtype: Any) -> bool:
    """Return whether the last dimension is that of colours, which has no calibration."""
    listed = said.get("dimensional_calibrations")
    fits = isinstance(listed, list) and len(listed) == len(shape) - 1
    return bool(fits and dtype == "uint8" and shape[-1] in _COLOURS)


def _parts(said: Mapping[str, Any], count: int) -> tuple[int, int]:
    """Return how many dimensions are of a sequence and of a collection."""
    sequence = 1 if said.get("is_sequence") is True and count > 1 else 0
    collection = said.get("collection_dimension_count")
    collection = collection if isinstance(collection, int) and 0 <= collection <= 2 else None
    if collection is None:
        collection = 2 if count - sequence > 2 else 0
    return sequence, min(collection, max(count - sequence - 1, 0))


def _position(calibration: Calibration, after: int, collection: int) -> str:
    if collection == 1 and calibration.units in ("s", "ms", "µs", "us"):
        return "time"
    return "yx"[1 - min(after, 1)]


def _datum(
    calibration: Calibration, said: Mapping[str, Any], after: int, count: int, *, is_scanned: bool
) -> str:
    """Return the name of a dimension of what was measured at once."""
    units = calibration.units
    if units in ("eV", "keV", "meV"):
        return "energy" if "x-ray" in signal_of(said).lower() else "energy_loss"
    letter = "yx"[1 - min(after, 1)]
    if count == 1:
        return "wavelength" if units == "nm" and is_scanned else ("sample" if is_scanned else "x")
    is_angle = units in ("rad", "mrad") or units.startswith("1/")
    return f"k{letter}" if is_angle or is_scanned else letter


def signal_of(said: Mapping[str, Any]) -> str:
    """Return the kind of signal that the detector noted, such as "EELS"."""
    for path in (("metadata", "hardware_source", "signal_type"), ("metadata", "signal_type")):
        found = lookup(said, *path)
        if isinstance(found, str):
            return found
    return ""


def lookup(tree: Any, *path: str) -> Any:
    """Return the value at a path of nested dictionaries, `None` where there is none."""
    for name in path:
        tree = tree.get(name) if isinstance(tree, Mapping) else None
    return tree


def common_metadata(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the common schema has of the properties."""
    source = lookup(said, "metadata", "hardware_source")
    instrument = lookup(said, "metadata", "instrument")
    scan = lookup(said, "metadata", "scan")
    tuned = _tuned(source, instrument)
    half_angle = _number(tuned, "ProbeHA")
    voltage = _first(
        _number(instrument, "high_tension"),
        _number(source, "autostem", "high_tension"),
        _number(source, "high_tension"),
        _number(source, "autostem", "high_tension_v"),
        _number(tuned, "EHT"),
    )
    dwell = _first(_number(scan, "pixel_time_us"), _number(source, "pixel_time_us"))
    turned = _first(_number(scan, "rotation"), _number(source, "rotation"))
    name = _first(lookup(source, "hardware_source_name"), lookup(source, "channel_name"))
    session = said.get("session_metadata")
    title = said.get("title") or lookup(said, "metadata", "description", "title")
    created = said.get("created")
    return stated(
        {
            "title": title if isinstance(title, str) else None,
            "started": created if isinstance(created, str) else None,
            "operator": _text(lookup(session, "microscopist")),
            "sample": {"name": _text(lookup(session, "sample"))},
            "instrument": {
                "vendor": "Nion",
                "model": _text(lookup(session, "instrument")),
                "software": "Nion Swift",
            },
            "beam": {
                "voltage": voltage,
                "convergence_angle": None if half_angle is None else half_angle * 1e3,
            },
            "detector": {
                "name": name if isinstance(name, str) else None,
                "exposure_time": _number(source, "exposure"),
            },
            "scan": {
                "dwell_time": None if dwell is None else dwell * 1e-6,
                "rotation": None if turned is None else math.degrees(turned),
            },
            "stage": _stage(tuned),
        }
    )


def _tuned(*groups: Any) -> Mapping[str, Any]:
    """Return how the microscope was set, which programs keep at several places."""
    for group in groups:
        for path in (("ImageScanned",), ("ImageRonchigram",), ("autostem", "ImageScanned")):
            found = lookup(group, *path)
            if isinstance(found, Mapping) and found:
                return found
    return {}


def _stage(tuned: Mapping[str, Any]) -> dict[str, float]:
    """Return places in metres and tilts, kept in radians, in degrees."""
    found = {}
    for name, key in (("x", "X"), ("y", "Y"), ("z", "Z"), ("alpha", "A"), ("beta", "B")):
        value = _number(tuned, f"StageOut{key}")
        if value is not None:
            found[name] = math.degrees(value) if key in "AB" else value
    return found


def _axis(name: str, size: int, calibration: Calibration) -> Axis:
    known = is_unit(calibration.units)
    attrs = {"units_in_file": calibration.units} if calibration.units and not known else {}
    return Axis(
        name=name, size=size, scale=calibration.scale, offset=calibration.offset,
        units=calibration.units if calibration.units and known else None, attrs=attrs,
    )  # fmt: skip


def _once(name: str, taken: Sequence[str]) -> str:
    stem, copies = name, 1
    while name in taken:
        name, copies = f"{stem}_{copies}", copies + 1
    return name


def _number(tree: Any, *path: str) -> float | None:
    return _finite(lookup(tree, *path))


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _text(value: Any) -> str | None:
    return value.strip() if isinstance(value, str) and value.strip() else None
