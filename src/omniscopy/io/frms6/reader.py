"""Read series of the pnCCD: files of frames, numbered from 000, and a text that tells of the scan.

The first file has the frames that were taken without a beam. A file has a header of 1024 bytes
(little-endian: u16 its size, u16 that of the header of a frame, u8 the version at byte 7, u16
width and height at 88, u32 the number of frames at 1020), and frames of u16 after 64 bytes each.
"""

import configparser
import math
import re
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.frms6.arrays import Unfolded
from omniscopy.io.quantities import finite_number, stated
from omniscopy.io.recorded import Part, Recorded
from omniscopy.io.records import Axis, Channel, Measurement

_HEADER, _BEFORE, _VERSION = 1024, 64, 6
_STORED = np.dtype("<u2")
_NAME = re.compile(r"(.*_)(\d{3,})\.frms6", re.IGNORECASE)
_LONGEST = 1 << 16


def read(
    path: Path,
    *,
    partial: bool = False,
    scan_shape: tuple[int, int] | None = None,
    sync_offset: int = 0,
) -> Measurement:
    """Read a series of frames of a pnCCD.

    Parameters
    ----------
    path : Path
        Any file of the series (`..._000.frms6`); the others, and the `.hdr` beside them, are
        found by their names.
    partial : bool
        Leave out a last frame that is cut short.
    scan_shape : (rows, columns), optional
        Of the scan, where the `.hdr` is missing or its scan is not a square one.
    sync_offset : int
        Number of the frame at the first position of the scan.

    Returns
    -------
    Measurement
        The frames, (y, x, ky, kx) of a scan, else (frame, ky, kx), as the counts that were read
        out: nothing is subtracted from them. Rows that were taken together stay so. Positions
        without a frame are 0. What was taken without a beam is the channel `Dark`.

    Raises
    ------
    FormatError
        A file is cut short or damaged, or the shape of the scan makes no sense.
    """
    path = Path(path)
    files = [_file(each, partial=partial) for each in _series(path)]
    dark = [each for each in files if each.number == 0]
    signal = _following(files, partial=partial)
    about = _described(path)
    channels = []
    if signal:
        count = sum(each.part.count for each in signal)
        scan = _scan(path, scan_shape, about, count)
        channels.append(_channel("Frames", signal, scan, sync_offset, about))
    if dark:
        channels.append(_channel("Dark", dark, None, 0, about))
    return Measurement(channels=channels)


@dataclass(frozen=True)
class _File:
    """A file of a series, -1 where its name has no number."""

    number: int
    part: Part
    lines: int
    width: int
    missing: str | None


def _series(path: Path) -> list[Path]:
    """Return all files of a series in the order of their numbers."""
    match = _NAME.fullmatch(path.name)
    if match is None:
        return [path]
    beside = [each for each in path.absolute().parent.iterdir() if each.is_file()]
    numbered = [(found, each) for each in beside if (found := _NAME.fullmatch(each.name))]
    same = [(int(found[2]), each) for found, each in numbered if found[1] == match[1]]
    return [each for _, each in sorted(same)] or [path]


def _file(path: Path, *, partial: bool) -> _File:
    with path.open("rb") as file:
        head = file.read(_HEADER)
    if len(head) < _HEADER:
        message = f"the header needs {_HEADER} bytes, {len(head)} are there"
        raise FormatError(message, path=path, offset=0)
    size, before = struct.unpack_from("<HH", head, 0)
    width, lines = struct.unpack_from("<HH", head, 88)
    if (size, before, head[7]) != (_HEADER, _BEFORE, _VERSION) or width % 2 or not width * lines:
        message = (
            f"headers of {size} and {before} bytes, version {head[7]} and lines of {width} x "
            f"{lines} numbers are none of a pnCCD"
        )
        raise FormatError(message, path=path, offset=0)
    stride = _BEFORE + width * lines * _STORED.itemsize
    there, left = divmod(path.stat().st_size - _HEADER, stride)
    (count,) = struct.unpack_from("<I", head, 1020)
    missing = None
    if count > there or (not count and left):
        missing = f"the file ends in frame {there}"
        if not partial:
            message = f"{missing}, of {count or 'as many as fit'}; it is cut short"
            raise FormatError(message, path=path, offset=_HEADER + there * stride)
    match = _NAME.fullmatch(path.name)
    part = Part(str(path), _HEADER, min(count or there, there))
    return _File(int(match[2]) if match else -1, part, lines, width, missing)


