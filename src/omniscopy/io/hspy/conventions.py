"""What HyperSpy calls its axes and metadata, and what they are called here."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from omniscopy.io.names import slug
from omniscopy.io.records import Axis
from omniscopy.model.units import spell
from omniscopy.model.vocabulary import DEFAULT_ROLE, kind_of

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
    for theirs, (ours, factor) in METADATA.items():
        value = nested(said, theirs)
        if isinstance(value, int | float):
            group, _, key = ours.partition(".")
            made.setdefault(group, {})[key] = value * factor
    date, time = (str(nested(said, f"General.{key}") or "") for key in ("date", "time"))
    if re.fullmatch(r"\d{4}-\d\d-\d\d", date):
        made["started"] = f"{date}T{time}" if time else date
    return made
