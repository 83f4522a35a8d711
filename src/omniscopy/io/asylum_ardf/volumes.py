"""Force maps of ARDF files: their channels, and where in the file each curve is.

Where all curves are as long, as in fast force maps, they lie at equal distances and are not
looked at before they are read; else the file is gone through once.
"""

import math
import struct
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from omniscopy.io.asylum_ardf.arrays import DATA
from omniscopy.io.asylum_ardf.entries import HEAD, Bytes, decoded
from omniscopy.io.errors import FormatError

_VOLUME = struct.Struct("<II24sddd32s32s32s32sQ")
_CHANNEL = struct.Struct("<32s32s")
_LINE = struct.Struct("<IIQQ")
_CURVE = struct.Struct("<IIIIQQ")
_MOST_CHANNELS, _MOST_SIDE = 64, 1 << 16


class Step(NamedTuple):
    """The step of an axis and its unit."""

    size: float
    units: str


class Curve(NamedTuple):
    """The head of a curve: where it is, what it is of, and where the next one is."""

    offset: int
    line: int
    point: int
    kind: int
    following: int
    stop: int


@dataclass(frozen=True)
class Pass:
    """Where the curves of one pass over the surface are, by line and point as in the file.

    `offsets` are of shape (channels, lines, points), -1 where a curve is missing; `segments` are
    where the segments of each begin, (lines, points, 5).
    """

    is_retrace: bool
    offsets: np.ndarray
    lengths: np.ndarray
    segments: np.ndarray


@dataclass(frozen=True)
class Volume:
    """A force map."""

    channels: list[tuple[str, str]]
    segments: list[str]
    steps: list[Step]
    shape: tuple[int, int]
    passes: list[Pass]
    missing: int


def read_volume(file: Bytes, offset: int) -> Volume:
    """Return the force map whose table of contents is at an offset."""
    _, at = file.table(offset, "VOLM")
    _, at = file.texts(at)
    definition = file.entry(at, "VDEF")
    points, lines, _, *sizes, x, y, t, names, count = file.numbers(definition, _VOLUME)
    if not (0 < points <= _MOST_SIDE and 0 < lines <= _MOST_SIDE):
        message = f"a force map of {lines} lines of {points} points cannot be"
        raise FormatError(message, path=file.path, offset=at)
    steps = [Step(size, decoded(unit)) for size, unit in zip(sizes, (x, y, t), strict=True)]
    segments = [name for name in decoded(names).split(";") if name][:count]
    channels, at = _channels(file, definition.stop)
    at = file.entry(at, "XDEF").stop
    starts, at = _lines(file, at)
    file.entry(at, "MLOV")
    shape = (lines, points)
    found = _regular(file, starts, shape, len(channels)) if starts else []
    passes = found or _walked(file, starts, shape, len(channels))
    if not passes:
        message = "the force map has no curves"
        raise FormatError(message, path=file.path, offset=offset)
    missing = max(int((each.offsets[0] < 0).sum()) for each in passes)
    return Volume(channels, segments, steps, shape, passes, missing)


def _channels(file: Bytes, at: int) -> tuple[list[tuple[str, str]], int]:
    channels: list[tuple[str, str]] = []
    while file.kind(at) == "VCHN" and len(channels) < _MOST_CHANNELS:
        entry = file.entry(at, "VCHN")
        name, units = file.numbers(entry, _CHANNEL)
        channels.append((decoded(name), decoded(units)))
        at = entry.stop
    if not channels:
        message = "the force map has no channels"
        raise FormatError(message, path=file.path, offset=at)
    return channels, at


def _lines(file: Bytes, at: int) -> tuple[list[int], int]:
    """Return where the first curve of each line that was measured is, in the order measured."""
    entries, stop = file.listed(at, "VTOC", "VOFF")
    return [file.numbers(entry, _LINE)[3] for entry in entries], stop


def _curve(file: Bytes, offset: int) -> Curve:
    entry = file.entry(offset, "VSET")
    _, line, point, kind, _, following = file.numbers(entry, _CURVE)
    return Curve(offset, line, point, kind, following, entry.stop)


