"""What scanning electron microscopes say of an image: in a tag of it, or in a text beside it."""

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omniscopy.io.quantities import finite_number, stated, text_of
from omniscopy.io.xml_trees import look_up, parse_xml, xml_tree
from omniscopy.model.errors import DataError
from omniscopy.model.units import conversion_factor, spell

_MOST_BYTES = 1 << 20
_HITACHI = re.compile(r"\[[ST]emImageFile\]")
_JEOL = re.compile(r"^\${1,2}(?:CM|SM)_\w+", re.MULTILINE)
_TESCAN = re.compile(r"^PixelSizeX=", re.MULTILINE)
_PAIR = re.compile(r"^\s*(\w[\w .]*?)\s*=[ \t]*(.*?)\s*$", re.MULTILINE)
_WORD = re.compile(r"^(\${1,2}\w+)[ \t]+(.*?)\s*$", re.MULTILINE)
_LENGTH = re.compile(r"([\d.]+)\s*(\S+)")
_SIDES = re.compile(r"(\d+)\D+(\d+)")
_DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%m/%d/%Y")


@dataclass(frozen=True)
class SemSettings:
    """The size of a pixel (x, y) in `units`, common metadata, and all entries as text."""

    pixel: tuple[float, float] | None = None
    units: str = "m"
    metadata: Mapping[str, Any] = field(default_factory=dict)
    entries: Mapping[str, Any] = field(default_factory=dict)


def settings_beside(path: Path, columns: int) -> SemSettings | None:
    """Return what a text beside an image says of it, `None` where there is none.

    Parameters
    ----------
    path : Path
        The image. Hitachi and JEOL write a `.txt` of the same name, TESCAN `name-tif.hdr`.
    columns : int
        Of the image: pixels of one of another size have another size too.
    """
    names = [f"{path.stem}{ending}" for ending in (".txt", ".TXT", ".hdr")]
    names.append(f"{path.stem}-{path.suffix.lstrip('.').lower()}.hdr")
    for name in names:
        beside = path.with_name(name)
        if beside == path or not beside.is_file():
            continue
        with beside.open("rb") as file:
            text = _decoded(file.read(_MOST_BYTES))
        for pattern, read in _READERS:
            if pattern.search(text):
                return read(text, columns)
    return None


def settings_of_tescan(text: str, columns: int = 0) -> SemSettings | None:  # noqa: ARG001 - like others
    """Return what TESCAN writes: all in SI units."""
    if not _TESCAN.search(text):
        return None
    entries = dict(_PAIR.findall(text))
    numbers = {key: finite_number(value) for key, value in entries.items()}
    metadata = {
        "started": _moment(entries.get("Date", ""), entries.get("Time", "")),
        "operator": entries.get("UserName"),
        "instrument": {
            "vendor": "TESCAN",
            "model": entries.get("DeviceModel") or entries.get("Device"),
            "software": entries.get("SoftwareVersion"),
        },
        "beam": {
            "voltage": numbers.get("HV"),
            "current": numbers.get("PredictedBeamCurrent"),
            "magnification": numbers.get("Magnification"),
        },
        "detector": {"name": entries.get("Detector") or entries.get("Detector0")},
        "scan": {
            "dwell_time": numbers.get("DwellTime"),
            "rotation": numbers.get("ScanRotation"),
        },
        "stage": {
            **{letter: numbers.get(f"Stage{letter.upper()}") for letter in "xyz"},
            "alpha": numbers.get("StageTilt"),
        },
    }
    pixel = _pixel(numbers.get("PixelSizeX"), numbers.get("PixelSizeY"))
    return SemSettings(pixel, "m", stated(metadata), entries)


def settings_of_fei_image(text: str) -> SemSettings | None:
    """Return what Phenom and MAPS write: XML of an `FeiImage`."""
    tree = _tree(text, "FeiImage")
    if tree is None:
        return None
    sides = [_measured(tree.get(f"pixel{side}"), "m") for side in ("Width", "Height")]
    volts = _measured(_within(tree, "acquisition", "scan", "highVoltage"), "V")
    metadata = {
        "instrument": {"vendor": "Thermo Fisher", "model": look_up(tree, "instrument", "type")},
        "beam": {"voltage": None if volts is None else abs(volts)},
        "detector": {"name": look_up(tree, "acquisition", "scan", "detector")},
        "scan": {
            "dwell_time": _measured(_within(tree, "acquisition", "scan", "dwellTime"), "s"),
        },
    }
    return SemSettings(_pixel(*sides), "m", stated(metadata), tree)


