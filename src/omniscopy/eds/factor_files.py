"""Factors of lines from the files of vendors, and from own tables."""

import csv
import io
import math
from pathlib import Path
from xml.etree import ElementTree

from omniscopy.model import DataError
from omniscopy.physics import xray
from omniscopy.physics.scattering.coefficients import find_element

_LARGEST = 2**22
_BRUKER = {"K_Factors": "K", "L_Factors": "L", "M_Factors": "M"}


def read_factors(path: str | Path) -> dict[str, float]:
    """Read k-factors (or zeta-factors) for `eds.quantify`.

    Parameters
    ----------
    path : str or Path
        A library of Bruker (`.esl`, XML with lists of factors by atomic number), a table of
        Thermo Fisher (`.csv` with lines such as `Fe-Ka1` and a column `K-factor`), or an own
        table: two columns without a head, `Fe_Ka` and the factor.

    Returns
    -------
    dict of str to float
        The factor of each line that an element is quantified by (`"Fe_Ka"`).

    Raises
    ------
    DataError
        The file is missing or too large, is none of these, or a factor is no positive number.
    """
    place = Path(path)
    try:
        size = place.stat().st_size
        if size > _LARGEST:
            message = f"{place}: {size} bytes are too many for a table of factors"
            raise DataError(message)
        text = place.read_text("utf-8-sig")
    except OSError as error:
        message = f"{place} cannot be read: {error.strerror}"
        raise DataError(message) from error
    except UnicodeDecodeError as error:
        message = f"{place}: no text at byte {error.start}"
        raise DataError(message) from error
    found = _from_bruker(text, place) if text.lstrip().startswith("<") else _from_csv(text, place)
    if not found:
        message = f"{place} holds no factor of a line that is known"
        raise DataError(message)
    return found


def _from_bruker(text: str, place: Path) -> dict[str, float]:
    # No entities are expanded that a file of the vendor would not have.
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        message = f"{place}: a library of factors has no document type"
        raise DataError(message)
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        message = f"{place}: {error}"
        raise DataError(message) from error
    found: dict[str, float] = {}
    for tag, shell in _BRUKER.items():
        for node in root.iter(tag):
            # The first number is that of atomic number 0.
            for number, word in enumerate((node.text or "").split(",")):
                value = _number(word, place)
                if 0 < number < 99 and value != 0.0:
                    symbol = find_element(number).symbol
                    _keep(found, symbol, shell, value, place)
    return found


def _from_csv(text: str, place: Path) -> dict[str, float]:
    rows = [row for row in csv.reader(io.StringIO(text)) if row and any(map(str.strip, row))]
    if not rows:
        return {}
    head = [word.strip().lower() for word in rows[0]]
    column = head.index("k-factor") if "k-factor" in head else 1
    body = rows[1:] if "k-factor" in head else rows
    found: dict[str, float] = {}
    for row in body:
        symbol, line = _line_of(row[0].strip(), place)
        if len(row) <= column:
            message = f"{place}: {row[0]!r} has no factor"
            raise DataError(message)
        # The line a family is called by, or its strongest part.
        if line in ("Ka", "Ka1", "La", "La1", "Ma", "Ma1"):
            _keep(found, symbol, line[0], _number(row[column], place), place)
    return found


def _line_of(word: str, place: Path) -> tuple[str, str]:
    for mark in ("_", "-", " "):
        symbol, found, line = word.partition(mark)
        if found:
            return symbol.strip(), line.strip()
    message = f"{place}: {word!r} is no line such as 'Fe_Ka' or 'Fe-Ka1'"
    raise DataError(message)


def _number(word: str, place: Path) -> float:
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        message = f"{place}: {word!r} is no factor"
        raise DataError(message)
    return value


def _keep(found: dict[str, float], symbol: str, shell: str, value: float, place: Path) -> None:
    if value == 0.0:
        message = f"{place}: the factor of {symbol} is 0"
        raise DataError(message)
    for family in xray.families(symbol):
        if family.shell == shell:
            found[family.name] = value
