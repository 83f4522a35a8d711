"""Read X3P surfaces (ISO 25178-72): an archive of a description in XML and of heights."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.jpk.archive import LONGEST_TEXT, Member, list_members, member
from omniscopy.io.quantities import finite_number, stated
from omniscopy.io.records import Axis, Channel, Measurement, Variable
from omniscopy.io.x3p.arrays import PackedPoints
from omniscopy.io.xml_trees import look_up, parse_xml, xml_tree

_INDEX = "main.xml"
_MOST_LAYERS = 1 << 12
_TYPES = {"I": "<i2", "L": "<i4", "F": "<f4", "D": "<f8"}
_NO_DATE = "1970-01-01"  # a clock at zero, whatever the zone: the format is from 2008
_UNKNOWN = ("", "not available", "unknown")


@dataclass(frozen=True)
class _Archive:
    path: Path
    members: Mapping[str, Member]
    said: Mapping[str, Any]

    def text(self, *keys: str) -> str:
        """Return the text at a path of the description."""
        return look_up(self.said, *keys).strip()

    def number(self, *keys: str, default: float) -> float:
        value = finite_number(self.text(*keys))
        return default if value is None else value

    def linked(self, key: str) -> Member | None:
        """Return the member that the description names, however it writes its path."""
        name = self.text("Record3", "DataLink", key)
        return member(self.members, str(PurePosixPath(name)), self.path) if name else None


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - see below
    """Return the surfaces, the profile or the points of the X3P file at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .x3p.
    partial : bool
        Makes no difference: the directory of an archive is at its end.

    Returns
    -------
    Measurement
        A channel in metres for each layer: (y, x), of a profile along `x`, of points with places
        of their own along `point`; NaN where a point is not valid. The heights are unpacked at
        each read.

    Raises
    ------
    FormatError
        The archive is cut short or damaged, or its description contradicts the heights.
    UnsupportedFormatError
        The points lie in the description itself.
    """
    path = Path(path)
    archive = _open(path)
    layers, rows, columns = shape = _shape(archive)
    dtype = _record(archive)
    _require_points(archive, shape, dtype)
    is_profile = archive.text("Record1", "FeatureType") == "PRF" and rows == 1
    channels = []
    for layer in range(layers):
        place = (rows, columns), dtype, layer * rows * columns
        number = f" {layer + 1}" if layers > 1 else ""
        heights, axes, coordinates = _layer(archive, place, is_profile=is_profile)
        channels.append(
            Channel(
                title=f"{'Profile' if is_profile else 'Height'}{number}",
                data=heights,
                axes=axes,
                coordinates=coordinates,
                quantity="height",
                units="m",
            )
        )
    said = dict(archive.said)
    return Measurement(channels=channels, metadata=_metadata(archive), original_metadata=said)


def _open(path: Path) -> _Archive:
    members = list_members(path)
    index = member(members, _INDEX, path)
    root = parse_xml(index.read(path, most=LONGEST_TEXT).decode("utf-8", "replace"))
    tree = None if root is None else xml_tree(root)
    if not isinstance(tree, dict) or "Record3" not in tree:
        message = "the description is damaged, or is not one of a surface"
        raise FormatError(message, path=path, key=_INDEX)
    return _Archive(path, members, tree)


def _shape(archive: _Archive) -> tuple[int, int, int]:
    """Return layers, rows and columns; of a list of points they are one layer of one row."""
    listed = archive.text("Record3", "ListDimension")
    sizes = [archive.text("Record3", "MatrixDimension", f"Size{letter}") for letter in "ZYX"]
    sizes = ["1", "1", listed] if listed else sizes
    if not all(size.isdecimal() and 0 < int(size) < 10**9 for size in sizes):
        message = f"a surface of {' by '.join(sizes)} points cannot be"
        raise FormatError(message, path=archive.path, key="MatrixDimension")
    layers, rows, columns = (int(size) for size in sizes)
    if layers > _MOST_LAYERS:
        message = f"a surface of {layers} layers cannot be"
        raise FormatError(message, path=archive.path, key="SizeZ")
    return layers, rows, columns


def _record(archive: _Archive) -> np.dtype[Any]:
    """Return what each point is: its height, after its places where they are not in even steps."""
    fields = []
    for name in "xyz":
        at = ("Record1", "Axes", f"C{name.upper()}")
        if name != "z" and archive.text(*at, "AxisType") in ("I", ""):
            continue
        kind = archive.text(*at, "DataType")
        if kind not in _TYPES:
            message = f"numbers of the type {kind!r} are not read"
            raise UnsupportedFormatError(message, path=archive.path, key=at[-1])
        fields.append((name, _TYPES[kind]))
    return np.dtype(fields)


def _require_points(archive: _Archive, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> None:
    """Raise where the points are no member of their own, or are not all there."""
    points, valid = archive.linked("PointDataLink"), archive.linked("ValidPointsLink")
    if points is None:
        message = "points that are no member of their own are not read"
        raise UnsupportedFormatError(message, path=archive.path, key="DataLink")
    count = math.prod(shape)
    for part, wanted in ((points, count * dtype.itemsize), (valid, (count + 7) // 8)):
        # Each read unpacks all of it: what is much longer is refused with what is too short.
        if part is not None and not wanted <= part.size <= 2 * wanted + 4096:
            message = f"{' by '.join(map(str, shape))} points need {wanted} bytes, not {part.size}"
            raise FormatError(message, path=archive.path, key=part.name)


def _layer(
    archive: _Archive, place: tuple[tuple[int, int], np.dtype[Any], int], *, is_profile: bool
) -> tuple[PackedPoints, list[Axis], dict[str, Variable]]:
    """Return the heights of one layer, their axes, and the places of points in uneven steps."""
    shape, dtype, _ = place
    heights = _points(archive, place, "z")
    places = {name: _points(archive, place, name) for name in dtype.names or () if name != "z"}
    if not places:
        axes = [_axis(archive, name, size) for name, size in zip("yx", shape, strict=True)]
        return (heights.as_line(), axes[1:], {}) if is_profile else (heights, axes, {})
    size = math.prod(shape)
    if is_profile and "y" not in places:
        values = places["x"].as_line()[(slice(None),)]
        return heights.as_line(), [Axis(name="x", size=size, units="m", values=values)], {}
    for name, letter in (("y", 0), ("x", 1)):  # of which one may be in even steps
        if name not in places and shape[letter] > 1:
            message = "points in even steps along one axis of a map only are not read"
            raise UnsupportedFormatError(message, path=archive.path, key=f"C{name.upper()}")
    coordinates = {
        name: Variable(
            dims=("point",), data=part.as_line(), attrs={"units": "m", "quantity": "length"}
        )
        for name, part in places.items()
    }
    return heights.as_line(), [Axis(name="point", size=size)], coordinates


def _axis(archive: _Archive, name: str, size: int) -> Axis:
    at = ("Record1", "Axes", f"C{name.upper()}")
    step = archive.number(*at, "Increment", default=0.0)
    if step <= 0:
        return Axis(name=name, size=size)
    offset = archive.number(*at, "Offset", default=0.0)
    return Axis(name=name, size=size, scale=step, offset=offset, units="m")


def _points(
    archive: _Archive, place: tuple[tuple[int, int], np.dtype[Any], int], name: str
) -> PackedPoints:
    """Return the heights or the places of the points of a layer."""
    shape, dtype, first = place
    points = archive.linked("PointDataLink")
    assert points is not None  # _require_points
    at = ("Record1", "Axes", f"C{name.upper()}")
    return PackedPoints(
        path=str(archive.path),
        points=points,
        valid=archive.linked("ValidPointsLink"),
        shape=shape,
        file_dtype=dtype,
        scale=archive.number(*at, "Increment", default=1.0),
        offset=archive.number(*at, "Offset", default=0.0),
        first=first,
        field=name,
    )


def _metadata(archive: _Archive) -> dict[str, Any]:
    def known(*keys: str) -> str | None:
        text = archive.text("Record2", *keys)
        return None if text.lower() in _UNKNOWN else text

    date = known("Date")
    return stated(
        {
            "started": None if date is None or date.startswith(_NO_DATE) else date,
            "operator": known("Creator"),
            "comment": known("Comment"),
            "instrument": {
                "vendor": known("Instrument", "Manufacturer"),
                "model": known("Instrument", "Model"),
                "software": known("Instrument", "Version"),
            },
        }
    )
