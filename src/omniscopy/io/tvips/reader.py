"""Read series of a TVIPS camera: a header, then frames with a header of their own each."""

import datetime
import math
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.quantities import stated
from omniscopy.io.recorded import Part, Recorded
from omniscopy.io.records import Axis, Channel, Measurement, Variable
from omniscopy.io.tvips.arrays import Times
from omniscopy.io.tvips.header import (
    FRAME_FIELDS,
    Header,
    find_parts,
    frame_field,
    read_header,
)

_DIFFRACTION = 2
_KILOVOLTS = 1e3


def read(
    path: Path,
    *,
    partial: bool = False,
    scan_shape: tuple[int, int] | None = None,
    sync_offset: int | None = None,
) -> Measurement:
    """Read a series of frames of a TVIPS camera.

    Parameters
    ----------
    path : Path
        The first file (`..._000.tvips`); `..._001.tvips` and so on are found beside it.
    partial : bool
        Leave out a last frame that is cut short, and what comes after a file that is missing.
    scan_shape : (rows, columns), optional
        Of the scan, which the file does not know. Frames are placed by the rotator index of
        their headers where it counts, else one after another.
    sync_offset : int, optional
        Number of the frame at the first position of the scan, whatever the rotator index.

    Returns
    -------
    Measurement
        One channel, (frame, ky, kx) in diffraction and (frame, y, x) in imaging, with `time` and
        `rotator_index` of every frame beside it; (y, x, ky, kx) with a `scan_shape`. Positions
        without a frame are 0. The scale of a pixel in the specimen is not in the file.

    Raises
    ------
    FormatError
        A file is cut short or missing, or the shape of the scan makes no sense.
    """
    path = Path(path)
    header = read_header(path)
    parts, missing = find_parts(path, header, partial=partial)
    if not parts:
        message = "the series has no frame"
        raise FormatError(message, path=path, offset=header.fields["size"])
    count = sum(part.count for part in parts)
    first = _first_frame(parts[0])
    attrs = {"incomplete": {"missing_from": count, "reason": missing}} if missing else {}
    lead: tuple[int, ...] = (count,)
    numbers = None
    if scan_shape is not None:
        lead = _require_scan(path, scan_shape, count)
        numbers = _numbers(parts, header, math.prod(lead), sync_offset)
        without = numbers.count(-1)
        if without:
            reason = f"{without} positions of the scan have no frame"
            attrs = {"incomplete": {"missing_from": count, "reason": reason}}

    def recorded(name: str) -> Recorded:
        dtype, at = frame_field(name)
        return Recorded(tuple(parts), header.stride, at, (), dtype, lead, numbers)

    pixels = Recorded(
        tuple(parts), header.stride, header.before, header.shape, header.dtype, lead, numbers
    )
    start = first["seconds"], first["milliseconds"]
    times = Times(recorded("seconds"), recorded("milliseconds"), start)
    dims = ("frame",) if scan_shape is None else ("y", "x")
    inner = ("ky", "kx") if first["mode"] == _DIFFRACTION or scan_shape else ("y", "x")
    sizes = (*lead, *header.shape)
    channel = Channel(
        title=path.stem,
        data=pixels,
        axes=[Axis(name=n, size=size) for n, size in zip((*dims, *inner), sizes, strict=True)],
        quantity="intensity",
        units="counts",
        modality="4D-STEM" if scan_shape is not None else None,
        source="TVIPS",
        coordinates={
            "time": Variable(dims=dims, data=times, attrs={"units": "s", "quantity": "time"}),
            "rotator_index": Variable(dims=dims, data=recorded("rotator_index")),
        },
        metadata=_metadata(header, first),
        original_metadata={"header": header.fields, "first_frame": first},
        attrs=attrs,
    )
    return Measurement(channels=[channel])


def _first_frame(part: Part) -> dict[str, Any]:
    raw = np.memmap(part.path, np.uint8, "r", part.offset, (FRAME_FIELDS.itemsize,))
    record = np.frombuffer(raw.tobytes(), FRAME_FIELDS)[0]
    return {name: record[name].item() for name in FRAME_FIELDS.names or ()}


def _require_scan(path: Path, scan_shape: tuple[int, int], count: int) -> tuple[int, ...]:
    rows, columns = (int(size) for size in scan_shape)
    if rows < 1 or columns < 1 or rows * columns > 16 * count + 2**16:
        message = f"scan_shape {tuple(scan_shape)} makes no sense for {count} frames"
        raise FormatError(message, path=path)
    return rows, columns


def _numbers(
    parts: list[Part], header: Header, positions: int, sync_offset: int | None
) -> tuple[int, ...]:
    """Return the number of the frame at each position of a scan, -1 where there is none."""
    count = sum(part.count for part in parts)
    dtype, at = frame_field("rotator_index")
    index = Recorded(tuple(parts), header.stride, at, (), dtype, (count,))[(slice(None),)]
    follow = count == positions and bool((np.diff(index.astype(np.int64)) == 1).all())
    if sync_offset is not None or follow or not index.any():
        numbers = np.arange(positions) + (sync_offset or 0)
        numbers[(numbers < 0) | (numbers >= count)] = -1
        return tuple(numbers.tolist())
    # The index counts from 1; of several frames at a position the first one is taken.
    numbers = np.full(positions, -1, np.int64)
    place = index.astype(np.int64) - 1
    inside = np.flatnonzero((place >= 0) & (place < positions))[::-1]
    numbers[place[inside]] = inside
    return tuple(numbers.tolist())


def _metadata(header: Header, first: dict[str, Any]) -> dict[str, Any]:
    fields = header.fields
    moment = datetime.datetime.fromtimestamp(first["seconds"], datetime.UTC)
    moment += datetime.timedelta(milliseconds=min(first["milliseconds"], 10**9))
    return stated(
        {
            "started": moment.isoformat() if first["seconds"] else None,
            "instrument": {"vendor": "TVIPS"},
            "beam": {
                "voltage": fields["high_tension"] * _KILOVOLTS or None,
                "magnification": float(fields["magnification"]) or None,
                "mode": "diffraction" if first["mode"] == _DIFFRACTION else None,
            },
        }
    )
