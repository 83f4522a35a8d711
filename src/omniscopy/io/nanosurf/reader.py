"""Read Nanosurf files: every channel of every frame, images and spectroscopy."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Flipped, Scaled
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.nanosurf.header import Header, Section, number, read_header
from omniscopy.io.nanosurf.metadata import common_metadata, modality
from omniscopy.io.pieces import Lines, map_rows
from omniscopy.io.planes import plane_axis
from omniscopy.io.quantities import dimension_of, known_units, quantity_of
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement

_MOST_GROUPS = 4096
_BITS = {8: "1", 16: "2", 32: "4"}
_SIGNS = {"signed": "i", "unsigned": "u"}
_Mapped = tuple[LazyArray, tuple[Axis, ...], dict[str, Any] | None]
_IMAGES = re.compile(r"(\d\w+ )?scan", re.IGNORECASE)


@dataclass(frozen=True)
class _Block:
    """The integers of one channel: where they lie and what they mean."""

    header: Header
    section: Section
    key: str
    offset: int
    lines: int
    points: int
    dtype: np.dtype[Any]

    @property
    def end(self) -> int:
        """Return where the next channel starts."""
        return self.offset + self.lines * self.points * self.dtype.itemsize

    @property
    def is_image(self) -> bool:
        """Return whether lines are rows of an image and no curves."""
        return bool(_IMAGES.match(self.section.get("Frame", "Scan"))) and self.lines > 1

    def units(self, dim: int) -> str | None:
        """Return the units of a dimension, or of the values (2)."""
        return known_units(self.section.get(f"Dim{dim}Unit"))

    def extent(self, dim: int) -> tuple[float, float]:
        """Return the least value of a dimension and its range."""
        least = number(self.section, f"Dim{dim}Min", 0.0)
        return least or 0.0, number(self.section, f"Dim{dim}Range", 0.0) or 0.0


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the channels of the Nanosurf file at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .nid, or .ezd of the older easyScan.
    partial : bool
        Read a file that is cut short as far as it goes.

    Returns
    -------
    Measurement
        A channel for each quantity of each frame (forward, backward): images (y, x) with row 0
        on top, and curves (point, spectrum), which end in NaN where they were stopped.

    Raises
    ------
    FormatError
        The file is cut short, or its header is damaged or contradicts its size.
    UnsupportedFormatError
        The values are no integers of 8, 16 or 32 bits.
    """
    path = Path(path)
    header = read_header(path)
    blocks = _list_blocks(header)
    size = path.stat().st_size
    if blocks[-1].end > size and not partial:
        message = (
            f"{len(blocks)} channels need {blocks[-1].end - header.data_offset} bytes, the file "
            f"has {size - header.data_offset}; it is cut short or its header is damaged"
        )
        raise FormatError(message, path=path, offset=header.data_offset)
    return Measurement(
        channels=[_read_channel(block, partial=partial) for block in blocks],
        metadata=common_metadata(header),
        original_metadata=header.tree(),
    )


def _list_blocks(header: Header) -> list[_Block]:
    """Return the channels that the header lists, in the order of the data."""
    main = header.section("DataSet")
    offset = header.data_offset
    blocks: list[_Block] = []
    for group in range(min(_count(header, main, "GroupCount"), _MOST_GROUPS)):
        for channel in range(min(int(number(main, f"Gr{group}-Count", 0) or 0), _MOST_GROUPS)):
            name = main.get(f"Gr{group}-Ch{channel}")
            if name is not None:
                blocks.append(_read_block(header, name, offset))
                offset = blocks[-1].end
    if not blocks:
        message = "the header lists no channel"
        raise FormatError(message, path=header.path, key="DataSet")
    return blocks


