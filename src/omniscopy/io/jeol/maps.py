"""EDS maps: settings in a tree of tags, then the stream of events."""

import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Mapped
from omniscopy.io.errors import FormatError
from omniscopy.io.jeol.calibration import microscopy, scan_axes
from omniscopy.io.jeol.events import CHANNELS, EventImage, EventMap, find_marks
from omniscopy.io.jeol.tags import Tag, moment_of, parse_tags
from omniscopy.io.quantities import stated
from omniscopy.io.records import Axis, Channel
from omniscopy.io.spectrum_images import energy_axis

# Place and bytes of the tree, place and bytes of the stream, days of the clock at the start.
_HEAD = struct.Struct("<20x4I260xd")
_LARGEST_TREE = 1 << 26
_SIZES = range(1, 4097)
_DATA = ("EDS Data", "PTTD Data")
_MEASURED = "AnalyzableMap MeasData"
_PARAMETERS = ("PTTD Param", "Params")


@dataclass(frozen=True)
class MapOptions:
    """What of a map is read, and how."""

    rebin_energy: int = 1
    sum_frames: bool = False
    frames: tuple[int, int] | None = None


@dataclass(frozen=True)
class _Place:
    """Where things are in a file, and how many bytes of the stream are missing."""

    path: Path
    tree: Tag
    started: str | None
    offset: int
    words: int
    missing: int


def read_map(path: Path, options: MapOptions, *, partial: bool) -> list[Channel]:
    """Return the spectrum image in a file, and the spectrum that was saved with it.

    Raises
    ------
    FormatError
        The file is cut short or damaged, or has no such frames.
    """
    place = _find(path, partial=partial)
    scan = _scan(place)
    marks = find_marks(str(path), place.offset, place.words, scan[0])
    first, stop = options.frames or (0, marks.count)
    stop = min(stop, marks.count)
    if first >= stop:
        message = f"there are {marks.count} frames in the stream, none of {options.frames}"
        raise FormatError(message, path=path, offset=place.offset)
    summed = options.sum_frames or stop - first == 1
    handle = EventMap(
        str(path), place.offset, place.words, scan, (first, stop), options.rebin_energy, summed
    )
    metadata = _metadata(place, scan)
    axes: list[Axis] = [
        *scan_axes(scan, _step(place.tree, scan[1])),
        energy_axis(CHANNELS, _line(place.tree, of_events=True), options.rebin_energy),
    ]
    if not summed:
        axes.insert(0, _frame_axis(stop - first, metadata))
    attrs: dict[str, Any] = {}
    if place.missing:
        reason = f"the last {place.missing} bytes of the stream are missing"
        attrs["incomplete"] = {"missing_from": marks.count - 1, "reason": reason}
    channel = Channel(
        title=f"EDS {path.stem}",
        data=handle,
        axes=axes,
        quantity="intensity",
        units="counts",
        modality="EDS",
        source=_model(place.tree) or "JEOL",
        metadata=metadata,
        original_metadata=place.tree.described() or {},
        attrs=attrs,
    )
    images = []
    if marks.has_images:
        seen = EventImage(str(path), place.offset, place.words, scan, (first, stop), summed)
        title = f"Image {path.stem}"
        images = [
            replace(channel, title=title, data=seen, axes=axes[:-1], units=None, modality=None)
        ]
    return [channel, *images, *_sum(place, metadata)]


