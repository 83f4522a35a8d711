"""What EMD files say of the measurement, in the words of the common metadata."""

import math
import re
from collections.abc import Mapping
from typing import Any

from omniscopy.io.quantities import stated
from omniscopy.io.storage.hdf5_groups import read_group
from omniscopy.io.storage.hdf5_numbers import member

_PARTS = ("microscope", "sample", "user", "comments")
_SIMULATION = "4DSTEM_simulation/metadata/metadata_0/original/simulation_parameters"
_NUMBER = re.compile(
    r"\s*([-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)\s*(kV|V|keV|eV|mrad|rad|cm|mm|m)?\s*"
)
_FACTORS = {"kV": 1e3, "keV": 1e3, "V": 1.0, "eV": 1.0, "mrad": 1.0, "rad": 1e3,
            "m": 1.0, "cm": 1e-2, "mm": 1e-3}  # fmt: skip


def file_metadata(file: Any) -> dict[str, Any]:
    """Return the groups of a file that describe it, as they are."""
    found = {name: _tree(member(file, name)) for name in _PARTS}
    found["simulation_parameters"] = simulation_parameters(file)
    return {name: tree for name, tree in found.items() if tree}


def simulation_parameters(file: Any) -> dict[str, Any]:
    """Return the parameters of Prismatic, {} where there are none."""
    return _tree(member(file, _SIMULATION))


def bundled_metadata(group: Any) -> dict[str, Any]:
    """Return the metadata that emdfile keeps beside an array, or at the root of its tree."""
    return _tree(member(group, "metadatabundle"))


def common_metadata(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the common schema has of `file_metadata`."""
    microscope, sample, user, comments = (_words(tree.get(name)) for name in _PARTS)
    simulated = _words(tree.get("simulation_parameters"))
    kilovolts = _quantity(simulated, "e")
    remarks = [str(text) for text in comments.values() if isinstance(text, str) and text.strip()]
    return stated(
        {
            "operator": _text(user, "name", "user"),
            "comment": "\n".join(remarks),
            "sample": {"name": _text(sample, "name", "material", "sample")},
            "instrument": {
                "model": _text(microscope, "name", "microscope_name", "microscope", "model"),
                "software": "Prismatic" if simulated else None,
            },
            "beam": {
                "voltage": kilovolts * 1e3 if kilovolts else _voltage(microscope),
                "convergence_angle": _quantity(simulated, "sa")
                or _quantity(microscope, "convergence_angle", "convergence_semi_angle"),
            },
            "detector": {
                "camera_length": _quantity(microscope, "camera_length", "stem_camera_length"),
            },
        }
    )


def _tree(group: Any) -> dict[str, Any]:
    found = read_group(group) if hasattr(group, "keys") else {}
    return found if isinstance(found, dict) else {}


def _words(tree: Any) -> dict[str, Any]:
    """Return the entries of a dictionary by their names in small letters and underscores."""
    if not isinstance(tree, Mapping):
        return {}
    return {re.sub(r"[^a-z0-9]+", "_", str(key).lower()): value for key, value in tree.items()}


def _text(tree: Mapping[str, Any], *names: str) -> str | None:
    return next((tree[n] for n in names if isinstance(tree.get(n), str) and tree[n].strip()), None)


def _quantity(tree: Mapping[str, Any], *names: str) -> float | None:
    for name in names:
        value = tree.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
        match = _NUMBER.fullmatch(value) if isinstance(value, str) else None
        if match:
            return float(match[1]) * _FACTORS.get(match[2] or "", 1.0)
    return None


def _voltage(microscope: Mapping[str, Any]) -> float | None:
    names = ("voltage", "accelerating_voltage", "high_tension", "beam_energy")
    value = _quantity(microscope, *names)
    # A bare number below 3000 can only be in kV.
    return value * 1e3 if value is not None and 0 < value < 3000 else value
