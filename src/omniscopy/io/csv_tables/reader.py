"""Reading tables that Omniscopy wrote, whole or as far as they are understood."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.csv_tables.table import LINES_BEFORE, START
from omniscopy.io.errors import FormatError
from omniscopy.io.quantities import split_heading
from omniscopy.io.records import Axis, Channel, Measurement, Node, Variable
from omniscopy.io.storage.attributes import decode_attrs
from omniscopy.io.storage.restored import to_measurement
from omniscopy.model.errors import DataError

_MOST_BYTES = 1 << 30
_NUMBERS = "biuf"


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Read a table that Omniscopy wrote.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Leave out a last row that is cut short.

    Returns
    -------
    Measurement
        What was saved, with its history. Where the note of it was changed or cut, each column
        but the first is a channel along the first.

    Raises
    ------
    FormatError
        Rows differ in length, or hold no numbers where they should.
    """
    path = Path(path)
    raw = path.read_bytes()[:_MOST_BYTES]
    text = raw.decode("utf-8-sig", "replace").replace("\r\n", "\n")
    first, _, rest = text.partition("\n")
    ended = rest.endswith("\n")
    rows = _rows(path, rest, keep_last=ended)
    if not ended and not partial:
        message = "the last row has no end; the table is cut short; partial=True leaves it out"
        raise FormatError(message, path=path, offset=len(raw))
    heading, *lines = rows
    columns = [list(column) for column in zip(*lines, strict=True)] or [[] for _ in heading]
    reason = f"the last row, after {len(lines)} whole ones, is cut short"
    missing = {} if ended else {"incomplete": {"missing_from": len(lines), "reason": reason}}
    node = _restored(first.removeprefix(START), columns, missing)
    if node is not None:
        return to_measurement(node)
    return Measurement(channels=_channels(path, heading, columns, missing))


def _rows(path: Path, text: str, *, keep_last: bool) -> list[list[str]]:
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except csv.Error as error:
        message = f"the table cannot be split into columns ({error})"
        raise FormatError(message, path=path) from error
    rows = rows if keep_last else rows[:-1]
    if not rows:
        message = "there is no line with the names of columns; the table is cut short"
        raise FormatError(message, path=path, offset=0)
    for number, row in enumerate(rows, LINES_BEFORE):
        if len(row) != len(rows[0]):
            message = f"line {number} has {len(row)} values, but there are {len(rows[0])} columns"
            raise FormatError(message, path=path, key=f"line {number}")
    return rows


def _restored(note: str, columns: list[list[str]], attrs: dict[str, Any]) -> dict[str, Node] | None:
    """Return what was saved by the path of its node, `None` where its note does not fit."""
    try:
        said = decode_attrs(note)
        parts: dict[bool, dict[str, Variable]] = {True: {}, False: {}}
        for column, texts in zip(said["columns"], columns, strict=True):
            values = _values(texts, str(column["dtype"]))
            dims = tuple(str(dim) for dim in column["dims"])
            if not dims:
                values = values[0]
            further = {} if column["coordinate"] else attrs
            made = Variable(
                dims=dims, data=np.asarray(values), attrs={**column["attrs"], **further}
            )
            parts[bool(column["coordinate"])][str(column["name"])] = made
        node = Node(variables=parts[False], coordinates=parts[True], attrs=dict(said["attrs"]))
        root = Node(attrs=dict(said["root"]))
        name = str(said["name"]).strip("/")
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, DataError, OverflowError):
        return None
    if any(len(each.dims) > 1 for each in (*node.variables.values(), *node.coordinates.values())):
        return None
    return {"/": root, f"/{name}": node} if name else {"/": node}


def _values(texts: list[str], dtype: str) -> np.ndarray:
    if dtype == "text":
        return np.array(texts, dtype=object)
    wanted = np.dtype(dtype)
    if wanted.kind not in _NUMBERS:
        message = f"a column of type {dtype!r}"
        raise ValueError(message)
    if wanted.kind == "b":
        return np.array([int(text) for text in texts], bool)
    if wanted.kind in "iu":
        return np.array([int(text) for text in texts], wanted)
    return np.array([float(text) for text in texts]).astype(wanted)


def _channels(
    path: Path, heading: list[str], columns: list[list[str]], attrs: dict[str, Any]
) -> list[Channel]:
    numbers = []
    for name, texts in zip(heading, columns, strict=True):
        try:
            numbers.append(np.array([float(text) for text in texts]))
        except ValueError as error:
            message = f"numbers were expected ({error})"
            raise FormatError(message, path=path, key=name) from error
    first, *others = zip(heading, numbers, strict=True)
    (name, units), values = split_heading(first[0]), first[1]
    steps = np.diff(values)
    is_axis = bool(others) and bool(np.all(steps > 0) or np.all(steps < 0))
    axis = Axis(name="sample", size=len(values))
    if is_axis and name.isidentifier():
        axis = Axis(name=name, size=len(values), units=units, values=values)
    found = []
    for title, data in others if is_axis else [first, *others]:
        name, units = split_heading(title)
        found.append(Channel(title=name, data=data, axes=[axis], units=units, attrs=attrs))
    return found