def settings_of_fibics(text: str) -> SemSettings | None:
    """Return what Fibics ATLAS writes: XML with the steps of columns (U) and rows (V) in µm."""
    tree = _tree(text, "Fibics")
    if tree is None:
        return None
    steps = [finite_number(look_up(tree, "Scan", key)) for key in ("Ux", "Uy", "Vx", "Vy")]
    pixel = None
    if steps[0] is not None and steps[3] is not None:
        u_x, u_y, v_x, v_y = (step or 0.0 for step in steps)
        pixel = _pixel(math.hypot(u_x, u_y), math.hypot(v_x, v_y))
    return SemSettings(pixel, "µm", {}, tree)


def _of_hitachi(text: str, columns: int) -> SemSettings:
    entries = dict(_PAIR.findall(text))
    size = finite_number(entries.get("PixelSize", ""))
    metadata = {
        "started": _moment(entries.get("Date", ""), entries.get("Time", "")),
        "instrument": {"vendor": "Hitachi", "model": entries.get("InstructName")},
        "beam": {
            "voltage": _first_number(entries.get("AcceleratingVoltage", "")),
            "magnification": _first_number(entries.get("Magnification", "")),
        },
        "detector": {"name": entries.get("SignalName")},
    }
    whole = _is_whole(entries.get("DataSize", ""), columns)
    return SemSettings(_pixel(size, size) if whole else None, "nm", stated(metadata), entries)


def _of_jeol(text: str, columns: int) -> SemSettings:
    entries = dict(_WORD.findall(text))
    bar = finite_number(entries.get("$$SM_MICRON_BAR", ""))
    marker = _LENGTH.fullmatch(entries.get("$$SM_MICRON_MARKER", ""))
    length = finite_number(marker[1]) if marker else None
    units = spell(marker[2]) if marker else "µm"
    known = bool(bar and length) and units in ("nm", "µm", "mm")
    step = length / bar if known and bar and length else None
    volts = finite_number(entries.get("$CM_ACCEL_VOLT", ""))
    metadata = {
        "started": _moment(entries.get("$CM_DATE", ""), entries.get("$CM_TIME", "")),
        "operator": entries.get("$CM_OPERATOR"),
        "instrument": {"vendor": "JEOL", "model": entries.get("$CM_INSTRUMENT")},
        "beam": {
            "voltage": None if volts is None else volts * 1e3,
            "magnification": finite_number(entries.get("$CM_MAG", "")),
        },
        "detector": {"name": entries.get("$CM_SIGNAL_NAME") or entries.get("$CM_SIGNAL")},
    }
    sides = entries.get("$CM_FULL_SIZE") or entries.get("$CM_IMAGE_RES") or ""
    whole = _is_whole(sides, columns)
    return SemSettings(_pixel(step, step) if whole else None, units, stated(metadata), entries)


_READERS: Sequence[tuple[re.Pattern[str], Callable[[str, int], SemSettings | None]]] = (
    (_HITACHI, _of_hitachi),
    (_JEOL, _of_jeol),
    (_TESCAN, settings_of_tescan),
)


def _decoded(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace")
    return text_of(raw)


def _tree(text: str, name: str) -> dict[str, Any] | None:
    """Return the element of a name that is a document, or is right below its root."""
    root = parse_xml(text) if f"<{name}" in text else None
    tree = xml_tree(root) if root is not None else None
    inner = tree.get(name) if isinstance(tree, dict) else None
    found = inner if isinstance(inner, dict) else tree
    return found if isinstance(found, dict) else None


def _within(tree: Any, *path: str) -> Any:
    for name in path:
        tree = tree.get(name) if isinstance(tree, Mapping) else None
    return tree


def _measured(element: Any, units: str) -> float | None:
    """Return a number whose element names its units, in others."""
    value = finite_number(look_up(element, "text"))
    try:
        factor = conversion_factor(spell(look_up(element, "unit")), units)
    except DataError:
        return None
    return None if value is None else value * factor


def _pixel(x: float | None, y: float | None) -> tuple[float, float] | None:
    known = [side for side in (x, y) if side is not None and math.isfinite(side) and side > 0]
    return (known[0], known[1]) if len(known) == 2 else None


def _is_whole(sides: str, columns: int) -> bool:
    """Return whether an image is as wide as what was scanned, as far as it is known."""
    match = _SIDES.search(sides)
    return match is None or int(match[1]) == columns


def _first_number(text: str) -> float | None:
    return finite_number(text.split()[0]) if text.split() else None


def _moment(date: str, time: str) -> str | None:
    for form in _DAYS:
        try:
            day = dt.datetime.strptime(date, form).date()
        except ValueError:
            continue
        clock = re.match(r"(\d{1,2}):(\d\d):(\d\d)", time)
        if clock is None:
            return day.isoformat()
        try:
            hour, minute, second = (int(part) for part in clock.groups())
            return dt.datetime.combine(day, dt.time(hour, minute, second)).isoformat()
        except ValueError:
            return day.isoformat()
    return None
