"""Force curves: of one place, of a list of places, or of a map."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.jpk.archive import LONGEST_TEXT, Member, member
from omniscopy.io.jpk.arrays import Curve, Curves
from omniscopy.io.jpk.grids import Grid, curve_indexes, find_grid
from omniscopy.io.jpk.metadata import common_metadata, quantity_of_channel
from omniscopy.io.jpk.properties import (
    Properties,
    ending,
    number_ending,
    parse_properties,
)
from omniscopy.io.jpk.scaling import Scaling, find_scaling
from omniscopy.io.quantities import finite_number
from omniscopy.io.records import Axis, Channel, Measurement, Variable

_SHARED = "shared-data/header.properties"
_MOST_SEGMENTS = 1000
_MOST_EMPTY = 1 << 18
_MOST_TIMES, _AT_LEAST = 4, 1 << 22
# Which channel says where the probe was: sensors before the drive.
_HEIGHTS = (
    "measuredHeight", "capacitiveSensorHeight", "strainGaugeHeight", "height", "head-height",
)  # fmt: skip


@dataclass(frozen=True)
class _Archive:
    """The members of a file, and its settings."""

    path: Path
    members: Mapping[str, Member]
    header: Properties
    shared: Properties

    def properties(self, name: str) -> dict[str, str]:
        """Return the settings in a member."""
        return parse_properties(member(self.members, name, self.path).read(self.path, LONGEST_TEXT))


@dataclass(frozen=True)
class _Layout:
    """The folders of the curves, in the order of the pixels or points they were taken at."""

    folders: list[str | None]
    lead: tuple[int, ...]
    axes: list[Axis]
    coordinates: dict[str, Variable]
    attrs: dict[str, Any]

    @property
    def first(self) -> str:
        """Return the folder of the first curve that is there."""
        return next(folder for folder in self.folders if folder is not None)


def read_curves(path: Path, members: Mapping[str, Member]) -> Measurement:
    """Return the channels of an archive: one for each channel of each segment."""
    name = "header.properties"
    header = parse_properties(member(members, name, path).read(path, LONGEST_TEXT))
    shared = (
        parse_properties(members[_SHARED].read(path, LONGEST_TEXT)) if _SHARED in members else {}
    )
    archive = _Archive(path, members, header, shared)
    layout = _find_layout(archive)
    channels: list[Channel] = []
    start, styles = 0.0, dict[str, int]()
    first: dict[str, str] = {}
    deflection: Scaling | None = None
    for number in range(_MOST_SEGMENTS):
        at = f"{layout.first}segments/{number}/segment-header.properties"
        if at not in members:
            break
        segment = archive.properties(at)
        first = first or segment
        found = _segment_channels(archive, layout, number, segment, start=start, styles=styles)
        channels += found
        start += number_ending(segment, "force-segment-header.duration") or 0.0
        if deflection is None and "channel.vDeflection.lcd-info.*" in segment:
            deflection = find_scaling(segment, shared, "vDeflection")
    if not channels:
        message = "the archive holds no force curve"
        raise FormatError(message, path=path, key=layout.first or "segments/")
    return Measurement(
        channels=channels,
        metadata=common_metadata(header, first, shared, deflection),
        original_metadata={"header": header, "shared": shared, "segment": first},
    )


def _find_layout(archive: _Archive) -> _Layout:
    indexes = curve_indexes(archive.members)
    if not indexes:
        return _Layout([""], (), [], _place(archive.header), {})
    grid = find_grid(archive.header)
    if grid is None:
        return _list_layout(archive, indexes)
    return _grid_layout(archive, grid, indexes)


def _grid_layout(archive: _Archive, grid: Grid, indexes: list[int]) -> _Layout:
    count = grid.rows * grid.columns
    if count > max(_MOST_EMPTY, 64 * len(indexes)):
        message = f"a map of {grid.rows} by {grid.columns} curves is announced for {len(indexes)}"
        raise FormatError(message, path=archive.path, key="header.properties")
    folders: list[str | None] = [None] * count
    for index in indexes:
        place = grid.place(index)
        if place is not None:
            folders[place] = f"index/{index}/"
    there = sum(folder is not None for folder in folders)
    if there == 0:
        message = f"no curve of the map of {grid.rows} by {grid.columns} is in the file"
        raise FormatError(message, path=archive.path, key="index/")
    reason = f"{there} of {count} curves are in the file"
    attrs = {} if there == count else {"incomplete": {"missing_from": there, "reason": reason}}
    return _Layout(folders, (grid.rows, grid.columns), grid.axes(), {}, attrs)


def _list_layout(archive: _Archive, indexes: list[int]) -> _Layout:
    """Return curves at single places, which each of them says itself."""
    folders = [f"index/{index}/" for index in indexes]
    places: dict[str, list[float]] = {"x": [], "y": []}
    for folder in folders:
        name = f"{folder}header.properties"
        own = archive.properties(name) if name in archive.members else {}
        for letter, values in places.items():
            place = number_ending(own, f".header.position.{letter}")
            values.append(np.nan if place is None else place)
    coordinates = {
        letter: Variable(
            dims=("point",), data=np.array(values), attrs={"units": "m", "quantity": "length"}
        )
        for letter, values in places.items()
        if np.isfinite(values).any()
    }
    axes = [Axis(name="point", size=len(folders))]
    return _Layout([*folders], (len(folders),), axes, coordinates, {})


def _place(header: Properties) -> dict[str, Variable]:
    found = {}
    for name in ("x", "y"):
        value = number_ending(header, f".header.position.{name}")
        if value is not None:
            attrs = {"units": "m", "quantity": "length"}
            found[name] = Variable(dims=(), data=np.asarray(value), attrs=attrs)
    return found


def _segment_channels(
    archive: _Archive,
    layout: _Layout,
    number: int,
    segment: Properties,
    *,
    start: float,
    styles: dict[str, int],
) -> list[Channel]:
    """Return the channels of one segment, each with the height of the probe."""
    style = _style(archive, segment)
    turn = styles[style] = styles.get(style, -1) + 1
    word = style if turn == 0 else f"{style} {turn}"
    names = [
        name
        for name in segment.get("channels.list", "").split()
        if _member_name(layout.first, number, segment, name) in archive.members
    ]
    handles = {name: _handle(archive, layout, number, segment, name) for name in names}
    samples = max((handle.samples for handle in handles.values()), default=0)
    if samples == 0:
        return []
    time = _time_axis(segment, samples, start)
    axes = [*layout.axes, time]
    coordinates = dict(layout.coordinates)
    height = next((name for name in _HEIGHTS if name in handles), None)
    if height is not None and handles[height].samples == samples:
        attrs = {"long_name": height, "quantity": "height"}
        units = {"units": handles[height].units} if handles[height].units else {}
        dims = tuple(axis.name for axis in axes)
        coordinates["z"] = Variable(dims=dims, data=handles[height], attrs=attrs | units)
    return [
        Channel(
            title=f"{name} {word}",
            data=handle,
            axes=axes,
            coordinates=coordinates,
            quantity=quantity_of_channel(name, handle.units),
            units=handle.units,
            modality="AFM",
            source="JPK",
            metadata={"scan": {"direction": style}},
            attrs=layout.attrs,
        )
        for name, handle in handles.items()
        if handle.samples == samples
    ]


def _handle(
    archive: _Archive, layout: _Layout, number: int, segment: Properties, name: str
) -> Curves:
    scaling = find_scaling(segment, archive.shared, name)
    curves: list[Curve | None] = []
    for folder in layout.folders:
        data = header = None
        if folder is not None:
            data = archive.members.get(_member_name(folder, number, segment, name))
            at = f"{folder}segments/{number}/segment-header.properties"
            header = archive.members.get(at)
        curves.append(None if data is None or header is None else Curve(data, header))
    sizes = [curve.data.size for curve in curves if curve is not None]
    samples = max(sizes, default=0) // scaling.dtype.itemsize
    # Curves of a map differ in length, but not by more than a number that one unpacks in no time.
    points = finite_number(segment.get("force-segment-header.num-points", "")) or 0
    if samples > _MOST_TIMES * points + _AT_LEAST:
        message = f"a curve of {samples} samples cannot be in a segment of {points:.0f}"
        raise FormatError(message, path=archive.path, key=name)
    return Curves(
        path=str(archive.path),
        channel=name,
        curves=tuple(curves),
        lead=layout.lead,
        samples=samples,
        scalings=_shared_scalings(archive.shared, name),
        units=scaling.units,
    )


def _shared_scalings(shared: Properties, name: str) -> dict[str, Scaling]:
    """Return all calibrations of a channel that segments may refer to, by their number."""
    found = {}
    for key, value in shared.items():
        if key.startswith("lcd-info.") and key.endswith(".channel.name") and value == name:
            number = key.split(".")[1]
            own = {f"channel.{name}.lcd-info.*": number}
            found[number] = find_scaling(own, shared, name)
    return found


def _member_name(folder: str, number: int, segment: Properties, name: str) -> str:
    file = segment.get(f"channel.{name}.data.file.name", f"channels/{name}.dat")
    return f"{folder}segments/{number}/{file}"


def _style(archive: _Archive, segment: Properties) -> str:
    """Return what the segment was, such as extend, retract or pause."""
    own = ending(segment, ".segment-settings.style") or ending(segment, ".settings.style")
    if own:
        return own
    number = segment.get("force-segment-header.force-segment-header-info.*", "")
    return archive.shared.get(f"force-segment-header-info.{number}.settings.style") or "segment"


def _time_axis(segment: Properties, samples: int, start: float) -> Axis:
    duration = number_ending(segment, "force-segment-header.duration")
    points = finite_number(segment.get("force-segment-header.num-points", ""))
    if not duration or not points or duration < 0 or points < 1:
        return Axis(name="sample", size=samples)
    return Axis(
        name="time",
        size=samples,
        scale=duration / points,
        offset=start,
        units="s",
        role="signal",
    )
