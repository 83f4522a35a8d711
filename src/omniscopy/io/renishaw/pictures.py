"""The white-light image of a WiRE file: a JPEG with its place on the stage."""

import io
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.records import Axis, Channel, Key
from omniscopy.io.renishaw.blocks import Block, read_content

_FRAME_MARKS = {0xC0, 0xC1, 0xC2}
_ORIGIN, _WIDTH, _HEIGHT, _EXIF = 0xFEA0, 0xA20E, 0xA20F, 0x8769
_FORMATS = {3: "H", 4: "I", 11: "f", 12: "d", 9: "i"}
_RATIONALS = {5: "II", 10: "ii"}
_MOST_PIXELS = 1 << 24


@dataclass(frozen=True)
class Picture:
    """A JPEG inside a file, as (y, x, channel) of its red, green and blue."""

    path: str
    offset: int
    length: int
    shape: tuple[int, int, int]

    @property
    def dtype(self) -> np.dtype[Any]:  # noqa: D102
        return np.dtype("u1")

    @property
    def chunks(self) -> tuple[int, ...] | None:  # noqa: D102
        return self.shape

    def __getitem__(self, key: Key) -> np.ndarray:
        from PIL import Image

        with Path(self.path).open("rb") as file:
            file.seek(self.offset)
            raw = file.read(self.length)
        try:
            with Image.open(io.BytesIO(raw), formats=["JPEG"]) as image:
                pixels = np.asarray(image.convert("RGB"))
        except (OSError, SyntaxError, ValueError, TypeError, struct.error) as error:
            message = f"the white-light image cannot be decoded ({error})"
            raise FormatError(message, path=self.path, offset=self.offset) from error
        if pixels.shape != self.shape:
            message = f"the white-light image is {pixels.shape}, not {self.shape}"
            raise FormatError(message, path=self.path, offset=self.offset)
        return np.array(pixels[key])


def picture_channel(path: Path, block: Block) -> Channel | None:
    """Return the white-light image, `None` where its header is damaged or absurd."""
    raw = read_content(path, block)
    size, exif = _parse(raw)
    if size is None or not 0 < size[0] * size[1] <= _MOST_PIXELS:
        return None
    tags = _read_tags(exif)
    axes = [_axis("y", size[0], tags, 1, _HEIGHT), _axis("x", size[1], tags, 0, _WIDTH)]
    colours = Axis(name="channel", size=3, values=np.array(["red", "green", "blue"]))
    return Channel(
        title="White light",
        data=Picture(str(path), block.offset, block.size, (*size, 3)),
        axes=[*axes, colours],
        quantity="intensity",
        signal_type="image",
        modality="optical microscopy",
        source="Renishaw",
        original_metadata={f"0x{tag:x}": values for tag, values in tags.items()},
    )


def _axis(name: str, size: int, tags: dict[int, list[float]], at: int, extent: int) -> Axis:
    """Return an axis with the place of the image, in µm; y is downwards, as the stage counts."""
    origin, length = tags.get(_ORIGIN, []), tags.get(extent, [])
    if len(origin) != 2 or len(length) != 1 or not length[0] > 0:
        return Axis(name=name, size=size)
    return Axis(name=name, size=size, scale=length[0] / size, offset=origin[at], units="µm")


def _parse(raw: bytes) -> tuple[tuple[int, int] | None, bytes]:
    """Return rows and columns of a JPEG, and its Exif block."""
    at, exif = 2, b""
    while raw[at : at + 1] == b"\xff" and at + 9 <= len(raw):
        mark, length = raw[at + 1], int.from_bytes(raw[at + 2 : at + 4], "big")
        if mark in _FRAME_MARKS:
            rows, columns = struct.unpack_from(">HH", raw, at + 5)
            return (rows, columns), exif
        if mark == 0xE1 and raw[at + 4 : at + 10] == b"Exif\0\0":
            exif = raw[at + 10 : at + 2 + length]
        at += 2 + length
    return None, exif


def _read_tags(exif: bytes) -> dict[int, list[float]]:
    """Return the numbers of an Exif block, its sub-block included."""
    if len(exif) < 8:
        return {}
    order = ">" if exif[:2] == b"MM" else "<"
    (first,) = struct.unpack_from(f"{order}I", exif, 4)
    tags = _directory(exif, first, order)
    below = tags.pop(_EXIF, [])
    return tags | (_directory(exif, int(below[0]), order) if below else {})


def _directory(exif: bytes, at: int, order: str) -> dict[int, list[float]]:
    tags: dict[int, list[float]] = {}
    try:
        (count,) = struct.unpack_from(f"{order}H", exif, at)
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            tag, kind, number = struct.unpack_from(f"{order}HHI", exif, entry)
            code = _FORMATS.get(kind) or _RATIONALS.get(kind)
            if code is None or number > len(exif):
                continue
            packed = struct.Struct(order + code * number)
            place = entry + 8
            if packed.size > 4:
                (place,) = struct.unpack_from(f"{order}I", exif, place)
            values = packed.unpack_from(exif, place)
            if kind in _RATIONALS:
                pairs = zip(values[::2], values[1::2], strict=True)
                values = tuple(top / bottom for top, bottom in pairs if bottom)
            tags[tag] = [float(value) for value in values]
    except (struct.error, OverflowError):
        return tags
    return tags
