"""Band excitation in USID files, as the programs of the field look for it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from omniscopy.io.storage.stored import StoredNode, StoredVariable
from omniscopy.io.usid.places import said_of

_TECHNIQUE = "Band excitation"
_LABELS = {
    "y": "Y", "x": "X", "frequency": "Frequency", "bias": "DC_Offset", "bias_step": "DC_Offset",
    "field": "Field", "cycle": "Cycle", "forc": "FORC",
}  # fmt: skip
_MEASURED = ("write_bias", "read_bias")


def is_band_excitation(root: StoredNode) -> bool:
    """Return whether a tree is a measurement of band excitation."""
    metadata = root.attrs.get("metadata")
    return isinstance(metadata, Mapping) and metadata.get("technique") == _TECHNIQUE


def parameters_of(root: StoredNode, nodes: list[StoredNode]) -> dict[str, Any]:
    """Return the parameters of a measurement, their groups before their names."""
    said = (said_of(each).get("original_metadata") for each in (root, *nodes))
    groups: Mapping[str, Any] = next((each for each in said if isinstance(each, Mapping)), {})
    found: dict[str, Any] = {}
    for group, values in groups.items():
        for key, value in values.items() if isinstance(values, Mapping) else ():
            if isinstance(value, str | int | float):
                found[key if group == "file" else f"{group}_{key}"] = value
    names = {name for node in nodes for name in node.coordinates}
    contact = all(name in names for name in _MEASURED)
    kind = "cKPFMData" if contact else "BEPSData" if "VS" in groups else "BELineData"
    return {"data_type": kind, **found}


def labelled(coords: Mapping[str, StoredVariable]) -> dict[str, StoredVariable]:
    """Return coordinates under the labels of the field, where they have no title of their own."""
    return {
        name: replace(each, attrs={"long_name": _LABELS[name], **each.attrs})
        if name in _LABELS
        else each
        for name, each in coords.items()
    }
