"""Read Merlin frames: a text header and big-endian pixels, again and again."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Flipped
from omniscopy.io.errors import FormatError
from omniscopy.io.frames import FrameStream
from omniscopy.io.merlin.arrays import RawFrames
from omniscopy.io.merlin.headers import FrameHeader, parse_header, read_settings
from omniscopy.io.quantities import stated
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement

# Frames whose headers are looked at to find where the lines of a scan end.
_FRAMES_LOOKED_AT = 4096
_CELSIUS = 273.15
_FRAMES, _OF_A_LINE = "Frames in Acquisition (Number)", "Frames per Trigger (Number)"


def read(
    path: Path,
    *,
    partial: bool = False,
    scan_shape: tuple[int, int] | None = None,
    sync_offset: int = 0,
) -> Measurement:
    """Read the frames of a Merlin camera.

    Parameters
    ----------
    path : Path
        The file of frames (.mib); its settings (.hdr) are found beside it.
    partial : bool
        Leave out a last frame that is cut short.
    scan_shape : (rows, columns), optional
        Of the scan. Otherwise it is that of the settings, of triggers of whole lines too, or found
        by the pauses of the beam at the end of lines, where the frames have times; frames without
        a scan are a series. Frames that were taken while the beam flew back end the lines.
    sync_offset : int
        Number of the frame at the first position of the scan; below 0 where that many frames
        were missed before it.

    Returns
    -------
    Measurement
        One channel (y, x, ky, kx), (frame, ky, kx) or (ky, kx), as the camera shows it: with the
        first row of the file at the bottom. Positions without a frame are 0.

    Raises
    ------
    FormatError
        The file is cut short or its frames differ, or the shape of the scan makes no sense.
    """
    path = Path(path)
    settings = read_settings(path)
    with path.open("rb") as file:
        depth = settings.get("Counter Depth (number)", "")
        header = parse_header(path, file.read(4096), 0, stated_depth=depth)
    stride = header.size + header.frame_bytes
    count, rest = divmod(path.stat().st_size, stride)
    if not count or (rest and not partial):
        message = (
            f"frames of {stride} bytes do not fill the file: {rest} bytes are left after "
            f"{count} frames; the last one is cut short. partial=True leaves it out"
        )
        raise FormatError(message, path=path, offset=count * stride)
    scan = (
        _require_scan(path, scan_shape, count)
        or _stated_scan(settings, count)
        or _find_scan(path, header, count)
    )
    positions = scan or ((count,) if count > 1 else ())
    data, missing = _frames(path, header, count, positions, sync_offset)
    names = ("y", "x") if len(positions) == 2 else ("frame",) * len(positions)
    axes = [
        Axis(name=name, size=size)
        for name, size in zip((*names, "ky", "kx"), (*positions, *header.shape), strict=True)
    ]
    reason = f"{missing} positions of the scan have no frame"
    channel = Channel(
        title=path.stem,
        data=data,
        axes=axes,
        quantity="intensity",
        units="counts",
        modality="4D-STEM" if len(positions) == 2 else None,
        source=settings.get("Readout System") or "Merlin",
        metadata=_metadata(header, settings),
        original_metadata={"first_frame": header.fields, "settings": settings},
        attrs={"incomplete": {"missing_from": count, "reason": reason}} if missing else {},
    )
    return Measurement(channels=[channel])


def _frames(
    path: Path, header: FrameHeader, count: int, positions: tuple[int, ...], first: int
) -> tuple[LazyArray, int]:
    """Return the frames, and how many positions have none."""
    place = {"count": count, "before": header.size, "first": first}
    data: LazyArray
    if header.is_raw:
        stream = FrameStream(str(path), 0, positions, (header.frame_bytes,), "u1", **place)
        data = RawFrames(stream, header.shape, header.depth or 1, header.dtype)
    else:
        stream = FrameStream(str(path), 0, positions, header.shape, header.dtype, **place)
        data = stream
    return Flipped(data, (len(positions),)), stream.missing


def _require_scan(
    path: Path, scan_shape: tuple[int, int] | None, count: int
) -> tuple[int, int] | None:
    if scan_shape is None:
        return None
    rows, columns = (int(size) for size in scan_shape)
    if rows < 1 or columns < 1 or rows * columns > 16 * max(count, 1) + 2**16:
        message = f"scan_shape {tuple(scan_shape)} makes no sense for {count} frames"
        raise FormatError(message, path=path)
    return rows, columns


def _stated_scan(settings: Mapping[str, str], count: int) -> tuple[int, int] | None:
    """Return rows and columns of the settings, which frames that are missing do not change.

    A line may hold more frames than positions: those of the beam that flies back.
    """
    sizes = [settings.get(key, "") for key in ("ScanY", "ScanX", _FRAMES, _OF_A_LINE)]
    numbers = [int(size) if re.fullmatch(r"[1-9]\d{0,8}", size) else 0 for size in sizes]
    rows, columns, frames, of_a_line = numbers
    if not (rows and columns) and 1 < of_a_line < frames and frames % of_a_line == 0:
        # Each trigger started a line.
        rows, columns = frames // of_a_line, of_a_line
    if rows and columns and count % rows == 0 and columns < count // rows <= 1.25 * columns + 1:
        columns = count // rows
    known = 1 < count <= rows * columns < 16 * count
    return (rows, columns) if known else None


def _find_scan(path: Path, header: FrameHeader, count: int) -> tuple[int, int] | None:
    """Return rows and columns by the longer time between frames where a line ends."""
    if header.nanoseconds is None or count < 4:
        return None
    looked = min(count, _FRAMES_LOOKED_AT)
    heads = FrameStream(
        str(path), 0, (looked,), (header.size,), "u1", count=looked, after=header.frame_bytes
    )[slice(None), slice(None)]
    stride = header.size + header.frame_bytes
    times = [
        parse_header(path, head.tobytes(), number * stride).nanoseconds
        for number, head in enumerate(heads)
    ]
    if any(time is None for time in times):
        return None
    intervals = np.diff(np.array(times, np.int64)).astype(np.float64)
    usual = float(np.median(intervals))
    spread = float(np.median(np.abs(intervals - usual)))
    ends = np.flatnonzero(intervals - usual > max(20 * spread, 1000.0)) + 1
    if not len(ends) or count % ends[0]:
        return None
    columns = int(ends[0])
    expected = np.arange(columns, looked, columns)
    return (count // columns, columns) if np.array_equal(ends, expected) else None


def _metadata(header: FrameHeader, settings: Mapping[str, str]) -> dict[str, Any]:
    celsius = re.search(r"-?\d+(\.\d+)?", settings.get("Temperature (C)", ""))
    return stated(
        {
            "started": header.started,
            "instrument": {
                "vendor": "Quantum Detectors",
                "software": settings.get("Software Version"),
            },
            "detector": {
                "name": "Merlin",
                "exposure_time": header.exposure,
                "mode": next(
                    (text for key, text in settings.items() if key.startswith("Chip Mode")), None
                ),
                "temperature": None if celsius is None else float(celsius[0]) + _CELSIUS,
            },
        }
    )
