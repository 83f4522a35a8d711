"""Read Anfatec scans: images, spectra at every pixel, and spectra at single points."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Scaled
from omniscopy.io.errors import FormatError
from omniscopy.io.pieces import map_rows
from omniscopy.io.pifm.metadata import common_metadata
from omniscopy.io.pifm.parameters import Description, Parameters, read_parameters
from omniscopy.io.quantities import dimension_of, known_units, quantity_of, split_heading
from omniscopy.io.records import Axis, Channel, Measurement, Variable

_MOST_TEXT = 1 << 26
_DIRECTIONS = {"Fwd": "forward", "Bwd": "backward"}


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the channels of the scan whose parameter file is at `path`.

    Parameters
    ----------
    path : Path
        The parameter file; the files that it names are beside it.
    partial : bool
        Leave out files that are missing, and read those that are cut short as far as they go.

    Returns
    -------
    Measurement
        A channel for each image and direction, (y, x) with row 0 on top; for each hyperspectral
        image, (y, x, spectrum); and for each spectrum at a point. `x` and `y` are in the frame
        of the scanner before it is turned by the scan's angle about its centre: `x` ascends,
        `y` descends.

    Raises
    ------
    FormatError
        The parameter file is damaged, or a file of values is missing or has another size.
    """
    path = Path(path)
    parameters = read_parameters(path, partial=partial)
    channels: list[Channel] = []
    skipped = []
    for description in parameters.descriptions:
        try:
            channels += _read_description(parameters, description, partial=partial)
        except FormatError:
            if not partial:
                raise
            skipped.append(description.text("filename"))
    if not channels and not partial:
        message = "the file describes no file of values"
        raise FormatError(message, path=path)
    return Measurement(
        channels=channels,
        metadata=common_metadata(parameters),
        original_metadata=parameters.entries,
        attrs={"not_read": ", ".join(skipped)} if skipped else {},
    )


def _read_description(
    parameters: Parameters, description: Description, *, partial: bool
) -> list[Channel]:
    if description.kind == "AFMSpectrumDesc":
        return _spectrum_channels(parameters, description)
    return [_scan_channel(parameters, description, partial=partial)]


def _scan_channel(parameters: Parameters, description: Description, *, partial: bool) -> Channel:
    """Return an image, or a spectrum at each of its pixels."""
    path = parameters.beside(description.text("filename"))
    axes = [_plane_axis(parameters, name) for name in "yx"]
    if description.kind == "FileDesc2":
        axes.append(_spectral_axis(parameters, description))
    shape = tuple(axis.size for axis in axes)
    dtype = _dtype(description)
    wanted, there = math.prod(shape) * dtype.itemsize, path.stat().st_size
    if there != wanted and not (partial and there < wanted):
        message = f"{shape} values of {path.name!r} need {wanted} bytes, the file has {there}"
        raise FormatError(message, path=parameters.path)
    data, missing = map_rows(path, 0, shape, dtype, partial=partial)
    title = description.text("caption") or path.stem
    units = known_units(description.text("physunit"))
    scale, offset = description.number("scale"), description.number("offset")
    direction = _DIRECTIONS.get(title[-3:])
    return Channel(
        title=title,
        data=data if scale is None else Scaled(data, scale, offset or 0.0),
        axes=axes,
        quantity=quantity_of(title[:-3] if direction else title, units),
        units=None if scale is None else units,
        modality="AFM",
        source="Anfatec",
        metadata={"scan": {"direction": direction}} if direction else {},
        original_metadata=description.entries,
        attrs={} if missing is None else {"incomplete": missing},
    )


