"""Read Nanonis grids: spectra at every point, and where the tip was."""

from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.names import slug
from omniscopy.io.nanonis_3ds.arrays import GridValues
from omniscopy.io.nanonis_3ds.header import Header, read_header
from omniscopy.io.nanonis_dat.settings import (
    drive_frequency,
    feedback,
    number,
    started,
    technique_of,
)
from omniscopy.io.planes import plane_axis
from omniscopy.io.quantities import (
    dimension_of,
    quantity_of,
    split_heading,
    stated,
)
from omniscopy.io.records import Axis, Channel, Measurement, Variable

_MOST_UNNAMED = 64  # parameters of which the header gives only the number
_PLACES = {"X (m)": "x_measured", "Y (m)": "y_measured"}


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the channels of the Nanonis grid at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .3ds.
    partial : bool
        Read a file that ends within a point. One that ends after a point is a grid that was
        stopped, and is always read.

    Returns
    -------
    Measurement
        A channel for each recorded quantity, (y, x, sweep) with row 0 on top, and the height
        `Z` at which the spectra were taken, (y, x). Points that were not measured are NaN.
        `x` and `y` are in the frame of the scanner before the grid is turned by its angle about
        its centre: `x` ascends, `y` descends. Where the tip really was are the coordinates
        `x_measured` and `y_measured`; all other parameters are variables.

    Raises
    ------
    FormatError
        The file ends within a point, or its header is damaged or contradicts its size.
    """
    path = Path(path)
    header = read_header(path)
    parameters = header.words("Fixed parameters") + header.words("Experiment parameters")
    names, points = header.words("Channels"), header.count("Points")
    unnamed = header.count("# Parameters (4 byte)") - len(parameters)
    if not 0 <= unnamed <= _MOST_UNNAMED or not names or not points:
        message = f"{len(parameters)} parameters and {len(names)} channels of {points} are listed"
        raise FormatError(message, path=path, key="# Parameters (4 byte)")
    parameters += [f"Parameter {len(parameters) + i + 1}" for i in range(unnamed)]
    record = len(parameters) + len(names) * points
    there, missing = _points_there(header, record, partial=partial)
    rows, columns = header.shape

    def values(start: int, count: int | None = None) -> GridValues:
        return GridValues(
            str(path), header.data_offset, rows, columns, record, there, start, count
        )  # fmt: skip

    technique = technique_of(names)
    plane = _plane_axes(header)
    places = {
        _PLACES[name]: Variable(
            dims=("y", "x"), data=values(i), attrs={"units": "m", "quantity": "length"}
        )
        for i, name in enumerate(parameters)
        if name in _PLACES
    }
    further = {
        slug(split_heading(name)[0]): Variable(dims=("y", "x"), data=values(i), attrs=_attrs(name))
        for i, name in enumerate(parameters)
        if name not in _PLACES
    }
    sweep = _sweep_axis(header, parameters, values, points)
    axes = [*plane, sweep]
    channels = [
        _channel(
            name,
            values(len(parameters) + i * points, points),
            axes,
            technique=technique,
            coordinates=places,
            variables=further,
            missing=missing,
        )
        for i, name in enumerate(names)
    ]
    if "Z (m)" in parameters:
        height = values(parameters.index("Z (m)"))
        channels.append(
            _channel(
                "Z (m)", height, plane, technique=technique, coordinates=places, missing=missing
            )
        )
    return Measurement(
        channels=channels,
        metadata=_common_metadata(header),
        original_metadata=header.entries,
    )


def _points_there(
    header: Header, record: int, *, partial: bool
) -> tuple[int, dict[str, Any] | None]:
    """Return how many points are in the file, and what is missing."""
    rows, columns = header.shape
    wanted = rows * columns
    size = header.path.stat().st_size - header.data_offset
    there, rest = divmod(size, 4 * record)
    if there >= wanted and (there > wanted or rest):
        message = f"{wanted} points of {4 * record} bytes are announced, the file has {size} bytes"
        raise FormatError(message, path=header.path, offset=header.data_offset)
    if rest and not partial:
        message = f"the file ends within point {there} of {wanted}; it is cut short"
        raise FormatError(message, path=header.path, offset=header.path.stat().st_size)
    if there == wanted:
        return there, None
    reason = f"{there} of {wanted} points are in the file, from the bottom row on"
    return there, {"missing_from": there, "reason": reason}


def _channel(
    heading: str,
    data: GridValues,
    axes: list[Axis],
    *,
    technique: str,
    coordinates: dict[str, Variable],
    variables: dict[str, Variable] | None = None,
    missing: dict[str, Any] | None,
) -> Channel:
    title, units = split_heading(heading)
    direction = "backward" if "[bwd]" in title else "forward"
    return Channel(
        title=title,
        data=data,
        axes=axes,
        coordinates=coordinates,
        variables=variables or {},
        quantity=quantity_of(title, units),
        units=units,
        modality=technique,
        source="Nanonis",
        metadata={"scan": {"direction": direction}},
        attrs={} if missing is None else {"incomplete": missing},
    )


def _plane_axes(header: Header) -> list[Axis]:
    """Return the axes y and x: centre, size and angle are the grid's settings."""
    rows, columns = header.shape
    settings = header.numbers("Grid settings")
    if len(settings) < 4 or min(settings[2:4]) <= 0:
        return [Axis(name="y", size=rows), Axis(name="x", size=columns)]
    x, y, width, height = settings[:4]
    return [
        plane_axis("y", rows, y - height / 2, height / rows, "m", placed=True),
        plane_axis("x", columns, x - width / 2, width / columns, "m", placed=True),
    ]


