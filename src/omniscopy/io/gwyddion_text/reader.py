"""Read text that Gwyddion exports: a title, width, height and units, then a table."""

import re
from pathlib import Path

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.quantities import finite_number, known_units, quantity_of
from omniscopy.io.records import Channel, Measurement
from omniscopy.io.surfaces import map_axes
from omniscopy.model.units import conversion_factor

_ENTRY = re.compile(r"# ([^:=]+): (.*?)\s*")
_LENGTH = re.compile(r"([\d.,eE+-]+) (\S+)")


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - text is read whole
    """Return the field of the text at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .txt with a header, in any of Gwyddion's languages.
    partial : bool
        Makes no difference.

    Returns
    -------
    Measurement
        One channel (y, x) with row 0 on top. Width and height are in metres, whatever unit
        each has in the file.

    Raises
    ------
    FormatError
        The table has rows of different length, or something that is no number.
    """
    path = Path(path)
    content = path.read_bytes()
    try:
        lines = content.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        lines = content.decode("latin-1").splitlines()
    header = [line for line in lines if line.startswith("#")]
    entries = [(match[1], match[2]) for match in map(_ENTRY.fullmatch, header) if match]
    if len(entries) < 3:
        message = "a title, a width and a height were expected in lines that start with '#'"
        raise FormatError(message, path=path, offset=0)
    values = _table(path, [line for line in lines if line.strip() and not line.startswith("#")])
    title, units = entries[0][1], known_units(entries[3][1]) if len(entries) > 3 else None
    lengths = [_length(entries[i][1]) for i in (2, 1)]
    steps = [length and length / size for length, size in zip(lengths, values.shape, strict=True)]
    channel = Channel(
        title=title or "Field",
        data=values,
        axes=map_axes(values.shape, steps, "m"),
        quantity=quantity_of(title, units),
        units=units,
        source="Gwyddion",
    )
    return Measurement(channels=[channel], original_metadata=dict(entries))


def _table(path: Path, lines: list[str]) -> np.ndarray:
    rows = [line.split() for line in lines]
    if not rows or len({len(row) for row in rows}) != 1:
        lengths = sorted({len(row) for row in rows})
        message = f"a table was expected, its rows have {lengths or 'no'} numbers"
        raise FormatError(message, path=path)
    try:
        return np.array([[_number(word) for word in row] for row in rows])
    except ValueError as error:
        message = f"a number was expected in the table ({error})"
        raise FormatError(message, path=path) from error


def _number(word: str) -> float:
    """Return a number that may have a comma in place of the point."""
    return float(word.replace(",", "."))


def _length(text: str) -> float | None:
    """Return a length in metres, `None` where the text is no length."""
    found = _LENGTH.fullmatch(text)
    value = finite_number(found[1].replace(",", ".")) if found else None
    units = known_units(found[2]) if found else None
    if value is None or units is None:
        return None
    try:
        return value * conversion_factor(units, "m")
    except ValueError:
        return None
