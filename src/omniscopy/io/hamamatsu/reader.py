"""Read streak images: light over wavelength and time."""

import datetime as dt
import mmap
import re
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Mapped
from omniscopy.io.errors import FormatError
from omniscopy.io.hamamatsu.header import Image, read_image
from omniscopy.io.quantities import finite_number, known_units, measures, stated
from omniscopy.io.records import Axis, Channel, Measurement
from omniscopy.model.units import conversion_factor

_TABLE, _LINEAR = "2", "1"
_PLACE = re.compile(r"#(\d{1,12}),(\d{1,9})")
_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_AMOUNT = re.compile(r"\s*([\d.]+)\s*([munµ]?s)\s*")
_OF_LIGHT = ("nm", "Å")
_MOST_IMAGES = 1 << 16


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Read a streak image of Hamamatsu.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Read the images before the one that is damaged or cut short.

    Returns
    -------
    Measurement
        A channel for each image: (time, wavelength) where it is calibrated, and (y, x) in
        pixels where it is not. Row 0 is on top, where the sweep starts.

    Raises
    ------
    FormatError
        The file is cut short or its header is damaged.
    UnsupportedFormatError
        Its pixels are packed.
    """
    path = Path(path)
    channels: list[Channel] = []
    missing = None
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        at = 0
        while len(channels) < _MOST_IMAGES:
            try:
                image = read_image(raw, at)
                axes = [_axis(raw, image, "Y"), _axis(raw, image, "X")]
            except FormatError as error:
                if not (partial and channels):
                    raise error.in_file(path) from None
                missing = f"image {len(channels) + 1}: {error.message}"
                break
            channels.append(_channel(path, len(channels), image, axes))
            at = raw.find(b"IM", image.offset + image.size, image.offset + image.size + 2)
            if at < 0:
                break
    if len(channels) == 1:
        channels = [_channel(path, None, image, axes)]
    return Measurement(channels=channels, attrs={"not_read": missing} if missing else {})


def _channel(path: Path, number: int | None, image: Image, axes: list[Axis]) -> Channel:
    is_counts = image.said("Acquisition", "ZAxisUnit") in {"Count", "Counts"}
    return Channel(
        title=path.stem if number is None else f"Image {number + 1}",
        data=Mapped(str(path), image.offset, image.shape, image.file_dtype),
        axes=axes,
        quantity="intensity",
        units="counts" if is_counts else None,
        source="Hamamatsu",
        metadata=_metadata(image),
        original_metadata=image.settings,
    )


def _axis(raw: Any, image: Image, letter: str) -> Axis:
    """Return an axis with its labels: listed in the file, linear, or pixels."""
    size = image.shape["YX".index(letter)]
    units = known_units(image.said("Scaling", f"Scaling{letter}Unit"))
    name = _name(units, letter)
    if units is None:
        return Axis(name=name, size=size, units="px")
    kind = image.said("Scaling", f"Scaling{letter}Type")
    place = _PLACE.fullmatch(image.said("Scaling", f"Scaling{letter}ScalingFile"))
    if kind == _TABLE and place is not None:
        at, count = int(place[1]), int(place[2])
        if at + 4 * count > len(raw) or count < size:
            message = f"{count} labels at byte {at} were announced for {size} pixels"
            raise FormatError(message, key=f"Scaling/Scaling{letter}ScalingFile")
        values = np.frombuffer(raw[at : at + 4 * size], "<f4").astype(np.float32)
        return Axis(name=name, size=size, values=values, units=units)
    scale = finite_number(image.said("Scaling", f"Scaling{letter}Scale"))
    if kind == _LINEAR and scale:
        return Axis(name=name, size=size, scale=scale, units=units)
    return Axis(name=name, size=size, units="px" if name in "xy" else None)


def _name(units: str | None, letter: str) -> str:
    """Return what an axis is by its units; a time across a spectrum is one of the spectrum."""
    if units is not None and measures(units, "s"):
        return "time" if letter == "Y" else "time_1"
    if units in _OF_LIGHT and letter == "X":
        return "wavelength"
    return letter.lower()


def _metadata(image: Image) -> dict[str, Any]:
    version = f"{image.said('Application', 'Software')} "
    version += image.said("Application", "SoftwareVersion")
    return stated(
        {
            "started": _moment(
                image.said("Application", "Date"), image.said("Application", "Time")
            ),
            "comment": image.said("Comment", "UserComment"),
            "instrument": {
                "vendor": "Hamamatsu",
                "model": image.said("Streak camera", "DeviceName"),
                "software": version.strip(),
            },
            "spectrometer": {
                "model": image.said("Spectrograph", "DeviceName"),
                "grating": image.said("Spectrograph", "Ruling"),
                "centre_wavelength": finite_number(image.said("Spectrograph", "Wavelength")),
            },
            "detector": {
                "name": image.said("Camera", "CameraName"),
                "exposure_time": _seconds(image.said("Acquisition", "ExposureTime")),
                "accumulations": finite_number(image.said("Acquisition", "NrExposure")),
                "gain": finite_number(image.said("Streak camera", "MCP Gain")),
                "mode": image.said("Streak camera", "Mode"),
                "time_range": image.said("Streak camera", "Time Range"),
            },
        }
    )


def _seconds(text: str) -> float | None:
    found = _AMOUNT.fullmatch(text)
    value = None if found is None else finite_number(found[1])
    if found is None or value is None:
        return None
    return value * conversion_factor(found[2], "s")


def _moment(date: str, time: str) -> str | None:
    """Return a time whose day and month can be told apart, whatever the country."""
    found = _DATE.fullmatch(date)
    if found is None:
        return None
    first, second, year = map(int, found.groups())
    if first <= 12 and second <= 12 and first != second:
        return None
    day, month = (first, second) if first > 12 else (second, first)
    try:
        moment = dt.datetime.fromisoformat(f"{year:04}-{month:02}-{day:02}T{time}")
    except ValueError:
        return None
    return moment.isoformat(timespec="milliseconds")
