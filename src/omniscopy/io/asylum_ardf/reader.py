"""Read ARDF files of Asylum Research: force maps as they were measured, and their images.

The layout is that on which several public readers agree (M. Poss, *ARDF to Matlab*, MATLAB
Central File Exchange 80212, and others). What is aligned, flipped and named is so as in the
HDF5 files that the maker's converter makes of them (`omniscopy.io.asylum_hdf5`).
"""

import math
import struct
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.asylum_ardf.arrays import Curves, Image
from omniscopy.io.asylum_ardf.entries import HEAD, Bytes, decoded
from omniscopy.io.asylum_ardf.volumes import Pass, Step, Volume, read_volume
from omniscopy.io.errors import FormatError
from omniscopy.io.igor import asylum
from omniscopy.io.igor.note import number, parse_note
from omniscopy.io.quantities import known_units
from omniscopy.io.records import Axis, Channel, Measurement, Variable
from omniscopy.model.units import spell

_IMAGE = struct.Struct("<IIQQdd32s32s32s32s")
_POINTER = struct.Struct("<Q")
_CONTENTS = ("IMAG", "VOLM", "NEXT", "NSET", "THMB")


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - tables tell all
    """Read an ARDF file.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Makes no difference: lines of a map that was stopped are NaN and marked either way, and a
        file that is cut short has lost what its tables name.

    Returns
    -------
    Measurement
        A channel for each quantity of a force map, (y, x, time): time is 0 where the ramp turns,
        and curves that are shorter than others are NaN there. The height of the probe is the
        coordinate `z`. Images are (y, x); row 0 is on top.

    Raises
    ------
    FormatError
        A checksum is wrong, or a table names what is not there.
    """
    path = Path(path)
    file = Bytes(path)
    file.entry(0, "ARDF")
    entries, at = file.listed(HEAD, "FTOC", *_CONTENTS)
    notes, _ = file.texts(at)
    settings, remarks = parse_note("\n".join(notes))
    channels: list[Channel] = []
    for entry in entries:
        (place,) = file.numbers(entry, _POINTER)
        if entry.kind == "IMAG":
            channels.append(_image(file, place, settings))
        elif entry.kind == "VOLM":
            channels += _volume(file, read_volume(file, place), settings)
    return Measurement(
        channels=channels,
        metadata=asylum.common_metadata(settings),
        original_metadata={"note": settings} | ({"remarks": remarks} if remarks else {}),
    )


def _image(file: Bytes, offset: int, settings: dict[str, Any]) -> Channel:
    _, at = file.table(offset, "IMAG")
    notes, at = file.texts(at)
    definition = file.entry(at, "IDEF")
    points, lines, _, _, *sizes, x, y, name, units = file.numbers(definition, _IMAGE)
    rows, stop = file.table(definition.stop, "IBOX")
    file.entry(stop, "GAMI")
    if len(rows) != lines or rows.step != HEAD + 4 * points or not lines or not points:
        message = (
            f"an image of {lines} lines of {points} points has {len(rows)} of {rows.step} bytes"
        )
        raise FormatError(message, path=file.path, offset=definition.stop)
    offsets = []
    for row in rows:
        # Lines of an image that was stopped are left empty, with their heads.
        there = any(file.take(row, HEAD))
        offsets.append(row if there else -1)
    missing = offsets.count(-1)
    own, _ = parse_note("\n".join(notes))
    steps = [Step(size, decoded(unit)) for size, unit in zip(sizes, (x, y), strict=True)]
    return _channel(
        settings,
        decoded(name),
        decoded(units),
        data=Image(str(file.path), tuple(offsets[::-1]), points),
        axes=_plane(steps, (lines, points)),
        attrs=_incomplete(missing, lines, "lines"),
        original_metadata={"note": own} if own else {},
    )


def _volume(file: Bytes, volume: Volume, settings: dict[str, Any]) -> list[Channel]:
    channels = []
    for each in volume.passes:
        channels += _pass_channels(file, volume, each, settings)
    return channels


