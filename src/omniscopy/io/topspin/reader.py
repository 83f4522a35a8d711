"""Read the images and series of patterns of Topspin."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.quantities import stated
from omniscopy.io.records import Axis, Channel, Measurement, Variable
from omniscopy.io.storage.hdf5 import open_hdf5
from omniscopy.io.storage.hdf5_access import members
from omniscopy.io.storage.hdf5_numbers import is_array, member, numbers_of
from omniscopy.io.topspin.arrays import PatternSeries
from omniscopy.io.topspin.documents import (
    Calibration,
    calibrations_of,
    document_groups,
    finite,
    lookup,
    moment,
    position_of,
    read_document,
    results_of,
    tree_of,
)

# Units of calibrations, and the factor to them.
_KINDS = {"Position": ("m", 1.0), "Angle": ("mrad", 1e3)}
_METRES = {"units": "m", "quantity": "length", "kind": "spatial"}


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - HDF5 is whole or not
    """Read a file of Topspin.

    Parameters
    ----------
    path : Path
        The file, of one procedure or of several.
    partial : bool
        Makes no difference: of a truncated HDF5 file nothing can be read.

    Returns
    -------
    Measurement
        A channel for each image, (y, x) or (ky, kx), and for each series of patterns:
        (y, x, ky, kx) where the beam was at the places of a grid, else (point, ky, kx) with the
        coordinates x and y, or (frame, ky, kx). Positions are in m, angles in mrad.

    Raises
    ------
    FormatError
        The file is damaged, or describes no data that are there.
    """
    path = Path(path)
    channels: list[Channel] = []
    with open_hdf5(path) as file:
        for group, document in document_groups(file):
            channels += _channels(path, group, document)
    if not channels:
        message = "the file describes no images or series that are there; it is damaged"
        raise FormatError(message, path=path, key="Metadata")
    return Measurement(channels=channels)


def _channels(path: Path, group: Any, document: ElementTree.Element) -> list[Channel]:
    results = results_of(document)
    tree = tree_of(document)
    tree = tree if isinstance(tree, dict) else {}
    made = []
    for identifier, found in members(group):
        title, said = results.get(identifier, (identifier, None))
        about: dict[str, Any] = {
            "title": title,
            "quantity": "intensity",
            "source": "Topspin",
            "metadata": _metadata(tree),
            "original_metadata": tree,
            "attrs": {"path": found.name},
        }
        if hasattr(found, "keys") and member(found, "0/Data") is not None:
            made.append(_series(path, found, about))
        elif is_array(found) and found.ndim == 2:
            sides = {} if said is None else calibrations_of(said)
            axes = [
                _axis(sides.get(side), side, size)
                for side, size in zip("YX", found.shape, strict=True)
            ]
            made.append(Channel(data=numbers_of(found), axes=axes, **about))
    return made


def _series(path: Path, group: Any, about: Mapping[str, Any]) -> Channel:
    """Return the patterns of a series."""
    first = member(group, "0/Data")
    if not is_array(first) or first.ndim != 2:
        raise FormatError("a pattern was expected", path=path, key=first.name)  # noqa: EM101
    numbers_of(first)
    # Names are counted in order, so that the number of entries says which there are.
    count = len(group)
    sides = calibrations_of(_document(group, 0))
    detector = [
        _axis(sides.get(side), side, size, is_pattern=True)
        for side, size in zip("YX", first.shape, strict=True)
    ]
    grid, coordinates = _scan(group, count, about["original_metadata"])
    lead = tuple(axis.size for axis in grid)
    dtype = first.dtype.newbyteorder("=")
    return Channel(
        data=PatternSeries(str(path), group.name, lead, first.shape, dtype),
        axes=[*grid, *detector],
        coordinates=coordinates,
        modality="4D-STEM" if len(grid) == 2 else "diffraction",
        **about,
    )


def _document(group: Any, number: int) -> ElementTree.Element:
    found = read_document(member(group, str(number)))
    return ElementTree.Element("Metadata") if found is None else found


def _scan(
    group: Any, count: int, tree: Mapping[str, Any]
) -> tuple[list[Axis], dict[str, Variable]]:
    """Return the axes of a series, and the places of its patterns where they are no grid."""
    planned = _planned_grid(group, count, tree)
    if planned:
        return planned, {}
    places = [position_of(_document(group, number)) for number in range(count)]
    known = [place for place in places if place is not None]
    if len(known) < count or count < 2:
        return [Axis(name="frame", size=count)], {}
    x, y = np.array(known).T
    columns = _length_of_lines(y, x)
    if columns:
        rows = count // columns
        sides = (("y", y[::columns], rows), ("x", x[:columns], columns))
        return [_line(name, values, size) for name, values, size in sides], {}
    coordinates = {
        name: Variable(dims=("point",), data=values, attrs=_METRES)
        for name, values in (("y", y), ("x", x))
    }
    return [Axis(name="point", size=count)], coordinates


def _planned_grid(group: Any, count: int, tree: Mapping[str, Any]) -> list[Axis]:
    """Return the axes of the grid that was planned, where its corners are those of the series.

    It spares reading the places of all patterns, a document each.
    """
    plan = ("ProcedureData", "PointCollection")
    step = finite(lookup(tree, *plan, "StepSize"))
    halves = [finite(lookup(tree, *plan, "Data", side)) for side in ("HalfWidth", "HalfHeight")]
    if not step or None in halves:
        return []
    columns, rows = (round(2 * (half or 0.0) / abs(step)) for half in halves)
    if min(columns, rows) < 2 or columns * rows != count:
        return []
    corners = (0, columns - 1, count - columns, count - 1, 1, columns)
    places = [position_of(_document(group, number)) for number in corners]
    if None in places:
        return []
    x, y = np.array(places).T
    x_step, y_step = x[4] - x[0], y[5] - y[0]
    ends = (x[0] + x_step * (columns - 1), y[0] + y_step * (rows - 1))
    slack = 1e-3 * abs(step)
    as_planned = (
        np.abs(x - [x[0], ends[0], x[0], ends[0], x[4], x[0]]).max() <= slack
        and np.abs(y - [y[0], y[0], ends[1], ends[1], y[0], y[5]]).max() <= slack
    )
    if not as_planned:
        return []
    return [
        Axis(name="y", size=rows, scale=float(y_step), offset=float(y[0]), units="m"),
        Axis(name="x", size=columns, scale=float(x_step), offset=float(x[0]), units="m"),
    ]


def _length_of_lines(y: np.ndarray, x: np.ndarray) -> int:
    """Return how many places are in a line of a grid that is gone through row by row, else 0."""
    slack = 1e-3 * max(np.ptp(x), np.ptp(y)) / len(x)
    ends = np.flatnonzero(np.abs(np.diff(y)) > slack)
    columns = int(ends[0]) + 1 if len(ends) else len(y)
    if len(y) % columns:
        return 0
    rows_y, rows_x = y.reshape(-1, columns), x.reshape(-1, columns)
    straight = np.abs(rows_y - rows_y[:, :1]).max() <= slack
    alike = np.abs(rows_x - rows_x[:1]).max() <= slack
    steps = [np.diff(line) for line in (rows_y[:, 0], rows_x[0]) if len(line) > 1]
    even = all(np.ptp(step) <= 2 * slack and abs(step[0]) > slack for step in steps)
    return columns if straight and alike and even else 0


def _line(name: str, values: np.ndarray, size: int) -> Axis:
    step = float(values[-1] - values[0]) / (size - 1) if size > 1 else 1.0
    return Axis(name=name, size=size, scale=step, offset=float(values[0]), units="m")


def _axis(side: Calibration | None, letter: str, size: int, *, is_pattern: bool = False) -> Axis:
    """Return an axis of an image as it is calibrated; one of a pattern is of angles anyway."""
    kind = side.kind if side is not None else ""
    angles = is_pattern or kind == "Angle"
    name = f"k{letter.lower()}" if angles else letter.lower()
    if side is None or kind not in _KINDS:
        return Axis(name=name, size=size)
    units, factor = _KINDS[kind]
    return Axis(
        name=name, size=size, scale=side.scale * factor, offset=side.offset * factor, units=units
    )


def _metadata(tree: Mapping[str, Any]) -> dict[str, Any]:
    voltage = finite(lookup(tree, "HardwareSettings", "GunHighVoltage"))
    length = finite(lookup(tree, "ProcedureData", "DiffractionCameraLength"))
    exposure = finite(lookup(tree, "ProcedureData", "FrameTime"))
    rotation = finite(lookup(tree, "ProcedureData", "ScanRotation"))
    return stated(
        {
            "title": lookup(tree, "Title"),
            "started": moment(lookup(tree, "StartDateTime")),
            "operator": lookup(tree, "CreatedBy"),
            "comment": lookup(tree, "Comments"),
            "technique": lookup(tree, "Context"),
            "sample": {"name": lookup(tree, "Specimen")},
            "instrument": {"model": lookup(tree, "SystemName"), "software": "Topspin"},
            "beam": {
                "voltage": voltage,
                "mode": lookup(tree, "HardwareSettings", "ImagingMode"),
            },
            "detector": {
                "name": lookup(tree, "ProcedureData", "Camera"),
                "camera_length": length,
                "exposure_time": exposure,
            },
            "scan": {"rotation": None if rotation is None else float(np.degrees(rotation))},
        }
    )
