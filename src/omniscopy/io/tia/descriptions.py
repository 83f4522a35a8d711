"""The descriptions in an `.emi` file: what the microscope was, for each of its series."""

import re
from pathlib import Path
from typing import Any

from omniscopy.io.quantities import moment_of, stated
from omniscopy.io.xml_trees import look_up, parse_xml, xml_tree
from omniscopy.model.errors import DataError
from omniscopy.model.units import conversion_factor

_BLOCK = re.compile(rb"<ObjectInfo>.*?</ObjectInfo>", re.DOTALL)
_MOST_BYTES = 1 << 28
# label of a condition -> path of the metadata, and their units
_CONDITIONS = {
    "Stage X": ("stage", "x", "m"),
    "Stage Y": ("stage", "y", "m"),
    "Stage Z": ("stage", "z", "m"),
    "Stage A": ("stage", "alpha", "deg"),
    "Stage B": ("stage", "beta", "deg"),
    "Stem rotation": ("scan", "rotation", "deg"),
    "Camera length": ("detector", "camera_length", "m"),
    "Filter selected dispersion": ("detector", "dispersion", "eV"),
}


def read_descriptions(path: Path) -> list[dict[str, Any]]:
    """Return the descriptions with an acquisition in the `.emi` file at `path`."""
    with path.open("rb") as file:
        content = file.read(min(_MOST_BYTES, path.stat().st_size))
    found = []
    for block in _BLOCK.findall(content):
        root = parse_xml(block.decode("utf-8", "replace"))
        tree = xml_tree(root) if root is not None else None
        if isinstance(tree, dict) and len(tree) > 1:
            tree.pop("TrueImageHeaderInfo", None)
            found.append(tree)
    return found


def conditions(tree: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Return value and unit of every condition that is described."""
    root = tree.get("ExperimentalDescription", {})
    rows = root.get("Root", {}).get("Data", []) if isinstance(root, dict) else []
    rows = rows if isinstance(rows, list) else [rows]
    return {
        look_up(row, "Label"): (look_up(row, "Value").strip(), look_up(row, "Unit").strip())
        for row in rows
        if isinstance(row, dict)
    }


def common_metadata(tree: dict[str, Any]) -> dict[str, Any]:
    """Return what the vocabulary of metadata has of a description."""
    said = conditions(tree)
    found: dict[str, Any] = {"stage": {}, "scan": {}, "detector": {}}
    for label, (group, key, units) in _CONDITIONS.items():
        value, unit = said.get(label, ("", ""))
        found[group][key] = _number(value, unit.partition("/")[0], units)
    if is_eds(tree):
        # It is that of an energy filter below, which no X-ray passed.
        del found["detector"]["dispersion"]
    voltage = look_up(tree, "ExperimentalConditions", "MicroscopeConditions", "AcceleratingVoltage")
    found["beam"] = {
        "voltage": _number(voltage, "V", "V") or _number(*said.get("High tension", ("", "")), "V"),
        "magnification": _number(said.get("Magnification", ("",))[0], "1", "1"),
        "mode": said.get("Mode", ("",))[0],
    }
    found["detector"]["exposure_time"] = _number(
        look_up(tree, "AcquireInfo", "IntegrationTime"), "s", "s"
    )
    camera = look_up(tree, "AcquireInfo", "CameraNamePath")
    found["detector"]["name"] = camera
    dwell = _number(look_up(tree, "AcquireInfo", "DwellTimePath"), "s", "s")
    # Of a camera, it is how long the whole image was exposed.
    place = ("detector", "exposure_time") if camera else ("scan", "dwell_time")
    if dwell is not None:
        found[place[0]][place[1]] = dwell
    found["scan"]["frame_time"] = _number(look_up(tree, "AcquireInfo", "FrameTime"), "s", "s")
    found["operator"] = said.get("User", ("",))[0]
    model = said.get("Microscope", ("",))[0].removeprefix("Microscope ")
    found["instrument"] = {"model": model, "vendor": "FEI" if model else ""}
    found["started"] = _moment(look_up(tree, "AcquireDate"))
    return stated(found)


def describing(spectra: bool, trees: list[dict[str, Any]], number: int) -> dict[str, Any]:  # noqa: FBT001
    """Return the description of a series by its number among those of spectra, or of images.

    Descriptions of images that no series was kept of stand between them. Where there is none of
    the kind, what is true of the microscope is that of another one.
    """
    own = [tree for tree in trees if _is_of_spectra(tree) == spectra]
    if own:
        return own[min(number, len(own) - 1)]
    kept = ("ExperimentalConditions", "ExperimentalDescription")
    return {key: trees[0][key] for key in kept if key in trees[0]} if trees else {}


def _is_of_spectra(tree: dict[str, Any]) -> bool:
    acquired = tree.get("AcquireInfo")
    return isinstance(acquired, dict) and "NumberSpectra" in acquired


def is_eds(tree: dict[str, Any]) -> bool | None:
    """Return whether spectra are of X-rays, by what their detector says; `None` if it does not."""
    acquired = tree.get("AcquireInfo")
    if not isinstance(acquired, dict):
        return None
    return "ShapingTime" in acquired or "EnergyResolution" in acquired


def _number(text: str, unit: str, units: str) -> float | None:
    try:
        return float(text) * conversion_factor(unit or units, units)
    except (ValueError, DataError):
        return None


def _moment(text: str) -> str | None:
    return moment_of(text, "%a %b %d %H:%M:%S %Y")
