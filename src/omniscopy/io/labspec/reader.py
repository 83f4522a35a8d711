"""Read what LabSpec exports: a tree of settings with numbered names, and rows of spectra."""

import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.quantities import finite_number, known_units, moment_of, stated
from omniscopy.io.records import Axis, Channel, Measurement, Variable
from omniscopy.io.spectral_axes import spectral_axis
from omniscopy.io.temperatures import kelvins
from omniscopy.io.xml_trees import parse_xml

# What the numbers stand for that the program has in place of names.
_TITLE, _DATA, _AXES, _PARAMETERS = "0x6C7469D9", "0x7A74D9D6", "0x7B697861", "0x6C62D4D9"
_TYPE, _UNITS, _VALUE, _LABEL = "0x6D707974", "0x7C696E75", "0x7D6CD4DB", "0x6D6261D8"
_NAME, _SETTING, _NUMBER, _ROTATION = "0x6D6D616E", "0x7D6C61DB", "0x8736F70", "0x6C676EC6"
_DIMENSIONS = {"X": "x", "Y": "y", "Z": "z", "T": "time"}
_COUNTS = {"Cnt": "counts", "Cnt/sec": "counts/s"}
_DATES = ("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M")
_MOST_BYTES = 1 << 26
_DEEPEST = 20


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - of all readers
    """Read a spectrum, a line or a map of LabSpec.

    Parameters
    ----------
    path : Path
        An export as XML.
    partial : bool
        Of no effect: XML that is cut short cannot be read.

    Returns
    -------
    Measurement
        Spectra along `wavelength`, `wavenumber` (Raman shift) or `energy`, with the labels
        and in the order of the file, for each position of a line (`y` or `x`), map (y, x),
        depth or time series. Directions of one position are coordinates. Where a map was
        turned, its axes are those of the map, and the angle is in the metadata.

    Raises
    ------
    FormatError
        The file is cut short or damaged, or its rows are not as its axes say.
    """
    path = Path(path)
    if path.stat().st_size > _MOST_BYTES:
        message = f"an export of more than {_MOST_BYTES} bytes is not read"
        raise FormatError(message, path=path)
    root = parse_xml(path.read_text("utf-8", "replace"))
    tree = None if root is None else root.find("LSX_Tree")
    matrix = None if root is None else root.find("LSX_Matrix")
    if tree is None or matrix is None:
        message = "the XML is damaged or cut short, or holds no spectra"
        raise FormatError(message, path=path)
    try:
        return _measurement(tree, matrix, path.stem)
    except FormatError as error:
        raise error.in_file(path) from None


def _measurement(tree: ElementTree.Element, matrix: ElementTree.Element, stem: str) -> Measurement:
    described = _find(tree, _DATA, _AXES)
    if described is None or len(described) < 2:
        message = "the axes are not described"
        raise FormatError(message, key="LSX_Tree")
    intensity, spectral, *others = list(described)
    axes = [_spectral(spectral)]
    coordinates: dict[str, Variable] = {}
    for element in others:
        axis = _position(element, [each.name for each in axes])
        if axis.size == 1:
            coordinates[axis.name] = Variable(
                dims=(), data=axis.coordinate().reshape(()), attrs={"units": axis.units or "1"}
            )
        else:
            axes.insert(0, axis)
    shape = tuple(axis.size for axis in axes)
    parameters = _parameters(tree)
    title = _text(tree, _TITLE) or stem
    return Measurement(
        channels=[
            Channel(
                title=title,
                data=_rows(matrix, shape),
                axes=axes,
                quantity="intensity",
                units=_COUNTS.get(_text(intensity, _UNITS)),
                modality="Raman" if axes[-1].quantity == "Raman shift" else None,
                source="LabSpec",
                coordinates=coordinates,
            )
        ],
        metadata=_metadata(title, parameters, tree),
        original_metadata={"parameters": _readable(parameters), "tree": _nested(tree)},
    )


def _rows(matrix: ElementTree.Element, shape: tuple[int, ...]) -> np.ndarray:
    """Return the rows of a matrix as numbers of the given shape."""
    rows = [row for row in matrix if row.tag == "LSX_Row"]
    points, wanted = shape[-1], math.prod(shape[:-1])
    if len(rows) != wanted:
        message = f"{wanted} rows were expected, {len(rows)} were found"
        raise FormatError(message, key="LSX_Matrix")
    longest = max(len(row.text or "") for row in rows) if rows else 0
    if points > longest:
        message = f"rows of {points} numbers were expected, which are not there"
        raise FormatError(message, key="LSX_Matrix")
    values = np.empty((wanted, points))
    for number, row in enumerate(rows):
        values[number] = _numbers(row.text, points, f"LSX_Matrix/LSX_Row {number}")
    return values.reshape(shape)


