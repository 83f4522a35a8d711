"""Images and curves of Park Systems: numbers in tags of their own, beside a picture of them."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Flipped, Mapped, Scaled
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.pieces import Window
from omniscopy.io.planes import plane_axis
from omniscopy.io.quantities import dimension_of, known_units, measures, quantity_of, stated
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement, Variable
from omniscopy.io.tiff.arrays import Selected
from omniscopy.io.tiff.calibration import tag_value
from omniscopy.io.tiff.metadata import common_metadata

_MAGIC_TAG, _VERSION_TAG, _COMMENT_TAG = 50432, 50433, 50436
_MAGIC, _SECOND = 0x0E031301, 0x01000002
_DATA_TAG, _HEADER_TAG, _CURVES_HEADER_TAG, _CURVES_TAG = 50434, 50435, 50438, 50439
_IMAGE, _CURVES = 0, 2
_DTYPES = {0: "<i2", 1: "<i4", 2: "<f4"}
_LONGEST_HEADER = 1 << 16

_HEADER = struct.Struct("<i64s16sd4idid3i4ddd16sdd3d16s6i")
_FIELDS = (
    "kind", "source", "head_mode", "low_pass", "auto_flatten", "ac_track", "width", "height",
    "rotation", "sine_scan", "overscan", "forward", "up", "swap_xy", "x_size", "y_size",
    "x_offset", "y_offset", "scan_rate", "setpoint", "setpoint_unit", "tip_bias", "sample_bias",
    "gain", "scale", "offset", "unit", "least", "most", "mean", "compression", "log_scale",
    "squared",
)  # fmt: skip
# What the second version appends.
_FURTHER = struct.Struct("<dd16s16s16s3i3d32s")
_FURTHER_FIELDS = (
    "z_servo_gain", "z_scanner_range", "xy_voltage_mode", "z_voltage_mode", "xy_servo_mode",
    "data_type", "pdd_regions_x", "pdd_regions_y", "ncm_amplitude", "ncm_frequency",
    "head_rotation", "cantilever",
)  # fmt: skip

_MOST_SOURCES = 8
_SOURCE = struct.Struct("<64s16sdii")
_CURVE_FIELDS = (
    "sources", "mean", "points_per_curve", "curves", "driving", "forward_period",
    "backward_period", "forward_speed", "backward_speed", "is_grid",
)  # fmt: skip
_CURVE_HEADER = struct.Struct("<5i4fi")
_AFTER_SOURCES = _MOST_SOURCES * _SOURCE.size + _CURVE_HEADER.size
_GRID_AT, _STIFFNESS_AT, _TYPE_AT, _CURVE_DTYPE_AT, _PLACES_AT = 936, 976, 1052, 1108, 1208
_PLACE = np.dtype([("x", "<f4"), ("y", "<f4"), ("time", "<f4")])


@dataclass(frozen=True)
class _Source:
    """One quantity of the curves: numbers times `gain` are in `units`."""

    name: str
    units: str | None
    gain: float


@dataclass(frozen=True)
class _Curves:
    """How curves lie in their tag, and where they were taken."""

    said: dict[str, Any]
    sources: list[_Source]
    lead: list[Axis]
    upward: bool
    coordinates: dict[str, Variable]
    dtype: np.dtype[Any]
    probe: dict[str, float | None]


def park_measurement(path: Path, file: Any) -> Measurement | None:
    """Return what a file of Park Systems measured, `None` where it is of another program.

    Profiles that were drawn over an image are left to be read as the picture they are.
    """
    page = file.pages[0]
    if tag_value(page, _MAGIC_TAG) != _MAGIC:
        return None
    header = _read_header(path, file, page)
    if header["kind"] == _IMAGE:
        channels = [_image(path, page, header)]
        probe: dict[str, float | None] = {}
    elif header["kind"] == _CURVES:
        curves = _read_curves(path, file, page, header)
        channels, probe = _curve_channels(path, page, curves), curves.probe
    else:
        return None
    comment = tag_value(page, _COMMENT_TAG)
    return Measurement(
        channels=channels,
        metadata=_common(page, header, probe, comment if isinstance(comment, str) else ""),
        original_metadata=header,
    )


def _read_header(path: Path, file: Any, page: Any) -> dict[str, Any]:
    raw = _header_bytes(path, file, page, _HEADER_TAG, _HEADER.size)
    header = dict(zip(_FIELDS, _HEADER.unpack_from(raw), strict=True))
    header["data_type"] = 0
    second = tag_value(page, _VERSION_TAG) == _SECOND
    if second and len(raw) >= _HEADER.size + _FURTHER.size:
        further = _FURTHER.unpack_from(raw, _HEADER.size)
        header.update(zip(_FURTHER_FIELDS, further, strict=True))
    return {key: _text(v) if isinstance(v, bytes) else v for key, v in header.items()}


def _image(path: Path, page: Any, header: dict[str, Any]) -> Channel:
    shape = (header["height"], header["width"])
    dtype = _dtype(path, page, header["data_type"])
    data = _tag_numbers(path, page, _DATA_TAG, shape, dtype)
    units = known_units(header["unit"] or "µm")
    title = header["source"] or "Image"
    # A scale of 0 stands for none.
    gain, scale = header["gain"], header["scale"] or 1.0
    axes = [
        plane_axis(
            name, size, header[f"{name}_offset"] - length / 2, length / size, "µm", placed=True
        )
        for name, size, length in (
            ("y", shape[0], header["y_size"]), ("x", shape[1], header["x_size"]),
        )
    ]  # fmt: skip
    direction = "forward" if header["forward"] else "backward"
    return Channel(
        title=title,
        # Rows are stored from the bottom up, whichever way the scan went.
        data=Scaled(Flipped(data, (0,)), gain * scale, gain * header["offset"]),
        axes=axes,
        quantity=quantity_of(title, units),
        units=units,
        modality="AFM",
        source="Park Systems",
        metadata={"scan": {"direction": direction}},
    )


def _read_curves(path: Path, file: Any, page: Any, header: dict[str, Any]) -> _Curves:
    raw = _header_bytes(path, file, page, _CURVES_HEADER_TAG, _AFTER_SOURCES)
    said = dict(
        zip(
            _CURVE_FIELDS,
            _CURVE_HEADER.unpack_from(raw, _MOST_SOURCES * _SOURCE.size),
            strict=True,
        )
    )
    count, points = said["sources"], said["points_per_curve"]
    if not 0 < count <= _MOST_SOURCES or points < 1 or said["curves"] < 1:
        message = f"{said['curves']} curves of {count} sources and {points} points cannot be"
        raise FormatError(message, path=path, offset=page.offset)
    sources = []
    for i in range(count):
        name, unit, gain, _, _ = _SOURCE.unpack_from(raw, i * _SOURCE.size)
        sources.append(_Source(_text(name) or f"Source {i + 1}", known_units(_text(unit)), gain))
    code, probe, columns = 0, dict[str, float | None](), 0
    if len(raw) >= _PLACES_AT:
        (columns,) = struct.unpack_from("<i", raw, _GRID_AT)
        stiffness, sensitivity = struct.unpack_from("<dd", raw, _STIFFNESS_AT)
        probe["spring_constant"] = _positive(stiffness)
        # Written as V/µm.
        probe["sensitivity"] = 1e-6 / sensitivity if _positive(sensitivity) else None
        (code,) = struct.unpack_from("<i", raw, _CURVE_DTYPE_AT)
        said["type"] = struct.unpack_from("<i", raw, _TYPE_AT)[0]
    places = np.frombuffer(raw[_PLACES_AT:][: said["curves"] * _PLACE.itemsize], _PLACE)
    lead, upward, coordinates = _places(said, columns, places)
    header["curves"] = said
    return _Curves(said, sources, lead, upward, coordinates, _dtype(path, page, code), probe)


def _places(
    said: dict[str, Any], columns: int, places: np.ndarray
) -> tuple[list[Axis], bool, dict[str, Variable]]:
    """Return the axes of the curves, whether rows go up, and the places of those on no grid."""
    count = said["curves"]
    if len(places) < count or not all(np.isfinite(places[name]).all() for name in "xy"):
        return [Axis(name="point", size=count)], False, {}
    x, y = (places[name].astype(np.float64) for name in "xy")
    if said["is_grid"] and columns > 1 and count % columns == 0 and count > columns:
        grid_x, grid_y = x.reshape(-1, columns), y.reshape(-1, columns)
        one_x, one_y = grid_x[0], grid_y[:, 0]
        near = 1e-3 * abs(one_x[1] - one_x[0])
        straight = np.allclose(grid_x, one_x, 0, near) and np.allclose(grid_y.T, one_y, 0, near)
        if straight and np.all(np.diff(one_x) > 0):
            upward = bool(one_y[-1] > one_y[0])
            rows = one_y[::-1] if upward else one_y
            return [
                Axis(name="y", size=len(rows), values=rows, units="µm"),
                Axis(name="x", size=columns, values=one_x, units="µm"),
            ], upward, {}  # fmt: skip
    attrs = {"units": "µm", "quantity": "length"}
    coordinates = {
        name: Variable(dims=("point",), data=values, attrs=attrs)
        for name, values in (("x", x), ("y", y))
    }
    return [Axis(name="point", size=count)], False, coordinates


def _curve_channels(path: Path, page: Any, curves: _Curves) -> list[Channel]:
    """Return each source in each direction, with the source that was driven beside it."""
    points, lead = curves.said["points_per_curve"], tuple(axis.size for axis in curves.lead)
    shape = (*lead, len(curves.sources), points)
    whole = _tag_numbers(path, page, _CURVES_TAG, shape, curves.dtype)
    number = curves.said["driving"]
    driven = curves.sources[number] if 0 <= number < len(curves.sources) else None
    words = ("forward", "backward")
    if driven is not None and driven.units and measures(driven.units, "m"):
        words = ("extend", "retract")
    parts = {"": (0, points)}
    if _positive(curves.said["backward_period"]) and points % 2 == 0:
        parts = {words[0]: (0, points // 2), words[1]: (points // 2, points)}

    def values(i: int, start: int, stop: int) -> LazyArray:
        data: LazyArray = Window(Selected(whole, len(lead), i), start, stop)
        data = Flipped(data, (0,)) if curves.upward else data
        return Scaled(data, curves.sources[i].gain)

    channels = []
    for direction, (start, stop) in parts.items():
        dims = (*(axis.name for axis in curves.lead), "sample")
        coordinates = dict(curves.coordinates)
        if driven is not None:
            attrs = {"long_name": driven.name} | ({"units": driven.units} if driven.units else {})
            name = dimension_of(driven.units, "z")
            place = Variable(dims=dims, data=values(number, start, stop), attrs=attrs)
            coordinates[name] = place
        for i, source in enumerate(curves.sources):
            if source is driven and len(curves.sources) > 1:
                continue
            channels.append(
                Channel(
                    title=f"{source.name} {direction}".strip(),
                    data=values(i, start, stop),
                    axes=[*curves.lead, Axis(name="sample", size=stop - start)],
                    coordinates=coordinates,
                    quantity=quantity_of(source.name, source.units),
                    units=source.units,
                    modality="AFM",
                    source="Park Systems",
                    metadata={"scan": {"direction": direction}} if direction else {},
                )
            )
    return channels


def _tag_numbers(
    path: Path, page: Any, code: int, shape: Sequence[int], dtype: np.dtype[Any]
) -> Mapped:
    """Return the numbers in a tag, after a look at how many bytes it has."""
    tag = page.tags.get(code)
    wanted = int(np.prod([int(n) for n in shape], dtype=object)) * dtype.itemsize
    there = 0 if tag is None else tag.valuebytecount
    if tag is None or min(shape) < 1 or there < wanted:
        message = f"{wanted} bytes of {tuple(shape)} numbers are announced, the tag has {there}"
        raise FormatError(message, path=path, key=f"tag {code}")
    return Mapped(str(path), int(tag.valueoffset), tuple(shape), dtype)


def _header_bytes(path: Path, file: Any, page: Any, code: int, least: int) -> bytes:
    tag = page.tags.get(code)
    size = 0 if tag is None else tag.valuebytecount
    raw = b""
    if tag is not None and size >= least:
        file.filehandle.seek(tag.valueoffset)
        raw = file.filehandle.read(min(size, _LONGEST_HEADER + _PLACE.itemsize * 2**20))
    if len(raw) < least:
        message = f"a header of {least} bytes was expected, {len(raw)} were found"
        raise FormatError(message, path=path, key=f"tag {code}")
    return bytes(raw)


def _dtype(path: Path, page: Any, code: int) -> np.dtype[Any]:
    if code not in _DTYPES:
        message = f"numbers of the type {code} are not read, only {sorted(_DTYPES)}"
        raise UnsupportedFormatError(message, path=path, offset=page.offset)
    return np.dtype(_DTYPES[code])


def _text(raw: bytes) -> str:
    return raw.decode("utf-16-le", "replace").split("\0", 1)[0].strip()


def _positive(value: float) -> float | None:
    return value if 0 < value < np.inf else None


def _common(
    page: Any, header: dict[str, Any], probe: dict[str, float | None], comment: str
) -> dict[str, Any]:
    known = common_metadata(page)
    setpoint, unit = header["setpoint"], header["setpoint_unit"] or "V"
    return stated(
        {
            **known,
            "technique": "AFM",
            "comment": comment.strip("\0 "),
            "instrument": {**known.get("instrument", {}), "vendor": "Park Systems"},
            "scan": {
                "line_rate": _positive(header["scan_rate"]),
                "rotation": header["rotation"] if np.isfinite(header["rotation"]) else None,
            },
            "probe": {
                **probe,
                "bias": header["tip_bias"] if np.isfinite(header["tip_bias"]) else None,
                "drive_frequency": _positive(header.get("ncm_frequency", 0.0)),
            },
            "feedback": {
                "mode": header["head_mode"],
                "setpoint": f"{setpoint:g} {unit}" if np.isfinite(setpoint) else None,
            },
        }
    )