def _pass_channels(
    file: Bytes, volume: Volume, found: Pass, settings: dict[str, Any]
) -> list[Channel]:
    """Return a channel for each quantity of one pass, aligned where the ramp turns."""
    lines, points = volume.shape
    # Row 0 is on top, line 0 at the bottom.
    lengths, segments = found.lengths[::-1], found.segments[::-1]
    numbers = np.arange(lines)[::-1]
    turns = np.where((segments[..., 1] > 0) & (segments[..., 1] <= lengths), segments[..., 1], 0)
    turn = int(turns.max())
    starts = turn - turns
    samples = int((starts + lengths).max())
    if samples == 0 or samples * 4 > file.size:
        message = f"a force map of {samples} samples cannot be in a file of {file.size} bytes"
        raise FormatError(message, path=file.path, key="VOLM")
    handles = [
        Curves(
            str(file.path), channel, found.offsets[channel][::-1], lengths, starts, numbers, samples
        )
        for channel in range(len(volume.channels))
    ]
    labels = [label for label, _ in volume.channels]
    ending = ("Retrace" if found.is_retrace else "Trace") if len(volume.passes) > 1 else ""
    time = _time(volume.steps[2], samples, turn, settings)
    dims = ("y", "x", time.name)
    coordinates = {}
    height = asylum.height_label(labels)
    if height is not None:
        which = labels.index(height)
        quantity, units = asylum.describe_label(height, settings)
        attrs = {"long_name": height, "quantity": quantity, "units": units}
        coordinates["z"] = Variable(dims=dims, data=handles[which], attrs=attrs)
    variables = {
        "points": Variable(dims=("y", "x"), data=lengths.copy(), attrs={"units": "1"}),
        **_segment_ends(volume.segments, starts, lengths, segments),
    }
    missing = int((found.offsets[0] < 0).sum())
    return [
        _channel(
            settings,
            f"{label}{ending}",
            units,
            data=handle,
            axes=[*_plane(volume.steps[:2], (lines, points)), time],
            coordinates=coordinates,
            variables=variables,
            attrs=_incomplete(missing, lines * points, "curves"),
            original_metadata={"segments": volume.segments} if volume.segments else {},
        )
        for (label, units), handle in zip(volume.channels, handles, strict=True)
    ]


def _segment_ends(
    names: list[str], starts: np.ndarray, lengths: np.ndarray, segments: np.ndarray
) -> dict[str, Variable]:
    """Return the last sample of each segment: one before the next, or the last of all."""
    found = {}
    for place, name in enumerate(names[: segments.shape[-1]]):
        begins = segments[..., place + 1] if place + 1 < len(names) else lengths
        ends = starts + np.clip(begins, 0, lengths) - 1
        key = f"end_of_{name.lower()}"
        attrs = {"units": "1", "long_name": f"last sample of {name}"}
        found[key] = Variable(dims=("y", "x"), data=ends, attrs=attrs)
    return found


def _channel(settings: dict[str, Any], title: str, units: str, **given: Any) -> Channel:
    quantity, usual = asylum.describe_label(title.removeprefix("Map"), settings)
    direction = asylum.scan_direction(title)
    return Channel(
        title=title,
        quantity=quantity,
        units=known_units(spell(units) if units else usual),
        modality="AFM",
        source="Asylum Research",
        metadata={"scan": {"direction": direction}} if direction else {},
        **given,
    )


def _incomplete(missing: int, count: int, what: str) -> dict[str, Any]:
    if not missing:
        return {}
    reason = f"{missing} of {count} {what} were not measured"
    return {"incomplete": {"missing_from": None, "reason": reason}}


def _plane(steps: list[Step], shape: tuple[int, ...]) -> list[Axis]:
    """Return the axes y and x, from the top-left corner; the file states those of x first."""
    axes = []
    for name, step, size in zip("yx", steps[::-1], shape, strict=True):
        if step.size > 0 and math.isfinite(step.size) and known_units(step.units):
            axes.append(Axis(name=name, size=size, scale=step.size, units=known_units(step.units)))
        else:
            axes.append(Axis(name=name, size=size))
    return axes


def _time(step: Step, samples: int, turn: int, settings: dict[str, Any]) -> Axis:
    rate = number(settings, "NumPtsPerSec") or 0.0
    interval = step.size if step.units == "s" and step.size > 0 else 1 / rate if rate > 0 else 0.0
    if interval <= 0 or not math.isfinite(interval):
        return Axis(name="sample", size=samples, offset=-turn)
    return Axis(
        name="time", size=samples, scale=interval, offset=-turn * interval, units="s", role="signal"
    )
