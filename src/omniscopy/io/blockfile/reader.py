"""Read block files: an image of the scan, and a pattern at each of its pixels."""

import math
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.array_notes import NOTE_MARK, restore_array
from omniscopy.io.arrays import Mapped
from omniscopy.io.blockfile.header import (
    CAMERA_LENGTHS_PER_METRE,
    PATTERN_HEAD,
    Header,
    read_header,
)
from omniscopy.io.errors import FormatError
from omniscopy.io.frames import FrameStream
from omniscopy.io.records import Axis, Channel, Measurement

_EPOCH = datetime(1899, 12, 30)


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Read a block file of NanoMEGAS.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Read a file that is cut short: patterns that are missing are 0.

    Returns
    -------
    Measurement
        Patterns (y, x, ky, kx), with the detector in cm where the file has its scale, and the
        virtual image (y, x) that the program showed.

    Raises
    ------
    FormatError
        The file is cut short or its header is damaged.
    """
    path = Path(path)
    header = read_header(path)
    patterns, incomplete = _patterns(path, header, partial=partial)
    scan = [_scan_axis(header, "y"), _scan_axis(header, "x")]
    detector = [_detector_axis(header, "ky"), _detector_axis(header, "kx")]
    channels = [
        Channel(
            title="Diffraction patterns",
            data=patterns,
            axes=[*scan, *detector],
            quantity="intensity",
            modality="4D-STEM",
            source="NanoMEGAS",
            attrs=incomplete,
        )
    ]
    if header.text.startswith(NOTE_MARK):
        restored, root = restore_array(channels[0], header.text.removeprefix(NOTE_MARK))
        return Measurement(channels=[restored], attrs=root)
    image_offset, rows_columns = header.fields["image_offset"], header.scan
    pixels, room = math.prod(rows_columns), header.fields["patterns_offset"] - image_offset
    if room >= pixels:
        dtype = np.dtype(header.dtype if room == 2 * pixels else "u1")
        image = Mapped(str(path), image_offset, rows_columns, dtype)
        channels.append(
            replace(
                channels[0], title="Virtual image", data=image, axes=scan, modality="STEM", attrs={}
            )
        )
    return Measurement(
        channels=channels,
        metadata=_metadata(header),
        original_metadata={**header.fields, "text": header.text},
    )


def _patterns(path: Path, header: Header, *, partial: bool) -> tuple[FrameStream, dict[str, Any]]:
    offset, size, dtype = header.fields["patterns_offset"], header.size, np.dtype(header.dtype)
    stride = PATTERN_HEAD.size + size * size * dtype.itemsize
    wanted = math.prod(header.scan)
    there = max(path.stat().st_size - offset, 0)
    found = min(there // stride, wanted)
    if found < wanted and not (partial and found):
        message = (
            f"{wanted} patterns of {size} x {size} pixels need {wanted * stride} bytes, the file "
            f"has {there}; it is cut short or its header is damaged; partial=True reads what "
            "there is"
        )
        raise FormatError(message, path=path, offset=offset)
    stream = FrameStream(
        str(path), offset, header.scan, (size, size), dtype, count=found, before=PATTERN_HEAD.size
    )
    if found == wanted:
        return stream, {}
    reason = f"{wanted - found} of {wanted} patterns are missing at the end"
    return stream, {"incomplete": {"missing_from": found, "reason": reason}}


def _scan_axis(header: Header, name: str) -> Axis:
    step = header.fields[f"step_{name}"]
    size = header.scan["yx".index(name)]
    if not (math.isfinite(step) and step > 0):
        return Axis(name=name, size=size)
    return Axis(name=name, size=size, scale=step, units="nm")


def _detector_axis(header: Header, name: str) -> Axis:
    per_metre = header.fields["pixels_per_metre"]
    if not per_metre:
        return Axis(name=name, size=header.size)
    return Axis(name=name, size=header.size, scale=100.0 / per_metre, units="cm")


def _metadata(header: Header) -> dict[str, Any]:
    fields = header.fields
    found: dict[str, Any] = {"technique": "scanning precession electron diffraction"}
    if fields["beam_energy"]:
        found["beam"] = {"voltage": float(fields["beam_energy"])}
    if fields["camera_length"]:
        found["detector"] = {"camera_length": fields["camera_length"] / CAMERA_LENGTHS_PER_METRE}
    if header.text:
        found["comment"] = header.text
    found["scan"] = {"rotation": fields["scan_rotation"] / 100.0}
    days = fields["acquired"]
    if math.isfinite(days) and 0 < days < 100_000:
        moment = _EPOCH + timedelta(days=days)
        found["started"] = moment.isoformat(timespec="seconds")
    return found
