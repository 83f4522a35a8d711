"""Curves: pairs of x and y, forth and back, as text or after an image with a header each."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from omniscopy.io.arrays import Scaled
from omniscopy.io.errors import FormatError
from omniscopy.io.pieces import Lines
from omniscopy.io.quantities import dimension_of, known_units, quantity_of
from omniscopy.io.records import Axis, Channel, LazyArray, Variable
from omniscopy.io.wsxm.arrays import EverySecond
from omniscopy.io.wsxm.header import Header, read_header
from omniscopy.io.wsxm.metadata import modality

_MOST_CURVES = 1 << 20
_MOST_TEXT = 1 << 28


@dataclass(frozen=True)
class _Meaning:
    """What the header of curves says of their values."""

    title: str
    x_units: str | None
    y_units: str | None
    factor: float
    zero: float
    directions: tuple[str, ...]


def text_channels(header: Header, *, partial: bool) -> list[Channel]:
    """Return the curves of a file that holds them as text, one channel a line."""
    lines = header.count("Number of lines")
    table, missing = _read_table(header, 2 * lines, partial=partial)
    meaning = _meaning(header, lines)
    channels = []
    for number in range(lines):
        x, y = table[:, 2 * number], meaning.zero + meaning.factor * table[:, 2 * number + 1]
        axis, coordinates = _abscissa(meaning, x)
        title = f"{meaning.title} {_direction(meaning, number, lines)}".strip()
        channel = _channel(
            header, meaning, title, y, axes=[axis], coordinates=coordinates, missing=missing
        )
        channels.append(channel)
    return channels


def curve_channels(header: Header, start: int, *, partial: bool) -> list[Channel]:
    """Return the curves after an image, (point, sample), one channel a direction."""
    curves, missing = _list_curves(header, start, partial=partial)
    if not curves:
        return []
    lines = max(curve.count("Number of lines") for curve, _ in curves)
    channels = []
    meaning = _meaning(curves[0][0], lines)
    for number in range(lines):
        data = _stacked(header, curves, number)
        y: LazyArray = EverySecond(data, 1)
        if meaning.factor != 1 or meaning.zero:
            y = Scaled(y, meaning.factor, meaning.zero)
        axes = [Axis(name="point", size=len(curves)), Axis(name="sample", size=y.shape[1])]
        attrs = {"units": meaning.x_units} if meaning.x_units else {}
        place = Variable(dims=("point", "sample"), data=EverySecond(data, 0), attrs=attrs)
        coordinates = {dimension_of(meaning.x_units, "z"): place}
        title = f"{meaning.title} {_direction(meaning, number, lines)}".strip()
        channel = _channel(
            header, meaning, title, y, axes=axes, coordinates=coordinates, missing=missing
        )
        channels.append(channel)
    return channels


def _list_curves(
    header: Header, start: int, *, partial: bool
) -> tuple[list[tuple[Header, int]], dict[str, Any] | None]:
    """Return the headers of curves with points, and where the values of each start."""
    size = header.path.stat().st_size
    found: list[tuple[Header, int]] = []
    place = start
    while place < size:
        try:
            curve = read_header(header.path, place)
            points, lines = curve.count("Number of points"), curve.count("Number of lines")
            end = curve.end + 2 * points * lines * header.dtype.itemsize
            if end > size or len(found) >= _MOST_CURVES:
                message = f"curve {len(found)} of {points} points does not fit into the file"
                raise FormatError(message, path=header.path, offset=place)
        except FormatError:
            if partial:
                reason = f"the file ends or is damaged at byte {place}"
                return found, {"missing_from": len(found), "reason": reason}
            raise
        if points and lines:
            found.append((curve, points))
        place = end
    return found, None


def _stacked(header: Header, curves: Sequence[tuple[Header, int]], number: int) -> Lines:
    """Return the pairs of line `number` of all curves, one after the other."""
    offsets, lengths = [], []
    for curve, points in curves:
        there = number < curve.count("Number of lines")
        offsets.append(curve.end + 2 * points * number * header.dtype.itemsize if there else 0)
        lengths.append(2 * points if there else 0)
    return Lines(
        str(header.path), tuple(offsets), tuple(lengths), header.dtype, (len(curves),)
    )  # fmt: skip


def _read_table(
    header: Header, columns: int, *, partial: bool
) -> tuple[np.ndarray, dict[str, Any] | None]:
    """Return the numbers of a text, rows of `columns`."""
    if header.path.stat().st_size - header.end > _MOST_TEXT:
        message = "the text of a curve is longer than 256 MB"
        raise FormatError(message, path=header.path, offset=header.end)
    with header.path.open("rb") as file:
        file.seek(header.end)
        text = file.read().decode("latin-1").replace("#QNAN", "")
    rows = [line.split() for line in text.splitlines() if line.strip()]
    wanted = header.count("Number of points")
    good = [row for row in rows[:wanted] if len(row) == columns]
    try:
        table = np.array(good, np.float64).reshape(len(good), columns)
    except ValueError:
        message = "the text of the curves holds other things than numbers"
        raise FormatError(message, path=header.path, offset=header.end) from None
    if len(good) == wanted == len(rows) and wanted and columns:
        return table, None
    if not partial or not wanted or not columns:
        message = f"{wanted} rows of {columns} numbers were expected, {len(good)} were found"
        raise FormatError(message, path=header.path, offset=header.end)
    padded = np.full((wanted, columns), np.nan)
    padded[: len(good)] = table
    reason = f"the file has {len(good)} of {wanted} rows"
    return padded, {"missing_from": len(good), "reason": reason}


def _meaning(header: Header, lines: int) -> _Meaning:
    label = header.text("General Info", "Y axis text").split("[")[0].strip()
    x_units = known_units(header.text("General Info", "X axis unit"))
    y_units = known_units(header.text("General Info", "Y axis unit"))
    if not header.text("Control", "Index of this Curve"):
        # A tune or the like, not one of a series of force curves: its numbers are final.
        return _Meaning(label or "Curve", x_units, y_units, 1.0, 0.0, ())
    factor, units = header.quantity("General Info", "Conversion Factor 00")
    if header.text("General Info", "Channel is inverted") == "Yes" and factor is not None:
        factor = -factor
    order = ("extend", "retract")
    if header.text("Miscellaneous", "First Forward") == "No":
        order = ("retract", "extend")
    return _Meaning(
        title=label or "Curve",
        x_units=x_units,
        y_units=y_units if factor is None else units,
        factor=1.0 if factor is None else factor,
        zero=header.number("General Info", "Conversion Offset 00") or 0.0,
        directions=order if lines % 2 == 0 else (),
    )


def _direction(meaning: _Meaning, number: int, lines: int) -> str:
    if not meaning.directions:
        return f"{number}" if lines > 1 else ""
    word = meaning.directions[number % 2]
    return word if lines == 2 else f"{word} {number // 2}"


def _abscissa(meaning: _Meaning, x: np.ndarray) -> tuple[Axis, dict[str, Variable]]:
    """Return the x values as an axis where they ascend or descend, else as a coordinate."""
    name = dimension_of(meaning.x_units, "z")
    steps = [b - a for a, b in pairwise(x.tolist())]
    if np.isfinite(x).all() and (all(s > 0 for s in steps) or all(s < 0 for s in steps)):
        axis = Axis(name=name, size=len(x), units=meaning.x_units, values=x, role="signal")
        return axis, {}
    attrs = {"units": meaning.x_units} if meaning.x_units else {}
    return Axis(name="sample", size=len(x)), {name: Variable(dims=("sample",), data=x, attrs=attrs)}


def _channel(
    header: Header,
    meaning: _Meaning,
    title: str,
    data: LazyArray | np.ndarray,
    *,
    axes: list[Axis],
    coordinates: dict[str, Variable],
    missing: dict[str, Any] | None,
) -> Channel:
    direction = next((word for word in ("extend", "retract") if word in title), "")
    return Channel(
        title=title,
        data=data,
        axes=axes,
        coordinates=coordinates,
        quantity=quantity_of(meaning.title, meaning.y_units),
        units=meaning.y_units,
        modality=modality(header),
        source="WSxM",
        metadata={"scan": {"direction": direction}} if direction else {},
        attrs={} if missing is None else {"incomplete": missing},
    )
