"""Read TIA files: each series is a channel, described by the `.emi` file beside it."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Flipped
from omniscopy.io.errors import FormatError
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement, Variable
from omniscopy.io.tia.descriptions import (
    common_metadata,
    conditions,
    describing,
    is_eds,
    read_descriptions,
)
from omniscopy.io.tia.series import SPECTRA, Dimension, Line, Series, read_series

# Steps of images above this many metres are reciprocal: in 1/m.
_LONGEST_PIXEL = 1.0
_METRES = {"units": "m", "quantity": "length"}


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - what is cut is lost
    """Read a series (.ser), or all series of a description (.emi).

    Parameters
    ----------
    path : Path
        Either file. The series of a description are `<name>_1.ser`, `<name>_2.ser`, ... beside
        it; the description of a series is found likewise.
    partial : bool
        Makes no difference: a series that was not finished is read either way, and marked; of
        one that is cut short, the table of places at its end is lost.

    Returns
    -------
    Measurement
        A channel for each series: images (y, x) or (ky, kx) with row 0 on top, spectra along
        `energy` or `energy_loss` in eV, and before them the positions or the frames they were
        taken at. Positions along a line are `x`; single positions are `point`, with `x` and `y`.

    Raises
    ------
    FormatError
        A file is cut short or damaged, or the description has no series beside it.
    """
    path = Path(path)
    with path.open("rb") as file:
        is_series = file.read(2) == b"II"
    if is_series:
        beside = path.with_name(re.sub(r"_\d+$", "", path.stem) + ".emi")
        described = read_descriptions(beside) if beside.is_file() else []
        match = re.search(r"_(\d+)$", path.stem)
        number = int(match[1]) - 1 if match else 0
        return Measurement(channels=[_channel(path, described, number)])
    described = read_descriptions(path)
    files = sorted(_series_beside(path).items())
    if not files:
        message = (
            f"the description has no series: '{path.stem}_1.ser' was expected beside it; keep "
            "the files of a measurement together"
        )
        raise FormatError(message, path=path)
    return Measurement(channels=[_channel(file, described, number - 1) for number, file in files])


def _series_beside(path: Path) -> dict[int, Path]:
    found = {}
    for each in path.parent.iterdir():
        match = re.fullmatch(re.escape(path.stem) + r"_(\d{1,6})", each.stem)
        if match and each.suffix.lower() == ".ser":
            found[int(match[1])] = each
    return found


def _channel(path: Path, described: list[dict[str, Any]], number: int) -> Channel:
    series = read_series(path)
    tree = describing(series.kind == SPECTRA, described, number)
    scan, further = _scan(series)
    sizes = tuple(axis.size for axis in scan)
    frames = series.frames(sizes)
    data: LazyArray = frames
    if series.kind == SPECTRA:
        inner, modality = _spectral_axes(series, tree)
    else:
        inner, modality = _image_axes(series, tree)
        data = Flipped(frames, (len(sizes),))
    reason = f"{frames.missing} elements were not acquired"
    return Channel(
        title=path.stem,
        data=data,
        axes=[*scan, *inner],
        quantity="intensity",
        units="counts" if series.kind == SPECTRA else None,
        modality=modality,
        source=dict(common_metadata(tree).get("instrument", {})).get("model"),
        metadata=common_metadata(tree),
        original_metadata={"emi": tree} if tree else {},
        coordinates=further,
        attrs={"incomplete": {"missing_from": series.valid, "reason": reason}}
        if frames.missing
        else {},
    )


def _scan(series: Series) -> tuple[list[Axis], dict[str, Variable]]:
    """Return the axes that elements are folded into, slow first, and flat positions."""
    dims, positions = series.dimensions, series.positions
    if not any(dim.is_position for dim in dims):
        count = series.valid
        return ([Axis(name="frame", size=count)] if count > 1 else []), {}
    if len(dims) == 2 and all(dim.is_position for dim in dims):
        return [_along(dims[1], "y"), _along(dims[0], "x")], {}
    (dim, *rest) = dims
    if rest:
        return [Axis(name=f"position_{n}", size=each.size) for n, each in enumerate(dims)][::-1], {}
    places = {}
    # Single positions have a step of one metre: none.
    name = "point" if dim.step == 1.0 else "x"
    if positions is not None and len(positions) == dim.size:
        names = ("x", "y") if name == "point" else ("position_x", "position_y")
        places = {
            each: Variable(dims=(name,), data=positions[:, column], attrs=_METRES)
            for column, each in enumerate(names)
        }
    return [Axis(name="point", size=dim.size) if name == "point" else _along(dim, "x")], places


def _along(dim: Dimension, name: str) -> Axis:
    if not (math.isfinite(dim.step) and dim.step and math.isfinite(dim.start)):
        return Axis(name=name, size=dim.size)
    units = "m" if dim.units == "meters" else None
    return Axis(name=name, size=dim.size, scale=dim.step, offset=dim.start, units=units)


def _spectral_axes(series: Series, tree: dict[str, Any]) -> tuple[list[Axis], str | None]:
    (line,) = series.lines
    rays = is_eds(tree)
    name = "energy" if rays or (rays is None and line.start >= 0) else "energy_loss"
    modality = None if rays is None else "EDS" if rays else "EELS"
    return [
        Axis(name=name, size=line.size, scale=line.step, offset=line.start, units="eV")
    ], modality


def _image_axes(series: Series, tree: dict[str, Any]) -> tuple[list[Axis], str | None]:
    rows, columns = series.lines
    mode = conditions(tree).get("Mode", ("",))[0] if tree else ""
    modality = next((word for word in ("STEM", "TEM") if word in mode.split()), None)
    scanned = any(dim.is_position for dim in series.dimensions)
    reciprocal = scanned or abs(rows.step) > _LONGEST_PIXEL
    names = ("ky", "kx") if reciprocal else ("y", "x")
    units = "1/m" if reciprocal else "m"
    axes = [
        _pixels(name, line, units, upwards=line is rows)
        for name, line in zip(names, (rows, columns), strict=True)
    ]
    return axes, "4D-STEM" if scanned else modality


def _pixels(name: str, line: Line, units: str, *, upwards: bool) -> Axis:
    """Return the axis of rows or columns; rows count from the bottom, as positions of scans do."""
    if not (np.isfinite([line.step, line.start]).all() and line.step > 0):
        return Axis(name=name, size=line.size)
    if upwards:
        top = line.start + line.step * (line.size - 1)
        return Axis(name=name, size=line.size, scale=-line.step, offset=top, units=units)
    return Axis(name=name, size=line.size, scale=line.step, offset=line.start, units=units)
