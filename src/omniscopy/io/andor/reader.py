"""Read Andor files: images, spectra and series of them, with their calibrations."""

import datetime as dt
import mmap
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.andor.header import FIRST_LINE, Area, Section, read_section
from omniscopy.io.arrays import Flipped
from omniscopy.io.errors import FormatError
from omniscopy.io.frames import FrameStream
from omniscopy.io.quantities import stated
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement, Variable
from omniscopy.io.spectral_axes import spectral_axis
from omniscopy.io.temperatures import kelvins
from omniscopy.io.xml_trees import parse_xml, xml_tree

_TITLES = ("Signal", "Reference", "Background", "Live", "Source")
_WAVELENGTH, _RAMAN_SHIFT = 2, 3
_MOST_TRAILER = 1 << 22
_MODES = {1: "single", 2: "accumulate", 3: "kinetic", 4: "frame transfer", 5: "fast kinetics"}


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Read a file of Andor Solis.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Read the sections before the one that is damaged or cut short.

    Returns
    -------
    Measurement
        The signal, and where they were kept the reference and the background: spectra along
        `wavelength`, Raman shift (`wavenumber`) or pixels (`sample`), images (y, x) or
        (y, wavelength) with the highest row of the sensor on top, tracks along `y`; several
        frames are along `time` where their cycle is known. Where the spectrometer moved between
        frames, the coordinate `wavelength` has the wavelengths of each of them.

    Raises
    ------
    FormatError
        The file is cut short or its header is damaged.
    UnsupportedFormatError
        It is of a version that is not known.
    """
    path = Path(path)
    sections, trailer, missing = _read_sections(path, partial=partial)
    channels = [
        channel
        for title, section in sections.items()
        for channel in _channels(path, title, section, many=len(sections) > 1)
    ]
    signal = next(iter(sections.values())) if sections else None
    original = {title: _tree(section) for title, section in sections.items()} | trailer
    return Measurement(
        channels=channels,
        metadata=_metadata(signal) if signal else {},
        original_metadata=original,
        attrs={"not_read": missing} if missing else {},
    )


def _read_sections(
    path: Path, *, partial: bool
) -> tuple[dict[str, Section], dict[str, Any], str | None]:
    """Return the sections by their titles, the XML after them, and what could not be read."""
    found: dict[str, Section] = {}
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        raw: Any = mapped
        if raw[: len(FIRST_LINE)] != FIRST_LINE:
            message = "the file is none of Andor Solis"
            raise FormatError(message, path=path, offset=0)
        at = raw.find(b"\n") + 1
        line_end = raw.find(b"\n", at, at + 64)
        present = raw[at : max(line_end, at)].split()[-1:] == [b"1"]
        at = line_end + 1
        for title in _TITLES:
            if title != _TITLES[0]:
                present = raw[at : at + 2] == b"1\n"
                at += 2
            if not present:
                continue
            try:
                section = read_section(raw, at)
            except FormatError as error:
                if partial and found:
                    return found, {}, f"{title}: {error.message}"
                raise error.in_file(path) from None
            found[title] = section
            at = section.offset + section.size
        trailer = raw[at : at + _MOST_TRAILER] if raw[at : at + 5] == b"<?xml" else b""
    return found, _further(trailer), None


def _further(trailer: bytes) -> dict[str, Any]:
    """Return the settings that newer versions keep in XML, whose roots stand side by side."""
    text = trailer[:-12].decode("utf-8", "replace").rpartition(">")[0].partition("?>")[2]
    root = parse_xml(f"<further>{text}></further>") if text else None
    return {"further": xml_tree(root)} if root is not None else {}


@dataclass(frozen=True)
class _Part:
    """Areas that are one array: tracks of the same width, or a single area."""

    areas: list[Area]
    name: str = ""


def _channels(path: Path, title: str, section: Section, *, many: bool) -> list[Channel]:
    parts = _parts(section)
    prefix = title if many or title != "Signal" else path.stem
    channels = [_channel(path, f"{prefix}{part.name}", section, part) for part in parts]
    if title == "Signal":
        return channels
    # A background was taken at another time than the signal.
    return [replace(channel, metadata=_metadata(section)) for channel in channels]


def _parts(section: Section) -> list[_Part]:
    """Return tracks together where they are alike, other areas one by one."""
    areas = section.areas
    rows, columns = areas[0].shape
    alike = all(
        area.shape == (1, columns)
        and area.offset == number * columns
        and (area.left, area.horizontal_bin) == (areas[0].left, areas[0].horizontal_bin)
        for number, area in enumerate(areas)
    )
    if len(areas) > 1 and rows == 1 and alike:
        return [_Part(areas)]
    if len(areas) == 1:
        return [_Part(areas)]
    return [_Part([area], f" {number}") for number, area in enumerate(areas, 1)]


def _channel(path: Path, title: str, section: Section, part: _Part) -> Channel:
    area = part.areas[0]
    rows, columns = area.shape
    rows = rows if len(part.areas) == 1 else len(part.areas)
    if rows < 1 or columns < 1 or area.offset + rows * columns > section.frame_length:
        message = (
            f"an area of {rows} x {columns} pixels is not in a frame of {section.frame_length}"
        )
        raise FormatError(message, path=path, offset=section.offset)
    scanned = len(set(section.frame_polynomials)) > 1
    axes = [_row_axis(part), _column_axis(section, area, scanned=scanned)][rows == 1 :]
    frames = [_frame_axis(section)] if section.frames > 1 else []
    coordinates = _wavelengths(section, area, axes[-1])
    if scanned and len(section.frame_polynomials) == section.frames:
        coordinates = _scanned_wavelengths(section, area, (frames[0].name, axes[-1].name))
    data: LazyArray = FrameStream(
        str(path), section.offset, tuple(axis.size for axis in frames),
        tuple(axis.size for axis in axes), "<f4", count=section.frames, before=4 * area.offset,
        after=4 * (section.frame_length - area.offset - rows * columns),
    )  # fmt: skip
    if rows > 1 and len(part.areas) == 1:
        data = Flipped(data, (len(frames),))
    return Channel(
        title=title,
        data=data,
        axes=[*frames, *axes],
        quantity="intensity",
        units=_units(section.calibration["names"][1]),
        source="Andor Solis",
        coordinates=coordinates,
    )


def _frame_axis(section: Section) -> Axis:
    cycle = section.settings["kinetic_cycle_time"]
    if cycle and cycle > 0:
        return Axis(name="time", size=section.frames, scale=cycle, units="s")
    return Axis(name="frame", size=section.frames)


def _row_axis(part: _Part) -> Axis:
    """Return rows of the sensor, numbered from 1 at its lower edge."""
    area = part.areas[0]
    if len(part.areas) > 1:
        middles = np.array([(each.top + each.bottom) / 2 for each in part.areas])
        return Axis(name="y", size=len(part.areas), values=middles, units="px")
    rows, step = area.shape[0], area.vertical_bin
    top = min(area.bottom, area.top) + (step - 1) / 2 + (rows - 1) * step
    return Axis(name="y", size=rows, scale=-float(step), offset=top, units="px")


def _pixels(area: Area) -> np.ndarray:
    """Return the columns of the sensor, numbered from 1, that the middles of pixels are at."""
    step = area.horizontal_bin
    return area.left + (step - 1) / 2 + step * np.arange(area.shape[1], dtype=np.float64)


def _column_axis(section: Section, area: Area, *, scanned: bool) -> Axis:
    """Return the axis of columns; those whose spectrometer moved have no wavelength of theirs."""
    labels, units, quantity = _labels(section, area)
    if scanned:
        labels, units = _pixels(area), None
    if units is not None:
        return spectral_axis(labels, units, quantity=quantity)
    name = "sample" if area.shape[0] == 1 else "x"
    step = float(area.horizontal_bin)
    quantity = "pixel" if name == "sample" else None
    offset = float(labels[0])
    return Axis(
        name=name, size=len(labels), scale=step, offset=offset, units="px", quantity=quantity
    )


def _labels(section: Section, area: Area) -> tuple[np.ndarray, str | None, str | None]:
    """Return the labels of columns, with units where they are calibrated."""
    calibration, pixels = section.calibration, _pixels(area)
    kind = calibration["x_type"]
    nominal = calibration["x"] in ([0.0, 1.0, 0.0, 0.0], [0.0] * 4)
    if kind not in (_WAVELENGTH, _RAMAN_SHIFT) or nominal:
        return pixels, None, None
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # of a damaged file
        wavelengths = np.polynomial.polynomial.polyval(pixels, calibration["x"])
        laser = calibration["rayleigh_wavelength"]
        if kind == _RAMAN_SHIFT and laser and laser > 0:
            return 1e7 / laser - 1e7 / wavelengths, "1/cm", "Raman shift"
    return wavelengths, "nm", None


def _wavelengths(section: Section, area: Area, axis: Axis) -> dict[str, Variable]:
    """Return the wavelengths that Raman shifts were calculated from."""
    if axis.quantity != "Raman shift":
        return {}
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.polynomial.polynomial.polyval(_pixels(area), section.calibration["x"])
    attrs = {"quantity": "wavelength", "units": "nm"}
    return {"wavelength": Variable(dims=(axis.name,), data=values, attrs=attrs)}


def _scanned_wavelengths(
    section: Section, area: Area, dims: tuple[str, str]
) -> dict[str, Variable]:
    """Return the wavelengths of each frame of a series in which the spectrometer moved."""
    with np.errstate(over="ignore", invalid="ignore"):
        terms = np.array(section.frame_polynomials).T
        values = np.polynomial.polynomial.polyval(_pixels(area), terms)
    attrs = {"quantity": "wavelength", "units": "nm"}
    return {"wavelength": Variable(dims=dims, data=values, attrs=attrs)}


def _units(name: str) -> str | None:
    lower = name.lower()
    if "electron" in lower or "photon" in lower or not lower.startswith("counts"):
        return None
    return "counts/s" if "per second" in lower else "counts"


def _tree(section: Section) -> dict[str, Any]:
    areas = [vars(area) for area in section.areas]
    calibration = dict(section.calibration)
    if section.frame_polynomials:
        calibration["frames"] = [list(polynomial) for polynomial in section.frame_polynomials]
    return {**section.settings, "calibration": calibration, "areas": areas, "times": section.times}


def _metadata(section: Section) -> dict[str, Any]:
    settings, calibration = section.settings, section.calibration
    laser = calibration["rayleigh_wavelength"]
    is_raman = calibration["x_type"] == _RAMAN_SHIFT and laser and laser > 0
    lines, active = settings.get("lines"), bool(settings.get("grating_active"))
    return stated(
        {
            "started": _moment(settings["time"]),
            "technique": "Raman spectroscopy" if is_raman else None,
            "instrument": {"vendor": "Andor", "model": settings["head_model"]},
            "laser": {"wavelength": laser if is_raman else None},
            "spectrometer": {
                "grating": f"{lines:g} lines/mm" if lines and active else None,
                "centre_wavelength": settings.get("centre") or None if active else None,
            },
            "detector": {
                "exposure_time": settings["exposure_time"],
                "accumulations": settings["integrations"],
                "temperature": kelvins(settings["temperature"]),
                "gain": settings["gain"],
                "mode": _MODES.get(settings["mode"]),
            },
        }
    )


def _moment(seconds: float | None) -> str | None:
    if not seconds or seconds < 0:
        return None
    try:
        moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment.isoformat(timespec="seconds")
