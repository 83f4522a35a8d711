"""The axes of EMD arrays: what they are called, where they start, and in which order they lie."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from omniscopy.io.dimension_units import dimension_units
from omniscopy.io.names import slug
from omniscopy.io.records import Axis
from omniscopy.io.storage.hdf5_numbers import member, numbers_of, small_value
from omniscopy.io.storage.hdf5_plain import read_attributes
from omniscopy.io.storage.hdf5_values import load
from omniscopy.model.units import is_unit
from omniscopy.model.vocabulary import DIMENSIONS, kind_of

# In py4DSTEM x is the direction of the rows, as in a matrix.
_OF_PY4DSTEM = re.compile(r"[RQ]_?[xy]")
_MATRIX = {"x": "y", "y": "x", "kx": "ky", "ky": "kx"}
_PLAIN = {
    "rx": "x", "ry": "y", "rz": "z", "qx": "kx", "qy": "ky", "posx": "x", "posy": "y",
    "energyloss": "energy_loss", "eloss": "energy_loss", "e": "energy", "t": "time",
    "frames": "frame",
}  # fmt: skip
_UNITS = {"pixels": "", "pixel": ""}
# Prismatic works in Å and rad, whatever it writes as units.
_SIMULATED = {"nm": "Å", "1/nm": "1/Å", "mrad": "rad"}
_RANK = {"y": 1, "x": 2, "ky": 3, "kx": 4}
_LONGEST = 10_000_000
_LABELS = "_labels_"  # what emdfile calls the axis of a stack whose slices have names


def axes_of(group: Any, shape: Sequence[int], *, simulated: bool) -> list[Axis]:
    """Return the axes of an array in the order of the file.

    `simulated` says that Prismatic wrote it: its units are others, and its x is no row.
    """
    first = 0 if "dim0" in group else 1
    said = [_described(group, f"dim{first + number}") for number in range(len(shape))]
    places = [_places(dataset, size) for (_, _, dataset), size in zip(said, shape, strict=True)]
    names = _names(said, places, simulated=simulated)
    axes = []
    for name, size, (label, said_units, _), place in zip(names, shape, said, places, strict=True):
        units = _SIMULATED.get(said_units, said_units) if simulated else said_units
        units = units if is_unit(units) else ""
        attrs = {"name_in_file": label} if label else {}
        attrs |= {"units_in_file": said_units} if units != said_units else {}
        axes.append(
            Axis(
                name=name, size=size, units=units or None, attrs=attrs,
                kind=kind_of(name) or "parameter", **place,
            )
        )  # fmt: skip
    return axes


def displayed_order(axes: Sequence[Axis], *, reverse: bool) -> tuple[int, ...]:
    """Return the dimensions in displayed order: further ones, y and x, ky and kx, spectra.

    `reverse` says that axes without names count from the fastest one.
    """
    names = [axis.name for axis in axes]
    numbers = list(range(len(axes)))
    if reverse:
        return tuple(reversed(numbers))

    def rank(number: int) -> int:
        known = kind_of(names[number])
        return _RANK.get(names[number], 5 if known == "spectral" else 0)

    ordered = sorted(numbers, key=rank)
    further = [number for number in numbers if rank(number) == 0]
    if "x" in names and "y" in names and names.index("x") < names.index("y"):
        further.reverse()  # all axes are counted from the fastest one
    return (*further, *ordered[len(further) :])


def plain_units(text: str) -> str:
    """Return units such as `[n_m^-1]` in their usual spelling, "" where nothing is said."""
    bare = text.strip().strip("[]").replace("_", "").strip()
    return _UNITS[bare] if bare in _UNITS else dimension_units(bare) or ""


def _described(group: Any, key: str) -> tuple[str, str, Any]:
    """Return name and units of an axis as the file says them, and its dataset."""
    dataset = member(group, key)
    attributes = {} if dataset is None else read_attributes(dataset)
    name, units = attributes.get("name"), attributes.get("units")
    # emdfile calls an axis without a name as its dataset.
    name = name.strip() if isinstance(name, str) and name.strip() != key else ""
    return name, plain_units(units) if isinstance(units, str) else "", dataset


def _names(
    said: Sequence[tuple[str, str, Any]], places: Sequence[Mapping[str, Any]], *, simulated: bool
) -> list[str]:
    """Return our names of axes, each once."""
    names: list[str] = []
    # The axis of named slices is no side of an image.
    sides = sum(label != _LABELS for label, *_ in said)
    for number, ((label, unit, _), place) in enumerate(zip(said, places, strict=True)):
        plain = re.sub(r"[^a-z]", "", label.lower())
        name = plain if plain in DIMENSIONS else _PLAIN.get(plain, "")
        if name in ("x", "y") and (unit.startswith("1/") or unit == "mrad"):
            name = f"k{name}"
        if not simulated and _OF_PY4DSTEM.fullmatch(label):
            name = _MATRIX[name]
        if label == _LABELS or (not label and _is_text(place)):
            name = "channel"
        if not name and not label:
            name = "yx"[number] if sides == 2 and number < 2 else f"dim_{number}"
        stem = name = name or slug(label).lower()
        copies = 1
        while name in names:
            name, copies = f"{stem}_{copies}", copies + 1
        names.append(name)
    return names


def _is_text(place: Mapping[str, Any]) -> bool:
    return "values" in place and place["values"].dtype.kind == "U"


def _places(dataset: Any, size: int) -> dict[str, Any]:
    """Return where the points of an axis are: all of them, or the first two are in the file."""
    if dataset is None or dataset.shape is None or len(dataset.shape) != 1:
        return {}
    if dataset.dtype.kind in "SOU":
        words = small_value(dataset)
        if isinstance(words, list) and len(words) >= size:
            return {"values": np.array([str(word).strip("\0 ") for word in words[:size]])}
        return {}
    if not 0 < dataset.shape[0] <= _LONGEST or dataset.dtype.kind not in "iuf":
        return {}
    numbers_of(dataset)
    places = load(dataset)
    values = places.astype(np.float64)
    if not np.isfinite(values).all():
        return {}
    if len(values) == 2 and size != 2:
        step = float(values[1] - values[0])
        return {"offset": float(values[0]), "scale": step} if step else {}
    if len(values) != size:
        return {}
    if size == 1:
        return {"offset": float(values[0])}
    step = float(values[-1] - values[0]) / (size - 1)
    even = values[0] + step * np.arange(size)
    # Places in single precision are as even as their last digit.
    last_digit = np.finfo(places.dtype).eps if places.dtype.kind == "f" else 0.0
    slack = 4 * last_digit * np.abs(values).max() + 1e-6 * abs(step)
    if step and np.abs(values - even).max() <= slack:
        return {"offset": float(values[0]), "scale": step}
    return {"values": values}
