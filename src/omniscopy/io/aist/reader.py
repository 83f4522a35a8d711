"""Read AIST-NT files: a tree of nodes as Qt writes its types, of which some hold a raster."""

import math
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from omniscopy.io.arrays import Flipped, Mapped
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.planes import plane_axis
from omniscopy.io.quantities import known_units, quantity_of, stated
from omniscopy.io.records import Channel, Measurement

_DEEPEST, _LONGEST_TEXT = 64, 1 << 20
_BRACKETS = re.compile(r"\[([^\]]*)\]")


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the images of the AIST-NT file at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .aist.
    partial : bool
        Leave out what the file ends before.

    Returns
    -------
    Measurement
        An image (y, x) for each raster, row 0 on top, in the frame of the scanner: `y` descends.
        Curves are listed under ``not_read``.

    Raises
    ------
    FormatError
        The file is cut short, or a raster contradicts its size.
    UnsupportedFormatError
        It holds no raster.
    """
    path = Path(path)
    found = _Found([], [])
    with path.open("rb") as file:
        source = _Source(path, file, 0, path.stat().st_size)
        try:
            _read_node(source, found, depth=0)
        except FormatError:
            if not partial:
                raise
            found.not_read.append("what comes after the end of the file")
    if not found.channels:
        message = "the file holds no raster"
        raise UnsupportedFormatError(message, path=path)
    return Measurement(
        channels=found.channels,
        attrs={"not_read": ", ".join(found.not_read)} if found.not_read else {},
    )


@dataclass(frozen=True)
class _Found:
    channels: list[Channel]
    not_read: list[str]


@dataclass
class _Source:
    """A place in a file that moves on as it is read, up to an end."""

    path: Path
    file: BinaryIO
    at: int
    end: int

    def skip(self, count: int) -> int:
        """Move over bytes that must be there, and return where they start."""
        start = self.at
        if start + count > self.end:
            message = f"{count} bytes were expected, there are {self.end - start}"
            raise FormatError(message, path=self.path, offset=start)
        self.at += count
        return start

    def take(self, count: int) -> bytes:
        self.file.seek(self.skip(count))
        return self.file.read(count)

    def integer(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def doubles(self, count: int) -> tuple[float, ...]:
        return struct.unpack(f">{count}d", self.take(8 * count))

    def text(self) -> str:
        length = self.integer()
        if length == 0xFFFFFFFF:  # no text, which Qt tells from one that is empty
            return ""
        if length > _LONGEST_TEXT:
            message = f"a text of {length} bytes was found"
            raise FormatError(message, path=self.path, offset=self.at)
        return self.take(length).decode("utf-16-be", "replace")


def _read_node(source: _Source, found: _Found, *, depth: int) -> None:
    if depth > _DEEPEST:
        message = "the nodes are too deep; the file is damaged"
        raise FormatError(message, path=source.path, offset=source.at)
    if source.take(1) != b"\0":
        kind = source.text()
        length = source.integer()
        start = source.skip(length)
        inner = _Source(source.path, source.file, start, start + length)
        if kind == "raster":
            found.channels.append(_read_raster(inner))
        else:
            found.not_read.append(kind)
    source.text()
    for _ in range(source.integer()):
        _read_node(source, found, depth=depth + 1)


def _read_raster(source: _Source) -> Channel:
    number = source.integer()
    name, description = source.text(), source.text()
    source.integer()
    start = source.at
    columns, rows = source.integer(), source.integer()
    left, right, top, bottom = source.doubles(4)
    labels = [source.text() for _ in range(3)]
    length = source.integer()
    if not columns * rows or length != 8 * columns * rows:
        message = f"a raster of {columns} by {rows} doubles cannot be in {length} bytes"
        raise FormatError(message, path=source.path, offset=start)
    # The numbers alone are little-endian; rows are from the bottom up.
    offset = source.skip(length)
    data = Mapped(str(source.path), offset, (rows, columns), np.dtype("<f8"))
    units = [known_units(_bracketed(label)) for label in labels]
    edges = {"y": (top, bottom, rows, units[1]), "x": (left, right, columns, units[0])}
    axes = [
        plane_axis(axis, size, min(first, last), _step(first, last, size), unit, placed=True)
        for axis, (first, last, size, unit) in edges.items()
    ]
    title = _BRACKETS.sub("", name).strip() or "Image"
    return Channel(
        title=title,
        data=Flipped(data, (0,)),
        axes=axes,
        quantity=quantity_of(title, units[2]),
        units=units[2],
        source="AIST-NT",
        original_metadata=stated(
            {"number": number, "name": name, "description": description, "labels": labels}
        ),
    )


def _bracketed(label: str) -> str:
    """Return the units of a label such as `Ox [um]`, or the label, which may be no more."""
    found = _BRACKETS.search(label)
    return found[1] if found else label


def _step(first: float, last: float, size: int) -> float:
    length = abs(last - first)
    return length / size if math.isfinite(length) else 0.0