def _spectrum_channels(parameters: Parameters, description: Description) -> list[Channel]:
    """Return the columns of a text as spectra at one point of the sample."""
    path = parameters.beside(description.text("filename"))
    headings, table = _read_table(parameters, path, header=True)
    name, units = split_heading(headings[0] if headings else "")
    axis = Axis(
        name=dimension_of(units, "wavelength"),
        size=len(table),
        units=units,
        values=table[:, 0],
        attrs={"long_name": name} if name else {},
    )
    places = [description.number("pos", letter) for letter in "xy"]
    coordinates = {}
    if None not in places:
        attrs = {"quantity": "length"} | _units_attrs(parameters)
        coordinates = {
            letter: Variable(dims=(), data=np.asarray(place, np.float64), attrs=attrs)
            for letter, place in zip("xy", places, strict=True)
        }
    channels = []
    for column in range(1, table.shape[1]):
        heading = headings[column] if column < len(headings) else ""
        label, own = split_heading(heading)
        title = path.stem if table.shape[1] == 2 else f"{path.stem} {label or column}"
        channels.append(
            Channel(
                title=title,
                data=table[:, column],
                axes=[axis],
                coordinates=coordinates,
                quantity=quantity_of(label, own),
                units=own,
                modality="AFM",
                source="Anfatec",
                original_metadata=description.entries,
            )
        )
    return channels


def _plane_axis(parameters: Parameters, name: str) -> Axis:
    """Return `x` from the left and `y` from the top of the scan, about its centre."""
    letter = name.upper()
    size, length = parameters.count(f"{name}Pixel"), parameters.number(f"{letter}ScanRange")
    units = known_units(parameters.text(f"{letter}PhysUnit"))
    if not length:
        return Axis(name=name, size=size)
    length = abs(length)
    centre = parameters.number(f"{name}Center")
    if centre is None:
        return Axis(name=name, size=size, scale=length / size, units=units)
    turn = -1 if name == "y" else 1
    offset = centre - turn * length / 2
    return Axis(name=name, size=size, scale=turn * length / size, offset=offset, units=units)


def _spectral_axis(parameters: Parameters, description: Description) -> Axis:
    """Return the wavelengths, which a text beside the values lists."""
    stem = description.text("filename").removesuffix(".int")
    named = description.text("filename", "wavelength") or f"{stem}Wavelengths.txt"
    _, table = _read_table(parameters, parameters.beside(named), header=False)
    units = known_units(description.text("physunit", "wavelength"))
    attrs = {} if table.shape[1] == 1 else {"attenuation": table[:, 1].tolist()}
    return Axis(
        name=dimension_of(units, "wavelength"),
        size=len(table),
        units=units,
        values=table[:, 0],
        attrs=attrs,
    )


def _dtype(description: Description) -> np.dtype[Any]:
    size = description.number("bytes", "reading") or description.number("bytes", "pixel") or 4
    if "float" in description.text("datatype").lower():
        return np.dtype("<f8" if size == 8 else "<f4")
    return np.dtype("<i2" if size == 2 else "<i4")


def _read_table(
    parameters: Parameters, path: Path, *, header: bool
) -> tuple[list[str], np.ndarray]:
    """Return the heading of a text and its columns."""
    if path.stat().st_size > _MOST_TEXT:
        message = f"the text {path.name!r} is longer than 64 MB"
        raise FormatError(message, path=parameters.path)
    lines = path.read_text("latin-1").splitlines()
    heading = [part.strip() for part in lines[0].split("\t")] if header and lines else []
    rows = [line.split() for line in lines[1 if header else 0 :] if line.strip()]
    try:
        table = np.array(rows, np.float64)
    except ValueError:
        table = np.empty(0)
    if table.ndim != 2 or not table.size or not np.isfinite(table[:, 0]).all():
        message = f"the text {path.name!r} has no columns of numbers"
        raise FormatError(message, path=parameters.path)
    if header and table.shape[1] < 2:
        message = f"the spectrum {path.name!r} has one column, two are needed"
        raise FormatError(message, path=parameters.path)
    return heading, table


def _units_attrs(parameters: Parameters) -> dict[str, str]:
    units = known_units(parameters.text("XPhysUnit"))
    return {"units": units} if units else {}
