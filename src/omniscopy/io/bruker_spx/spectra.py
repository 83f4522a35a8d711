"""Spectra in the XML of Bruker's programs: counts, energies, and how they were measured."""

import datetime as dt
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.quantities import finite_number, stated
from omniscopy.io.records import Axis
from omniscopy.io.xml_trees import look_up, parse_xml, xml_tree

_MILLI, _KILO = 1e-3, 1e3


def parse_document(path: Path, raw: bytes) -> ElementTree.Element:
    """Return the root of an XML document of a Bruker program."""
    # What the declaration says, WINDOWS-1252, has no letter for five bytes.
    root = parse_xml(raw.decode("cp1252", errors="replace"))
    if root is None:
        message = "the XML is damaged or cut short, or declares entities"
        raise FormatError(message, path=path)
    return root


def instances(element: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    """Return all objects of a type within an element, in their order."""
    return [each for each in element.iter("ClassInstance") if each.get("Type") == kind]


def instance(element: ElementTree.Element, kind: str) -> Any:
    """Return the first object of a type within an element as nested dictionaries."""
    found = instances(element, kind)
    tree = xml_tree(found[0]) if found else {}
    return tree if isinstance(tree, dict) else {}


def described(element: ElementTree.Element, without: tuple[str, ...]) -> dict[str, Any]:
    """Return an element as nested dictionaries, without the numbers that become channels."""
    tree = xml_tree(element)
    return _pruned(tree, without) if isinstance(tree, dict) else {}


def _pruned(tree: Any, without: tuple[str, ...]) -> Any:
    if isinstance(tree, list):
        return [_pruned(each, without) for each in tree]
    if not isinstance(tree, dict):
        return tree
    return {key: _pruned(value, without) for key, value in tree.items() if key not in without}


def number(tree: Any, *path: str) -> float | None:
    """Return the number at a path, also with a decimal comma; `None` where it is none."""
    return finite_number(look_up(tree, *path).replace(",", "."))


def read_counts(path: Path, element: ElementTree.Element) -> np.ndarray:
    """Return the counts of a spectrum."""
    said = number(instance(element, "TRTSpectrumHeader"), "ChannelCount")
    texts = (element.findtext("Channels") or "").strip().strip(",").split(",")
    try:
        counts = np.array(texts, np.float64)
    except ValueError as error:
        message = f"the counts of the spectrum are no numbers ({error})"
        raise FormatError(message, path=path, key="Channels") from error
    if said is not None and said != counts.size:
        message = f"the header says {said:g} channels, {counts.size} are there"
        raise FormatError(message, path=path, key="Channels")
    whole = np.isfinite(counts).all() and (counts == np.floor(counts)).all()
    return counts.astype(np.uint64) if whole and (counts >= 0).all() else counts


def energy_line(element: ElementTree.Element) -> tuple[float, float] | None:
    """Return the width of a channel and the energy of the first in keV, where they are known."""
    header = instance(element, "TRTSpectrumHeader")
    width, start = number(header, "CalibLin"), number(header, "CalibAbs")
    return None if width is None or width <= 0 else (width, start or 0.0)


def energy_axis(element: ElementTree.Element, size: int) -> Axis:
    """Return the energies of a spectrum."""
    line = energy_line(element)
    if line is None:
        return Axis(name="energy", size=size)
    return Axis(name="energy", size=size, scale=line[0], offset=line[1], units="keV")


def modality(element: ElementTree.Element) -> str:
    """Return what excited the X-rays: electrons (EDS) or X-rays (XRF)."""
    return "XRF" if instances(element, "TRTXrfHeader") else "EDS"


def spectrum_metadata(element: ElementTree.Element) -> dict[str, Any]:
    """Return what the common schema has of a spectrum; Bruker's times are in ms."""
    hardware, header = (
        instance(element, kind) for kind in ("TRTSpectrumHardwareHeader", "TRTSpectrumHeader")
    )
    tube, line = instance(element, "TRTXrfHeader"), energy_line(element)
    beam = instance(element, "TRTESMAHeader")
    energy = number(tube, "Voltage") or number(beam, "PrimaryEnergy")
    real, live = (number(hardware, f"{word}Time") for word in ("Real", "Life"))
    return stated(
        {
            "technique": modality(element),
            "started": started(header),
            "instrument": {"vendor": "Bruker"},
            # Programs of old write -1 where the microscope did not tell.
            "beam": {"voltage": energy * _KILO if energy and energy > 0 else None},
            "detector": {
                "name": _detector(element),
                "real_time": real * _MILLI if real else None,
                "live_time": live * _MILLI if live else None,
                "dispersion": line[0] * _KILO if line else None,
                "elevation_angle": number(beam, "ElevationAngle"),
                "azimuth_angle": number(beam, "AzimutAngle"),
            },
        }
    )


def _detector(element: ElementTree.Element) -> str | None:
    found = instances(element, "TRTDetectorHeader")
    return found[0].findtext("Type") if found else None


def started(tree: Any) -> str | None:
    """Return the moment in an element with Date ("4.3.2018") and Time ("10:6:4")."""
    try:
        day, month, year = (int(part) for part in look_up(tree, "Date").split("."))
        hour, minute, second = (int(part) for part in look_up(tree, "Time").split(":"))
        return dt.datetime(year, month, day, hour, minute, second).isoformat()
    except ValueError:
        return None
