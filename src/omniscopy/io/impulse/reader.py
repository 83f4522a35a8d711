"""Read logs of Impulse: temperature, gas and mass spectrometer over the time of an experiment."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.logs import log_channel, numbers_of, read_lines, read_rows
from omniscopy.io.quantities import stated
from omniscopy.io.records import Axis, Channel, Measurement

_UNITS = re.compile(r"(.*\S)\s*\(([^()]+)\)")
_DATE = re.compile(r"(\d{2})-(\d{2})-(\d{4})")
_MOST_METADATA = 1 << 20


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Read a log of Impulse.

    Parameters
    ----------
    path : Path
        One of the .csv files of an experiment; the settings are read from its Metadata.log,
        where that lies beside it.
    partial : bool
        Read a log whose last line is cut short without that line.

    Returns
    -------
    Measurement
        A channel for each column, along the `time` of the experiment in s, at the moments at
        which it was logged. The positions of a valve are (time, channel). Temperatures that
        are said to be in °C are given in K.

    Raises
    ------
    FormatError
        The file is cut short, or rows are not as the first line says.
    """
    path = Path(path)
    lines, missing = read_lines(path, partial=partial)
    titles = [word.strip() for word in lines[0].split(",")] if lines else []
    if titles[:2] != ["TimeStamp", "Experiment time"]:
        message = "the columns 'TimeStamp' and 'Experiment time' were expected first"
        raise FormatError(message, path=path, offset=0)
    rows = read_rows(path, lines[1:], ",", len(titles))
    seconds = numbers_of(path, rows, 1, titles[1])
    time = Axis(name="time", size=len(rows), values=seconds, units="s")
    channels = [
        _channel(path, rows, number, title, time=time, missing=missing)
        for number, title in enumerate(titles)
        if number > 1
    ]
    settings = _settings(path)
    return Measurement(
        channels=channels,
        metadata=_metadata(settings, rows[0][0]),
        original_metadata={"Metadata.log": settings, "first TimeStamp": rows[0][0]},
    )


def _channel(
    path: Path,
    rows: list[list[str]],
    number: int,
    heading: str,
    *,
    time: Axis,
    missing: str | None,
) -> Channel:
    found = _UNITS.fullmatch(heading)
    title, units = (found[1], found[2]) if found else (heading, None)
    units = "%" if title.startswith("% ") else units
    width = rows[0][number].count(";") + 1
    if width == 1:
        values = numbers_of(path, rows, number, heading)
        return log_channel(title, values, time, units=units, source="Impulse", missing=missing)
    # Several whole numbers, such as the positions of a valve.
    parts = [row[number].split(";") for row in rows]
    if any(len(part) != width for part in parts):
        message = f"{width} numbers were expected in each row"
        raise FormatError(message, path=path, key=title)
    values = np.stack([numbers_of(path, parts, n, title) for n in range(width)], axis=1)
    axes = [time, Axis(name="channel", size=width)]
    return log_channel(
        title, values, time, units=None, source="Impulse", missing=missing, further={"axes": axes}
    )


def _settings(path: Path) -> dict[str, str]:
    """Return the settings beside a log, none where they are not there."""
    beside = path.with_name(f"{path.stem.rpartition('_')[0]}_Metadata.log")
    if not beside.is_file() or beside.stat().st_size > _MOST_METADATA:
        return {}
    found: dict[str, str] = {}
    last = ""
    for line in beside.read_text("utf-8", "replace").splitlines():
        key, comma, value = line.partition(",")
        if comma and not key[:2].isdigit():
            last = key.strip()
            found[last] = value.strip().strip('"')
        elif last:
            found[last] += f"\n{line}"
    return found


def _metadata(settings: dict[str, str], moment: str) -> dict[str, Any]:
    return stated(
        {
            "started": _started(settings.get("Experiment date", ""), moment),
            "comment": settings.get("Description"),
            "sample": {"name": settings.get("Sample")},
            "instrument": {
                "vendor": "DENSsolutions",
                "model": settings.get("System version"),
                "software": "Impulse",
            },
        }
    )


def _started(date: str, time: str) -> str | None:
    """Return a moment of the first row, where the day and the month can be told apart."""
    found = _DATE.fullmatch(date)
    if found is None:
        return None
    first, second = int(found[1]), int(found[2])
    if first <= 12 and second <= 12 and first != second:
        return None
    day, month = (second, first) if second > 12 else (first, second)
    return f"{found[3]}-{month:02}-{day:02}T{time}"