def _data(file: Bytes, curve: Curve) -> dict[int, tuple[int, tuple[int, ...]]]:
    """Return where the values of each channel of a curve are, and their number and segments."""
    at = file.entry(curve.stop, "VNAM").stop
    found: dict[int, tuple[int, tuple[int, ...]]] = {}
    while file.kind(at) == "VDAT" and len(found) < _MOST_CHANNELS:
        size = struct.unpack("<I", file.take(at + 4, 4))[0]
        _, line, point, *rest = DATA.unpack(file.take(at + HEAD, DATA.size))
        length, channel = rest[:2]
        if (line, point) != (curve.line, curve.point) or size < HEAD + DATA.size + 4 * length:
            message = f"values of line {line}, point {point} are in a curve of another"
            raise FormatError(message, path=file.path, offset=at)
        found[channel] = (at, (length, *rest[2:]))
        at += size
    return found


def _regular(file: Bytes, starts: list[int], shape: tuple[int, int], channels: int) -> list[Pass]:
    """Return the passes of a map whose curves lie at equal distances, none of another map."""
    lines, points = shape
    first = _curve(file, starts[0])
    step = first.following - first.offset
    if len(starts) != lines or lines < 2 or step <= 0:
        return []
    distances = np.diff(starts)
    passes, rest = divmod(int(distances[0]), step * points)
    if (distances != distances[0]).any() or rest or passes not in {1, 2}:
        return []
    ascends = first.line == 0
    number = np.arange(lines) if ascends else np.arange(lines)[::-1]
    places = np.empty((passes, lines, points), np.int64)
    found = []
    for which in range(passes):
        begin = _curve(file, starts[0] + which * points * step)
        order = np.arange(points) if begin.point == 0 else np.arange(points)[::-1]
        line = np.array(starts)[:, np.newaxis] + (which * points + np.arange(points)) * step
        places[which][np.ix_(number, order)] = line
        # The corners tell whether it is as it seems; each curve is looked at when it is read.
        for row in (0, -1):
            for column in (0, -1):
                offset = int(line[row, column])
                if offset + step > file.size or file.kind(offset) != "VSET":
                    return []
                corner = _curve(file, offset)
                if (corner.line, corner.point) != (number[row], order[column]):
                    return []
        data = _data(file, begin)
        lengths = {parts[0] for _, parts in data.values()}
        if set(data) != set(range(channels)) or len(lengths) != 1:
            return []
        apart = np.array([data[channel][0] - begin.offset for channel in range(channels)])
        segments = np.array(data[0][1][1:], np.int64)
        found.append(
            Pass(
                is_retrace=begin.point != 0,
                offsets=places[which] + apart[:, np.newaxis, np.newaxis],
                lengths=np.full(shape, lengths.pop(), np.int64),
                segments=np.broadcast_to(segments, (*shape, segments.size)),
            )
        )
    return found


def _walked(file: Bytes, starts: list[int], shape: tuple[int, int], channels: int) -> list[Pass]:
    """Return the passes of a map, curve by curve."""
    passes: dict[int, Pass] = {}
    most = 2 * math.prod(shape)
    seen: set[int] = set()
    for start in starts:
        at = start
        # A line ends where the next one begins, or where there are no more curves.
        while at not in seen and len(seen) < most and file.kind(at) == "VSET":
            seen.add(at)
            curve = _curve(file, at)
            if curve.line >= shape[0] or curve.point >= shape[1]:
                message = f"there is a curve of line {curve.line}, point {curve.point} of {shape}"
                raise FormatError(message, path=file.path, offset=at)
            if curve.kind not in passes:
                passes[curve.kind] = Pass(
                    is_retrace=curve.point != 0,
                    offsets=np.full((channels, *shape), -1, np.int64),
                    lengths=np.zeros(shape, np.int64),
                    segments=np.zeros((*shape, 5), np.int64),
                )
            found = passes[curve.kind]
            for channel, (offset, parts) in _data(file, curve).items():
                if channel < channels:
                    found.offsets[channel, curve.line, curve.point] = offset
                    found.lengths[curve.line, curve.point] = parts[0]
                    found.segments[curve.line, curve.point] = parts[1:]
            if curve.following + HEAD > file.size:
                break
            at = curve.following
    return list(passes.values())
