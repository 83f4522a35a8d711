"""The images of a DigitalMicrograph file: which there are, their form, and handles of them."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Mapped, Padded
from omniscopy.io.dm.arrays import (
    COLOUR,
    HALF_TRANSFORM,
    NUMBERS,
    SQUARE_TRANSFORM,
    Binary,
    Colours,
    HalfTransform,
    SquareTransform,
)
from omniscopy.io.dm.tags import StoredArray, TagFile, find_tag
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.records import LazyArray

MOST_DIMENSIONS = 8


@dataclass(frozen=True)
class Calibration:
    """What Gatan says of a dimension or of the values: ``(i - origin) * scale`` in `units`."""

    origin: float = 0.0
    scale: float = 1.0
    units: str = ""


@dataclass(frozen=True)
class Image:
    """One entry of `ImageList`; shape and calibrations are in the order of the file.

    Dimension 0 changes fastest; the array of the file has the shape ``shape[::-1]``.
    """

    key: str
    name: str
    tags: Mapping[str, Any]
    stored: StoredArray
    data_type: int
    shape: tuple[int, ...]
    calibrations: tuple[Calibration, ...]
    brightness: Calibration

    @property
    def is_colour(self) -> bool:
        """Return whether pixels are red, green and blue."""
        return self.data_type in COLOUR

    @property
    def is_packed_transform(self) -> bool:
        """Return whether this is half of the Fourier transform of a real image."""
        return self.data_type in (SQUARE_TRANSFORM, *HALF_TRANSFORM)


def find_images(tags: TagFile, path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield key and tags of every image that is not a thumbnail of another one."""
    entries = find_tag(tags.root, "ImageList")
    entries = entries if isinstance(entries, dict) else {}
    found = {name: entry for name, entry in entries.items() if _has_pixels(entry)}
    for name in _thumbnails(tags, found):
        if len(found) > 1 or tags.cut is not None:
            found.pop(name, None)
    if not found and tags.cut is None:
        message = "there is no image in the file (no ImageList entry with ImageData and Data)"
        raise FormatError(message, path=path, key="ImageList")
    for name, entry in found.items():
        yield f"ImageList/{name}", entry


def read_image(entry: Mapping[str, Any], key: str, path: Path) -> Image:
    """Return the image that the tags `entry` describe, checked against its data."""
    data = entry["ImageData"]
    stored, data_type = data["Data"], data.get("DataType")
    sizes = data.get("Dimensions")
    shape = tuple(sizes.values()) if isinstance(sizes, dict) else ()
    if data_type is None and not shape:
        # The tags end inside the data: only a spectrum's shape is known without the rest.
        data_type, shape = _type_of(stored), _shape_before_cut(data, stored, key, path)
    if not 0 < len(shape) <= MOST_DIMENSIONS or not all(_is_size(size) for size in shape):
        message = f"the dimensions of the image are {list(shape)[:20]}; the file is damaged"
        raise FormatError(message, path=path, key=f"{key}/ImageData/Dimensions")
    calibrations = find_tag(data, "Calibrations:Dimension")
    calibrations = list(calibrations.values()) if isinstance(calibrations, dict) else []
    calibrations += [None] * (len(shape) - len(calibrations))
    name, image_tags = entry.get("Name"), entry.get("ImageTags")
    return Image(
        key=key,
        name=name.strip() if isinstance(name, str) else "",
        tags=image_tags if isinstance(image_tags, dict) else {},
        stored=stored,
        data_type=data_type if isinstance(data_type, int) else -1,
        shape=shape,
        calibrations=tuple(_calibration(one) for one in calibrations[: len(shape)]),
        brightness=_calibration(find_tag(data, "Calibrations:Brightness")),
    )


def open_pixels(
    image: Image, path: Path, byte_order: str, *, partial: bool
) -> tuple[LazyArray, str | None]:
    """Return a handle of the pixels in file order, and from where on they are missing."""
    kind, shape = image.data_type, image.shape[::-1]
    if kind in NUMBERS:
        dtype = np.dtype(byte_order + NUMBERS[kind])
        _require_type(image, dtype, shape, path)
        if dtype.kind == "b":
            mapped, missing = _map(image, path, np.dtype("u1"), shape, partial=partial)
            return Binary(mapped), missing
        return _map(image, path, dtype, shape, partial=partial)
    if kind in COLOUR:
        _require_type(image, np.dtype(byte_order + "i4"), shape, path)
        mapped, missing = _map(image, path, np.dtype("u1"), (*shape, 4), partial=partial)
        return Colours(mapped, (2, 1, 0) if byte_order == "<" else (1, 2, 3)), missing
    if image.is_packed_transform and len(shape) == 2:
        return _open_transform(image, path, byte_order), None
    message = (
        f"pixels of DataType {kind} in {len(shape)} dimensions cannot be read; "
        "save the image as a plain type (for example Real 4 Bytes) in DigitalMicrograph"
    )
    raise UnsupportedFormatError(message, path=path, key=f"{image.key}/ImageData/DataType")


