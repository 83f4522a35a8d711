"""Where the cycles of a Quadstar file lie: analog scans (.sac) and bar graphs (.sbc)."""

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import require_bytes
from omniscopy.io.errors import FormatError, UnsupportedFormatError

ANALOG, BARS = 0x02C6, 0x02D0
_HEAD = struct.Struct("<hI2B6B86s")
_CYCLES, _TRACES, _STARTED = 0x64, 0x68, 0xC2
_TRACE, _INFO = struct.Struct("<Bii"), struct.Struct("<H13s14s13s14s66sfHB2f")
_TRACE_TABLE, _SCAN, _TIME_MARK = 0xC8, 0x11, 6
# Of bars: after the head each channel has 7 bytes, and each cycle a head of 13.
_BAR_SPAN, _BAR_TABLE, _BAR_ENTRY, _BAR_HEAD = 203, 217, 7, 13
_SMALLEST = 256


@dataclass(frozen=True)
class Trace:
    """One kind of values of every cycle: its words, its masses, and where it lies in a cycle."""

    title: str
    units: str
    comment: str
    points: int
    first_mass: float
    masses_per_point: float
    offset: int


@dataclass(frozen=True)
class Layout:
    """The cycles of a file: each of `stride` bytes, the first at `offset`."""

    kind: int
    cycles: int
    offset: int
    stride: int
    traces: list[Trace]
    started: float
    author: str
    fields: dict[str, Any] = field(default_factory=dict)


def read_layout(path: Path) -> Layout:
    """Return how a file is laid out.

    Raises
    ------
    FormatError
        The file is too short or its header is damaged.
    UnsupportedFormatError
        It is neither of analog scans nor of bars.
    """
    require_bytes(path, 0, _SMALLEST, what="the header of a Quadstar file")
    with path.open("rb") as file:
        raw = file.read(1 << 16)
    kind, software, major, minor, *moment, author = _HEAD.unpack_from(raw)
    (cycles,) = struct.unpack_from("<i", raw, _CYCLES)
    if kind not in {ANALOG, BARS}:
        message = f"a file of the kind 0x{kind & 0xFFFF:04x} is not read"
        raise UnsupportedFormatError(message, path=path, offset=0)
    if cycles < 1:
        message = f"{cycles} cycles cannot be"
        raise FormatError(message, path=path, offset=_CYCLES)
    seconds, tenths = struct.unpack_from("<IH", raw, _STARTED)
    fields = {"kind": kind, "software": software, "version": f"{major}.{minor}", "time": moment}
    try:
        place = _analog(raw) if kind == ANALOG else _bars(raw)
    except FormatError as error:
        raise error.in_file(path) from None
    offset, stride, traces = place
    return Layout(
        kind, cycles, offset, stride, traces, seconds + tenths * 1e-4, _text(author), fields
    )


def _analog(raw: bytes) -> tuple[int, int, list[Trace]]:
    """Return place and length of a cycle, and the scans in it."""
    count, stride = struct.unpack_from("<hi", raw, _TRACES)
    if count < 1 or _TRACE_TABLE + count * _TRACE.size > len(raw):
        message = f"{count} traces cannot be"
        raise FormatError(message, offset=_TRACES)
    entries = [
        _TRACE.unpack_from(raw, _TRACE_TABLE + number * _TRACE.size) for number in range(count)
    ]
    scans = [(info, data) for kind, info, data in entries if kind == _SCAN]
    if not scans:
        message = "there are no scans among the traces"
        raise FormatError(message, offset=_TRACE_TABLE)
    start = min(data for _, data in scans) - _TIME_MARK
    traces = []
    for info, data in scans:
        if not 0 < info <= len(raw) - _INFO.size or start < _SMALLEST - 56:
            message = f"a scan described at byte {info}, with data at {data}, cannot be"
            raise FormatError(message, offset=_TRACE_TABLE)
        _, title, units, _, _, comment, first, width, per_mass, *_ = _INFO.unpack_from(raw, info)
        points, offset = width * per_mass, data - start + 6
        if points < 1 or offset + 4 * points > stride:
            message = f"a scan of {points} values is not in a cycle of {stride} bytes"
            raise FormatError(message, offset=info)
        words = (_text(title), _text(units), _text(comment))
        traces.append(Trace(*words, points, first, 1 / per_mass, offset))
    return start, stride, traces


def _bars(raw: bytes) -> tuple[int, int, list[Trace]]:
    """Return place and length of a cycle, and its bars, of which each has its mass."""
    (span,) = struct.unpack_from("<H", raw, _BAR_SPAN)
    points = span + 1
    start = _BAR_TABLE + _BAR_ENTRY * points
    bars = Trace("Intensity", "", "", points, 1.0, 1.0, _BAR_HEAD)
    return start, _BAR_HEAD + 8 * points, [bars]


def read_times(path: Path, layout: Layout, cycles: int) -> np.ndarray:
    """Return the time of each cycle in s after the start."""
    stored = np.dtype(
        {
            "names": ["seconds", "tenths"],
            "formats": ["<u4", "<u2"],
            "offsets": [0, 4],
            "itemsize": layout.stride,
        }
    )
    marks = np.memmap(path, stored, "r", layout.offset, (cycles,))
    return np.asarray(marks["seconds"], np.float64) + marks["tenths"] * 1e-4


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("latin-1").strip()
