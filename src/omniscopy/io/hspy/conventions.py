"""What HyperSpy calls its axes and metadata, and what they are called here."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from omniscopy.io.dimension_units import dimension_units
from omniscopy.io.names import slug
from omniscopy.io.quantities import measures
from omniscopy.io.records import Axis
from omniscopy.io.spectral_axes import spectral_dimension
from omniscopy.model.errors import DataError
from omniscopy.model.units import conversion_factor
from omniscopy.model.vocabulary import DEFAULT_ROLE, Kind, kind_of
from omniscopy.model.vocabulary import METADATA as METADATA_UNITS

_X_RAYS = {
    "elevation_angle": "elevation_angle",
    "azimuth_angle": "azimuth_angle",
    "energy_resolution_MnKa": "energy_resolution",
}
# Where HyperSpy keeps what our metadata have: its path, ours, and the factor of the units.
METADATA = {
    "Acquisition_instrument.TEM.beam_energy": ("beam.voltage", 1e3),
    "Acquisition_instrument.SEM.beam_energy": ("beam.voltage", 1e3),
    "Acquisition_instrument.TEM.convergence_angle": ("beam.convergence_angle", 1.0),
    "Acquisition_instrument.TEM.beam_current": ("beam.current", 1e-9),
    "Acquisition_instrument.TEM.magnification": ("beam.magnification", 1.0),
    "Acquisition_instrument.TEM.camera_length": ("detector.camera_length", 1e-3),
    "Acquisition_instrument.TEM.Detector.EELS.collection_angle": (
        "detector.collection_angle",
        1.0,
    ),
    **{
        f"Acquisition_instrument.TEM.Detector.EDS.{theirs}": (f"detector.{ours}", 1.0)
        for theirs, ours in _X_RAYS.items()
    },
}


# Further entries that are read; HyperSpy keeps the stage in mm.
_FURTHER = {
    f"Acquisition_instrument.{mode}.{theirs}": found
    for mode in ("TEM", "SEM")
    for theirs, found in {
        "convergence_angle": ("beam.convergence_angle", 1.0),
        "beam_current": ("beam.current", 1e-9),
        "magnification": ("beam.magnification", 1.0),
        "tilt_stage": ("stage.alpha", 1.0),
        "Stage.tilt_alpha": ("stage.alpha", 1.0),
        "Stage.tilt_beta": ("stage.beta", 1.0),
        "Stage.x": ("stage.x", 1e-3),
        "Stage.y": ("stage.y", 1e-3),
        "Stage.z": ("stage.z", 1e-3),
        "Detector.EDS.live_time": ("detector.live_time", 1.0),
        "Detector.EDS.real_time": ("detector.real_time", 1.0),
        **{f"Detector.EDS.{key}": (f"detector.{ours}", 1.0) for key, ours in _X_RAYS.items()},
        "dwell_time": ("scan.dwell_time", 1.0),
        "exposure": ("detector.exposure_time", 1.0),
        "exposure_time": ("detector.exposure_time", 1.0),
        "Detector.EELS.exposure": ("detector.exposure_time", 1.0),
        "Detector.EELS.dwell_time": ("scan.dwell_time", 1.0),
        "Detector.EELS.frame_number": ("detector.accumulations", 1.0),
        "Detector.Camera.exposure": ("detector.exposure_time", 1.0),
        "Camera.exposure": ("detector.exposure_time", 1.0),
    }.items()
}
_NEVER_ZERO = ("beam.voltage", "beam.current", "beam.magnification", "detector.camera_length")
# Names of axes that say nothing of a spectrum, or mean our own words.
_MEANINGLESS = {"", "x", "e", "eloss", "e loss", "e_loss"}
_RAMAN = {"raman shift", "raman_shift", "wave number"}
_SIDES = {"height": "y", "width": "x"}
_KINDS: dict[str, Kind] = {
    "m": "spatial", "1/m": "reciprocal", "s": "temporal", "eV": "spectral", "Hz": "spectral",
}  # fmt: skip
_DATE, _TIME = "_datetime_date", "_datetime_time"
_NUMBERS = re.compile(r"datetime\.(?:date|time)\(([\d, ]+)\)")
_TEXTS = {
    "General.authors": "operator",
    "General.notes": "comment",
    "Sample.description": "sample.name",
    "Acquisition_instrument.TEM.microscope": "instrument.model",
    "Acquisition_instrument.SEM.microscope": "instrument.model",
    "Acquisition_instrument.TEM.acquisition_mode": "beam.mode",
    "Acquisition_instrument.TEM.Detector.EELS.spectrometer": "spectrometer.model",
}


def axis_of(axis: Any, name: str, *, inner: int = 2) -> Axis:
    """Return an axis of HyperSpy under our name; `inner` are the dimensions of a signal."""
    units = dimension_units(axis.units)
    kind = kind_of(name)
    if kind is None and inner == 1 and not axis.navigate:
        kind = "spectral"
    kind = kind or kind_by_units(units)
    role = "navigation" if axis.navigate else "signal"
    if hasattr(axis, "scale"):
        form: dict[str, Any] = {"scale": float(axis.scale), "offset": float(axis.offset)}
    else:
        form = {"values": np.asarray(axis.axis)}
    return Axis(
        name=name,
        size=int(axis.size),
        units=units,
        kind=None if kind == kind_of(name) else kind,
        role=None if DEFAULT_ROLE.get(kind) == role else role,
        **form,
    )


def axis_names(axes: Sequence[Any], signal_type: str) -> list[str]:
    """Return our names of axes, which in HyperSpy may have any or none."""
    inner = [axis for axis in axes if not axis.navigate]
    sides = {_said(axis) for axis in axes} >= {"height", "width"}
    names: dict[int, str] = {}
    # Those of the signal come first, as they have the better claim to a name.
    for number in sorted(range(len(axes)), key=lambda place: bool(axes[place].navigate)):
        axis = axes[number]
        said, units = _said(axis), dimension_units(axis.units) or ""
        beside = [each for each in axes if each.navigate == axis.navigate]
        # Axes may be equal, so that they are told apart by where they are.
        after = sum(each.navigate == axis.navigate for each in axes[number + 1 :])
        letter = ("x", "y", "z")[min(after, 2)] if len(beside) > 1 else ""
        if axis in inner and len(inner) == 2 and _is_pattern(units, signal_type):
            name = f"k{letter}"
        elif axis in inner and len(inner) == 1 and _is_spectral(said, units):
            name = _spectral(said, units, signal_type, alone=len(axes) == 1)
        elif "energy" in said:
            name = "energy_loss" if signal_type == "EELS" or "loss" in said else "energy"
        elif sides and said in _SIDES:
            name = _SIDES[said]
        elif said in ("", "t") and measures(units, "s"):
            name = "time"
        elif not said and not units and len(inner) == 2 and not letter:
            name = "frame"
        else:
            name = slug(said).lower() if said else (letter or "x")
        stem, copies = name, 1
        while name in names.values():
            name, copies = f"{stem}_{copies}", copies + 1
        names[number] = name
    return [names[number] for number in range(len(axes))]


def _said(axis: Any) -> str:
    return axis.name.strip().lower() if isinstance(axis.name, str) else ""


def kind_by_units(units: str | None) -> Kind:
    """Return the kind of an axis whose name does not tell it."""
    for known, kind in _KINDS.items():
        if measures(units or "", known):
            return kind
    return "parameter"


def _is_pattern(units: str, signal_type: str) -> bool:
    """Return whether an image is over angles or reciprocal lengths."""
    return units.startswith("1/") or units == "mrad" or "diffraction" in signal_type.lower()


def _is_spectral(said: str, units: str) -> bool:
    """Return whether the one axis of a signal is known by its units: its name says no more."""
    if said in _RAMAN:
        return True
    return said in _MEANINGLESS and (not units or spectral_dimension(units) != "sample")


def _spectral(said: str, units: str, signal_type: str, *, alone: bool) -> str:
    """Return what the one axis of a signal is called."""
    if said in _RAMAN:
        return "wavenumber"
    name = spectral_dimension(units)
    if signal_type.startswith("EDS"):
        return "energy"
    if signal_type.startswith("EELS") or (name == "energy" and "loss" in said):
        return "energy_loss"
    # A curve over lengths need not be a spectrum.
    if alone and name in ("sample", "wavelength"):
        return "x" if said in ("", "x") else slug(said).lower()
    return name


def nested(said: Mapping[str, Any], path: str) -> Any:
    """Return the value at a dotted path, `None` where there is none."""
    value: Any = said
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def common_metadata(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the vocabulary of metadata has of those of HyperSpy."""
    made: dict[str, Any] = {}
    for theirs, (ours, factor) in {**_FURTHER, **METADATA}.items():
        value = nested(said, theirs)
        if isinstance(value, int | float) and not isinstance(value, bool):
            if value == 0 and ours in _NEVER_ZERO:
                continue
            group, _, key = ours.partition(".")
            made.setdefault(group, {})[key] = value * _factor(said, theirs, ours, factor)
    for theirs, ours in _TEXTS.items():
        text = nested(said, theirs)
        if isinstance(text, str) and text.strip():
            group, _, key = ours.rpartition(".")
            place = made.setdefault(group, {}) if group else made
            place[key] = text.strip()
    started = _started(said)
    return {**made, "started": started} if started else made


