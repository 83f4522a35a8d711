"""Point spectra: a table of counts, with columns as a number says, bit by bit."""

import re
from typing import Any

import numpy as np

from omniscopy.io.createc.header import Header
from omniscopy.io.errors import FormatError
from omniscopy.io.records import Axis, Channel, Variable

_DATA = re.compile(rb"^DATA\s*?\r?\n", re.MULTILINE)
_COLUMNS = (
    "Current", "dI/dV", "d2I/dV2", "ADC0", "ADC1", "ADC2", "ADC3", "NA01", "NA02", "NA03", "di_q",
    "di2_q", "DAC0",
)  # fmt: skip
_QUANTITIES = {"Current": "current", "Height": "height"}
_WITH_X = 3  # the mark of files that have a column of x too


def spectrum_channels(header: Header, raw: bytes, *, partial: bool) -> list[Channel]:
    """Return a channel for each column of counts, along the samples, with bias and height."""
    mark = _DATA.search(raw)
    if mark is None:
        message = "there is no 'DATA' after the settings; the file is cut short"
        raise FormatError(message, path=header.path, offset=len(raw))
    line, _, body = raw[mark.end() :].partition(b"\n")
    numbers = [int(word) for word in re.findall(rb"[-+]?\d{1,9}", line)]
    if len(numbers) < 4 or numbers[0] < 1:
        message = f"the line after 'DATA' says {line[:60]!r}"
        raise FormatError(message, path=header.path, offset=mark.end())
    names = ["Bias", "Height"]
    if header.kind == "ParVERT32" and len(numbers) > 6 and numbers[6] == _WITH_X:
        names.append("X")
    names += [name for bit, name in enumerate(_COLUMNS) if numbers[3] & 1 << bit]
    table, missing = _read_table(header, body, mark.end(), numbers[0], len(names), partial=partial)
    scales = {
        "Bias": (1e-3, "V"), "Height": (header.metres_per_count, "m"),
        "Current": (header.amperes_per_count, "A"),
    }  # fmt: skip
    found: dict[str, tuple[np.ndarray, dict[str, Any]]] = {}
    for i, name in enumerate(names):
        factor, units = scales.get(name, (None, ""))
        attrs = {"units": units} if factor else {}
        found[name] = (table[:, i + 1] * (factor or 1.0), attrs)
    coordinates = {
        place: Variable(dims=("sample",), data=values, attrs={"long_name": name, **attrs})
        for place, name in (("bias", "Bias"), ("z", "Height"))
        for values, attrs in [found[name]]
    }
    return [
        Channel(
            title=name,
            data=values,
            axes=[Axis(name="sample", size=len(values))],
            coordinates=coordinates,
            quantity=_QUANTITIES.get(name),
            units=attrs.get("units"),
            modality="STM",
            source="Createc",
            attrs={} if missing is None else {"incomplete": missing},
        )
        for name, (values, attrs) in found.items()
        if name not in ("Bias",)
    ]


def _read_table(
    header: Header, body: bytes, offset: int, points: int, columns: int, *, partial: bool
) -> tuple[np.ndarray, dict[str, Any] | None]:
    """Return the rows, of which the first number counts, and what is missing."""
    rows = [line.split() for line in body.splitlines() if line.strip()]
    good = [row for row in rows if len(row) > columns]
    whole = len(rows) >= points and len(good) == len(rows) and body.endswith(b"\n")
    if not whole and not partial:
        message = f"{points} rows of {columns + 1} numbers were expected, {len(good)} were found"
        raise FormatError(message, path=header.path, offset=offset)
    good = good if whole else good[: max(len(good) - 1, 0)]
    try:
        table = np.array([row[: columns + 1] for row in good], dtype="S").astype(np.float64)
    except ValueError:
        message = "the rows hold other things than numbers"
        raise FormatError(message, path=header.path, offset=offset) from None
    table = table.reshape(len(good), columns + 1)
    if whole:
        return table, None
    return table, {"missing_from": len(good), "reason": f"{len(good)} of {points} rows are there"}
