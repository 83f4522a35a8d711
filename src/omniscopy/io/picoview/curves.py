"""Curves: chunks of samples, for each point one after the other, a buffer for each signal.

The first buffer has no chunks: it is what was swept, and says where the points are. Points that
are left out repeat the chunks of the point before them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.arrays import full_key
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.picoview.header import Buffer, Header
from omniscopy.io.pieces import Lines
from omniscopy.io.planes import plane_axis
from omniscopy.io.quantities import dimension_of, finite_number, known_units, measures, quantity_of
from omniscopy.io.records import Axis, Channel, Key, LazyArray, Variable

_MOST_POINTS, _ITEM = 1 << 22, np.dtype("<f4")
_TEXT = "ASCII_MULTICOLUMN"
_CUT = "the file ends within the curves"


@dataclass(frozen=True)
class _Chunk:
    """Samples of one ramp at one point: how many, their times and what they were swept over."""

    samples: int
    time: tuple[float, float]
    sweep: tuple[float, float]
    label: str
    point: int
    first: int = 0


@dataclass(frozen=True)
class _Points:
    """Where curves are: in which place of which grid or list each of them belongs."""

    places: list[int]
    lead: tuple[int, ...]
    axes: list[Axis]
    coordinates: dict[str, Variable]
    rotation: float | None = None


@dataclass(frozen=True)
class Ramps:
    """``start + step * i`` for each curve."""

    starts: np.ndarray
    steps: np.ndarray
    samples: int

    @property
    def shape(self) -> tuple[int, ...]:  # noqa: D102
        return (*self.starts.shape, self.samples)

    @property
    def dtype(self) -> np.dtype[Any]:  # noqa: D102
        return np.dtype(np.float64)

    @property
    def chunks(self) -> tuple[int, ...] | None:  # noqa: D102
        return None

    def __getitem__(self, key: Key) -> np.ndarray:
        *lead, samples = full_key(key, self.shape)
        starts, steps = self.starts[tuple(lead)], self.steps[tuple(lead)]
        along = np.arange(self.samples)[samples]
        return np.asarray(np.add.outer(starts, 0.0 * along) + np.multiply.outer(steps, along))


def read_curves(header: Header, *, partial: bool) -> list[Channel]:
    """Return a channel for each signal and ramp: (sweep), (point, sweep) or (y, x, sweep)."""
    if header.kind not in ("BINARY", _TEXT):
        message = f"curves stored as {header.kind!r} are not read, only as BINARY or {_TEXT}"
        raise UnsupportedFormatError(message, path=header.path, key="data")
    swept, *signals = header.buffers
    points = _points(header, swept)
    chunks = [_chunks(header, buffer, len(points.places)) for buffer in signals]
    if not any(chunks):
        message = "the header names no chunk of samples"
        raise FormatError(message, path=header.path, key="chunk")
    source = _source(header, [each for of_buffer in chunks for each in of_buffer], partial=partial)
    channels = []
    start = 0
    for buffer, of_buffer in zip(signals, chunks, strict=True):
        placed = _placed(of_buffer, start)
        start += sum(each.samples for each in of_buffer)
        for number in range(max((len(ramps) for ramps in placed.values()), default=0)):
            ramps = [placed[each][number] if len(placed.get(each, ())) > number else None
                     for each in range(len(points.places))]  # fmt: skip
            channels.append(_channel(header, buffer, points, ramps, source))
    return channels


def _points(header: Header, swept: Buffer) -> _Points:
    units = known_units(swept.entries.get("bufferUnit"))
    units = units if units is not None and measures(units, "m") else "m"
    grids = [_grid(header, words, units) for words in swept.listed.get("grid", ())]
    singles = swept.listed.get("point", [])
    if len(grids) == 1 and not singles:
        return grids[0]
    if grids:
        message = "curves on more than one grid, or on a grid and at points, are not read"
        raise UnsupportedFormatError(message, path=header.path, key="grid")
    if len(singles) < 2:
        coordinates = _coordinates(singles, units, ())
        return _Points([0], (), [], coordinates)
    lead = (len(singles),)
    axes = [Axis(name="point", size=len(singles))]
    return _Points([*range(len(singles))], lead, axes, _coordinates(singles, units, ("point",)))


def _coordinates(
    singles: Sequence[Sequence[str]], units: str, dims: tuple[str, ...]
) -> dict[str, Variable]:
    """Return the places x and y of points: the second and the third word of their lines."""
    found = {}
    for name, word in (("x", 1), ("y", 2)):
        read = [finite_number(words[word]) if len(words) > word else None for words in singles]
        values = np.array([np.nan if value is None else value for value in read])
        if np.isfinite(values).any():
            attrs = {"units": units, "quantity": "length"}
            found[name] = Variable(
                dims=dims, data=values if dims else values.reshape(()), attrs=attrs
            )
    return found


def _grid(header: Header, words: Sequence[str], units: str) -> _Points:
    """Return a grid about a centre: its points in the order in which they were measured."""
    numbers = [finite_number(word) for word in words]
    x, y, columns, rows, step, angle, up, forth = (
        (*numbers[1:9], *[0.0] * 8)[number] for number in range(8)
    )
    if not columns or not rows or not 0 < columns * rows <= _MOST_POINTS or min(columns, rows) < 1:
        message = f"a grid was expected, {' '.join(words)!r} was found"
        raise FormatError(message, path=header.path, key="grid")
    sizes = int(rows), int(columns)
    order = np.arange(sizes[0] * sizes[1]).reshape(sizes)
    # Scans that go up start in the bottom row, retraces in the right column.
    order = order[::-1] if not up else order
    order = order[:, ::-1] if forth else order
    spacing = step or 0.0
    axes = [
        plane_axis(name, size, centre - (size - 1) / 2 * spacing, spacing, units, placed=True)
        for name, size, centre in zip("yx", sizes, (y or 0.0, x or 0.0), strict=True)
    ]
    return _Points(order.ravel().tolist(), sizes, axes, {}, angle)


def _chunks(header: Header, buffer: Buffer, points: int) -> list[_Chunk]:
    """Return the chunks of a signal, those too that the header leaves out."""
    found: list[_Chunk] = []
    current: list[_Chunk] = []
    for words in [*buffer.listed.get("chunk", ()), None]:
        chunk = None if words is None else _chunk(header, words)
        point = points if chunk is None else chunk.point
        last = current[0].point if current else -1
        if point != last and current:
            for omitted in range(last + 1, min(point, points)):
                found += [_moved(each, omitted) for each in current]
            current = []
        if chunk is None or chunk.point >= points or chunk.label.lower() == "_emptychunk_":
            if chunk is not None and chunk.point >= points:
                message = f"a chunk is of point {chunk.point}, there are {points} points"
                raise FormatError(message, path=header.path, key="chunk")
            break
        current.append(chunk)
        found.append(chunk)
    return found


def _moved(chunk: _Chunk, point: int) -> _Chunk:
    return _Chunk(chunk.samples, chunk.time, chunk.sweep, chunk.label, point)


def _chunk(header: Header, words: Sequence[str]) -> _Chunk:
    """Return index, samples, start and step of time and sweep, continuation, label, point."""
    samples, *numbers = (finite_number(word) for word in words[1:6])
    if len(numbers) < 4 or samples is None or not 0 <= samples < 2**31 or None in numbers:
        message = f"a chunk of samples was expected, {' '.join(words)!r} was found"
        raise FormatError(message, path=header.path, key="chunk")
    time, step, start, by = (value or 0.0 for value in numbers)
    label = words[7] if len(words) > 7 else ""
    point = finite_number(words[8]) if len(words) > 8 else 0.0
    if point is None or not 0 <= point < _MOST_POINTS:
        message = f"a point was expected, {words[8]!r} was found"
        raise FormatError(message, path=header.path, key="chunk")
    return _Chunk(int(samples), (time, step), (start, by), label, int(point))


def _placed(chunks: Sequence[_Chunk], start: int) -> dict[int, list[_Chunk]]:
    """Return the chunks of each point, each with the place of its first sample."""
    found: dict[int, list[_Chunk]] = {}
    for each in chunks:
        known = _Chunk(each.samples, each.time, each.sweep, each.label, each.point, start)
        found.setdefault(each.point, []).append(known)
        start += each.samples
    return found


@dataclass(frozen=True)
class _Samples:
    """All samples, one after the other: of a text in memory, else where they are in the file."""

    there: int
    values: np.ndarray | None = None


def _source(header: Header, chunks: Sequence[_Chunk], *, partial: bool) -> _Samples:
    wanted = sum(each.samples for each in chunks)
    if header.kind == _TEXT:
        values = header.columns()[:, 2:].ravel(order="F")  # after the columns of time and sweep
        there = values.size
    else:
        values = None
        there = (header.path.stat().st_size - header.data_offset) // _ITEM.itemsize
    if there < wanted and not partial:
        message = f"{wanted} samples were expected, {there} are there; the file is cut short"
        raise FormatError(message, path=header.path, offset=header.data_offset)
    return _Samples(there, values)


def _channel(
    header: Header,
    buffer: Buffer,
    points: _Points,
    ramps: Sequence[_Chunk | None],
    source: _Samples,
) -> Channel:
    in_order = [ramp for _, ramp in sorted(zip(points.places, ramps, strict=True), key=_place)]
    known = [ramp for ramp in in_order if ramp is not None]
    samples = max(ramp.samples for ramp in known)
    there = [
        0 if ramp is None else min(max(source.there - ramp.first, 0), ramp.samples)
        for ramp in in_order
    ]
    swept, label = header.buffers[0], buffer.entries["bufferLabel"]
    units = known_units(buffer.entries.get("bufferUnit"))
    sweep, coordinates = _sweep(swept, points, in_order, samples)
    named = known[0].label if not re.fullmatch(r"[\d.]*", known[0].label) else ""
    direction = named or _direction(swept, known[0])
    cut = [
        place
        for place, (count, ramp) in enumerate(zip(there, in_order, strict=True))
        if ramp is not None and count < ramp.samples
    ]
    return Channel(
        title=f"{label} {direction}".strip(),
        data=_data(header, source, in_order, there, (*points.lead, samples)),
        axes=[*points.axes, sweep],
        quantity=quantity_of(label, units),
        units=units,
        signal_type="spectral_image" if len(points.lead) == 2 else None,
        modality="AFM" if "stm" not in header.entries.get("mode", "").lower() else "STM",
        source="Agilent PicoView",
        metadata={"scan": {"direction": direction.lower()}} if direction else {},
        original_metadata={**buffer.entries, **buffer.listed},
        coordinates=points.coordinates | coordinates,
        attrs={"incomplete": {"missing_from": cut[0], "reason": _CUT}} if cut else {},
    )


def _place(pair: tuple[int, Any]) -> int:
    return pair[0]


def _data(
    header: Header,
    source: _Samples,
    ramps: Sequence[_Chunk | None],
    there: Sequence[int],
    shape: tuple[int, ...],
) -> LazyArray | np.ndarray:
    firsts = [0 if ramp is None else ramp.first for ramp in ramps]
    if source.values is None:
        size = header.path.stat().st_size
        offsets = [min(header.data_offset + _ITEM.itemsize * first, size) for first in firsts]
        lead, points = shape[:-1], shape[-1]
        return Lines(str(header.path), tuple(offsets), tuple(there), _ITEM, lead, points=points)
    values = np.full((len(ramps), shape[-1]), np.nan)
    for row, first, count in zip(values, firsts, there, strict=True):
        row[:count] = source.values[first : first + count]
    return values.reshape(shape)


def _sweep(
    swept: Buffer, points: _Points, ramps: Sequence[_Chunk | None], samples: int
) -> tuple[Axis, dict[str, Variable]]:
    """Return the axis along the samples, and what was swept where it differs between points."""
    units = known_units(swept.entries.get("bufferUnit"))
    name = dimension_of(units, "z")
    attrs = {"long_name": swept.entries["bufferLabel"]}
    known = [ramp for ramp in ramps if ramp is not None]
    if not any(ramp.sweep[1] for ramp in known):
        start, step = known[0].time
        if not step:
            return Axis(name="sample", size=samples), {}
        return Axis(name="time", size=samples, scale=step, offset=start, units="s",
                    role="signal"), {}  # fmt: skip
    if len({ramp.sweep for ramp in known}) == 1:
        start, step = known[0].sweep
        axis = Axis(name=name, size=samples, scale=step, offset=start, units=units, role="signal",
                    attrs=attrs)  # fmt: skip
        return axis, {}
    starts, steps = (
        np.array([np.nan if ramp is None else ramp.sweep[part] for ramp in ramps])
        for part in (0, 1)
    )
    handle = Ramps(starts.reshape(points.lead), steps.reshape(points.lead), samples)
    dims = (*(axis.name for axis in points.axes), "sample")
    said = attrs if units is None else attrs | {"units": units}
    return Axis(name="sample", size=samples), {name: Variable(dims=dims, data=handle, attrs=said)}


def _direction(swept: Buffer, chunk: _Chunk) -> str:
    units = known_units(swept.entries.get("bufferUnit"))
    step = chunk.sweep[1]
    if not step:
        return "pause"
    if units is not None and measures(units, "m"):
        return "extend" if step < 0 else "retract"
    return "forward" if step > 0 else "backward"