def _read_block(header: Header, name: str, offset: int) -> _Block:
    section = header.sections.get(name)
    if section is None:
        message = "the header lists this channel, but has no section of this name"
        raise FormatError(message, path=header.path, key=name)
    bits = _count(header, section, "SaveBits")
    dtype = _BITS.get(bits)
    sign = _SIGNS.get(section.get("SaveSign", "Signed").lower())
    if dtype is None or sign is None or section.get("SaveMode", "Binary").lower() != "binary":
        saved = [section.get(key) for key in ("SaveMode", "SaveBits", "SaveSign")]
        message = f"values saved as {saved} are not read, only integers of 8, 16 or 32 bits"
        raise UnsupportedFormatError(message, path=header.path, key=name)
    order = "<" if section.get("SaveOrder", "Intel").lower() == "intel" else ">"
    return _Block(
        header=header,
        section=section,
        key=name,
        offset=offset,
        lines=_count(header, section, "Lines"),
        points=_count(header, section, "Points"),
        dtype=np.dtype(order + sign + dtype),
    )


def _count(header: Header, section: Section, key: str) -> int:
    text = section.get(key, "")
    if not re.fullmatch(r"[1-9]\d{0,8}", text):
        message = f"a number was expected, {text!r} was found"
        raise FormatError(message, path=header.path, key=key)
    return int(text)


def _read_channel(block: _Block, *, partial: bool) -> Channel:
    name = block.section.get("Dim2Name") or block.key
    frame = block.section.get("Frame", "")
    title = f"{name} {frame}".strip()
    units = block.units(2)
    data, axes, missing = (_map_image if block.is_image else _map_curves)(block, partial=partial)
    least, extent = block.extent(2)
    steps = 2.0 ** (8 * block.dtype.itemsize)
    known = extent != 0.0
    # The least value is that of the least integer.
    zero = least + (extent / 2 if block.dtype.kind == "i" else 0.0)
    direction = next((word for word in ("forward", "backward") if word in frame.lower()), None)
    return Channel(
        title=title,
        data=Scaled(data, extent / steps, zero) if known else data,
        axes=axes,
        quantity=quantity_of(name, units),
        units=units if known else None,
        modality=modality(block.header),
        source="Nanosurf",
        metadata={"scan": {"direction": direction}} if direction else {},
        original_metadata=block.section,
        attrs={} if missing is None else {"incomplete": missing},
    )


def _map_image(block: _Block, *, partial: bool) -> _Mapped:
    """Return the counts of an image from the top row down."""
    shape = (block.lines, block.points)
    counts, missing = map_rows(block.header.path, block.offset, shape, block.dtype, partial=partial)
    (left, width), (bottom, height) = block.extent(0), block.extent(1)
    placed = bool(left or bottom)
    axes = tuple(
        plane_axis(name, size, offset, length / size, block.units(dim), placed=placed)
        for name, size, offset, length, dim in (
            ("y", block.lines, bottom, height, 1),
            ("x", block.points, left, width, 0),
        )
    )
    return Flipped(counts, (0,)), axes, missing


def _map_curves(block: _Block, *, partial: bool) -> _Mapped:
    """Return the counts of curves, each as long as it was measured."""
    itemsize = block.dtype.itemsize
    size = block.header.path.stat().st_size
    offsets = [block.offset + i * block.points * itemsize for i in range(block.lines)]
    there = [min(max(size - offset, 0) // itemsize, block.points) for offset in offsets]
    missing = None
    if partial and min(there) < block.points:
        first = next(i for i, points in enumerate(there) if points < block.points)
        missing = {"missing_from": first, "reason": f"the file ends at byte {size}"}
    for i in range(block.lines):
        said = number(block.section, f"LineDim{i}Points", block.points)
        there[i] = min(there[i], max(int(said or 0), 0))
    lead = (block.lines,) if block.lines > 1 else ()
    data = Lines(
        str(block.header.path), tuple(min(each, size) for each in offsets), tuple(there),
        block.dtype, lead, points=block.points,
    )  # fmt: skip
    points = [Axis(name="point", size=block.lines)] if lead else []
    return data, (*points, _abscissa(block)), missing


def _abscissa(block: _Block) -> Axis:
    least, extent = block.extent(0)
    units = block.units(0)
    name = dimension_of(units, "z")
    if not extent:
        return Axis(name=name, size=block.points, role="signal")
    return Axis(
        name=name,
        size=block.points,
        scale=extent / block.points,
        offset=least,
        units=units,
        role="signal",
        attrs={"long_name": block.section.get("Dim0Name", name)},
    )
