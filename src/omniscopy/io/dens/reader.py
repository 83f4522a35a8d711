"""Read logs of the Digiheater: temperatures, resistance and power of a heated chip over time."""

import re
from pathlib import Path

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.logs import log_channel, numbers_of, read_lines, read_rows, time_of_day
from omniscopy.io.records import Axis, Measurement

_FIRST = re.compile(r"(\d\d)/(\d\d)/'(\d\d) \d\d:\d\d\t(Digiheater.*)")
_HEADING = re.compile(r"(\w+)\s*(?:\[([^\]]+)\])?")
_TITLES = {
    "Tset": "Set temperature", "Tmeas": "Temperature", "Rheat": "Heater resistance",
    "Vheat": "Heater voltage", "Iheat": "Heater current", "Pheat": "Heater power",
}  # fmt: skip
_DAY = 86400.0


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Read a log of the Digiheater.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Read a log whose last line is cut short without that line.

    Returns
    -------
    Measurement
        A channel for each column, along `time` in s after the first row. Temperatures are in K.

    Raises
    ------
    FormatError
        The file is cut short, or its columns are not those that their headings say.
    """
    path = Path(path)
    lines, missing = read_lines(path, partial=partial)
    first = _FIRST.fullmatch(lines[0].rstrip()) if lines else None
    at = next((n for n, line in enumerate(lines) if line.startswith("sample\ttime\t")), None)
    if first is None or at is None:
        message = "the date of a Digiheater and the headings of columns were expected"
        raise FormatError(message, path=path, offset=0)
    headings = [_HEADING.fullmatch(word.strip()) for word in lines[at].split("\t")]
    if not all(headings):
        message = "the headings of columns are not known"
        raise FormatError(message, path=path, key=lines[at])
    # Each row ends in a mode, which has no heading.
    rows = read_rows(path, lines[at + 1 :], "\t", len(headings) + 1)
    seconds = _seconds(path, [row[1] for row in rows])
    time = Axis(name="time", size=len(rows), values=seconds, units="s")
    channels = []
    for number, heading in enumerate(headings):
        if number > 1 and heading is not None and heading[2]:
            title = _TITLES.get(heading[1], heading[1])
            values = numbers_of(path, rows, number, heading[0])
            units = "Ohm" if heading[2] == "ohm" else heading[2]
            channels.append(
                log_channel(title, values, time, units=units, source="Digiheater", missing=missing)
            )
    day, month, year, program = first.groups()
    return Measurement(
        channels=channels,
        metadata={
            "started": f"20{year}-{month}-{day}T{rows[0][1]}",
            "instrument": {"vendor": "DENSsolutions", "software": program},
        },
        original_metadata={"lines": lines[:at], "modes": [row[-1] for row in rows]},
    )


def _seconds(path: Path, moments: list[str]) -> np.ndarray:
    """Return times of day as seconds after the first; a night may lie between."""
    found: list[float] = []
    days = 0.0
    for number, moment in enumerate(moments):
        seconds = time_of_day(moment)
        if seconds is None:
            message = f"a time of day was expected, {moment[:20]!r} was found"
            raise FormatError(message, path=path, key=f"row {number + 1}")
        if found and seconds + days < found[-1] - _DAY / 2:
            days += _DAY
        found.append(seconds + days)
    return np.round(np.subtract(found, found[0]), 6)
