"""Frames of scans and of curves of the older kind: two-byte counts after three scales."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.arrays import Flipped, Scaled
from omniscopy.io.errors import FormatError
from omniscopy.io.nt_mdt.frames import UNITS, Frame
from omniscopy.io.nt_mdt.metadata import common_metadata, read_settings, technique_of
from omniscopy.io.pieces import Lines, map_rows
from omniscopy.io.planes import plane_axis
from omniscopy.io.quantities import dimension_of, quantity_of
from omniscopy.io.records import Axis, Channel, LazyArray, Variable

_COUNTS = np.dtype("<i2")
_SCALES_BYTES = 30
_MODE_BYTES = 8
_DOTS_HEAD, _DOT = 14, np.dtype([("x", "<f4"), ("y", "<f4"), ("forward", "<i4"), ("back", "<i4")])
_SETTINGS = "<BBHHHfHBBBBBBfff"


@dataclass(frozen=True)
class _Scale:
    """Values are ``offset + step * count``."""

    offset: float
    step: float
    units: str | None


@dataclass(frozen=True)
class _Scan:
    """What the variables and the tail of a frame say."""

    frame: Frame
    x: _Scale
    y: _Scale
    z: _Scale
    columns: int
    rows: int
    dots: np.ndarray
    dots_units: str | None
    offset: int
    title: str
    settings: dict[str, Any]
    device: dict[str, Any]

    def scaled(self, counts: LazyArray) -> LazyArray:
        """Return counts in physical units."""
        return Scaled(counts, self.z.step, self.z.offset)

    def channel(self, title: str, data: LazyArray, **parts: Any) -> Channel:
        """Return a channel of this frame."""
        # Frames that a program made, and did not measure, have zeros for all variables.
        measured = bool(self.device.get("velocity"))
        technique = technique_of(self.settings, self.device.get("device") if measured else None)
        metadata = common_metadata(self.settings, started=self.frame.started, technique=technique)
        if measured and "bias_voltage" in self.device:
            metadata.setdefault("probe", {})["bias"] = self.device["bias_voltage"]
        return Channel(
            title=title,
            data=self.scaled(data),
            quantity=quantity_of(self.title, self.z.units),
            units=self.z.units,
            modality=technique,
            source="NT-MDT",
            metadata=metadata,
            original_metadata={
                "frame": self.frame.number,
                "type": self.frame.kind,
                "saved": self.frame.started,
                "variables": self.device,
                **self.settings,
            },
            **parts,
        )


def scan_channels(frame: Frame, *, partial: bool) -> list[Channel]:
    """Return the image of a frame, (y, x) with row 0 on top."""
    scan = _read_scan(frame, partial=partial)
    shape = (scan.rows, scan.columns)
    counts, missing = map_rows(frame.path, scan.offset, shape, _COUNTS, partial=partial)
    placed = bool(scan.x.offset or scan.y.offset)
    y = plane_axis("y", scan.rows, scan.y.offset, scan.y.step, scan.y.units, placed=placed)
    x = plane_axis("x", scan.columns, scan.x.offset, scan.x.step, scan.x.units, placed=placed)
    attrs = {} if missing is None else {"incomplete": missing}
    # Rows are stored from the bottom up.
    return [scan.channel(scan.title, Flipped(counts, (0,)), axes=(y, x), attrs=attrs)]


def curve_channels(frame: Frame, *, partial: bool) -> list[Channel]:
    """Return the curves of a frame: forth and back at each point, or one after the other."""
    scan = _read_scan(frame, partial=partial)
    along = dimension_of(scan.x.units, "z")

    def abscissa(size: int) -> Axis:
        step = scan.x.step or 1.0
        return Axis(
            name=along, size=size, scale=step, offset=scan.x.offset, units=scan.x.units,
            role="signal",
        )  # fmt: skip

    if not len(scan.dots):
        shape = (scan.rows, scan.columns) if scan.rows > 1 else (scan.columns,)
        counts, missing = map_rows(frame.path, scan.offset, shape, _COUNTS, partial=partial)
        cycle = [Axis(name="cycle", size=scan.rows)] if scan.rows > 1 else []
        attrs = {} if missing is None else {"incomplete": missing}
        return [
            scan.channel(scan.title, counts, axes=(*cycle, abscissa(scan.columns)), attrs=attrs)
        ]
    places = {
        name: Variable(
            dims=("point",),
            data=scan.dots[name].astype(np.float64),
            attrs={"quantity": "length"} | ({"units": scan.dots_units} if scan.dots_units else {}),
        )
        for name in ("x", "y")
    }
    channels = []
    for direction, lines in _directions(scan):
        axes = (Axis(name="point", size=len(scan.dots)), abscissa(lines.shape[1]))
        title = f"{scan.title} {direction}"
        channels.append(scan.channel(title, lines, axes=axes, coordinates=places))
    return channels


def _directions(scan: _Scan) -> list[tuple[str, Lines]]:
    """Return the lines forth and back, which lie point by point in turn."""
    forward = scan.dots["forward"].astype(np.int64)
    back = scan.dots["back"].astype(np.int64)
    starts = scan.offset + 2 * np.concatenate([[0], np.cumsum(forward + back)[:-1]])
    found = []
    for direction, offsets, lengths in (
        ("forward", starts, forward),
        ("backward", starts + 2 * forward, back),
    ):
        if lengths.any():
            lead = (len(lengths),)
            places, sizes = tuple(map(int, offsets)), tuple(map(int, lengths))
            found.append((direction, Lines(str(scan.frame.path), places, sizes, _COUNTS, lead)))
    return found


def _read_scan(frame: Frame, *, partial: bool) -> _Scan:
    scales = frame.unpack("<ffhffhffh", frame.offset, "the scales")
    if frame.variables < _SCALES_BYTES:
        message = f"frame {frame.number} has {frame.variables} bytes of variables, 30 are needed"
        raise FormatError(message, path=frame.path, offset=frame.offset)
    x, y, z = (_scale(*scales[i : i + 3]) for i in (0, 3, 6))
    z = z if z.step else _Scale(z.offset, 1.0, None)
    place = frame.data_offset
    _, columns, rows, dots = frame.unpack("<4H", place, "the size")
    place += _MODE_BYTES
    table, dots_units = np.empty(0, _DOT), None
    if dots:
        *_, code = frame.unpack("<iiih", place, "the head of the points")
        dots_units = UNITS.get(code)
        raw = frame.read(place + _DOTS_HEAD, dots * _DOT.itemsize, "the points")
        table = np.frombuffer(raw, _DOT)
        place += _DOTS_HEAD + len(raw)
    values = _number_of_values(frame, table) if dots else rows * columns
    end = place + 2 * values
    if values == 0 or end > frame.end:
        message = (
            f"frame {frame.number} of {values} values needs {2 * values} bytes, "
            f"{frame.end - place} are left"
        )
        raise FormatError(message, path=frame.path, offset=place)
    title: str = ""
    settings: dict[str, Any] = {}
    if end <= frame.path.stat().st_size or not partial:
        title, settings = _read_tail(frame, end, partial=partial)
    device = _device(frame)
    return _Scan(frame, x, y, z, columns, rows, table, dots_units, place,
                 title or f"Frame {frame.number}", settings, device)  # fmt: skip


def _number_of_values(frame: Frame, table: np.ndarray) -> int:
    sizes = np.stack([table["forward"], table["back"]]).astype(np.int64)
    if (sizes < 0).any():
        message = f"a curve of frame {frame.number} has a negative number of points"
        raise FormatError(message, path=frame.path, offset=frame.data_offset)
    return int(sizes.sum())


def _read_tail(frame: Frame, place: int, *, partial: bool) -> tuple[str, dict[str, Any]]:
    try:
        title, place = frame.text(place, "the title", encoding="cp1251")
        settings, _ = frame.text(place, "the settings", encoding="utf-16-le")
    except FormatError:
        if partial:
            return "", {}
        raise
    return title.split("\0", 1)[0].strip(), read_settings(settings)


def _scale(offset: float, step: float, code: int) -> _Scale:
    if not math.isfinite(offset) or not math.isfinite(step):
        return _Scale(0.0, 1.0, None)
    return _Scale(offset, step, UNITS.get(code))


def _device(frame: Frame) -> dict[str, Any]:
    """Return the settings of the scanner that lie among the variables."""
    size = 77 - _SCALES_BYTES
    if frame.variables < _SCALES_BYTES + size:
        return {}
    found = frame.unpack(_SETTINGS, frame.offset + _SCALES_BYTES, "the variables")
    names = (
        "channel", "device", "columns", "rows", "averages", "step_length", "delay", "gain_log10",
        "adc", "input", "pass", "directions", "power_of_two", "velocity", "setpoint",
        "bias_voltage",
    )  # fmt: skip
    values = dict(zip(names, found, strict=True))
    values["device"] = {0: "STM", 1: "AFM"}.get(values["device"])
    return {
        key: value for key, value in values.items()
        if not isinstance(value, float) or math.isfinite(value)
    }  # fmt: skip
