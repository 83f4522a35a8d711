"""Read X3P surfaces (ISO 25178-72): an archive of a description in XML and of heights."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.jpk.archive import Member, list_members, member
from omniscopy.io.quantities import finite_number, stated
from omniscopy.io.records import Axis, Channel, Measurement
from omniscopy.io.x3p.arrays import PackedHeights
from omniscopy.io.xml_trees import look_up, parse_xml, xml_tree

_INDEX, _LONGEST_INDEX = "main.xml", 1 << 24
_TYPES = {"I": "<i2", "L": "<i4", "F": "<f4", "D": "<f8"}
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
    """Return the surface or the profile of the X3P file at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .x3p.
    partial : bool
        Makes no difference: the directory of an archive is at its end.

    Returns
    -------
    Measurement
        One channel in metres, (y, x) or, of a profile, along `x`; NaN where a point is not
        valid. The heights are unpacked at each read.

    Raises
    ------
    FormatError
        The archive is cut short or damaged, or its description contradicts the heights.
    UnsupportedFormatError
        The points are no grid, or lie in several layers, or in the description itself.
    """
    path = Path(path)
    archive = _open(path)
    shape = _shape(archive)
    axes = [_axis(archive, name, size) for name, size in zip("yx", shape, strict=True)]
    heights = _heights(archive, shape)
    is_profile = archive.text("Record1", "FeatureType") == "PRF" and shape[0] == 1
    channel = Channel(
        title="Profile" if is_profile else "Height",
        data=heights.as_profile() if is_profile else heights,
        axes=axes[1:] if is_profile else axes,
        quantity="height",
        units="m",
    )
    said = dict(archive.said)
    return Measurement(channels=[channel], metadata=_metadata(archive), original_metadata=said)


def _open(path: Path) -> _Archive:
    members = list_members(path)
    index = member(members, _INDEX, path)
    if index.size > _LONGEST_INDEX:
        message = f"a description of {index.size} bytes is too long"
        raise FormatError(message, path=path, key=_INDEX)
    root = parse_xml(index.read(path).decode("utf-8", "replace"))
    tree = None if root is None else xml_tree(root)
    if not isinstance(tree, dict) or "Record3" not in tree:
        message = "the description is damaged, or is not one of a surface"
        raise FormatError(message, path=path, key=_INDEX)
    return _Archive(path, members, tree)


def _shape(archive: _Archive) -> tuple[int, int]:
    sizes = [archive.text("Record3", "MatrixDimension", f"Size{letter}") for letter in "ZYX"]
    if not all(size.isdecimal() and 0 < int(size) < 10**9 for size in sizes):
        message = f"a surface of {' by '.join(sizes)} points cannot be, or is no grid"
        raise UnsupportedFormatError(message, path=archive.path, key="MatrixDimension")
    if int(sizes[0]) != 1:
        message = f"{sizes[0]} layers are not read, only one"
        raise UnsupportedFormatError(message, path=archive.path, key="SizeZ")
    return int(sizes[1]), int(sizes[2])


def _axis(archive: _Archive, name: str, size: int) -> Axis:
    at = ("Record1", "Axes", f"C{name.upper()}")
    if archive.text(*at, "AxisType") not in ("I", ""):
        message = "only points in even steps are read"
        raise UnsupportedFormatError(message, path=archive.path, key=at[-1])
    step = archive.number(*at, "Increment", default=0.0)
    if step <= 0:
        return Axis(name=name, size=size)
    offset = archive.number(*at, "Offset", default=0.0)
    return Axis(name=name, size=size, scale=step, offset=offset, units="m")


def _heights(archive: _Archive, shape: tuple[int, int]) -> PackedHeights:
    at = ("Record1", "Axes", "CZ")
    kind = archive.text(*at, "DataType")
    points = archive.linked("PointDataLink")
    if points is None or kind not in _TYPES:
        message = f"heights of the type {kind!r}, or that are no member of their own, are not read"
        raise UnsupportedFormatError(message, path=archive.path, key="DataLink")
    dtype = np.dtype(_TYPES[kind])
    valid = archive.linked("ValidPointsLink")
    count = shape[0] * shape[1]
    for part, wanted in ((points, count * dtype.itemsize), (valid, (count + 7) // 8)):
        if part is not None and part.size < wanted:
            message = f"{shape[0]} by {shape[1]} points need {wanted} bytes, not {part.size}"
            raise FormatError(message, path=archive.path, key=part.name)
    return PackedHeights(
        path=str(archive.path),
        points=points,
        valid=valid,
        shape=shape,
        file_dtype=dtype,
        scale=archive.number(*at, "Increment", default=1.0),
        offset=archive.number(*at, "Offset", default=0.0),
    )


def _metadata(archive: _Archive) -> dict[str, Any]:
    def known(*keys: str) -> str | None:
        text = archive.text("Record2", *keys)
        return None if text.lower() in _UNKNOWN else text

    return stated(
        {
            "started": known("Date"),
            "operator": known("Creator"),
            "comment": known("Comment"),
            "instrument": {
                "vendor": known("Instrument", "Manufacturer"),
                "model": known("Instrument", "Model"),
                "software": known("Instrument", "Version"),
            },
        }
    )
