"""Read SPE files: frames of spectra or images, region by region."""

import datetime as dt
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.frames import FrameStream
from omniscopy.io.princeton.footer import Frames, Stamp, read_footer
from omniscopy.io.princeton.header import HEADER_SIZE, LIGHTFIELD, Header, Region, read_header
from omniscopy.io.quantities import finite_number, stated
from omniscopy.io.records import Axis, Channel, Measurement
from omniscopy.io.spectral_axes import spectral_axis
from omniscopy.io.temperatures import kelvins
from omniscopy.io.xml_trees import look_up

_UNITS = {3: ("nm", None), 4: ("1/cm", None), 5: ("1/cm", "Raman shift")}
_NM, _RAMAN = 3, 5
_DATES = ("%d%b%Y", "%d%B%Y")
_Labels = Callable[[Region], tuple[np.ndarray, str, str | None] | None]


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Read an SPE file of WinSpec, WinView (version 2) or LightField (version 3).

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Read a file that is cut short: frames that are missing are NaN, or 0 in integers, and
        what stood behind them is left out.

    Returns
    -------
    Measurement
        A channel for each region of the sensor: spectra along `wavelength`, `wavenumber` or
        pixels (`sample`), images (y, x) or (y, wavelength) with the first row on top; several
        frames are along `time` where each has its time, else along `frame`.

    Raises
    ------
    FormatError
        The file is cut short, or header and description are damaged.
    """
    path = Path(path)
    header = read_header(path)
    frames, lost = _layout(path, header, partial=partial)
    there = max(path.stat().st_size - HEADER_SIZE, 0)
    found = min(frames.count, there // max(frames.stride, 1))
    if frames.count < 1 or frames.stride < 1 or (found < frames.count and not (partial and found)):
        message = (
            f"{frames.count} frames of {frames.stride} bytes were announced, the file has {there} "
            "bytes for them; it is cut short or its header is damaged"
        )
        raise FormatError(message, path=path, offset=HEADER_SIZE)
    if found < frames.count and frames.count > (1 << 24):
        message = f"{frames.count} frames are absurd"
        raise FormatError(message, path=path, offset=1446)
    reason = f"{frames.count - found} of {frames.count} frames are missing at the end"
    missing = {"missing_from": found, "reason": reason} if found < frames.count else None
    labels = _labels_of(header, frames)
    channels = [
        _channel(path, number, frames, found, labels=labels, missing=missing)
        for number in range(len(frames.regions))
    ]
    return Measurement(
        channels=channels,
        metadata=_metadata(header, frames.tree),
        original_metadata={"header": header.fields, "comments": header.comments, **frames.tree},
        attrs={"not_read": lost} if lost else {},
    )


def _layout(path: Path, header: Header, *, partial: bool) -> tuple[Frames, str | None]:
    """Return how frames lie, by the description or by the header, and what could not be read."""
    lost = None
    if header.fields["version"] >= LIGHTFIELD:
        try:
            return read_footer(path, header.fields["footer"]), None
        except FormatError as error:
            if not partial:
                raise
            lost = f"the description: {error.message}"
    sizes = [math.prod(region.shape) * header.file_dtype.itemsize for region in header.regions]
    offsets = [sum(sizes[:number]) for number in range(len(sizes))]
    count = header.fields["frames"]
    return Frames(count, sum(sizes), header.file_dtype, header.regions, offsets), lost


def _channel(
    path: Path,
    number: int,
    frames: Frames,
    found: int,
    *,
    labels: _Labels,
    missing: dict[str, Any] | None,
) -> Channel:
    region, offset = frames.regions[number], frames.offsets[number]
    if min(region.shape) < 1:
        message = f"a region of {region.shape} values holds no data"
        raise FormatError(message, path=path)
    column = _column_axis(region, labels)
    axes = [_row_axis(region), column] if region.rows > 1 else [column]
    scan = [_frame_axis(path, frames, found)] if frames.count > 1 else []
    data = FrameStream(
        str(path), HEADER_SIZE, tuple(axis.size for axis in scan),
        tuple(axis.size for axis in axes), frames.file_dtype, count=found, before=offset,
        after=frames.stride - offset - math.prod(region.shape) * frames.file_dtype.itemsize,
    )  # fmt: skip
    title = path.stem if len(frames.regions) == 1 else f"Region {number + 1}"
    return Channel(
        title=title,
        data=data,
        axes=[*scan, *axes],
        quantity="intensity",
        units="counts",
        source="Princeton Instruments",
        attrs={"incomplete": missing} if missing else {},
    )


def _frame_axis(path: Path, frames: Frames, found: int) -> Axis:
    """Return the times of frames in s, after the first one, or their numbers."""
    if frames.times is not None and found == frames.count:
        seconds = _seconds(path, frames, frames.times)
        if (np.diff(seconds) > 0).all():
            return Axis(name="time", size=frames.count, values=seconds - seconds[0], units="s")
    return Axis(name="frame", size=frames.count)


def _seconds(path: Path, frames: Frames, stamp: Stamp) -> np.ndarray:
    stored = np.dtype(
        {
            "names": ["ticks"],
            "formats": [stamp.file_dtype],
            "offsets": [stamp.offset],
            "itemsize": frames.stride,
        }
    )
    ticks = np.memmap(path, stored, "r", HEADER_SIZE, (frames.count,))["ticks"]
    return np.asarray(ticks, np.float64) / stamp.resolution


def _row_axis(region: Region) -> Axis:
    step = region.row_bin
    offset = region.row + (step - 1) / 2
    return Axis(name="y", size=region.rows, scale=float(step), offset=offset, units="px")


def _column_axis(region: Region, labels: _Labels) -> Axis:
    calibrated = labels(region)
    if calibrated is not None:
        values, units, quantity = calibrated
        return spectral_axis(values, units, quantity=quantity)
    name = "sample" if region.rows == 1 else "x"
    quantity = "pixel" if name == "sample" else None
    step = region.column_bin
    offset = region.column + (step - 1) / 2
    return Axis(
        name=name,
        size=region.columns,
        scale=float(step),
        offset=offset,
        units="px",
        quantity=quantity,
    )


def _labels_of(header: Header, frames: Frames) -> _Labels:
    """Return what gives the labels of the columns of a region, where they are calibrated."""

    def listed(region: Region) -> tuple[np.ndarray, str, str | None] | None:
        values, step = frames.wavelengths, region.column_bin
        assert values is not None
        first = region.column
        within = values[first : first + region.columns * step]
        if len(values) == frames.sensor_columns and len(within) == region.columns * step:
            return within.reshape(region.columns, step).mean(1), "nm", None
        return (values, "nm", None) if len(values) == region.columns else None

    def calculated(region: Region) -> tuple[np.ndarray, str, str | None] | None:
        fields = header.fields
        order, unit = fields["polynomial_order"], fields["polynomial_unit"]
        coefficients = fields["polynomial"][: order + 1]
        known = fields["calibrated"] and unit in _UNITS and 1 <= order < len(fields["polynomial"])
        if not known or not all(map(math.isfinite, coefficients)) or not any(coefficients[1:]):
            return None
        step = region.column_bin
        pixels = region.column + (step - 1) / 2 + step * np.arange(region.columns)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # of a damaged file
            values = np.polynomial.polynomial.polyval(pixels, coefficients)
            laser = fields["laser"]
            if unit == _NM and fields["current_unit"] == _RAMAN and math.isfinite(laser) and laser:
                return laser - 1e7 / values, *_UNITS[_RAMAN]
        return values, *_UNITS[unit]

    return listed if frames.wavelengths is not None else calculated


def _metadata(header: Header, tree: dict[str, Any]) -> dict[str, Any]:
    """Return the common metadata, from the description where there is one."""
    return _described(tree) if tree else _plain(header)


def _plain(header: Header) -> dict[str, Any]:
    fields = header.fields
    grooves = fields["grooves"]
    has_grating = math.isfinite(grooves) and grooves > 0
    return stated(
        {
            "started": _moment(fields["date"], fields["local_time"]),
            "comment": "\n".join(header.comments),
            "instrument": {"vendor": "Princeton Instruments", "software": fields["software"]},
            "spectrometer": {
                "grating": f"{grooves:g} lines/mm" if has_grating else None,
                "centre_wavelength": _positive(fields["centre_wavelength"]),
            },
            "detector": {
                "exposure_time": _positive(fields["exposure"]),
                "temperature": kelvins(fields["temperature"] or None),
                "gain": fields["gain"] or None,
                "accumulations": fields["accumulations"] if fields["accumulations"] > 0 else None,
            },
        }
    )


def _described(tree: dict[str, Any]) -> dict[str, Any]:
    history = _first(tree, "DataHistories", "DataHistory")
    origin = _first(history, "Origin")
    experiment = _first(origin, "Experiment")
    camera = _first(experiment, "Devices", "Cameras", "Camera")
    spectrometer = _first(experiment, "Devices", "Spectrometers", "Spectrometer")
    laser = look_up(_first(tree, "Calibrations", "WavelengthMapping"), "laserLine")
    software = f"{look_up(origin, 'software')} {look_up(origin, 'softwareVersion')}".strip()
    exposure = _number(_first(camera, "ShutterTiming", "ExposureTime"))
    return stated(
        {
            "started": _iso(look_up(origin, "created")),
            "operator": look_up(origin, "creator"),
            "instrument": {
                "vendor": "Princeton Instruments",
                "model": look_up(_first(experiment, "System", "Cameras", "Camera"), "model"),
                "software": software,
            },
            "laser": {"wavelength": finite_number(laser)},
            "spectrometer": {
                "model": look_up(
                    _first(experiment, "System", "Spectrometers", "Spectrometer"), "model"
                ),
                "grating": _said(_first(spectrometer, "Grating", "Selected")),
                "centre_wavelength": _number(_first(spectrometer, "Grating", "CenterWavelength")),
            },
            "detector": {
                "exposure_time": None if exposure is None else exposure / 1e3,
                "temperature": kelvins(_number(_first(camera, "Sensor", "Temperature", "Reading"))),
            },
        }
    )


def _first(tree: Any, *path: str) -> Any:
    """Return what is at a path of nested elements, of several the first."""
    for name in path:
        tree = tree.get(name) if isinstance(tree, dict) else None
        tree = tree[0] if isinstance(tree, list) and tree else tree
    return tree


def _said(element: Any) -> str:
    return look_up(element, "text") if isinstance(element, dict) else element or ""


def _number(element: Any) -> float | None:
    return finite_number(_said(element))


def _positive(value: float) -> float | None:
    return float(value) if math.isfinite(value) and value > 0 else None


def _moment(date: str, time: str) -> str | None:
    """Return a date such as `05Oct2006` with a time such as `142503`."""
    for form in _DATES:
        try:
            day = dt.datetime.strptime(date, form)
        except ValueError:
            continue
        try:
            clock = dt.datetime.strptime(time, "%H%M%S")
        except ValueError:
            return day.date().isoformat()
        return dt.datetime.combine(day.date(), clock.time()).isoformat()
    return None


def _iso(text: str) -> str | None:
    try:
        return dt.datetime.fromisoformat(text).isoformat(timespec="seconds")
    except ValueError:
        return None