def _sweep_axis(header: Header, parameters: list[str], values: Any, points: int) -> Axis:
    """Return the sweep between its ends, both of which were measured, by the first point."""
    title, units = split_heading(header.entries.get("Sweep Signal", ""))
    name = dimension_of(units, "z")
    attrs = {"long_name": title} if title else {}
    segments = _segments(header, points)
    if segments is not None:
        return Axis(
            name=name, size=points, units=units, values=segments, role="signal", attrs=attrs
        )  # fmt: skip
    if header.entries.get("Filetype", "Linear") == "Linear":
        ends = [
            float(values(parameters.index(key))[-1, 0]) if key in parameters else np.nan
            for key in ("Sweep Start", "Sweep End")
        ]
        start, end = ends
        if np.isfinite(ends).all() and start != end and points > 1:
            step = (end - start) / (points - 1)
            return Axis(
                name=name, size=points, scale=step, offset=start, units=units, role="signal",
                attrs=attrs,
            )  # fmt: skip
    return Axis(name="sample", size=points)


def _segments(header: Header, points: int) -> np.ndarray | None:
    """Return the values of a sweep of several segments, `None` where it has none."""
    if header.entries.get("Filetype") != "MLS":
        return None
    key = next((key for key in header.entries if key.startswith("Segment Start")), "")
    found = []
    for word in header.words(key):
        try:
            start, end, _, _, steps = (float(part) for part in word.split(",")[:5])
        except ValueError:
            return None
        if not 1 <= steps <= points:
            return None
        found.append(np.linspace(start, end, int(steps)))
    values = np.concatenate(found) if found else np.empty(0)
    return values if len(values) == points and np.isfinite(values).all() else None


def _attrs(heading: str) -> dict[str, str]:
    title, units = split_heading(heading)
    return {"long_name": title} | ({"units": units} if units else {})


def _common_metadata(header: Header) -> dict[str, Any]:
    settings = header.numbers("Grid settings")
    return stated(
        {
            "technique": technique_of(header.words("Channels")),
            "started": started(header.entries),
            "operator": header.entries.get("User"),
            "comment": header.entries.get("Comment"),
            "instrument": {"vendor": "SPECS", "software": "Nanonis"},
            "scan": {"rotation": settings[4] if len(settings) > 4 else None},
            "probe": {
                "bias": number(header.entries, "Bias>Bias (V)"),
                "drive_frequency": drive_frequency(header.entries),
            },
            "feedback": feedback(header.entries),
        }
    )
