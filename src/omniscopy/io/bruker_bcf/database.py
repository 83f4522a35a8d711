"""The header of a map file: an XML document with images, spectra and settings."""

import base64
import binascii
import functools
import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from omniscopy.io.bruker_bcf.content import Content
from omniscopy.io.bruker_bcf.sfs import list_entries
from omniscopy.io.bruker_spx.spectra import (
    instance,
    instances,
    number,
    parse_document,
    read_counts,
    started,
)
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.quantities import finite_number, stated

FOLDER = "EDSDatabase"
IMAGES, SPECTRA = "TRTImageData", "TRTSpectrum"
_LARGEST = 1 << 26
_MICRO = 1e-6
_KILO = 1e3


def read_database(path: str) -> ElementTree.Element:
    """Return the document of the file at `path`."""
    return _database(path, Path(path).stat().st_mtime_ns)


def read_numbers(path: str, place: tuple[str, int, str]) -> np.ndarray:
    """Return the values of a plane of an image, or of a spectrum, at its place."""
    return _numbers(path, place, Path(path).stat().st_mtime_ns)


def plane_form(image: ElementTree.Element) -> tuple[tuple[int, int], np.dtype[Any]] | None:
    """Return shape and type of the planes of an image, `None` where they make no sense."""
    said = [finite_number(image.findtext(key) or "") for key in ("Height", "Width", "ItemSize")]
    if any(value is None or not 1 <= value < 1 << 20 for value in said):
        return None
    rows, columns, width = (int(value) for value in said if value is not None)
    return ((rows, columns), np.dtype(f"<u{width}")) if width in (1, 2, 4, 8) else None


def common_metadata(root: ElementTree.Element) -> dict[str, Any]:
    """Return what the common schema has of the microscope."""
    microscope, stage = instance(root, "TRTSEMData"), instance(root, "TRTSEMStageData")
    places = [number(stage, letter) for letter in "XYZ"]
    voltage = number(microscope, "HV")
    magnification = number(microscope, "Mag")
    header = root.find(".//Header")
    dated = {} if header is None else {each.tag: each.text or "" for each in header}
    return stated(
        {
            "started": started(dated),
            "instrument": {"vendor": "Bruker"},
            "beam": {
                "voltage": voltage * _KILO if voltage and voltage > 0 else None,
                "magnification": magnification if magnification and magnification > 0 else None,
            },
            # In micrometres and degrees.
            "stage": {
                "alpha": number(stage, "Tilt"),
                **{
                    letter: None if place is None else place * _MICRO
                    for letter, place in zip("xyz", places, strict=True)
                },
            },
        }
    )


@functools.lru_cache(maxsize=4)
def _database(path: str, _age: int) -> ElementTree.Element:
    entry = list_entries(Path(path)).get(f"{FOLDER}/HeaderData")
    if entry is None:
        message = f"there is no {FOLDER}/HeaderData in the container; it is no map of Esprit"
        raise UnsupportedFormatError(message, path=path)
    entry.require_whole()
    content = Content(entry)
    if content.size > _LARGEST:
        message = f"a header of {content.size} bytes is claimed; at most {_LARGEST} are read"
        raise FormatError(message, path=path, key=entry.name)
    return parse_document(Path(path), content.read(0, content.size).tobytes())


@functools.lru_cache(maxsize=32)
def _numbers(path: str, place: tuple[str, int, str], age: int) -> np.ndarray:
    kind, index, plane = place
    element = instances(_database(path, age), kind)[index]
    if kind == SPECTRA:
        return read_counts(Path(path), element)
    form = plane_form(element)
    if form is None:
        message = "the image has no size that makes sense"
        raise FormatError(message, path=path, key=plane)
    shape, dtype = form
    try:
        raw = base64.b64decode(element.findtext(f"{plane}/Data") or "")
    except (binascii.Error, ValueError) as error:
        message = "the pixels are no base64; the file is damaged"
        raise FormatError(message, path=path, key=plane) from error
    if len(raw) != math.prod(shape) * dtype.itemsize:
        message = f"an image {shape} of {dtype} has {len(raw)} bytes; the file is damaged"
        raise FormatError(message, path=path, key=plane)
    return np.frombuffer(raw, dtype).reshape(shape).astype(dtype.newbyteorder("="))
