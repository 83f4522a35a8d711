"""Read EMSA/MAS spectra: lines `#KEYWORD : value`, then numbers up to `#ENDOFDATA`."""

import math
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.array_notes import restore_array
from omniscopy.io.errors import FormatError
from omniscopy.io.msa.keywords import NOTE, NUMBERS, SIGNALS, TEXTS
from omniscopy.io.quantities import known_units, text_of
from omniscopy.io.records import Axis, Channel, Measurement
from omniscopy.model.units import is_unit
from omniscopy.model.vocabulary import DIMENSIONS

_MOST_BYTES = 1 << 28
# What programs write instead of the standard's three letters.
_SPELLED = {"EELS": "ELS", "EDX": "EDS", "XEDS": "EDS"}
_ENTRY = re.compile(r"#\s*(#?[^:]*?)\s*(?:-\s*(\w+)\s*)?:(.*)")
_END = re.compile(r"#\s*ENDOFDATA", re.IGNORECASE)
# Exponents may stand apart, as in `2.0 E-06`, and Fortran wrote D for E.
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:\s?[EeDd][+-]?\d+)?")
_WORD = re.compile(r"[^\s,;]+")
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")
_IN_BRACKETS = re.compile(r"(.*?)\s*[(\[]\s*([^)\]]+?)\s*[)\]]\s*")


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Read the spectrum of an EMSA/MAS file.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Read a file without its end as far as it goes.

    Returns
    -------
    Measurement
        One channel along `energy_loss`, `energy`, `wavelength` or `wavenumber`, as the type of
        the signal and the units say. Where the file lists places (`XY`) they are the coordinate.

    Raises
    ------
    FormatError
        The file is cut short, or holds no numbers where they should be.
    """
    path = Path(path)
    entries, body, ended = _parse(path)
    is_pairs = entries.get("DATATYPE", "Y").strip().upper() == "XY"
    stated = _number(entries.get("NPOINTS")) or 0.0
    numbers = _numbers(path, _with_points(body, (2 if is_pairs else 1) * stated))
    values = numbers[1::2] if is_pairs else numbers
    places = numbers[0::2] if is_pairs else None
    wanted = stated or len(values)
    # The last line of a file may be missing, if what it should end is there to the last digit.
    ended = ended or (len(values) == stated and body[-1:].isspace())
    incomplete = _missing(path, len(values), wanted, ended=ended, partial=partial)
    if places is not None:
        places = places[: len(values)]
    note = entries.pop(NOTE, None)
    channel = Channel(
        title=entries.get("TITLE", "").split("\n")[0].strip() or path.stem,
        data=values,
        axes=[_axis(entries, len(values), places)],
        quantity=_without_units(entries.get("YLABEL") or "intensity").lower(),
        units=_units(entries.get("YUNITS")),
        modality=_signal(entries)[1],
        metadata=_metadata(entries),
        original_metadata=entries,
        attrs=incomplete,
    )
    if note is None:
        return Measurement(channels=[channel])
    restored, root = restore_array(channel, note)
    return Measurement(channels=[restored], attrs=root)


def _parse(path: Path) -> tuple[dict[str, str], str, bool]:
    """Return the entries, the text of the numbers, and whether the file has its end."""
    raw = path.read_bytes()[:_MOST_BYTES]
    text = text_of(raw)
    entries: dict[str, str] = {}
    lines = iter(re.split(r"\r\n|\n|\r", text))
    for line in lines:
        match = _ENTRY.fullmatch(line.strip())
        if match is None:
            continue
        key = match[1].strip().upper()
        # Some write units behind a blank instead of a dash.
        first = key.partition(" ")[0]
        key = first if first in NUMBERS else key
        if key == "SPECTRUM":
            break
        value = match[3].strip()
        # A title or a comment may take several lines; of other keywords the last one counts.
        again = entries.get(key) if key in ("TITLE", "COMMENT") else None
        entries[key] = f"{again}\n{value}" if again else value
    else:
        message = "there is no line '#SPECTRUM' after which the numbers would start"
        raise FormatError(message, path=path, offset=len(raw))
    body: list[str] = []
    for line in lines:
        if _END.match(line.strip()):
            return entries, "\n".join(body), True
        body.append(line)
    return entries, "\n".join(body), False


def _with_points(body: str, wanted: float) -> str:
    """Return the text of the numbers with decimal points.

    Commas divide numbers, unless there are as many as wanted only where commas are decimal.
    """
    if "." in body or len(_WORD.findall(body)) == wanted:
        return body
    with_points = _DECIMAL_COMMA.sub(".", body)
    return with_points if len(_WORD.findall(with_points)) == wanted else body


def _numbers(path: Path, body: str) -> np.ndarray:
    values = []
    for word in _WORD.findall(body) or [""]:
        try:
            values.append(float(word.lower().replace("d", "e")))
        except ValueError as error:
            message = f"numbers were expected after '#SPECTRUM', {word[:40]!r} was found"
            raise FormatError(message, path=path, key="SPECTRUM") from error
    return np.array(values)


def _missing(
    path: Path, found: int, wanted: float, *, ended: bool, partial: bool
) -> dict[str, Any]:
    if ended and found >= wanted:
        return {}
    end = "" if ended else " and the line '#ENDOFDATA' is missing"
    reason = f"{found} of {wanted:g} values are there{end}; the file is cut short"
    if not partial:
        message = f"{reason}; partial=True reads them"
        raise FormatError(message, path=path, key="NPOINTS")
    return {"incomplete": {"missing_from": found, "reason": reason}}


def _axis(entries: dict[str, str], size: int, places: np.ndarray | None) -> Axis:
    said = entries.get("XUNITS", "")
    units = _units(said) if is_unit(_unit_text(said)) else None
    label = _without_units(entries.get("XLABEL") or said)
    by_signal = _signal(entries)[0]
    if by_signal is None and "loss" in label.lower():
        by_signal = "energy_loss"
    dim = _dimension(by_signal, units)
    known = DIMENSIONS[dim].quantity if dim in DIMENSIONS else None
    says_more = label and label.lower() != known and not is_unit(label)
    attrs = {"long_name": label} if says_more else {}
    scale = _number(entries.get("XPERCHAN"))
    return Axis(
        name=dim,
        size=size,
        scale=scale or 1.0,
        offset=_offset(entries, scale or 1.0),
        units=units,
        kind="spectral",
        values=places,
        attrs=attrs,
    )


def _offset(entries: dict[str, str], scale: float) -> float:
    """Return the place of the first channel; some say instead which channel is at 0."""
    offset, zero = (_number(entries.get(key)) for key in ("OFFSET", "CHOFFSET"))
    if offset is None and zero is not None:
        return -zero * scale
    return offset or 0.0


def _signal(entries: dict[str, str]) -> tuple[str | None, str | None]:
    """Return the dimension and the modality of the type of the signal."""
    said = entries.get("SIGNALTYPE", "").strip().upper().partition("_")[0]
    return SIGNALS.get(_SPELLED.get(said, said), (None, None))


def _dimension(dim: str | None, units: str | None) -> str:
    """Return the dimension that units make of a signal type's."""
    by_units = {"nm": "wavelength", "Å": "wavelength", "µm": "wavelength", "1/cm": "wavenumber"}
    return by_units.get(units or "") or dim or "energy"