def _find(path: Path, *, partial: bool) -> _Place:
    with path.open("rb") as file:
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            message = f"a map starts with {_HEAD.size} bytes, {len(head)} are there"
            raise FormatError(message, path=path, offset=0)
        tags_at, tags_bytes, offset, size, days = _HEAD.unpack(head)
        file.seek(0)
        raw = file.read(min(tags_at + tags_bytes, _LARGEST_TREE))
    there = max(path.stat().st_size - offset, 0)
    if offset % 2 or not _HEAD.size <= offset or (there < size and not partial):
        message = (
            f"a stream of {size} bytes is said, {there} are there; the file is cut short or "
            "damaged; partial=True reads what there is"
        )
        raise FormatError(message, path=path, offset=offset)
    tree = parse_tags(raw, tags_at, len(raw))
    return _Place(path, tree, moment_of(days), offset, min(size, there) // 2, max(size - there, 0))


def _scan(place: _Place) -> tuple[int, int]:
    """Return rows and columns of the scan."""
    for group in _DATA:
        text = place.tree.text(group, _MEASURED, "Meas Cond", "Pixels")
        columns, _, rows = text.partition("x")
        if columns.isdecimal() and rows.isdecimal():
            scan = int(rows), int(columns)
            if scan[0] in _SIZES and scan[1] in _SIZES:
                return scan
    message = "the tags do not say how many pixels the scan has; the file is damaged"
    raise FormatError(message, path=place.path, key="Meas Cond/Pixels")


def _measured(tree: Tag, *names: str) -> float | None:
    """Return a number of the measurement, from the first group that has it."""
    for group in _DATA:
        value = tree.number(group, _MEASURED, *names)
        if value is not None:
            return value
    return None


def _line(tree: Tag, *, of_events: bool) -> tuple[float, float] | None:
    """Return width and start of the channels in keV; events have some before zero energy."""
    width, start = _measured(tree, "Doc", "CoefA"), _measured(tree, "Doc", "CoefB")
    if not width or width <= 0:
        return None
    template = next(
        (text for group in _DATA if (text := tree.text(group, _MEASURED, "Meas Cond", "Tpl"))), ""
    )
    before = tree.number(*_PARAMETERS, "PARAMPAGE1", "Tpl", template, "DigZ") or 0.0
    return width, (start or 0.0) - (before * width if of_events else 0.0)


def _step(tree: Tag, columns: int) -> float | None:
    """Return the size of a pixel in µm: the width of the picture in mm over the magnification."""
    width = tree.number(*_PARAMETERS, "PARAMPAGE0", "ScanSize")
    magnification = _measured(tree, "MeasCond", "Mag")
    if not width or not magnification or min(width, magnification) <= 0:
        return None
    return width * 1e3 / magnification / columns


def _frame_axis(count: int, metadata: dict[str, Any]) -> Axis:
    interval = metadata.get("scan", {}).get("frame_time")
    if interval is None:
        return Axis(name="frame", size=count)
    return Axis(name="time", size=count, scale=interval, units="s")


def _model(tree: Tag) -> str:
    return tree.text(*_PARAMETERS, "PARAMPAGE0", "SEM")


def _metadata(place: _Place, scan: tuple[int, int]) -> dict[str, Any]:
    tree = place.tree
    dwell, line = _measured(tree, "Doc", "DwellTime(msec)"), _line(tree, of_events=True)
    kilovolts, nanoamperes = (_measured(tree, "MeasCond", key) for key in ("AccKV", "AccNA"))
    return stated(
        {
            "technique": "EDS",
            "started": place.started,
            "instrument": {"vendor": "JEOL", "model": _model(tree)},
            "beam": {
                "voltage": kilovolts * 1e3 if kilovolts else None,
                "current": nanoamperes * 1e-9 if nanoamperes else None,
                "magnification": _measured(tree, "MeasCond", "Mag") or None,
                "mode": microscopy(_model(tree)),
            },
            "detector": {
                "name": tree.text(*_PARAMETERS, "PARAMPAGE0", "DetT"),
                "live_time": _measured(tree, "Doc", "LiveTime"),
                "real_time": _measured(tree, "Doc", "RealTime"),
                "dispersion": line[0] * 1e3 if line else None,
            },
            "scan": {
                "dwell_time": dwell * 1e-3 if dwell else None,
                "frame_time": dwell * 1e-3 * scan[0] * scan[1] if dwell and dwell > 0 else None,
            },
        }
    )


def _sum(place: _Place, metadata: dict[str, Any]) -> list[Channel]:
    """Return the spectrum that the program kept beside the events."""
    tag = place.tree.find("EDS Data", _MEASURED, "Data", "EDXRF")
    if tag is None or tag.size < 4 or tag.size % 4:
        return []
    channels = tag.size // 4
    return [
        Channel(
            title=f"EDS {place.path.stem} sum",
            data=Mapped(str(place.path), tag.offset, (channels,), np.dtype("<i4")),
            axes=[energy_axis(channels, _line(place.tree, of_events=False))],
            quantity="intensity",
            units="counts",
            modality="EDS",
            source=_model(place.tree) or "JEOL",
            metadata=metadata,
        )
    ]
