"""The axes of what Odemis acquired: positions, times, wavelengths and angles."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from omniscopy.io.records import Axis
from omniscopy.io.storage.hdf5_numbers import member, number_at, numbers_of
from omniscopy.io.storage.hdf5_plain import read_attributes
from omniscopy.io.storage.hdf5_values import load
from omniscopy.model.units import is_unit, spell

_USUAL = "CTZYX"
_LONGEST = 10_000_000
# Displayed order: frames and depths, rows and columns, and then what is measured at each.
_ORDER = "TZYXAtC"


def labels_of(dataset: Any) -> str:
    """Return a letter for each dimension: those in the file, or the usual ones."""
    said = read_attributes(dataset).get("DIMENSION_LABELS")
    letters = "".join(map(str, said)) if isinstance(said, list) else ""
    known = len(letters) == dataset.ndim and len(set(letters)) == len(letters)
    if known and set("YX") <= set(letters) <= set("CTZYXA"):
        return letters
    return _USUAL[-dataset.ndim :]


def axes_of(
    group: Any, letters: str, shape: Sequence[int], *, on_camera: bool
) -> tuple[list[Axis], list[int]]:
    """Return the axes in displayed order, and the dimensions that they are.

    Dimensions of one point are left out, unless nothing else is there. `on_camera` says that
    rows and columns are those of a camera in the back focal plane.
    """
    sizes = dict(zip(letters, shape, strict=True))
    is_map = max(sizes["Y"], sizes["X"]) > 1 or max(shape) == 1
    found: dict[str, tuple[Axis, int]] = {}
    for number, (letter, size) in enumerate(zip(letters, shape, strict=True)):
        if size == 1 and not (letter in "YX" and is_map):
            continue
        axis = _axis(group, letter, size, on_camera=on_camera)
        found["t" if axis.name == "time" else letter] = (axis, number)
    ordered = [found[letter] for letter in _ORDER if letter in found]
    return [axis for axis, _ in ordered], [number for _, number in ordered]


def _axis(group: Any, letter: str, size: int, *, on_camera: bool) -> Axis:
    if letter in "YX" and on_camera:
        return Axis(name=f"k{letter.lower()}", size=size)
    if letter in "YXZ":
        return _position(group, letter, size)
    places, units = _places(group, letter, size)
    if letter == "T":
        return Axis(name="frame", size=size) if places is None else _of_time(places, units, size)
    if letter == "A":
        return Axis(
            name="angle", size=size, values=places, units=units, kind="reciprocal",
            quantity="angle",
        )  # fmt: skip
    if places is not None and units == "m":
        return Axis(name="wavelength", size=size, values=places * 1e9, units="nm")
    return Axis(name="channel", size=size, values=places, units=units)


def _position(group: Any, letter: str, size: int) -> Axis:
    """Return places in the sample: the file has those of the centre, and y upwards."""
    step = number_at(group, f"DimensionScale{letter}")
    center = number_at(group, f"{letter}Offset") or 0.0
    if not step or step <= 0:
        return Axis(name=letter.lower(), size=size)
    step = -step if letter == "Y" else step
    offset = center - step * (size - 1) / 2
    return Axis(name=letter.lower(), size=size, scale=step, offset=offset, units="m")


def _of_time(places: np.ndarray, units: str | None, size: int) -> Axis:
    return Axis(name="time", size=size, values=places, units=units, role="signal")


def _places(group: Any, letter: str, size: int) -> tuple[np.ndarray | None, str | None]:
    """Return the points of an axis and their units, where the file has them all."""
    dataset = member(group, f"DimensionScale{letter}")
    shape = getattr(dataset, "shape", None)
    if shape != (size,) or size > _LONGEST or dataset.dtype.kind not in "iuf":
        return None, None
    numbers_of(dataset)
    values = load(dataset).astype(np.float64)
    if not np.isfinite(values).all():
        return None, None
    units = read_attributes(dataset).get("UNIT")
    units = spell(units) if isinstance(units, str) else ""
    return values, units if units and is_unit(units) else None