def _unit_text(text: str) -> str:
    """Return the unit of a text such as `Energy Loss (eV)`."""
    match = _IN_BRACKETS.fullmatch(text.strip())
    return match[2] if match else text.strip()


def _units(text: str | None) -> str | None:
    unit = _unit_text(text or "")
    return known_units(unit) if is_unit(unit) else None


def _without_units(text: str) -> str:
    match = _IN_BRACKETS.fullmatch(text.strip())
    return match[1] if match else text.strip()


def _number(text: str | None) -> float | None:
    text = (text or "").strip()
    if "." not in text:
        text = _DECIMAL_COMMA.sub(".", text, count=1)
    match = _NUMBER.match(text)
    if match is None:
        return None
    value = float(re.sub(r"\s", "", match[0]).lower().replace("d", "e"))
    return value if math.isfinite(value) else None


def _metadata(entries: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, path in TEXTS.items():
        if entries.get(key):
            _put(found, path, entries[key])
    for key, (path, factor) in NUMBERS.items():
        value = _number(entries.get(key))
        if value is not None:
            _put(found, path, value * factor)
    started = _started(entries)
    return found | ({"started": started} if started else {})


def _put(found: dict[str, Any], path: str, value: Any) -> None:
    *groups, last = path.split(".")
    for group in groups:
        found = found.setdefault(group, {})
    found.setdefault(last, value)


def _started(entries: dict[str, str]) -> str | None:
    date, time = entries.get("DATE", "").strip(), entries.get("TIME", "").strip()
    for form in ("%d-%b-%Y %H:%M:%S", "%d-%b-%Y %H:%M", "%d-%b-%Y", "%Y-%m-%d %H:%M:%S"):
        try:
            moment = datetime.strptime(f"{date} {time}".strip().title(), form)
        except ValueError:
            continue
        return moment.isoformat() if time else moment.date().isoformat()
    return None