def _open_transform(image: Image, path: Path, byte_order: str) -> LazyArray:
    rows, columns = image.shape[::-1]
    if image.data_type == SQUARE_TRANSFORM:
        if rows != columns or rows % 2:
            message = f"a packed transform must be square and even, not {rows} by {columns}"
            raise FormatError(message, path=path, key=f"{image.key}/ImageData/Dimensions")
        dtype = np.dtype(byte_order + "f4")
        _require_bytes(image, rows * columns * dtype.itemsize, path)
        return SquareTransform(Mapped(str(path), image.stored.offset, (rows, columns), dtype))
    dtype = np.dtype(byte_order + HALF_TRANSFORM[image.data_type])
    half = (rows, columns // 2 + 1)
    _require_bytes(image, math.prod(half) * dtype.itemsize, path)
    return HalfTransform(Mapped(str(path), image.stored.offset, half, dtype), columns)


def _map(
    image: Image, path: Path, dtype: np.dtype[Any], shape: tuple[int, ...], *, partial: bool
) -> tuple[LazyArray, str | None]:
    """Map the pixels; what a file cut short lacks is NaN or 0 with `partial`."""
    offset = image.stored.offset
    row = math.prod(shape[1:]) * dtype.itemsize
    there = max(path.stat().st_size - offset, 0)
    if not partial or row * shape[0] <= there:
        return Mapped(str(path), offset, shape, dtype), None
    rows = there // row
    fill = math.nan if dtype.kind in "fc" else 0
    padded = Padded(Mapped(str(path), offset, (rows, *shape[1:]), dtype), shape[0], fill)
    return padded, f"row {rows} of {shape[0]} in file order"


def _require_type(image: Image, dtype: np.dtype[Any], shape: tuple[int, ...], path: Path) -> None:
    """Raise unless the data are stored as the numbers that `DataType` promises."""
    _require_bytes(image, math.prod(shape) * dtype.itemsize, path)
    stored = image.stored.dtype
    complex_pair = stored.names is not None and len(stored.names) == 2 and dtype.kind == "c"
    same = stored.itemsize == dtype.itemsize and (
        complex_pair or dtype.itemsize == 1 or stored.kind == dtype.kind or image.is_colour
    )
    if not same:
        message = f"DataType {image.data_type} means {dtype}, but the data are stored as {stored}"
        raise FormatError(message, path=path, key=f"{image.key}/ImageData/DataType")


def _require_bytes(image: Image, wanted: int, path: Path) -> None:
    if image.stored.nbytes != wanted:
        message = (
            f"an image of dimensions {list(image.shape)} and DataType {image.data_type} takes "
            f"{wanted} bytes, but its data are {image.stored.nbytes} bytes long"
        )
        raise FormatError(message, path=path, key=f"{image.key}/ImageData/Data")


def _has_pixels(entry: Any) -> bool:
    return isinstance(find_tag(entry, "ImageData:Data"), StoredArray)


def _thumbnails(tags: TagFile, images: Mapping[str, Any]) -> list[str]:
    """Return the images that only picture another one; without a list, the first colour one."""
    listed = find_tag(tags.root, "Thumbnails")
    if isinstance(listed, dict) and listed:
        return [str(find_tag(one, "ImageIndex")) for one in listed.values()]
    colours = [name for name, entry in images.items() if entry["ImageData"].get("DataType") == 23]
    return colours[:1]


def _is_size(size: Any) -> bool:
    return isinstance(size, int) and not isinstance(size, bool) and size > 0


def _type_of(stored: StoredArray) -> int:
    plain = stored.dtype.newbyteorder("=")
    if plain.names is not None and len(plain.names) == 2:
        plain = np.dtype({8: "c8", 16: "c16"}.get(plain.itemsize, "V"))
    for data_type, code in NUMBERS.items():
        if plain == np.dtype(code):
            return data_type
    return -1


def _shape_before_cut(
    data: Mapping[str, Any], stored: StoredArray, key: str, path: Path
) -> tuple[int, ...]:
    calibrated = find_tag(data, "Calibrations:Dimension")
    if isinstance(calibrated, dict) and len(calibrated) == 1:
        return (stored.count,)
    message = "the dimensions of the image are stored behind its data, where the file is cut short"
    raise FormatError(message, path=path, key=f"{key}/ImageData/Dimensions")


def _calibration(tags: Any) -> Calibration:
    """Return the calibration; what is missing or no number is that of a bare index."""
    origin, scale = (_number(find_tag(tags, name)) for name in ("Origin", "Scale"))
    units = find_tag(tags, "Units")
    if scale is None or scale == 0:
        return Calibration(units=units if isinstance(units, str) else "")
    return Calibration(origin or 0.0, scale, units if isinstance(units, str) else "")


def _number(value: Any) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None
