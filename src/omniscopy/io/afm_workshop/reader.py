"""Read AFMWorkshop force curves: lines of `key: value`, then columns of both ramps."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.quantities import finite_number, moment_of, quantity_of, split_heading, stated
from omniscopy.io.records import Axis, Channel, Measurement, Variable

_RAMPS = ("Extend", "Retract")
_HEIGHT = "Z-Sense"
_DATES = ("%A, %B %d, %Y %I:%M:%S %p", "%d %B %Y %H:%M:%S")
_BLANK = re.compile(r"^\s*$")


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the two ramps of the force curve at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .csv.
    partial : bool
        Read a text that ends within a line as far as it goes.

    Returns
    -------
    Measurement
        A channel for each column, along `sample`, in the unit of its heading; the height of the
        probe is the coordinate `z` of the others. Deflections in volts stay so: the file knows
        neither sensitivity nor spring constant unless its header says so.

    Raises
    ------
    FormatError
        The table of columns is not there, has something that is no number, or ends within a
        line.
    """
    path = Path(path)
    content = path.read_bytes().decode("utf-8-sig", "replace")
    lines = content.splitlines()
    start = next((i for i, line in enumerate(lines) if line.startswith(_RAMPS)), None)
    if start is None:
        message = "the line of headings, such as 'Extend Z-Sense(nm),...', is not there"
        raise FormatError(message, path=path)
    gap = None
    if not content.endswith("\n"):
        gap = {"missing_from": len(lines) - start - 2, "reason": "the text ends within a line"}
        lines = lines[: max(start + 1, len(lines) - 1)]
        if not partial:
            message = "the text ends within a line; it is cut short"
            raise FormatError(message, path=path, offset=path.stat().st_size)
    said = _header(lines[:start])
    columns = _columns(path, lines[start:])
    channels = [_channel(columns, heading) for heading in columns]
    if gap is not None:
        channels = [replace(channel, attrs={"incomplete": gap}) for channel in channels]
    return Measurement(channels=channels, metadata=_metadata(said), original_metadata=said)


def _header(lines: list[str]) -> dict[str, str]:
    parts = [line.partition(":") for line in lines]
    return {key.strip(): value.strip() for key, colon, value in parts if colon}


def _columns(path: Path, lines: list[str]) -> dict[str, np.ndarray]:
    """Return the columns by heading, each without the empty cells at its end."""
    headings = [heading.strip() for heading in lines[0].split(",")]
    rows = [line.split(",") for line in lines[1:] if not _BLANK.match(line)]
    found: dict[str, np.ndarray] = {}
    for i, heading in enumerate(headings):
        cells = [row[i].strip() if i < len(row) else "" for row in rows]
        while cells and not cells[-1]:
            cells.pop()
        try:
            values = np.array([float(cell) if cell else np.nan for cell in cells], dtype=np.float64)
        except ValueError as error:
            message = f"a number was expected ({error})"
            raise FormatError(message, path=path, key=heading) from error
        if heading and values.size:
            found[heading] = values
    if not found:
        message = "the table has no numbers"
        raise FormatError(message, path=path)
    return found


def _channel(columns: Mapping[str, np.ndarray], heading: str) -> Channel:
    title, units = split_heading(heading.replace("(", " ("))
    values = columns[heading]
    ramp = title.partition(" ")[0]
    coordinates = {}
    for other, heights in columns.items():
        beside = other.startswith(f"{ramp} {_HEIGHT}") and other != heading
        if beside and heights.shape == values.shape:
            name, unit = split_heading(other.replace("(", " ("))
            attrs = {"long_name": name, "quantity": "height", "units": unit}
            coordinates["z"] = Variable(dims=("sample",), data=heights, attrs=attrs)
    is_height = _HEIGHT in title
    return Channel(
        title=title,
        data=values,
        axes=[Axis(name="sample", size=values.size)],
        # T-B is the difference of the upper and the lower half of the detector.
        quantity="height"
        if is_height
        else ("deflection" if "T-B" in title else quantity_of(title, units)),
        units=units,
        modality="AFM",
        source="AFMWorkshop",
        metadata={"scan": {"direction": ramp.lower()}},
        coordinates=coordinates,
    )


def _metadata(said: Mapping[str, str]) -> dict[str, Any]:
    stage = {letter.lower(): _scaled(said, f"{letter}, um", 1e-6) for letter in ("X", "Y")}
    return stated(
        {
            "started": _started(said),
            "technique": "AFM",
            "instrument": {
                "vendor": "AFMWorkshop",
                "software": said.get("Software Version"),
            },
            "stage": stage,
            # Whether these were entered or are the defaults of 1, the file does not say.
            "probe": {"spring_constant": _scaled(said, "Force Constant, nN/nm", 1.0)},
        }
    )


def _scaled(said: Mapping[str, str], key: str, factor: float) -> float | None:
    value = finite_number(said.get(key, ""))
    return None if value is None else value * factor


def _started(said: Mapping[str, str]) -> str | None:
    text = f"{said.get('Date', '')} {said.get('Time', '')}"
    return moment_of(text, *_DATES)
