"""The descriptions of Topspin: XML documents of nested values, beside the data they are of."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from omniscopy.io.quantities import finite_number, moment_of
from omniscopy.io.storage.hdf5 import DAMAGE
from omniscopy.io.storage.hdf5_access import members
from omniscopy.io.storage.hdf5_numbers import LONGEST_TEXT, member
from omniscopy.io.storage.hdf5_values import whole
from omniscopy.io.xml_trees import parse_xml

_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_MARK = "ProcedureDocumentSerializer"
_DEEPEST = 30


@dataclass(frozen=True)
class Calibration:
    """Where the pixels along one side are: `kind` is "Position" (m), "Angle" (rad) or another."""

    offset: float
    scale: float
    kind: str


def read_document(group: Any) -> ElementTree.Element | None:
    """Return the description of a group, `None` where there is none or it is damaged."""
    dataset = member(group, "Metadata")
    if getattr(dataset, "shape", None) not in ((), (1,)) or dataset.dtype.kind not in "SO":
        return None
    if dataset.dtype.itemsize > LONGEST_TEXT or dataset.id.get_storage_size() > LONGEST_TEXT:
        return None
    try:
        value = whole(dataset) if dataset.shape == () else whole(dataset)[0]
    except DAMAGE:
        return None
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    # The declaration may say UTF-16, which the text was once.
    return parse_xml(_DECLARATION.sub("", text))


def document_groups(file: Any, *, most: int = 10_000) -> Iterator[tuple[Any, ElementTree.Element]]:
    """Yield the groups that are described as procedures: the file itself, or groups in it."""
    found = read_document(file)
    if found is not None:
        if found.get("Serializer") == _MARK:
            yield file, found
        return
    for number, (_, group) in enumerate(members(file)):
        if number >= most:
            return
        document = read_document(group) if hasattr(group, "keys") else None
        if document is not None and document.get("Serializer") == _MARK:
            yield group, document


def calibrations_of(element: ElementTree.Element) -> dict[str, Calibration]:
    """Return the calibrations X and Y in an element."""
    found = {}
    place = element.find("Calibration")
    for letter in "XY" if place is not None else "":
        side = None if place is None else place.find(letter)
        numbers = [
            None if side is None else finite(side.findtext(key)) for key in ("Offset", "Scale")
        ]
        if side is not None and numbers[0] is not None and numbers[1]:
            kind = (side.findtext("Type/Text") or "").strip()
            found[letter] = Calibration(numbers[0], numbers[1], kind)
    return found


def position_of(document: ElementTree.Element | None) -> tuple[float, float] | None:
    """Return where the beam was (x, y) for one pattern of a series."""
    for item in () if document is None else document.iter("Item"):
        if item.findtext("Name") == "RequestedBeamPosition":
            x, y = (finite(item.findtext(f"Value/{letter}")) for letter in "XY")
            return None if x is None or y is None else (x, y)
    return None


def results_of(document: ElementTree.Element) -> dict[str, tuple[str, ElementTree.Element]]:
    """Return the name and the description of each result by its identifier in the file."""
    found = {}
    for item in document.iterfind("ProcedureData/Item"):
        value = item.find("Value")
        identifier = None if value is None else value.findtext("Id")
        if value is not None and identifier:
            found[identifier.strip()] = (item.findtext("Name") or "image", value)
    return found


def tree_of(element: ElementTree.Element, depth: int = 0) -> Any:
    """Return an element as text, or as a dictionary; items become entries by their names."""
    children = list(element)
    if not children or depth > _DEEPEST:
        return (element.text or "").strip()
    tree: dict[str, Any] = {}
    for child in children:
        name = child.findtext("Name") if child.tag == "Item" else child.tag
        value = child.find("Value") if child.tag == "Item" else child
        if name and value is not None:
            tree[name] = tree_of(value, depth + 1)
    return tree


def lookup(tree: Mapping[str, Any], *path: str) -> str | None:
    """Return the text at a path of nested dictionaries, `None` where there is none."""
    found: Any = tree
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) and found else None


def finite(text: str | None) -> float | None:
    """Return a text as a finite number, `None` where it is none."""
    return finite_number(text or "")


def moment(text: str | None) -> str | None:
    """Return a date of Topspin, month first, as ISO 8601."""
    return moment_of(text, "%m/%d/%Y %H:%M:%S")