def _factor(said: Mapping[str, Any], theirs: str, ours: str, factor: float) -> float:
    """Return what makes an entry one of ours; its units may stand beside it."""
    units = nested(said, f"{theirs}_units")
    if not isinstance(units, str):
        return factor
    units = {"mR": "mrad", "keV": "kV"}.get(units, units)
    try:
        return conversion_factor(units, METADATA_UNITS[ours] or "1")
    except DataError:
        return factor


def _started(said: Mapping[str, Any]) -> str | None:
    """Return when a signal was acquired; the first files hold what Python said of the moment."""
    general = nested(said, "General")
    places = [each for each in (general, said) if isinstance(each, Mapping)]
    for place in places:
        date, time, zone = (str(place.get(key) or "") for key in ("date", "time", "time_zone"))
        if not date:
            date = "-".join(_written(place.get(_DATE)))
            time = ":".join(_written(place.get(_TIME)))
        if re.fullmatch(r"\d{4}-\d\d-\d\d", date):
            zone = _offset(f"{date}T{time}", zone) if time else ""
            return f"{date}T{time}{zone}" if time else date
    return None


def _written(words: Any) -> list[str]:
    """Return the numbers of a date, or of a time, in two digits at least."""
    match = _NUMBERS.fullmatch(words) if isinstance(words, str) else None
    numbers = [number.strip() for number in match[1].split(",")] if match is not None else []
    kept = numbers if len(numbers) <= 3 else [*numbers[:2], f"{numbers[2]:0>2}.{numbers[3]:0>6}"]
    return [f"{number:0>2}" for number in kept]


def _offset(moment: str, zone: str) -> str:
    """Return how far from UTC the clock was, as far as the name of its zone is known."""
    if re.search(r"[-+Z]", moment.partition("T")[2]):
        return ""
    if re.fullmatch(r"[-+]\d\d:?\d\d", zone):
        return zone
    try:
        there = datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(zone))
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return ""
    return there.isoformat()[-6:]
