"""Regions as the page draws them: which points they hold, and as settings of operations.

A region is a mapping with `kind`; its places are in the units of the coordinates, in the order of
the dimensions. Ellipses and lines are polygons, so that what is computed here and what a script
computes again hold the same points.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from omniscopy.model.errors import DataError
from omniscopy.view.items import Item

MOST_CORNERS = 2000
_ELLIPSE_CORNERS = 72
DETECTORS = ("disc", "annulus", "segment")
Region = Mapping[str, Any]


def mask_of(item: Item, dims: Sequence[str], region: Region | None) -> np.ndarray | None:
    """Return which points over some dimensions a region holds; None for all of them.

    Where it holds none, as it is smaller than a pixel, the nearest to its middle is held.
    """
    if region is None or region.get("kind") == "all":
        return None
    places = places_of(item, dims)
    kind = region.get("kind")
    if kind in ("point", "interval", "box"):
        mask = _in_window(places, region, len(places))
    elif kind in DETECTORS:
        mask = detector_of(region).contains(*_away(places, region))
    else:
        mask = outline_of(region).holds(np.stack(np.broadcast_arrays(*places), axis=-1))
    mask = np.asarray(np.broadcast_to(mask, np.broadcast_shapes(*(p.shape for p in places))), bool)
    if not mask.any():
        mask = mask.copy()
        mask[nearest(places, middle_of(region))] = True
    return mask


def setting_of(item: Item, dims: Sequence[str], region: Region) -> Any:
    """Return a region as `omniscopy.signal.label_regions` takes it."""
    places = places_of(item, dims)
    names = list(dims) if len(places) == len(dims) else ["y", "x"]
    kind = region.get("kind")
    mask = mask_of(item, dims, {**region})
    if kind not in ("point", "interval", "box"):
        outline = outline_of(region)
        if np.any(outline.holds(np.stack(np.broadcast_arrays(*places), axis=-1))):
            return outline
    # By the labels of its points, so that no rounding of the page decides.
    spread = np.broadcast_arrays(*places)
    found = {}
    for name, place in zip(names, spread, strict=True):
        inside = place[mask]
        found[name] = (float(inside.min()), float(inside.max()))
    return found


def outline_of(region: Region) -> Any:
    """Return the polygon of a region."""
    from omniscopy.signal.regions import Polygon

    kind = region.get("kind")
    if kind == "ellipse":
        (cy, cx), (ry, rx) = _pair(region, "centre"), _pair(region, "radii")
        turn = np.arange(_ELLIPSE_CORNERS) * 2 * math.pi / _ELLIPSE_CORNERS
        corners = np.stack([cy + ry * np.sin(turn), cx + rx * np.cos(turn)], axis=-1).tolist()
    elif kind == "line":
        corners = _around_line(region)
    elif kind == "polygon":
        corners = region.get("corners")
        whole = isinstance(corners, list) and 3 <= len(corners) <= MOST_CORNERS
        if not whole or any(len(_numbers(each, "a corner")) != 2 for each in corners or []):
            message = f"a polygon has 3 to {MOST_CORNERS} corners of two numbers"
            raise DataError(message)
    else:
        message = f"there is no region of the kind {kind!r}"
        raise DataError(message)
    return Polygon([(float(y), float(x)) for y, x in corners or []])


def detector_of(region: Region) -> Any:
    """Return a region of a pattern as a detector of `omniscopy.diffraction`."""
    from omniscopy import diffraction

    kind = region.get("kind")
    if kind in ("disc", "annulus", "segment"):
        centre = _pair(region, "centre")
        outer = _number(region, "outer")
        if kind == "disc":
            return diffraction.Disk(outer, centre=centre)
        inner = _number(region, "inner")
        if kind == "annulus":
            return diffraction.Annulus(inner, outer, centre=centre)
        start, stop = _number(region, "start"), _number(region, "stop")
        return diffraction.Segment(inner, outer, start, stop, centre=centre)
    if kind == "polygon":
        return diffraction.Polygon(outline_of(region).corners)
    if kind == "ellipse":
        return diffraction.Polygon(outline_of(region).corners)
    if kind == "box":
        (y0, x0), (y1, x1) = _pair(region, "from"), _pair(region, "to")
        return diffraction.Polygon([(y0, x0), (y0, x1), (y1, x1), (y1, x0)])
    message = f"a region of the kind {kind!r} is no detector"
    raise DataError(message)


def places_of(item: Item, dims: Sequence[str]) -> list[np.ndarray]:
    """Return the coordinates over some dimensions, each of a shape that goes with the others."""
    if len(dims) == 1 and {"y", "x"} <= {*item.positions} and item.axis(dims[0]).kind == "point":
        return [item.positions["y"], item.positions["x"]]
    found = []
    for number, dim in enumerate(dims):
        values = item.axis(dim).values
        numbers = values if values.dtype.kind in "iuf" else np.arange(values.size)
        shape = [1] * len(dims)
        shape[number] = values.size
        found.append(np.asarray(numbers, np.float64).reshape(shape))
    return found


def middle_of(region: Region) -> list[float]:
    """Return the middle of a region."""
    if "centre" in region:
        return _numbers(region["centre"], "the centre")
    if "at" in region:
        return _numbers(region["at"], "the point")
    if "corners" in region:
        return list(np.mean(np.asarray(region["corners"], float), axis=0))
    low, high = _numbers(region.get("from"), "an end"), _numbers(region.get("to"), "an end")
    return [(a + b) / 2 for a, b in zip(low, high, strict=True)]


def nearest(places: Sequence[np.ndarray], point: Sequence[float]) -> tuple[int, ...]:
    """Return the index of the point that is nearest to a place."""
    spread = np.broadcast_arrays(*places)
    away = sum((place - at) ** 2 for place, at in zip(spread, point, strict=True))
    return tuple(int(n) for n in np.unravel_index(int(np.nanargmin(away)), spread[0].shape))


def _in_window(places: Sequence[np.ndarray], region: Region, count: int) -> np.ndarray:
    if region["kind"] == "point":
        mask = np.zeros(np.broadcast_shapes(*(place.shape for place in places)), bool)
        at = _numbers(region.get("at"), "a point")
        _require_count(at, count)
        mask[nearest(places, at)] = True
        return mask
    first, last = _numbers(region.get("from"), "an end"), _numbers(region.get("to"), "an end")
    _require_count(first, count)
    _require_count(last, count)
    inside: Any = True
    for place, a, b in zip(places, first, last, strict=True):
        inside = inside & (place >= min(a, b)) & (place <= max(a, b))
    return np.asarray(inside)


def _away(places: Sequence[np.ndarray], region: Region) -> list[np.ndarray]:
    cy, cx = _pair(region, "centre")
    return [places[0] - cy, places[1] - cx]


def _around_line(region: Region) -> list[list[float]]:
    start, stop = np.array(_pair(region, "from")), np.array(_pair(region, "to"))
    length = float(np.hypot(*(stop - start)))
    if length == 0:
        message = "the line has no length"
        raise DataError(message)
    along = (stop - start) / length
    across = np.array([along[1], -along[0]]) * _number(region, "width") / 2
    return [list(map(float, corner)) for corner in
            (start + across, stop + across, stop - across, start - across)]  # fmt: skip


def _pair(region: Region, key: str) -> tuple[float, float]:
    found = _numbers(region.get(key), key)
    _require_count(found, 2)
    return found[0], found[1]


def _number(region: Region, key: str) -> float:
    return _numbers([region.get(key)], key)[0]


def _require_count(numbers: Sequence[float], count: int) -> None:
    if len(numbers) != count:
        message = f"a place here has {count} coordinates, got {len(numbers)}"
        raise DataError(message)


def _numbers(value: Any, what: str) -> list[float]:
    plain = isinstance(value, list | tuple) and 0 < len(value) <= 4
    if not plain or any(
        type(each) not in (int, float) or not math.isfinite(each) for each in value
    ):
        message = f"{what} of a region is a list of numbers, got {value!r}"
        raise DataError(message)
    return [float(each) for each in value]
