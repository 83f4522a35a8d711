"""Published coefficients of atomic form factors, read from the files in `physics/tables`."""

import csv
from functools import cache
from importlib import resources
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from omniscopy.model.errors import DataError

Table = Literal["lobato", "kirkland", "peng", "doyle_turner", "waasmaier_kirfel"]
TABLES: tuple[Table, ...] = get_args(Table)
Floats = npt.NDArray[np.float64]

# How many coefficients each column of the formula has, in the order of the file.
COLUMNS: dict[Table, tuple[int, ...]] = {
    "lobato": (5, 5),
    "kirkland": (3, 3, 3, 3),
    "peng": (5, 5),
    "doyle_turner": (4, 4),
    "waasmaier_kirfel": (5, 5, 1),
}


class Element(NamedTuple):
    """An element as the tables know it."""

    symbol: str
    atomic_number: int


@cache
def read_table(table: Table) -> dict[Element, tuple[Floats, ...]]:
    """Return the coefficients of every element of a table, each column as an array."""
    text = (resources.files("omniscopy.physics.tables") / f"{table}.csv").read_text("utf-8")
    places = np.cumsum(COLUMNS[table])[:-1]
    rows = list(csv.reader(text.splitlines()))[1:]
    return {
        Element(symbol, int(number)): tuple(np.split(np.array(values, np.float64), places))
        for symbol, number, *values in rows
    }


@cache
def _names() -> dict[str | int, Element]:
    found: dict[str | int, Element] = {}
    for element in read_table("lobato"):
        found[element.symbol] = found[element.atomic_number] = element
    return found


def find_element(element: str | int) -> Element:
    """Return the element of a symbol or an atomic number."""
    known = _names().get(element if isinstance(element, str) else int(element))
    if known is None:
        message = f"unknown element {element!r}; give a symbol such as 'Si', or 1 to 103"
        raise DataError(message)
    return known


def coefficients(element: str | int, table: Table) -> tuple[Floats, ...]:
    """Return the coefficients of an element in a table, each column as an array."""
    if table not in TABLES:
        message = f"unknown table {table!r} of form factors; there are {', '.join(TABLES)}"
        raise DataError(message)
    known = find_element(element)
    try:
        return read_table(table)[known]
    except KeyError:
        message = f"the table {table!r} has no {known.symbol}; 'lobato' has all elements to 103"
        raise DataError(message) from None
