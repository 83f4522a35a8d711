"""What the fields of compound results of band excitation are called here, and there."""

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.arrays import Scaled
from omniscopy.io.records import Variable
from omniscopy.model.errors import DataError
from omniscopy.model.units import conversion_factor

_OSCILLATOR = {
    "Amplitude [V]": "amplitude",
    "Frequency [Hz]": "resonance_frequency",
    "Quality Factor": "quality_factor",
    "Phase [rad]": "phase",
    "R2 Criterion": "r_squared",
}
_LOOP = {
    **{f"a_{number}": f"a{number}" for number in range(5)},
    **{f"b_{number}": f"b{number}" for number in range(4)},
    "R2 Criterion": "r_squared",
}
_METRICS = {
    "Area": "area",
    "Centroid x": "centroid_bias",
    "Centroid y": "centroid_response",
    "Rotation Angle [rad]": "rotation",
    "Offset": "offset",
}
_SWITCHING = {
    "V+": "positive_coercive_bias",
    "V-": "negative_coercive_bias",
    "Imprint": "imprint",
    "R+": "positive_remanence",
    "R-": "negative_remanence",
    "Switchable Polarization": "switchable_polarization",
    "Work of Switching": "work_of_switching",
    "Nucleation Bias 1": "positive_nucleation_bias",
    "Nucleation Bias 2": "negative_nucleation_bias",
}
_CRITERIA = {
    f"{criterion}_{model}": f"{criterion.lower()}_{model}"
    for criterion in ("AIC", "BIC")
    for model in ("loop", "line")
}
_KINDS = (_OSCILLATOR, _LOOP, _METRICS, _SWITCHING, _CRITERIA)
# Dataset and tool of each kind of result, as the programs of the field look for them.
_PLACES = (
    ("Fit", "SHO_Fit"), ("Fit", "Loop_Fit"), ("Loop_Metrics", "Loop_Metrics"),
    ("Fit_Loop_Parameters", "Loop_Parameters"), ("Loop_Criteria", "Loop_Criteria"),
)  # fmt: skip
_UNITS = {
    "centroid_bias": "V", "quality_factor": "1", "r_squared": "1", "a2": "V", "a3": "V",
    "b0": "V", "b1": "V", "b2": "V", "b3": "V", "positive_coercive_bias": "V",
    "negative_coercive_bias": "V", "imprint": "V", "positive_nucleation_bias": "V",
    "negative_nucleation_bias": "V",
}  # fmt: skip
_TURNED = "1 - R2 is stored under this name by the program that fitted the loops"


def names_of(fields: Iterable[str]) -> Mapping[str, str]:
    """Return our names of the fields of a compound result; none where it is of another kind."""
    present = {field.strip() for field in fields}
    for kind in _KINDS:
        if present <= set(kind) and len(present) >= min(len(kind) - 1, 4):
            return kind
    return {}


def renamed(field: str, variable: Variable, names: Mapping[str, str]) -> tuple[str, Variable]:
    """Return our name of a field, and its values as that name says."""
    name = names[field.strip()]
    attrs: dict[str, Any] = {**variable.attrs, "long_name": field.strip()}
    attrs["quantity"] = name.replace("_", " ")
    if name in _UNITS:
        attrs["units"] = _UNITS[name]
    data = variable.data
    if names is _LOOP and name == "r_squared" and not isinstance(data, np.ndarray):
        data = Scaled(data, -1.0, 1.0, data.dtype)
        attrs["comment"] = _TURNED
    return name, Variable(dims=variable.dims, data=data, attrs=attrs)


@dataclass(frozen=True)
class Compound:
    """A result as the programs of the field keep it: one dataset, with a field for each number."""

    dataset: str
    tool: str
    fields: Mapping[str, str]  # their names, and ours

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the type of the dataset."""
        return np.dtype([(field, np.float64) for field in self.fields])

    def stored(self, field: str, values: Any, units: str | None) -> Any:
        """Return values of ours, lazy or not, as a field holds them."""
        if self.fields is _LOOP and self.fields[field] == "r_squared":
            return 1.0 - values
        wanted = re.fullmatch(r".*\[(.*)\]", field)
        try:
            factor = conversion_factor(units, wanted[1]) if units and wanted else 1.0
        except DataError:
            factor = 1.0
        return values * factor


def compounds_of(names: Container[str]) -> list[Compound]:
    """Return the compound results that variables of ours make up."""
    kinds = zip(_PLACES, _KINDS, strict=True)
    return [
        Compound(*place, kind)
        for place, kind in kinds
        if all(name in names for name in kind.values())
    ]
