"""Logs of holders and detectors: columns of numbers along time, written as text."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.quantities import known_units, text_of
from omniscopy.io.records import Axis, Channel
from omniscopy.io.temperatures import ZERO_CELSIUS

_MOST_BYTES = 1 << 27
_SPELLINGS = {"Amps": "A", "Volts": "V", "Ohms": "Ohm", "Milliseconds": "ms", "Seconds": "s"}
# What units without a place in the data are multiplied by and moved to, in which.
_CONVERTED = {
    "C": (1.0, ZERO_CELSIUS, "K"), "degC": (1.0, ZERO_CELSIUS, "K"),
    "Degrees C": (1.0, ZERO_CELSIUS, "K"),
    "Torr": (101325 / 760, 0.0, "Pa"),
}  # fmt: skip
_QUANTITIES = (
    ("temperature", "temperature"), ("pressure", "pressure"), ("current", "current"),
    ("voltage", "voltage"), ("resistance", "resistance"), ("power", "power"),
)  # fmt: skip


def read_lines(path: Path, *, partial: bool) -> tuple[list[str], str | None]:
    """Return the lines of a log without those that are empty, and what is missing of it.

    Raises
    ------
    FormatError
        The last line has no end, so it may be cut short; with `partial` it is left out.
    """
    if path.stat().st_size > _MOST_BYTES:
        message = f"a log of more than {_MOST_BYTES} bytes is not read"
        raise FormatError(message, path=path)
    raw = path.read_bytes()
    text = text_of(raw)
    lines = [line for line in text.splitlines() if line.strip()]
    if text.endswith(("\n", "\r")) or not lines:
        return lines, None
    missing = "the last line has no end"
    if not partial:
        message = f"{missing}; the file is cut short; partial=True reads what there is"
        raise FormatError(message, path=path, offset=len(raw))
    return lines[:-1], missing


def read_rows(path: Path, lines: Sequence[str], separator: str, columns: int) -> list[list[str]]:
    """Return the words of lines that all have the same number of them."""
    rows = [[word.strip() for word in line.split(separator)] for line in lines]
    for number, row in enumerate(rows):
        if len(row) != columns:
            message = f"{columns} columns were expected, {len(row)} were found"
            raise FormatError(message, path=path, key=f"row {number + 1}")
    if not rows:
        message = "the log has no rows"
        raise FormatError(message, path=path)
    return rows


def numbers_of(path: Path, rows: Sequence[Sequence[str]], column: int, title: str) -> np.ndarray:
    """Return a column as numbers."""
    try:
        return np.array([row[column] for row in rows], np.float64)
    except ValueError as error:
        message = f"what should be numbers are none ({error}); the file is damaged"
        raise FormatError(message, path=path, key=title) from None


def log_channel(
    title: str,
    values: np.ndarray,
    time: Axis,
    *,
    units: str | None,
    source: str,
    missing: str | None = None,
    further: Mapping[str, Any] | None = None,
) -> Channel:
    """Return a column as a channel; degrees Celsius and torr are given in K and Pa.

    Parameters
    ----------
    title : str
        Of the column.
    values : ndarray
        Along `time`, and what `further` says of it.
    time : Axis
        When the values were taken.
    units : str or None
        As the program writes them.
    source : str
        The program.
    missing : str, optional
        Why the log goes on no further.
    further : mapping, optional
        Fields of the channel beside these.
    """
    factor, offset, unit = _CONVERTED.get(units or "", (1.0, 0.0, None))
    spelled = unit or known_units(_SPELLINGS.get(units or "", units))
    lower = title.lower()
    quantity = next((name for word, name in _QUANTITIES if word in lower), None)
    incomplete = {"incomplete": {"missing_from": time.size, "reason": missing}}
    return Channel(
        **{
            "title": title,
            "data": values * factor + offset if unit else values,
            "axes": [time],
            "quantity": quantity,
            "units": spelled,
            "source": source,
            "attrs": incomplete if missing else {},
            **(further or {}),
        }
    )


def time_of_day(text: str) -> float | None:
    """Return a time such as `13:54:37.68` in seconds, `None` where it is none."""
    parts = text.split(":")
    try:
        hours, minutes, seconds = (float(part) for part in parts)
    except ValueError:
        return None
    return 3600 * hours + 60 * minutes + seconds
