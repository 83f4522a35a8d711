"""Spectra in Velox files, EELS spectrum images, and the streams that those of EDS come from."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
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
_LOSSES = "AcquisitionMetadata"
_SIDES = ("top", "bottom", "left", "right")
_NEXT_PIXEL = 65535
# Events of the first frame that are looked at to tell sizes of the scan apart.
_MOST_LOOKED_AT = 1 << 22


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
    losses = read_frame_json(group, 0, name=_LOSSES)
    if losses or _is_eels(tree):
        return _eels_channel(handle, before, (tree, losses), title, application)
    axes = [*before, _energy_axis(tree, channels)]
    return _channel(handle, axes, tree, title or _title(group, tree), application)


def read_eels_image(
    group: Any, title: str | None, application: str | None, images: Sequence[Channel]
) -> Channel | None:
    """Return an EELS spectrum image, `None` where the group holds none.

    It is stored as (x, energy, y); each row has a text of its own, with the energies.
    """
    data = linked(group, "Data")
    if getattr(data, "ndim", 0) != 3 or data.dtype.kind not in "iuf" or min(data.shape) == 0:
        return None
    require_stored(data)
    columns, _, rows = data.shape
    texts = read_frame_json(group, 0), read_frame_json(group, 0, name=_LOSSES)
    handle = Transposed(Hdf5Array.of(data), (2, 0, 1))
    axes = _scan_axes((rows, columns), images)
    return _eels_channel(handle, axes, texts, title, application)


def _is_eels(tree: Mapping[str, Any]) -> bool:
    return "EELS" in (meta.text(tree, "BinaryResult.Detector") or "").upper()


def _eels_channel(
    handle: LazyArray,
    before: Sequence[Axis],
    texts: tuple[Mapping[str, Any], Mapping[str, Any]],
    title: str | None,
    application: str | None,
) -> Channel:
    """Return a spectrum, or an image of spectra, by the texts of the image and of the filter."""
    tree, losses = texts
    width, start = (meta.number(losses, f"Data.{key}") for key in ("dispersion", "offset"))
    known = width is not None and width > 0
    form: dict[str, Any] = {"scale": width, "offset": start or 0.0, "units": "eV"} if known else {}
    metadata = meta.common_metadata(tree, application)
    metadata["detector"] = {
        **metadata.get("detector", {}),
        **meta.of_the_filter(tree, losses),
        **({"dispersion": width} if known else {}),
    }
    return Channel(
        title=title or meta.text(tree, "BinaryResult.Detector") or "EELS",
        data=handle,
        axes=[*before, Axis(name="energy_loss", size=handle.shape[-1], **form)],
        quantity="intensity",
        units="counts",
        modality="EELS",
        source=meta.source(tree),
        metadata=metadata,
        original_metadata={**tree, "AcquisitionMetadata": losses} if losses else tree,
    )


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
    channels = _whole(meta.number(settings, "bincount"))
    scans = _scans(settings, tree, images)
    if not scans or not channels:
        return None
    fitting = [each for each in scans if each[0] * each[1] <= data.shape[0] + 1]
    if not fitting or channels > 65535:
        message = f"a scan of {scans[0]} pixels cannot be in a stream of {data.shape[0]} events"
        raise FormatError(message, path=data.file.filename, key=data.name)
    require_stored(data)
    table = _table(group, int(data.shape[0]))
    scan = _right_one(fitting, data, table)
    starts, reason = (table, None) if table else _starts(data, scan)
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
    channel = _channel(handle, axes, tree, title or _title(group, tree), application)
    if reason is not None and frames is None:
        attrs = {"incomplete": {"missing_from": None, "reason": reason}}
        channel = replace(channel, attrs=attrs)
    return channel


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


def _scans(
    settings: Mapping[str, Any], tree: Mapping[str, Any], images: Sequence[Channel]
) -> list[tuple[int, int]]:
    """Return rows and columns that the scan may have, none where the beam did not scan.

    What is stated is the whole raster, of which the part within the scanned area was measured.
    """
    whole = [
        (rows, columns)
        for source, path, names in (
            (tree, "Scan.ScanSize", ("height", "width")),
            (settings, "RasterScanDefinition", ("Height", "Width")),
        )
        if (rows := _whole(meta.number(source, f"{path}.{names[0]}")))
        and (columns := _whole(meta.number(source, f"{path}.{names[1]}")))
    ]
    if not whole:
        return []
    sides = [meta.number(tree, f"Scan.ScanArea.{side}") for side in _SIDES]
    top, bottom, left, right = (0.0 if side is None else side for side in sides)
    parts = []
    if None not in sides and 0 <= top < bottom <= 1 and 0 <= left < right <= 1:
        rows, columns = whole[0]
        parts = [(round(rows * (bottom - top)), round(columns * (right - left)))]
    planes = [image.axes[-2:] for image in images]
    shown = [(y.size, x.size) for y, x in planes if (y.name, x.name) == ("y", "x")]
    return [each for each in dict.fromkeys([*parts, *whole[::-1], *shown]) if min(each) > 0]


def _right_one(
    scans: Sequence[tuple[int, int]], data: Any, starts: Sequence[int]
) -> tuple[int, int]:
    """Return the first size that has as many pixels as the first frame of the stream has marks."""
    if len(scans) == 1 or len(starts) < 2 or starts[1] > _MOST_LOOKED_AT:
        return scans[0]
    marks = int(np.count_nonzero(data[: starts[1], 0] == _NEXT_PIXEL))
    return next((each for each in scans if each[0] * each[1] == marks), scans[0])


def _table(group: Any, size: int) -> list[int]:
    """Return where frames start by the table of the file, and where the last one ends."""
    table = linked(group, "FrameLocationTable")
    if table is None or table.dtype.kind not in "iu" or not 0 < table.size <= _MOST_FRAMES:
        return []
    require_stored(table)
    starts = np.unique(np.append(table[()].ravel().astype(np.int64), 0))
    if starts[0] < 0 or starts[-1] > size:
        return []
    return [*(starts[starts < size]).tolist(), size]


def _starts(data: Any, scan: tuple[int, int]) -> tuple[list[int], str | None]:
    """Return where frames start without a table, and what the last one lacks.

    Frames are as many marks as there are pixels.
    """
    from omniscopy.io.velox.events import open_events
    from omniscopy.io.velox.streams import find_marks

    size, pixels = int(data.shape[0]), math.prod(scan)
    ends = np.full(min(size // pixels, _MOST_FRAMES) + 2, -1, np.int64)
    ends[0] = 0
    with open_events(data.file.filename, data.name) as stream:
        find_marks(stream.parts(0, size), (0, size), pixels, ends)
    found = [each for each in ends[ends >= 0].tolist() if each < size]
    is_mark = data[found[-1] :, 0] == _NEXT_PIXEL
    if not is_mark.any() and len(found) > 1:
        # What was counted after the last pixel belongs to none.
        return found, None
    lacking = pixels - int(np.count_nonzero(is_mark)) - (not is_mark[-1])
    reason = f"the last frame lacks {lacking} of {pixels} pixels" if lacking else None
    return [*found, size], reason


def _scan_axes(scan: tuple[int, int], images: Sequence[Channel]) -> list[Axis]:
    """Return the axes of the scan: those of an image that was taken with it."""
    for image in images:
        axes = list(image.axes[-2:])
        if tuple(axis.size for axis in axes) == scan and [a.name for a in axes] == ["y", "x"]:
            return axes
    return [Axis(name="y", size=scan[0]), Axis(name="x", size=scan[1])]


def _whole(value: float | None) -> int | None:
    return int(value) if value is not None and 0 < value < 2**31 and value == int(value) else None
