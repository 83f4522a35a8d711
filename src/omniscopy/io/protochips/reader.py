"""Read logs of Protochips holders: temperature, pressure and electrical values over time."""

from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError
from omniscopy.io.logs import log_channel, numbers_of, read_lines, read_rows
from omniscopy.io.quantities import stated
from omniscopy.io.records import Axis, Measurement

_SECONDS = {"Milliseconds": 1e-3, "Seconds": 1.0, "Microseconds": 1e-6, "Minutes": 60.0}
_UNITS_OF = ("Temperature", "Pressure", "Current", "Voltage", "Resistance")


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Read a log of a Protochips holder.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Read a log whose last line is cut short without that line.

    Returns
    -------
    Measurement
        A channel for each column, along `time` in s, at the moments at which it was logged. Of
        the rows at the start that repeat the first values beside the settings, the last is
        kept. Degrees Celsius and torr are given in K and Pa.

    Raises
    ------
    FormatError
        The file is cut short, or rows are not as the first line says.
    """
    path = Path(path)
    lines, missing = read_lines(path, partial=partial)
    titles = [word.strip() for word in lines[0].split(",")] if lines else []
    if titles[:2] != ["Time", "Notes"] or len(titles) < 3:
        message = "the columns 'Time' and 'Notes', and values, were expected first"
        raise FormatError(message, path=path, offset=0)
    rows = read_rows(path, lines[1:], ",", len(titles))
    settings, notes = _notes(rows)
    rows = rows[_repeated(rows) :]
    scale = _SECONDS.get(settings.get("Time units", ""), 1e-3)
    seconds = numbers_of(path, rows, 0, "Time") * scale
    time = Axis(name="time", size=len(rows), values=seconds, units="s")
    channels = [
        log_channel(
            title,
            numbers_of(path, rows, number, title),
            time,
            units=_units(title, settings),
            source="Protochips",
            missing=missing,
        )
        for number, title in enumerate(titles)
        if number > 1
    ]
    return Measurement(
        channels=channels,
        metadata=_metadata(settings),
        original_metadata={"settings": settings, "notes": notes},
    )


def _notes(rows: list[list[str]]) -> tuple[dict[str, str], list[list[str]]]:
    """Return the settings among the notes, and all notes with their times."""
    notes = [row[:2] for row in rows if row[1]]
    pairs = (note.partition("=") for _, note in notes)
    return {key.strip(): value.strip() for key, sign, value in pairs if sign}, notes


def _repeated(rows: list[list[str]]) -> int:
    """Return how many rows at the start are of the same moment as the next one."""
    first = rows[0][0]
    same = next((n for n, row in enumerate(rows) if row[0] != first), len(rows))
    return same - 1


def _units(title: str, settings: dict[str, str]) -> str | None:
    for word in _UNITS_OF:
        if word in title:
            return settings.get(f"{word} units")
    return None


def _metadata(settings: dict[str, str]) -> dict[str, Any]:
    date = settings.get("Date (yyyy.mm.dd)", "").replace(".", "-")
    time = settings.get("Time (hh:mm:ss.ms)", "")
    return stated(
        {
            "started": f"{date}T{time}" if len(date) == 10 and time else None,
            "operator": settings.get("User agreeing to terms"),
            "instrument": {"vendor": "Protochips", "model": settings.get("Chip type")},
        }
    )
