"""What was drawn on the images of a DigitalMicrograph file."""

import math
from collections.abc import Mapping
from typing import Any

from omniscopy.io.dm.axes import Layout
from omniscopy.io.records import Axis

# Gatan's numbers for what is drawn. Scale bars are drawn anew; what is grouped stays in the tags.
_LINES = (2, 3, 4)  # without arrow, with one, with two
_KINDS = {**dict.fromkeys(_LINES, "line"), 5: "box", 6: "ellipse", 13: "text", 23: "box",
          27: "point"}  # fmt: skip
_MOST = 1000


def annotations_of(root: Mapping[str, Any], key: str, layout: Layout) -> list[dict[str, Any]]:
    """Return what is drawn on an image, in the units of its coordinates.

    Each has a `kind`: "point" and "text" are `at` a place, "line" and "box" go `from` one `to`
    another, an "ellipse" has a `centre` and `radii`, all of them (y, x); `text` where there is one.
    Gatan counts places from the corner of the first pixel, half a pixel before its middle.
    """
    plane = _plane_of(layout)
    if plane is None:
        return []
    number = key.rpartition("/")[2]
    found: list[dict[str, Any]] = []
    for shown in _groups(root.get("DocumentObjectList")):
        if _image_of(root, shown) == number:
            drawn = _groups(shown.get("AnnotationGroupList"))[:_MOST]
            found += filter(None, (_annotation(each, plane) for each in drawn))
    return found


def _image_of(root: Mapping[str, Any], shown: Mapping[str, Any]) -> str | None:
    """Return the number of the image that a display shows."""
    source = shown.get("ImageSource")
    sources = _groups(root.get("ImageSourceList"))
    if not isinstance(source, int) or not 0 <= source < len(sources):
        return None
    image = sources[source].get("ImageRef")
    return str(image) if isinstance(image, int) else None


def _plane_of(layout: Layout) -> tuple[Axis, Axis] | None:
    """Return the axes (y, x) of a picture: the second and the first dimension of the file."""
    last = len(layout.transposition) - 1
    pairs = zip(layout.transposition, layout.axes, strict=False)
    by = {last - place: axis for place, axis in pairs}
    if 0 not in by or 1 not in by:
        return None
    plane = by[1], by[0]
    return plane if all(axis.values is None for axis in plane) else None


def _annotation(tags: Mapping[str, Any], plane: tuple[Axis, Axis]) -> dict[str, Any] | None:
    kind, sides = _KINDS.get(tags.get("AnnotationType", 0)), tags.get("Rectangle")
    if kind is None or not isinstance(sides, list | tuple) or len(sides) != 4:
        return None
    if not all(isinstance(side, int | float) and math.isfinite(side) for side in sides):
        return None
    top, left, bottom, right = map(float, sides)
    first, second = ([axis.offset + axis.scale * (place - 0.5)
                      for axis, place in zip(plane, places, strict=True)]
                     for places in ((top, left), (bottom, right)))  # fmt: skip
    text = next((str(tags[name]).strip() for name in ("Text", "Label", "Name")
                 if isinstance(tags.get(name), str) and tags[name].strip()), "")  # fmt: skip
    made: dict[str, Any] = {"kind": kind}
    if kind in ("point", "text"):
        made["at"] = first
    elif kind == "ellipse":
        made["centre"] = [(a + b) / 2 for a, b in zip(first, second, strict=True)]
        made["radii"] = [abs(b - a) / 2 for a, b in zip(first, second, strict=True)]
    else:
        made |= {"from": first, "to": second}
    return made | ({"text": text} if text else {})


def _groups(tags: Any) -> list[Mapping[str, Any]]:
    """Return the groups of a list of tags, in their order."""
    values = tags.values() if isinstance(tags, dict) else tags if isinstance(tags, list) else ()
    return [each if isinstance(each, dict) else {} for each in values]