def _numbers(text: str | None, wanted: int | None, key: str) -> np.ndarray:
    words = (text or "").split()
    try:
        values = np.array(words, np.float64)
    except ValueError:
        message = "what should be numbers are none; the file is damaged"
        raise FormatError(message, key=key) from None
    if wanted is not None and len(values) != wanted:
        message = f"{wanted} numbers were expected, {len(values)} were found"
        raise FormatError(message, key=key)
    return values


def _labels(element: ElementTree.Element) -> np.ndarray:
    listed = _find(element, _VALUE)
    key = f"axis {element.get('ID')}"
    values = _numbers(None if listed is None else listed.text, None, key)
    if not len(values):
        message = "an axis without labels cannot be"
        raise FormatError(message, key=key)
    return values


def _spectral(element: ElementTree.Element) -> Axis:
    units = known_units(_text(element, _UNITS))
    quantity = "Raman shift" if units == "1/cm" else None
    return spectral_axis(_labels(element), units, quantity=quantity)


def _position(element: ElementTree.Element, taken: list[str]) -> Axis:
    """Return an axis of positions, uniform where its labels are."""
    kind = _text(element, _TYPE)
    name = _DIMENSIONS.get(kind[:1], "parameter")
    name = name if name not in taken else f"{name}_{len(taken)}"
    values, units = _labels(element), known_units(_text(element, _UNITS))
    attrs = {"long_name": _text(element, _LABEL) or kind}
    size = len(values)
    step = (values[-1] - values[0]) / (size - 1) if size > 1 else 0.0
    even = values[0] + step * np.arange(size)
    if step and np.allclose(values, even, rtol=0, atol=1e-3 * abs(step)):
        return Axis(
            name=name, size=size, scale=step, offset=float(values[0]), units=units, attrs=attrs
        )
    return Axis(name=name, size=size, values=values, units=units, attrs=attrs)


def _parameters(tree: ElementTree.Element) -> dict[str, tuple[str, float | None]]:
    """Return the named settings: what is shown of each, and its number where it has one."""
    found: dict[str, tuple[str, float | None]] = {}
    groups = _find(tree, _PARAMETERS)
    for group in () if groups is None else groups:
        for element in group:
            name = _text(element, _NAME)
            if name and name not in found:
                shown = _text(element, _SETTING)
                number = finite_number(_text(element, _NUMBER))
                found[name] = (shown, number if number is not None else finite_number(shown))
    return found


def _metadata(
    title: str, parameters: dict[str, tuple[str, float | None]], tree: ElementTree.Element
) -> dict[str, Any]:
    def shown(name: str) -> str:
        return parameters.get(name, ("", None))[0]

    def number(name: str) -> float | None:
        return finite_number(shown(name)) or parameters.get(name, ("", None))[1]

    def metres(name: str) -> float | None:
        value = number(name)
        return None if value is None else value * 1e-6

    turn = finite_number(_text(tree, _ROTATION, "0x0"))
    return stated(
        {
            "title": title,
            "started": moment_of(shown("Acquired"), *_DATES) or moment_of(shown("Date"), *_DATES),
            "comment": shown("Remark"),
            "sample": {"name": shown("Sample")},
            "instrument": {"vendor": "HORIBA", "model": shown("Instrument")},
            "optics": {"objective": shown("Objective")},
            "laser": {"wavelength": parameters.get("Laser (nm)", ("", None))[1]},
            "spectrometer": {
                "grating": shown("Grating"),
                "centre_wavelength": number("Spectro (nm)"),
            },
            "detector": {
                "name": shown("Detector"),
                "exposure_time": number("Acq. time (s)"),
                "accumulations": number("Accumulations"),
                "temperature": kelvins(number("Detector temperature (°C)")),
            },
            "scan": {"rotation": math.degrees(turn) if turn else None},
            "stage": {name: metres(f"{name.upper()} (µm)") for name in "xyz"},
        }
    )


def _readable(parameters: dict[str, tuple[str, float | None]]) -> dict[str, str]:
    return {name: shown for name, (shown, _) in parameters.items()}


def _nested(element: ElementTree.Element, depth: int = 0) -> Any:
    """Return the tree of settings by the numbers that its names are."""
    if not len(element):
        return (element.text or "").strip()
    if depth >= _DEEPEST:
        return ""
    tree: dict[str, Any] = {}
    for position, child in enumerate(element):
        tree[child.get("ID") or f"{child.tag} {position}"] = _nested(child, depth + 1)
    return tree


def _find(element: ElementTree.Element, *path: str) -> ElementTree.Element | None:
    """Return the element at a path of numbered names."""
    found: ElementTree.Element | None = element
    for name in path:
        if found is None:
            return None
        found = next((child for child in found if child.get("ID") == name), None)
    return found


def _text(element: ElementTree.Element, *path: str) -> str:
    found = _find(element, *path)
    return "" if found is None else (found.text or "").strip()
