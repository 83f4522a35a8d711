"""Frames of point spectra: named blocks, and an index in XML of what lies where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from omniscopy.io.arrays import Flipped, Scaled
from omniscopy.io.errors import FormatError
from omniscopy.io.nt_mdt.frames import Frame
from omniscopy.io.nt_mdt.metadata import common_metadata, read_settings, technique_of
from omniscopy.io.pieces import Lines
from omniscopy.io.quantities import dimension_of, known_units, quantity_of
from omniscopy.io.records import Axis, Channel, LazyArray, Variable
from omniscopy.io.xml_trees import parse_xml

_MOST_BLOCKS = 1 << 20
_RELATIVE, _INVERTED = 2, 1


@dataclass(frozen=True)
class _Index:
    """What the index lists, by kind and number."""

    frame: Frame
    blocks: dict[str, tuple[int, int]]
    listed: dict[str, dict[int, Mapping[str, str]]]
    settings: dict[str, Any]

    def item(self, kind: str, number: str | None) -> Mapping[str, str]:
        """Return an item of the index."""
        try:
            return self.listed[kind][int(number or "")]
        except (KeyError, ValueError):
            message = f"the index of frame {self.frame.number} lists no {kind} {number!r}"
            raise FormatError(message, path=self.frame.path, key="index.xml") from None


@dataclass
class _Group:
    """All curves of one quantity, direction and abscissa."""

    places: dict[tuple[int, int], Mapping[str, str]] = field(default_factory=dict)


def spectra_channels(frame: Frame) -> list[Channel]:
    """Return point spectra: (point, spectrum), with the passes at each point between."""
    index = _read_index(frame)
    groups: dict[tuple[str, str, int], _Group] = {}
    for point, item in sorted(index.listed.get("Point", {}).items()):
        for is_back, numbers in enumerate(_measured_at(index, item)):
            for number in numbers:
                _add(index, groups, point, str(number), is_back=bool(is_back))
    channels = []
    for (name, axis, is_back), group in groups.items():
        channels += _group_channels(index, name, axis, group, is_back=bool(is_back))
    return channels


def _add(
    index: _Index,
    groups: dict[tuple[str, str, int], _Group],
    point: int,
    number: str,
    *,
    is_back: bool,
) -> None:
    meas = index.listed.get("Meas", {}).get(int(number))
    if meas is None or int(meas.get("axis0", -1)) < 0:
        return  # -1: nothing was measured on this way
    group = groups.setdefault((meas["name"], meas["axis0"], int(is_back)), _Group())
    turn = sum(1 for known, _ in group.places if known == point)
    group.places[point, turn] = meas


def _group_channels(
    index: _Index, name: str, axis: str, group: _Group, *, is_back: bool
) -> list[Channel]:
    """Return one channel where every point has as many passes, else one channel a pass."""
    points = sorted({point for point, _ in group.places})
    turns = sorted({turn for _, turn in group.places})
    if len(group.places) == len(points) * len(turns):
        return [_channel(index, name, axis, group, points=points, turns=turns, is_back=is_back)]
    channels = []
    for turn in turns:
        there = [point for point, own in group.places if own == turn]
        channels.append(
            _channel(
                index,
                name,
                axis,
                group,
                points=there,
                turns=[turn],
                is_back=is_back,
                word=f" pass {turn}",
            )
        )
    return channels


def _channel(
    index: _Index,
    name: str,
    axis: str,
    group: _Group,
    *,
    points: Sequence[int],
    turns: Sequence[int],
    is_back: bool,
    word: str = "",
) -> Channel:
    """Return the curves of some points and passes as one array."""
    chosen = [group.places[point, turn] for point in points for turn in turns]
    lead = (len(points), len(turns)) if len(turns) > 1 else (len(points),)
    named = index.item("Name", name)
    data = _lines(index, chosen, lead, named)
    options = int(chosen[0].get("inverse0", 0))
    if options & _INVERTED:
        data = Flipped(data, (len(lead),))
    units = known_units(named.get("unit"))
    abscissa = _abscissa(index, axis, data.shape[-1], relative=bool(options & _RELATIVE))
    axes = [Axis(name="point", size=len(points))]
    axes += [Axis(name="cycle", size=len(turns))] if len(turns) > 1 else []
    technique = technique_of(index.settings) or "AFM"
    title = f"{named.get('name') or 'Curve'} {'backward' if is_back else 'forward'}{word}"
    return Channel(
        title=title,
        data=data,
        axes=(*axes, abscissa),
        coordinates=_places(index, points),
        quantity=quantity_of(title, units),
        units=units,
        modality=technique,
        source="NT-MDT",
        metadata=common_metadata(index.settings, started=index.frame.started, technique=technique),
        original_metadata={
            "frame": index.frame.number,
            "type": index.frame.kind,
            "saved": index.frame.started,
            "name": dict(named),
            **index.settings,
        },
    )


def _lines(
    index: _Index,
    chosen: Sequence[Mapping[str, str]],
    lead: tuple[int, ...],
    named: Mapping[str, str],
) -> LazyArray:
    """Return the values of curves in physical units; counts have a scale, numbers are final."""
    items = [index.item("Data", meas.get("data")) for meas in chosen]
    kinds = {item.get("type") for item in items}
    is_final = kinds == {"float64"}
    dtype = np.dtype("<f8" if is_final else "<i4")
    if not is_final and "float64" in kinds:
        message = f"curves of one quantity have the types {sorted(map(str, kinds))}"
        raise FormatError(message, path=index.frame.path, key="index.xml")
    offsets, lengths = [], []
    for item in items:
        start, size = index.blocks.get(item.get("name", ""), (0, -1))
        place, count = int(item.get("offset", 0)) * dtype.itemsize, int(item.get("count", 0))
        if place < 0 or count < 1 or place + count * dtype.itemsize > size:
            message = f"{count} values at {place} of the block {item.get('name')!r} are not there"
            raise FormatError(message, path=index.frame.path, key="index.xml")
        offsets.append(start + place)
        lengths.append(count)
    lines = Lines(str(index.frame.path), tuple(offsets), tuple(lengths), dtype, lead)
    if is_final:
        return lines
    return Scaled(lines, _float(named, "scale", 1.0), _float(named, "bias", 0.0))


def _abscissa(index: _Index, number: str, size: int, *, relative: bool) -> Axis:
    """Return the axis from its first to its last value, both of which were measured."""
    axis = index.item("Axis", number)
    named = index.item("Name", axis.get("name"))
    units = known_units(named.get("unit"))
    start, stop = _float(axis, "start", 0.0), _float(axis, "stop", 0.0)
    name = dimension_of(units, "z")
    if start == stop:
        return Axis(name=name, size=size, role="signal")
    origin = _float(axis, "value", 0.0) if relative else 0.0
    points = max(int(axis.get("count", size)), 2)
    return Axis(
        name=name,
        size=size,
        scale=(stop - start) / (points - 1),
        offset=start - origin,
        units=units,
        role="signal",
        attrs={"long_name": named["name"]} if named.get("name") else {},
    )


def _places(index: _Index, points: Sequence[int]) -> dict[str, Variable]:
    items = [index.item("Point", str(point)) for point in points]
    units = known_units(items[0].get("unit"))
    attrs = {"quantity": "length"} | ({"units": units} if units else {})
    return {
        name: Variable(
            dims=("point",),
            data=np.array([_float(item, name, np.nan) for item in items]),
            attrs=attrs,
        )
        for name in ("x", "y")
    }


def _measured_at(index: _Index, point: Mapping[str, str]) -> tuple[list[int], list[int]]:
    """Return the numbers of the curves at a point, forth and back."""
    count = int(point.get("meas", 0)) * int(point.get("exec", 0))
    start, size = index.blocks.get(point.get("name", ""), (0, 0))
    place = max(int(point.get("offset", 0)), 0)
    if count < 0 or place + 8 * count > size:
        message = f"the point {point.get('index')} has {count} curves, its block {size} bytes"
        raise FormatError(message, path=index.frame.path, key="index.xml")
    raw = index.frame.read(start + place, 8 * count, "the curves of a point")
    numbers = np.frombuffer(raw, "<i4").tolist()
    return numbers[:count], numbers[count:]


def _read_index(frame: Frame) -> _Index:
    blocks = _list_blocks(frame)
    if "index.xml" not in blocks:
        message = f"frame {frame.number} of point spectra has no index"
        raise FormatError(message, path=frame.path, offset=frame.offset)
    root = parse_xml(_text(frame, blocks["index.xml"]))
    if root is None:
        message = f"the index of frame {frame.number} is no XML; it is damaged"
        raise FormatError(message, path=frame.path, key="index.xml")
    listed: dict[str, dict[int, Mapping[str, str]]] = {}
    for element in root.iter():
        number = element.get("index", "")
        if number.isdecimal():
            listed.setdefault(element.tag, {})[int(number)] = dict(element.attrib)
    settings = {}
    if "__xmlparams.xml" in blocks:
        settings = read_settings(_text(frame, blocks["__xmlparams.xml"]))
    return _Index(frame, blocks, listed, settings)


def _list_blocks(frame: Frame) -> dict[str, tuple[int, int]]:
    """Return where the blocks of a frame are, the first of each name."""
    (count,) = frame.unpack("<I", frame.offset, "the number of blocks")
    if count > _MOST_BLOCKS:
        message = f"frame {frame.number} announces {count} blocks"
        raise FormatError(message, path=frame.path, offset=frame.offset)
    raw = frame.read(frame.offset + 4, 8 * count, "the sizes of the blocks")
    table = np.frombuffer(raw, "<u4").reshape(count, 2).astype(np.int64)
    place = frame.offset + 4 + 8 * count
    names = frame.read(place, int(table[:, 0].sum()), "the names of the blocks")
    place += len(names)
    found: dict[str, tuple[int, int]] = {}
    at = 0
    for length, size in table.tolist():
        name = names[at : at + length].decode("utf-8", "replace")
        at += length
        if place + size > frame.end:
            message = f"the block {name!r} of {size} bytes does not fit into frame {frame.number}"
            raise FormatError(message, path=frame.path, offset=place)
        found.setdefault(name, (place, size))
        place += size
    return found


def _text(frame: Frame, block: tuple[int, int]) -> str:
    raw = frame.read(*block, "a text")
    return raw.decode("utf-16-le" if b"\0" in raw[:8] else "utf-8", "replace")


def _float(item: Mapping[str, str], key: str, default: float) -> float:
    try:
        value = float(item.get(key, "").replace(",", "."))
    except ValueError:
        return default
    return value if np.isfinite(value) else default
