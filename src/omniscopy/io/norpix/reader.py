"""Read sequences of Norpix StreamPix: a header, then frames with their time behind each.

The layout is the one of the manual of StreamPix, as LiberTEM and PIMS read it too.
"""

import datetime
import math
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.norpix.arrays import MICROSECONDS, Times
from omniscopy.io.quantities import stated
from omniscopy.io.recorded import Part, Recorded
from omniscopy.io.records import Axis, Channel, Measurement, Variable

HEADER = np.dtype(
    [
        ("magic", "<u4"), ("name", "S24"), ("version", "<i4"), ("header_size", "<i4"),
        ("description", "S512"), ("width", "<u4"), ("height", "<u4"), ("bit_depth", "<u4"),
        ("bit_depth_real", "<u4"), ("image_size_bytes", "<u4"), ("image_format", "<u4"),
        ("allocated_frames", "<u4"), ("origin", "<u4"), ("true_image_size", "<u4"),
        ("suggested_frame_rate", "<f8"), ("description_format", "<i4"),
        ("reference_frame", "<u4"), ("fixed_size", "<u4"), ("flags", "<u4"),
        ("bayer_pattern", "<i4"), ("time_offset_us", "<i4"), ("extended_header_size", "<i4"),
        ("compression_format", "<u4"), ("reference_time_s", "<i4"),
        ("reference_time_ms", "<u2"), ("reference_time_us", "<u2"),
    ]
)  # fmt: skip
_FIRST_FRAME = {False: 1024, True: 8192}  # before and since version 5
_MONOCHROME = (0, 100)
_DTYPES: dict[int, np.dtype[Any]] = {8: np.dtype("u1"), 16: np.dtype("<u2")}
_LARGEST = 1 << 16


def read(
    path: Path,
    *,
    partial: bool = False,
    scan_shape: tuple[int, int] | None = None,
    sync_offset: int = 0,
) -> Measurement:
    """Read a sequence of frames of one component.

    Parameters
    ----------
    path : Path
        The `.seq` file.
    partial : bool
        Open the frames that are there where the file is cut short.
    scan_shape : (rows, columns), optional
        Of the scan, which the file does not know.
    sync_offset : int
        Number of the frame at the first position of the scan.

    Returns
    -------
    Measurement
        One channel, (frame, y, x), or (y, x, ky, kx) with a `scan_shape`, with the `time` of
        every frame in s since the first. Positions without a frame are 0.

    Raises
    ------
    FormatError
        The file is cut short or its header makes no sense.
    UnsupportedFormatError
        Frames are compressed or in colour.
    """
    path = Path(path)
    fields = _fields(path)
    start = _FIRST_FRAME[fields["version"] >= 5]
    count, attrs = _count(path, fields, start, partial=partial)
    dims: tuple[str, ...] = ("frame",)
    lead: tuple[int, ...] = (count,)
    numbers = None
    if scan_shape is not None:
        dims, lead = ("y", "x"), _require_scan(path, scan_shape, count)
        places = np.arange(math.prod(lead)) + sync_offset
        places[(places < 0) | (places >= count)] = -1
        numbers = tuple(places.tolist())
        without = numbers.count(-1)
        if without:
            reason = f"{without} positions of the scan have no frame"
            attrs = {"incomplete": {"missing_from": count, "reason": reason}}
    shape, dtype = (fields["height"], fields["width"]), _DTYPES[fields["bit_depth"]]

    def recorded(at: int, dtype: np.dtype[Any], field: tuple[int, ...] = ()) -> Recorded:
        part = Part(str(path), start, count)
        return Recorded((part,), fields["true_image_size"], at, field, dtype, lead, numbers)

    inner = ("ky", "kx") if scan_shape is not None else ("y", "x")
    stamp, began = _stamp(path, fields, start)
    coordinates = {}
    if stamp:
        parts = tuple(recorded(at, dtype) for at, dtype in stamp)
        coordinates["time"] = Variable(
            dims=dims, data=Times(parts, began), attrs={"units": "s", "quantity": "time"}
        )
    axes = zip((*dims, *inner), (*lead, *shape), strict=True)
    channel = Channel(
        title=path.stem,
        data=recorded(0, dtype, shape),
        axes=[Axis(name=name, size=size) for name, size in axes],
        quantity="intensity",
        units="counts",
        modality="4D-STEM" if scan_shape is not None else None,
        source="Norpix StreamPix",
        coordinates=coordinates,
        metadata=_metadata(fields, began),
        original_metadata={"header": fields},
        attrs=attrs,
    )
    return Measurement(channels=[channel])


