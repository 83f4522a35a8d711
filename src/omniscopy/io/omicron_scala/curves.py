"""Spectra at single points, which SCALA keeps as text."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import read_start
from omniscopy.io.errors import FormatError
from omniscopy.io.omicron_scala.parameters import linear
from omniscopy.io.quantities import finite_number, known_units, quantity_of
from omniscopy.io.records import Axis, Channel, Variable

_MOST_BYTES = 1 << 28
_MOST_POINTS = 1 << 20
_RAMPS = {"V": ("bias", "V"), "E": ("bias", "V"), "I": ("current", "nA"), "Z": ("z", "nm")}
QUANTITIES = {"I": "Current", "Z": "Height"}


def curve_channels(block: dict[str, str], file: Path, *, partial: bool) -> list[Channel]:
    """Return the spectra of a channel (point, ramp), none where the file has none.

    Raises
    ------
    FormatError
        A curve has fewer points than are announced, or there are fewer curves; with `partial`,
        what is missing is NaN instead.
    """
    ramp = ramp_axis(block, file)
    points = ramp.size
    places, curves, count = _parse(file)
    whole = [len(curve) == points for curve in curves]
    if (len(curves) < count or not all(whole)) and not partial:
        message = f"{count} curves of {points} points were expected, {sum(whole)} are whole"
        raise FormatError(message, path=file)
    if not curves:
        return []
    values = np.full((len(curves), points), np.nan)
    for row, curve in zip(values, curves, strict=True):
        row[: len(curve)] = curve[:points]
    scale, offset = linear(block)
    values = values * scale + offset
    is_placed = len(places) >= len(curves)
    coordinates = {
        key: Variable(
            dims=("point",),
            data=np.array([place[index] for place in places[: len(curves)]]),
            attrs={"units": "nm"},
        )
        for index, key in enumerate("xy")
        if is_placed
    }
    attrs: dict[str, Any] = {}
    if len(curves) < count or not all(whole):
        first = whole.index(False) if False in whole else len(curves)
        attrs["incomplete"] = {"missing_from": first, "reason": "the file of spectra is cut short"}
    title = f"{QUANTITIES.get(block['channel'], block['channel'])} spectra"
    value_units = known_units(block["units"])
    return [
        Channel(
            title=title,
            data=values,
            axes=[Axis(name="point", size=len(curves)), ramp],
            quantity=quantity_of(title, value_units),
            units=value_units,
            source="Omicron",
            metadata={"scan": {"direction": block["direction"].lower()}},
            original_metadata=block,
            coordinates=coordinates,
            attrs=attrs,
        )
    ]


def ramp_axis(block: dict[str, str], file: Path) -> Axis:
    """Return what was ramped while a spectrum was taken, both ends included."""
    points = int(block["points"]) if re.fullmatch(r"\d{1,7}", block["points"]) else 0
    start, end = finite_number(block["start"]), finite_number(block["end"])
    if not 0 < points <= _MOST_POINTS or start is None or end is None:
        message = f"a ramp was expected, {block} was found"
        raise FormatError(message, path=file, key="points")
    name, units = _RAMPS.get(block["parameter"][:1], ("sample", None))
    step = (end - start) / max(points - 1, 1)
    return Axis(name=name, size=points, scale=step or 1.0, offset=start, units=units, role="signal")


def _parse(file: Path) -> tuple[list[tuple[float, float]], list[list[float]], int]:
    """Return places and counts of curves, and how many are announced."""
    text = read_start(file, _MOST_BYTES).decode("latin-1")
    places: list[tuple[float, float]] = []
    curves: list[list[float]] = []
    count, part = 0, ""
    for line in text.splitlines():
        words = line.split()
        if line.startswith(";"):
            found = re.match(r";\s*n_curves\s*:\s*(\d{1,6})", line)
            count = int(found[1]) if found else count
        elif words[:1] == ["BEGIN"]:
            part = "places" if words[1:2] == ["COORD"] else "curve"
            if part == "curve":
                curves.append([])
        elif words[:1] == ["END"]:
            part = ""
        elif part and len(words) >= 2:
            first, second = finite_number(words[-2]), finite_number(words[-1])
            if first is None or second is None:
                message = f"two numbers were expected, {line!r} was found"
                raise FormatError(message, path=file)
            if part == "places":
                places.append((first, second))
            else:
                curves[-1].append(second)
    return places, curves, count
