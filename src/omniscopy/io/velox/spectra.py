"""EDS in Velox files: spectra, and the streams that spectrum images are counted from."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from omniscopy.io.arrays import Hdf5Array, Transposed
from omniscopy.io.errors import FormatError
from omniscopy.io.records import Axis, Channel, LazyArray
from omniscopy.io.spectrum_images import energy_axis
from omniscopy.io.storage.hdf5 import linked
from omniscopy.io.velox import metadata as meta
from omniscopy.io.velox.arrays import OneFrame
from omniscopy.io.velox.container import (
    read_frame_json,
    read_json,
    require_stored,
)

_MOST_FRAMES = 1 << 20
_KILO = 1e-3


def read_spectrum(group: Any, title: str | None, application: str | None) -> Channel | None:
    """Return the spectrum of a group, `None` where it holds none."""
    data = linked(group, "Data")
    if getattr(data, "ndim", 0) != 2 or data.dtype.kind not in "iuf" or min(data.shape) == 0:
        return None
    require_stored(data)
    channels, frames = data.shape
    tree = read_frame_json(group, 0)
    stored = Hdf5Array.of(data)
    handle: LazyArray = OneFrame(stored) if frames == 1 else Transposed(stored, (1, 0))
    before = [] if frames == 1 else [Axis(name="frame", size=frames)]
    axes = [*before, _energy_axis(tree, channels)]
    return _channel(handle, axes, tree, title or _title(group, tree), application)


def read_stream(
    group: Any,
    title: str | None,
    application: str | None,
    images: Sequence[Channel],
    *,
    rebin: int,
    sum_frames: bool,
    frames: tuple[int, int] | None,
) -> Channel | None:
    """Return the spectrum image of a stream, `None` where the beam did not scan."""
    from omniscopy.io.velox.streams import EventStream

    data = linked(group, "Data")
    if getattr(data, "ndim", 0) != 2 or data.dtype != np.uint16 or data.shape[1] != 1:
        return None
    settings, tree = read_json(group, "AcquisitionSettings"), read_frame_json(group, 0)
    scan, channels = _scan(settings, tree), _whole(meta.number(settings, "bincount"))
    if scan is None or not channels:
        return None
    if scan[0] * scan[1] > data.shape[0] + 1 or channels > 65535:
        message = f"a scan of {scan} pixels cannot be in a stream of {data.shape[0]} events"
        raise FormatError(message, path=data.file.filename, key=data.name)
    require_stored(data)
    starts = _starts(group, data, scan)
    if frames is not None:
        starts = starts[frames[0] : frames[1] + 1]
    if len(starts) < 2:
        message = f"frames {frames} are not among those of the stream"
        raise FormatError(message, path=data.file.filename, key=data.name)
    handle = EventStream(
        path=data.file.filename, key=data.name, starts=tuple(starts), scan=scan,
        channels=channels, rebin=rebin, summed=sum_frames or len(starts) == 2,
        dtype=np.dtype(np.uint32 if sum_frames else np.uint16),
    )  # fmt: skip
    axes = [*_scan_axes(scan, images), _energy_axis(tree, channels, rebin)]
    if not handle.summed:
        axes.insert(0, _frame_axis(tree, len(starts) - 1))
    return _channel(handle, axes, tree, title or _title(group, tree), application)


def _title(group: Any, tree: Mapping[str, Any]) -> str:
    return f"EDS {meta.text(tree, 'BinaryResult.Detector') or group.name[-4:]}"


def _channel(
    handle: LazyArray,
    axes: list[Axis],
    tree: Mapping[str, Any],
    title: str,
    application: str | None,
) -> Channel:
    return Channel(
        title=title,
        data=handle,
        axes=axes,
        quantity="intensity",
        units="counts",
        modality="EDS",
        source=meta.source(tree),
        metadata=meta.common_metadata(tree, application),
        original_metadata=tree,
    )


def _frame_axis(tree: Mapping[str, Any], count: int) -> Axis:
    interval = meta.number(tree, "Scan.FrameTime")
    if not interval or interval < 0:
        return Axis(name="frame", size=count)
    return Axis(name="time", size=count, scale=interval, units="s")


def _energy_axis(tree: Mapping[str, Any], channels: int, rebin: int = 1) -> Axis:
    """Return the axis in keV by the width and the first energy of the detector."""
    detector = meta.detector_of(tree)
    width, start = meta.number(detector, "Dispersion"), meta.number(detector, "OffsetEnergy")
    known = width is not None and width > 0
    line = (width * _KILO, (start or 0.0) * _KILO) if known and width is not None else None
    return energy_axis(channels, line, rebin)


def _scan(settings: Mapping[str, Any], tree: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return rows and columns of the scan, `None` where there was none."""
    for source, rows, columns in (
        (settings, "RasterScanDefinition.Height", "RasterScanDefinition.Width"),
        (tree, "Scan.ScanSize.height", "Scan.ScanSize.width"),
    ):
        found = _whole(meta.number(source, rows)), _whole(meta.number(source, columns))
        if found[0] and found[1]:
            return found[0], found[1]
    return None


def _starts(group: Any, data: Any, scan: tuple[int, int]) -> list[int]:
    """Return where frames start in the stream, and where the last one ends."""
    table = linked(group, "FrameLocationTable")
    size = int(data.shape[0])
    if table is not None and table.dtype.kind in "iu" and 0 < table.size <= _MOST_FRAMES:
        require_stored(table)
        starts = np.unique(np.append(table[()].ravel().astype(np.int64), 0))
        if starts[0] >= 0 and starts[-1] <= size:
            return [*(starts[starts < size]).tolist(), size]
    from omniscopy.io.velox.events import open_events
    from omniscopy.io.velox.streams import find_marks

    # Without a table, frames are as many marks as there are pixels.
    pixels = math.prod(scan)
    ends = np.full(min(size // pixels, _MOST_FRAMES) + 2, -1, np.int64)
    ends[0] = 0
    with open_events(data.file.filename, data.name) as stream:
        find_marks(stream.parts(0, size), (0, size), pixels, ends)
    found = ends[ends >= 0].tolist()
    return [*(each for each in found if each < size), size]


def _scan_axes(scan: tuple[int, int], images: Sequence[Channel]) -> list[Axis]:
    """Return the axes of the scan: those of an image that was taken with it."""
    for image in images:
        axes = list(image.axes[-2:])
        if tuple(axis.size for axis in axes) == scan and [a.name for a in axes] == ["y", "x"]:
            return axes
    return [Axis(name="y", size=scan[0]), Axis(name="x", size=scan[1])]


def _whole(value: float | None) -> int | None:
    return int(value) if value is not None and 0 < value < 2**31 and value == int(value) else None