def _fields(path: Path) -> dict[str, Any]:
    """Return the header, whose sizes make sense."""
    with path.open("rb") as file:
        raw = file.read(HEADER.itemsize)
    if len(raw) < HEADER.itemsize:
        message = f"the header needs {HEADER.itemsize} bytes, the file has {len(raw)}"
        raise FormatError(message, path=path, offset=0)
    record = np.frombuffer(raw, HEADER)[0]
    fields = {name: record[name].item() for name in HEADER.names or ()}
    for name in ("name", "description"):
        at = HEADER.fields[name][1] if HEADER.fields else 0
        text = raw[at : at + HEADER[name].itemsize].decode("utf-16-le", "replace")
        fields[name] = text.partition("\0")[0].strip()
    if not math.isfinite(fields["suggested_frame_rate"]):
        fields["suggested_frame_rate"] = None
    bits, kind = fields["bit_depth"], fields["image_format"]
    if fields["compression_format"]:
        message = f"frames are compressed (kind {fields['compression_format']})"
        raise UnsupportedFormatError(message, path=path)
    if bits not in _DTYPES or kind not in _MONOCHROME:
        message = f"frames of {bits} bits and image format {kind} are not of one component"
        raise UnsupportedFormatError(message, path=path)
    rows, columns, stride = fields["height"], fields["width"], fields["true_image_size"]
    length = rows * columns * bits // 8
    if not (0 < rows <= _LARGEST and 0 < columns <= _LARGEST and length <= stride):
        message = f"frames of {rows} x {columns} pixels do not fit into {stride} bytes"
        raise FormatError(message, path=path, offset=0)
    return fields


def _count(
    path: Path, fields: dict[str, Any], start: int, *, partial: bool
) -> tuple[int, dict[str, Any]]:
    """Return the number of frames; a recording that was broken off does not state it."""
    there = max(path.stat().st_size - start, 0) // fields["true_image_size"]
    wanted = fields["allocated_frames"] or there
    if wanted <= there and wanted:
        return wanted, {}
    if not (partial and there):
        message = f"the header states {wanted} frames, the file has {there}"
        raise FormatError(message, path=path, offset=start)
    reason = f"{wanted - there} of {wanted} frames are missing at the end"
    return there, {"incomplete": {"missing_from": there, "reason": reason}}


def _require_scan(path: Path, scan_shape: tuple[int, int], count: int) -> tuple[int, int]:
    rows, columns = (int(size) for size in scan_shape)
    if rows < 1 or columns < 1 or rows * columns > 16 * count + _LARGEST:
        message = f"scan_shape {tuple(scan_shape)} makes no sense for {count} frames"
        raise FormatError(message, path=path)
    return rows, columns


def _stamp(
    path: Path, fields: dict[str, Any], start: int
) -> tuple[list[tuple[int, np.dtype[Any]]], int]:
    """Return where the parts of a time are in a frame, and the first time in µs since 1970."""
    at = fields["image_size_bytes"]
    small: np.dtype[Any] = np.dtype("<u2")
    stamp: list[tuple[int, np.dtype[Any]]] = [(at, np.dtype("<u4")), (at + 4, small)]
    if start == _FIRST_FRAME[True]:
        stamp.append((at + 6, small))
    end = stamp[-1][0] + small.itemsize
    least = fields["height"] * fields["width"] * fields["bit_depth"] // 8
    if not least <= at <= end <= fields["true_image_size"]:
        return [], 0
    with path.open("rb") as file:
        file.seek(start + at)
        raw = file.read(end - at)
    found = [np.frombuffer(raw, dtype, 1, place - at)[0].item() for place, dtype in stamp]
    return stamp, sum(map(int.__mul__, found, MICROSECONDS))


def _metadata(fields: dict[str, Any], began: int) -> dict[str, Any]:
    moment = datetime.datetime.fromtimestamp(0, datetime.UTC)
    moment += datetime.timedelta(microseconds=began)
    return stated(
        {
            "started": moment.isoformat() if began else None,
            "comment": fields["description"] or None,
            "instrument": {"software": "Norpix StreamPix"},
        }
    )
