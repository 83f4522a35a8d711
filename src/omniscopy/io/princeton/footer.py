"""The XML that LightField writes behind the frames."""

import itertools
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.princeton.header import HEADER_SIZE, Region
from omniscopy.io.xml_trees import look_up, parse_xml, xml_tree

_TYPES = {
    "MonochromeUnsigned16": "<u2",
    "MonochromeUnsigned32": "<u4",
    "MonochromeFloating32": "<f4",
}
_META_TYPES = {"Int64": "<i8", "Double": "<f8"}
_META = ("TimeStamp", "FrameTrackingNumber", "GateTracking", "ModulationTracking")
_MOST_BYTES = 1 << 26


@dataclass(frozen=True)
class Frames:
    """How frames lie in the file: regions one after another, then numbers of each frame."""

    count: int
    stride: int
    file_dtype: np.dtype[Any]
    regions: list[Region]
    offsets: list[int]
    wavelengths: np.ndarray | None = None
    times: "Stamp | None" = None
    sensor_columns: int = 0
    tree: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stamp:
    """The time at which each frame began, as ticks at an offset within its frame."""

    offset: int
    resolution: float
    file_dtype: np.dtype[Any]


def read_footer(path: Path, offset: int) -> Frames:
    """Return what the footer at a byte of the file says.

    Raises
    ------
    FormatError
        It is not there, damaged, or contradicts itself.
    """
    size = path.stat().st_size
    if not HEADER_SIZE <= offset < size or size - offset > _MOST_BYTES:
        message = (
            f"the description should start at byte {offset} of {size}; the file is cut short or "
            "its header is damaged; partial=True reads it without"
        )
        raise FormatError(message, path=path, offset=678)
    with path.open("rb") as file:
        file.seek(offset)
        root = parse_xml(file.read().decode("utf-8", "replace"))
    tree = xml_tree(root) if root is not None else None
    if not isinstance(tree, dict):
        message = "the description is damaged; partial=True reads the file without"
        raise FormatError(message, path=path, offset=offset)
    try:
        return _frames(tree)
    except FormatError as error:
        raise error.in_file(path) from None


def _frames(tree: dict[str, Any]) -> Frames:
    block = _listed(tree, "DataFormat", "DataBlock")[:1]
    key = "DataFormat/DataBlock"
    kind = look_up(block[0], "pixelFormat") if block else ""
    if kind not in _TYPES:
        message = f"frames of numbers of the type {kind!r} are not read"
        raise FormatError(message, key=key)
    dtype = np.dtype(_TYPES[kind])
    count, stride = _whole(block[0], "count"), _whole(block[0], "stride")
    mapped = _listed(tree, "Calibrations", "SensorMapping")
    parts = _listed(block[0], "DataBlock")
    regions = [_region(part, _mapping(part, mapped)) for part in parts]
    strides = [_whole(part, "stride") for part in parts]
    offsets = [0, *itertools.accumulate(strides)]
    for region, start in zip(regions, offsets, strict=False):
        if start + math.prod(region.shape) * dtype.itemsize > stride:
            message = f"a region of {region.shape} values is not in a frame of {stride} bytes"
            raise FormatError(message, key=key)
    if not regions:
        message = "frames without a region hold no data"
        raise FormatError(message, key=key)
    sensor = _listed(tree, "Calibrations", "SensorInformation")
    columns = look_up(sensor[0], "width") if sensor else ""
    return Frames(
        count=count,
        stride=stride,
        file_dtype=dtype,
        regions=regions,
        offsets=offsets[: len(regions)],
        wavelengths=_wavelengths(tree),
        times=_stamp(tree, _whole(block[0], "size"), stride),
        sensor_columns=int(columns) if columns.isdigit() else 0,
        tree=tree,
    )


def _mapping(part: Any, mapped: list[Any]) -> dict[str, Any]:
    """Return where a region lies on the sensor, by the calibration that it names."""
    named = look_up(part, "calibrations").split(",")
    for each in mapped:
        if look_up(each, "id") in named:
            return each if isinstance(each, dict) else {}
    return {}


def _region(part: Any, mapping: dict[str, Any]) -> Region:
    columns, rows = _whole(part, "width"), _whole(part, "height")
    numbers = [look_up(mapping, name) for name in ("x", "y", "xBinning", "yBinning")]
    x, y, x_bin, y_bin = (int(text) if text.isdigit() else 0 for text in numbers)
    return Region(x, y, columns, rows, max(x_bin, 1), max(y_bin, 1))


def _wavelengths(tree: dict[str, Any]) -> np.ndarray | None:
    """Return the wavelengths of the columns of the sensor, of pairs with errors the first."""
    for mapping in _listed(tree, "Calibrations", "WavelengthMapping"):
        for name in ("Wavelength", "WavelengthError"):
            value = mapping.get(name) if isinstance(mapping, dict) else None
            text = look_up(value, "text") if isinstance(value, dict) else value or ""
            if name == "WavelengthError":
                text = ",".join(pair.partition(",")[0] for pair in text.split())
            try:
                numbers = np.array([float(word) for word in text.split(",")])
            except ValueError:
                continue
            if np.isfinite(numbers).all():
                return numbers
    return None


def _stamp(tree: dict[str, Any], start: int, stride: int) -> Stamp | None:
    """Return where the time of a frame is, among the numbers that follow its pixels."""
    blocks = _listed(tree, "MetaFormat", "MetaBlock")
    if not blocks or not isinstance(blocks[0], dict):
        return None
    at = start
    for name, value in blocks[0].items():
        if name not in _META:
            continue
        for each in value if isinstance(value, list) else [value]:
            dtype = np.dtype(_META_TYPES.get(look_up(each, "type"), "<i8"))
            resolution = look_up(each, "resolution")
            is_start = look_up(each, "event") == "ExposureStarted"
            if name == "TimeStamp" and is_start and resolution.isdigit() and int(resolution):
                return Stamp(at, float(resolution), dtype) if at + 8 <= stride else None
            at += dtype.itemsize
    return None


def _listed(tree: Any, *path: str) -> list[Any]:
    """Return what is at a path, as a list of any length."""
    for name in path:
        tree = tree.get(name) if isinstance(tree, dict) else None
    if tree is None:
        return []
    return tree if isinstance(tree, list) else [tree]


def _whole(tree: Any, name: str) -> int:
    text = look_up(tree, name)
    if not (text.isdigit() and len(text) < 19):
        message = f"a whole number was expected for {name!r}, {text[:20]!r} was found"
        raise FormatError(message, key="DataFormat/DataBlock")
    return int(text)
