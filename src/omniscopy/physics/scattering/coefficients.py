"""Published coefficients of atomic form factors, read from the files in `physics/tables`."""

import csv
import re
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

_ION = re.compile(r"([A-Z][a-z]?)(\d*)([+-])")


class Element(NamedTuple):
    """An element as the tables know it."""

    symbol: str
    atomic_number: int


@cache
def read_table(table: Table, *, ions: bool = False) -> dict[Element, tuple[Floats, ...]]:
    """Return the coefficients of every element of a table, or ion, each column as an array."""
    name = f"{table}_ions.csv" if ions else f"{table}.csv"
    text = (resources.files("omniscopy.physics.tables") / name).read_text("utf-8")
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
    """Return the element of a symbol, of an ion such as Ti4+, or of an atomic number."""
    ion = _ION.fullmatch(element) if isinstance(element, str) else None
    name = ion[1] if ion else element
    known = _names().get(name if isinstance(name, str) else int(name))
    if known is None:
        message = f"unknown element {element!r}; give a symbol such as 'Si', or 1 to 103"
        raise DataError(message)
    return known


def charge_of(element: str | int) -> int:
    """Return the charge of an ion such as Ti4+ or O2-, in elementary charges; 0 of an element."""
    ion = _ION.fullmatch(element) if isinstance(element, str) else None
    return int(f"{ion[3]}{ion[2] or 1}") if ion else 0


def ion_name(symbol: str, charge: float) -> str:
    """Return what the tables call an element of this charge: Ti4+."""
    if charge != round(charge):
        message = f"form factors are of whole charges, got {charge:g} for {symbol}"
        raise DataError(message)
    return f"{symbol}{abs(round(charge))}{'+' if charge > 0 else '-'}" if charge else symbol


def coefficients(element: str | int, table: Table) -> tuple[Floats, ...]:
    """Return the coefficients of an element in a table, each column as an array."""
    if table not in TABLES:
        message = f"unknown table {table!r} of form factors; there are {', '.join(TABLES)}"
        raise DataError(message)
    known, charge = find_element(element), charge_of(element)
    if charge:
        return _of_ion(known, charge, table)
    try:
        return read_table(table)[known]
    except KeyError:
        message = f"the table {table!r} has no {known.symbol}; 'lobato' has all elements to 103"
        raise DataError(message) from None


def _of_ion(element: Element, charge: int, table: Table) -> tuple[Floats, ...]:
    if table != "waasmaier_kirfel":
        message = f"the table {table!r} is of neutral atoms; 'waasmaier_kirfel' has ions"
        raise DataError(message)
    ions = read_table(table, ions=True)
    found = ions.get(Element(ion_name(element.symbol, charge), element.atomic_number))
    if found is None:
        others = [ion.symbol for ion in ions if ion.atomic_number == element.atomic_number]
        there = f"has {', '.join(others)}" if others else f"has no ions of {element.symbol}"
        message = (
            f"there is no {ion_name(element.symbol, charge)} in the table {table!r}, which {there}"
        )
        raise DataError(message)
    return found
