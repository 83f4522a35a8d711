"""What HyperSpy calls its axes and metadata, and what they are called here."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from omniscopy.io.names import slug
from omniscopy.io.records import Axis
from omniscopy.model.units import spell
from omniscopy.model.vocabulary import DEFAULT_ROLE, kind_of

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
    "Acquisition_instrument.TEM.camera_length": ("detector.camera_length", 1e-2),
    "Acquisition_instrument.TEM.Detector.EELS.collection_angle": (
        "detector.collection_angle",
        1.0,
    ),
    **{
        f"Acquisition_instrument.TEM.Detector.EDS.{theirs}": (f"detector.{ours}", 1.0)
        for theirs, ours in _X_RAYS.items()
    },
}


# Further entries that are read: HyperSpy keeps the stage in mm and times of EELS in ms.
_FURTHER = {
    f"Acquisition_instrument.{mode}.{theirs}": found
    for mode in ("TEM", "SEM")
    for theirs, found in {
        "convergence_angle": ("beam.convergence_angle", 1.0),
        "beam_current": ("beam.current", 1e-9),
        "magnification": ("beam.magnification", 1.0),
        "Stage.tilt_alpha": ("stage.alpha", 1.0),
        "Stage.tilt_beta": ("stage.beta", 1.0),
        "Stage.x": ("stage.x", 1e-3),
        "Stage.y": ("stage.y", 1e-3),
        "Stage.z": ("stage.z", 1e-3),
        "Detector.EDS.live_time": ("detector.live_time", 1.0),
        "Detector.EDS.real_time": ("detector.real_time", 1.0),
        **{f"Detector.EDS.{key}": (f"detector.{ours}", 1.0) for key, ours in _X_RAYS.items()},
        "Detector.EELS.exposure": ("detector.exposure_time", 1e-3),
        "Detector.EELS.dwell_time": ("scan.dwell_time", 1e-3),
        "Camera.exposure": ("detector.exposure_time", 1.0),
    }.items()
}
_TEXTS = {
    "General.authors": "operator",
    "General.notes": "comment",
    "Sample.description": "sample.name",
    "Acquisition_instrument.TEM.microscope": "instrument.model",
    "Acquisition_instrument.SEM.microscope": "instrument.model",
    "Acquisition_instrument.TEM.acquisition_mode": "beam.mode",
}


def axis_of(axis: Any, name: str) -> Axis:
    """Return an axis of HyperSpy under our name."""
    units = axis.units if isinstance(axis.units, str) else None
    kind = kind_of(name)
    role = "navigation" if axis.navigate else "signal"
    if hasattr(axis, "scale"):
        form: dict[str, Any] = {"scale": float(axis.scale), "offset": float(axis.offset)}
    else:
        form = {"values": np.asarray(axis.axis)}
    return Axis(
        name=name,
        size=int(axis.size),
        units=spell(units) if units else None,
        role=None if DEFAULT_ROLE.get(kind or "") == role else role,
        **form,
    )


def axis_names(axes: Sequence[Any], signal_type: str) -> list[str]:
    """Return our names of axes, which in HyperSpy may have any or none."""
    inner = [axis for axis in axes if not axis.navigate]
    names: dict[int, str] = {}
    # Those of the signal come first, as they have the better claim to a name.
    for number in sorted(range(len(axes)), key=lambda place: bool(axes[place].navigate)):
        axis = axes[number]
        said = axis.name.strip() if isinstance(axis.name, str) else ""
        units = spell(axis.units) if isinstance(axis.units, str) else ""
        beside = [each for each in axes if each.navigate == axis.navigate]
        # Axes may be equal, so that they are told apart by where they are.
        after = sum(each.navigate == axis.navigate for each in axes[number + 1 :])
        letter = ("x", "y", "z")[min(after, 2)] if len(beside) > 1 else ""
        if len(inner) == 2 and not axis.navigate and (units.startswith("1/") or units == "mrad"):
            name = f"k{letter}"
        elif "energy" in said.lower():
            name = "energy_loss" if signal_type == "EELS" or "loss" in said.lower() else "energy"
        else:
            name = slug(said).lower() if said else (letter or "x")
        stem, copies = name, 1
        while name in names.values():
            name, copies = f"{stem}_{copies}", copies + 1
        names[number] = name
    return [names[number] for number in range(len(axes))]


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
            group, _, key = ours.partition(".")
            made.setdefault(group, {})[key] = value * factor
    for theirs, ours in _TEXTS.items():
        text = nested(said, theirs)
        if isinstance(text, str) and text.strip():
            group, _, key = ours.rpartition(".")
            place = made.setdefault(group, {}) if group else made
            place[key] = text.strip()
    date, time = (str(nested(said, f"General.{key}") or "") for key in ("date", "time"))
    if re.fullmatch(r"\d{4}-\d\d-\d\d", date):
        zone = str(nested(said, "General.time_zone") or "")
        zone = {"UTC": "+00:00"}.get(zone, zone)
        known = bool(time) and re.fullmatch(r"[-+]\d\d:?\d\d", zone) is not None
        zone = zone if known and not re.search(r"[-+Z]", time) else ""
        made["started"] = f"{date}T{time}{zone}" if time else date
    return made
