"""Curve maps of a Gwyddion file: for each pixel, curves that all have as many points."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.gwyddion.objects import Block, Object
from omniscopy.io.gwyddion.parts import axis_of, size_of, units_of
from omniscopy.io.pieces import Lines
from omniscopy.io.quantities import known_units, measures, quantity_of
from omniscopy.io.records import Axis, Channel, Variable

_MOST_CURVES, _MOST_SEGMENTS = 1000, 1000


@dataclass(frozen=True)
class _Part:
    """A part of all curves, by where it begins and how many points it has in each pixel."""

    title: str
    starts: np.ndarray
    lengths: np.ndarray


def lawn_channels(lawn: Object, title: str, *, is_old: bool) -> list[Channel]:
    """Return a channel (y, x, sample) for each curve and segment; shorter curves end in NaN.

    Where a curve is a height, it is the coordinate `z` of the others.
    """
    rows, columns = size_of(lawn, "yres"), size_of(lawn, "xres")
    count = size_of(lawn, "ncurves")
    lengths = _numbers(lawn, "curvelengths", rows * columns)
    block = lawn.get("data", Block)
    total = int(lengths.sum()) * count
    if lengths.min() < 0 or count > _MOST_CURVES or block is None or block.count != total:
        found = "none" if block is None else f"{block.count} numbers"
        message = f"{count} curves of {int(lengths.sum())} points were expected, {found} were found"
        raise FormatError(message, offset=lawn.offset, key="data")
    if not total:
        return []
    across = units_of(lawn, "si_unit_xy", is_old=is_old)
    axes = [axis_of(lawn, letter, units=across) for letter in "yx"]
    labels, units = _described(lawn, count)
    quantities = [quantity_of(*each) for each in zip(labels, units, strict=True)]
    height = next(
        (number for number, unit in enumerate(units)
         if quantities[number] == "height" and unit is not None and measures(unit, "m")), None
    )  # fmt: skip
    # The curves of a pixel follow each other, and so do the pixels.
    before = count * (np.cumsum(lengths) - lengths)
    incomplete = {}
    if block.there < block.count:
        first = int(np.searchsorted(before + count * lengths, block.there, side="right"))
        reason = "the file ends within the curves"
        incomplete = {"incomplete": {"missing_from": first, "reason": reason}}
    channels = []
    for part in _parts(lawn, lengths):
        size = int(part.lengths.max())
        if not size:
            continue
        handles = [
            _lines(block, before + number * lengths + part.starts, part.lengths, (rows, columns))
            for number in range(count)
        ]
        for number, handle in enumerate(handles):
            places: dict[str, Variable] = {}
            if height is not None and number != height:
                said = {"long_name": labels[height], "quantity": "height", "units": units[height]}
                places["z"] = Variable(dims=("y", "x", "sample"), data=handles[height], attrs=said)
            channels.append(
                Channel(
                    title=" ".join(word for word in (labels[number] or title, part.title) if word),
                    data=handle,
                    axes=[*axes, Axis(name="sample", size=size)],
                    coordinates=places,
                    quantity=quantities[number],
                    units=units[number],
                    attrs=incomplete,
                )
            )
    return channels


def _numbers(lawn: Object, name: str, count: int) -> np.ndarray:
    block = lawn.get(name, Block)
    if block is None or block.count != count or block.there != count:
        found = "none" if block is None else f"{block.there}"
        message = f"{count} whole numbers were expected, {found} were found"
        raise FormatError(message, offset=lawn.offset, key=name)
    return block.values().astype(np.int64)


def _described(lawn: Object, count: int) -> tuple[list[str], list[str | None]]:
    """Return label and units of each curve."""
    said: Any = lawn.get("curve_labels", list) or []
    labels = [each if isinstance(each, str) else "" for each in said]
    units = [known_units(each.text("unitstr")) for each in lawn.objects("si_units_curves")]
    labels = labels if len(labels) == count else [f"Curve {number}" for number in range(count)]
    return labels, units if len(units) == count else [None] * count


def _parts(lawn: Object, lengths: np.ndarray) -> list[_Part]:
    """Return the segments of the curves, or all of each where there are none."""
    whole = _Part("", np.zeros_like(lengths), lengths)
    count = lawn.items.get("nsegments")
    if (
        not isinstance(count, int)
        or not 1 <= count <= _MOST_SEGMENTS
        or "segments" not in lawn.items
    ):
        return [whole]
    ends = _numbers(lawn, "segments", 2 * count * len(lengths)).reshape(len(lengths), count, 2)
    if ends.min() < 0 or (ends > lengths[:, None, None]).any():
        message = "a segment goes beyond the end of its curve"
        raise FormatError(message, offset=lawn.offset, key="segments")
    said: Any = lawn.get("segment_labels", list) or []
    titles = [str(each) for each in said] if len(said) == count else [""] * count
    return [
        _Part(
            titles[number] or f"segment {number}",
            ends[:, number, 0],
            np.maximum(ends[:, number, 1] - ends[:, number, 0], 0),
        )
        for number in range(count)
    ]


def _lines(block: Block, starts: np.ndarray, lengths: np.ndarray, lead: tuple[int, int]) -> Lines:
    """Return curves that begin at numbers `starts` of a block, as far as they are there."""
    starts = np.minimum(starts, block.there)
    there = np.minimum(lengths, block.there - starts)
    offsets = block.offset + block.dtype.itemsize * starts
    return Lines(
        path=str(block.path),
        offsets=tuple(offsets.tolist()),
        lengths=tuple(there.tolist()),
        file_dtype=block.dtype,
        lead=lead,
        points=int(lengths.max()),
    )
