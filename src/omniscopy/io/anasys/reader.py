"""Read documents of Analysis Studio: maps of the surface and spectra at its points."""

import base64
import binascii
import datetime as dt
import functools
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from omniscopy.io.anasys.document import Document, Values, read_document, values_of
from omniscopy.io.errors import FormatError
from omniscopy.io.quantities import finite_number, known_units, quantity_of, stated
from omniscopy.io.records import Axis, Channel, Measurement, Variable
from omniscopy.io.xml_trees import local_name, look_up, xml_tree

_Reading = Callable[[ElementTree.Element, str, tuple[int, ...]], Values | np.ndarray]
_UNITS = "µm"
_DIRECTIONS = {"PrimaryTrace": "trace", "PrimaryRetrace": "retrace"}
_FACTORS = {"attenuation": "AttenuationBase64", "beam_shape_factor": "BeamShapeFactorBase64"}


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the channels of the Analysis Studio document at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .axz, or .axd, which is not packed.
    partial : bool
        Read a file that is cut short as far as it goes.

    Returns
    -------
    Measurement
        A channel for each map, (y, x) with row 0 on top, and for each quantity of each
        spectrum, along `wavenumber` with its place `x` and `y`. The places of maps are those
        before the scan is turned by its angle about its centre: `x` ascends, `y` descends.

    Raises
    ------
    FormatError
        The file is cut short or damaged, or unpacks to absurdly much.
    UnsupportedFormatError
        It is a packed file of another kind.
    """
    path = Path(path)
    document = read_document(path, partial=partial)
    missing = document.missing
    values = functools.partial(_values, str(path), document)
    channels: list[Channel] = []
    for element in document.elements:
        try:
            is_map = local_name(element.tag) == "HeightMap"
            make = _map_channels if is_map else _spectrum_channels
            channels += make(element, values)
        except FormatError as error:
            if not partial:
                raise error.in_file(path) from error
            missing = missing or {"reason": error.message}
    return Measurement(
        channels=channels,
        metadata={"instrument": {"vendor": "Anasys Instruments"}},
        attrs={"not_read": "a part of the document"} if missing else {},
    )


def _map_channels(element: ElementTree.Element, values: _Reading) -> list[Channel]:
    tree = _tree(element)
    label = element.get("Label") or element.get("DataChannel") or "Map"
    tags = _tags(element)
    units = known_units(look_up(tree, "UnitPrefix") + look_up(tree, "Units"))
    channel = Channel(
        title=label,
        data=values(element, label, _shape(tree, label)),
        axes=_plane_axes(tree, label),
        quantity=quantity_of(label, units),
        units=units,
        modality="AFM",
        source="Analysis Studio",
        metadata=_map_metadata(tree, tags),
        original_metadata={**tree, "Tags": tags},
    )
    return [channel]


def _spectrum_channels(element: ElementTree.Element, values: _Reading) -> list[Channel]:
    """Return the quantities of one spectrum."""
    tree = _tree(element)
    label = look_up(tree, "Label") or "Spectrum"
    points = _whole(look_up(tree, "DataPoints"), label)
    start, end = (finite_number(look_up(tree, f"{word}Wavenumber")) for word in ("Start", "End"))
    axis = Axis(name="wavenumber", size=points)
    if start is not None and end is not None and points > 1 and start != end:
        # Both ends are wavenumbers of the spectrum.
        step = (end - start) / (points - 1)
        axis = Axis(name="wavenumber", size=points, scale=step, offset=start, units="1/cm")
    places = {name: finite_number(look_up(tree, "Location", name.upper())) for name in "xy"}
    attrs = {"quantity": "length", "units": _UNITS}
    coordinates = {
        name: Variable(dims=(), data=np.asarray(place), attrs=attrs)
        for name, place in places.items()
        if place is not None
    }
    variables = _factors(element, points)
    original = {key: value for key, value in tree.items() if key != "DataChannels"}
    return [
        Channel(
            title=f"{label} {part.get('Name') or part.get('DataChannel') or ''}".strip(),
            data=values(part, label, (points,)),
            axes=[axis],
            coordinates=coordinates,
            variables=variables,
            quantity=quantity_of(part.get("Name") or "", None),
            modality="AFM-IR",
            source="Analysis Studio",
            metadata=stated({"started": _time(look_up(tree, "TimeStamp"))}),
            original_metadata=original,
        )
        for part in element
        if local_name(part.tag) == "DataChannels"
    ]


def _factors(element: ElementTree.Element, points: int) -> dict[str, Variable]:
    """Return what the values of a spectrum were multiplied by, where it is listed."""
    found = {}
    for name, key in _FACTORS.items():
        text = next((part.text or "" for part in element if local_name(part.tag) == key), "")
        try:
            values = np.frombuffer(base64.b64decode(text), "<f4").astype(np.float32)
        except (binascii.Error, ValueError):
            continue
        if values.shape == (points,):
            found[name] = Variable(dims=("wavenumber",), data=values, attrs={"units": "1"})
    return found


def _values(
    path: str,
    document: Document,
    element: ElementTree.Element,
    label: str,
    shape: tuple[int, ...],
) -> Values | np.ndarray:
    """Return the numbers in an element, which are left in the file where they are there."""
    part = next((each for each in element if local_name(each.tag) == "SampleBase64"), None)
    text = "" if part is None else part.text or ""
    place = document.places.get(text)
    if place is None:
        return values_of(text, shape, label)
    found = Values(path, place, shape, label)
    if place[1] - place[0] != -(-4 * math.prod(shape) // 3) * 4 * document.letter_size:
        found[()]  # with blanks in between it is right, too
    return found


def _shape(tree: Any, label: str) -> tuple[int, int]:
    rows, columns = (_whole(look_up(tree, "Resolution", name), label) for name in "YX")
    return rows, columns


def _plane_axes(tree: Any, label: str) -> list[Axis]:
    """Return `y` from the top and `x` from the left, about the centre of the map."""
    axes = []
    for name, size in zip("yx", _shape(tree, label), strict=True):
        length = finite_number(look_up(tree, "Size", name.upper()))
        centre = finite_number(look_up(tree, "Position", name.upper())) or 0.0
        if not length or length < 0:
            axes.append(Axis(name=name, size=size))
            continue
        turn = -1 if name == "y" else 1
        offset, scale = centre - turn * length / 2, turn * length / size
        axes.append(Axis(name=name, size=size, scale=scale, offset=offset, units=_UNITS))
    return axes


def _map_metadata(tree: Any, tags: dict[str, str]) -> dict[str, Any]:
    return stated(
        {
            "technique": "AFM",
            "started": _time(look_up(tree, "TimeStamp")),
            "instrument": {"vendor": "Anasys Instruments", "model": tags.get("System")},
            "scan": {
                "line_rate": finite_number(tags.get("ScanRate", "").removesuffix(" Hz")),
                "rotation": finite_number(look_up(tree, "Rotation", "Yaw")),
                "direction": _DIRECTIONS.get(tags.get("TraceRetrace", "")),
            },
            "feedback": {"mode": tags.get("ScanMode"), "setpoint": tags.get("Setpoint")},
        }
    )


def _tags(element: ElementTree.Element) -> dict[str, str]:
    tags = (part for part in element.iter() if local_name(part.tag) == "Tag")
    return {tag.get("Name", ""): tag.get("Value", "") for tag in tags}


def _tree(element: ElementTree.Element) -> Any:
    tree = xml_tree(element)
    tree = tree if isinstance(tree, dict) else {}
    return {key: value for key, value in tree.items() if not key.endswith("Base64")}


def _whole(text: str, label: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,6}", text):
        message = f"a number of points was expected, {text!r} was found"
        raise FormatError(message, key=label)
    return int(text)


def _time(text: str) -> str | None:
    """Return a time with its zone, of which the file has more digits than clocks do."""
    try:
        return dt.datetime.fromisoformat(text).isoformat(timespec="seconds")
    except ValueError:
        return None