def _following(files: list[_File], *, partial: bool) -> list[_File]:
    """Return the files of frames, with `partial` those before one that is missing."""
    signal = [each for each in files if each.number != 0]
    for number, each in enumerate(signal, start=1):
        if each.number not in (number, -1):
            if partial:
                return signal[: number - 1]
            message = f"file {number:03} of the series is not there"
            raise FormatError(message, path=each.part.path)
    return signal


def _described(path: Path) -> dict[str, str]:
    """Return what the text beside a series says of the measurement, {} where there is none."""
    match = _NAME.fullmatch(path.name)
    text = path.with_name(f"{match[1][:-1]}.hdr") if match else path.with_suffix(".hdr")
    if not text.is_file():
        return {}
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        with text.open("rb") as file:
            parser.read_string(file.read(_LONGEST).decode("latin-1"))
        return dict(parser["measurementInfo"])
    except (configparser.Error, KeyError):
        return {}


def _scan(
    path: Path, scan_shape: tuple[int, int] | None, about: dict[str, str], count: int
) -> tuple[int, int] | None:
    if scan_shape is not None:
        rows, columns = (int(size) for size in scan_shape)
        if rows < 1 or columns < 1 or rows * columns > 16 * count + 2**16:
            message = f"scan_shape {tuple(scan_shape)} makes no sense for {count} frames"
            raise FormatError(message, path=path)
        return rows, columns
    match = re.fullmatch(r"\s*(\d{1,6})\s*x\s*(\d{1,6})\s*", about.get("stemimagesize", ""))
    # Which of two numbers are the rows is told nowhere.
    if match is None or match[1] != match[2] or int(match[1]) ** 2 != count:
        return None
    return int(match[1]), int(match[2])


def _channel(
    title: str, files: list[_File], scan: tuple[int, int] | None, first: int, about: dict[str, str]
) -> Channel:
    sizes = {(each.lines, each.width) for each in files}
    if len(sizes) > 1:
        message = f"the files of the series have frames of different sizes: {sorted(sizes)}"
        raise FormatError(message, path=files[0].part.path, offset=88)
    lines, width = sizes.pop()
    count = sum(each.part.count for each in files)
    lead: tuple[int, ...] = scan or (count,)
    numbers = np.arange(math.prod(lead)) + first
    numbers[(numbers < 0) | (numbers >= count)] = -1
    stride = _BEFORE + width * lines * _STORED.itemsize
    parts = tuple(each.part for each in files)
    stored = Recorded(
        parts, stride, _BEFORE, (lines, width), _STORED, lead, tuple(numbers.tolist())
    )
    data = Unfolded(stored)
    dims = ("y", "x", "ky", "kx") if scan else ("frame", "ky", "kx")
    without = int((numbers < 0).sum())
    reason = next((each.missing for each in files if each.missing), None)
    if without:
        reason = f"{without} positions of the scan have no frame"
    dwell = finite_number(about.get("dwelltimemicroseconds", ""))
    return Channel(
        title=title,
        data=data,
        axes=[Axis(name=name, size=size) for name, size in zip(dims, data.shape, strict=True)],
        quantity="intensity",
        units="counts",
        modality="4D-STEM" if scan else None,
        source="PNDetector pnCCD",
        metadata=stated(
            {
                "instrument": {"vendor": "PNDetector"},
                "detector": {"name": "pnCCD"},
                "scan": {"dwell_time": None if dwell is None else dwell * 1e-6},
            }
        ),
        original_metadata=dict(about),
        attrs={"incomplete": {"missing_from": count, "reason": reason}} if reason else {},
    )
