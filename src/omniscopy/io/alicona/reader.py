"""Read Alicona Imaging topographies: tags of fixed length, the depth image, the texture."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from omniscopy.io.arrays import Transposed
from omniscopy.io.errors import FormatError
from omniscopy.io.frames import FrameStream
from omniscopy.io.quantities import finite_number, stated
from omniscopy.io.records import Axis, Channel, Measurement
from omniscopy.io.surfaces import Heights, map_axes

_MAGIC = b"AliconaImaging\0\r\n"
_KEY, _TAG = 20, 52
_MOST_TAGS = 4096


@dataclass(frozen=True)
class _Tags:
    path: Path
    entries: dict[str, str]

    def size(self, key: str) -> int:
        """Return a number of pixels, or a place in the file, 0 where there is none."""
        text = self.entries.get(key, "0")
        if not re.fullmatch(r"\d{1,12}", text):
            message = f"a whole number was expected, {text!r} was found"
            raise FormatError(message, path=self.path, key=key)
        return int(text)

    def number(self, key: str) -> float | None:
        return finite_number(self.entries.get(key, ""))


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - see below
    """Return the depth image and the texture of the file at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .al3d.
    partial : bool
        Makes no difference: the depth image is needed whole.

    Returns
    -------
    Measurement
        `Depth` (y, x) in metres, NaN where nothing was measured, and `Texture` (y, x, channel),
        grey or in colours. Row 0 is on top.

    Raises
    ------
    FormatError
        The file is cut short, or its tags are damaged.
    """
    tags = _read_tags(Path(path))
    shape = (tags.size("Rows"), tags.size("Cols"))
    channels = []
    if tags.size("DepthImageOffset"):
        channels.append(_depth(tags, shape))
    if tags.size("TextureImageOffset"):
        channels.append(_texture(tags, shape))
    if not channels:
        message = "the tags tell of no image"
        raise FormatError(message, path=path, key="DepthImageOffset")
    software = tags.entries.get("CreatingApplication")
    return Measurement(
        channels=channels,
        metadata=stated({"instrument": {"vendor": "Alicona Imaging", "software": software}}),
        original_metadata=tags.entries,
    )


def _read_tags(path: Path) -> _Tags:
    with path.open("rb") as file:
        start = file.read(len(_MAGIC) + (_MOST_TAGS + 2) * _TAG)
    if not start.startswith(_MAGIC):
        message = f"an Alicona file starts with {_MAGIC!r}, this one with {start[:17]!r}"
        raise FormatError(message, path=path, offset=0)
    entries: dict[str, str] = {}
    place, wanted = len(_MAGIC), 2
    while len(entries) < wanted:
        tag = start[place : place + _TAG]
        if len(tag) < _TAG or tag[-2:] != b"\r\n":
            message = "a tag has not its length, or does not end its line; the file is damaged"
            raise FormatError(message, path=path, offset=place)
        key, value = (
            part.split(b"\0")[0].decode("latin-1").strip() for part in (tag[:_KEY], tag[_KEY:-2])
        )
        entries[key or f"at {place}"] = value
        if key == "TagCount":
            wanted = 2 + min(_Tags(path, entries).size(key), _MOST_TAGS)
        place += _TAG
    return _Tags(path, entries)


def _rows(tags: _Tags, key: str, scan: tuple[int, ...], width: int, dtype: str) -> FrameStream:
    """Return rows that are each filled up to a multiple of 8 bytes."""
    if min(*scan, width) < 1:
        message = f"an image of {scan[-1]} by {width} pixels cannot be"
        raise FormatError(message, path=tags.path, key="Rows")
    filled = -width * np.dtype(dtype).itemsize % 8
    count = math.prod(scan)
    return FrameStream(str(tags.path), tags.size(key), scan, (width,), dtype, count, after=filled)


def _depth(tags: _Tags, shape: tuple[int, int]) -> Channel:
    rows = _rows(tags, "DepthImageOffset", shape[:1], shape[1], "<f4")
    return Channel(
        title="Depth",
        data=Heights(rows, missing=tags.number("InvalidPixelValue")),
        axes=_axes(tags, shape),
        quantity="height",
        units="m",
        source="Alicona Imaging",
    )


def _texture(tags: _Tags, shape: tuple[int, int]) -> Channel:
    """Return the picture: one plane, or three for red, green and blue."""
    planes = 3 if len(tags.entries.get("TexturePtr", "0").split(";")) >= 3 else 1
    rows = _rows(tags, "TextureImageOffset", (planes, shape[0]), shape[1], "|u1")
    names = np.array(["red", "green", "blue"] if planes == 3 else ["grey"])
    return Channel(
        title="Texture",
        data=Transposed(rows, (1, 2, 0)),
        axes=[*_axes(tags, shape), Axis(name="channel", size=planes, values=names)],
        quantity="intensity",
        source="Alicona Imaging",
    )


def _axes(tags: _Tags, shape: tuple[int, int]) -> list[Axis]:
    steps = [tags.number(f"PixelSize{letter}Meter") for letter in "YX"]
    return map_axes(shape, steps, "m")
