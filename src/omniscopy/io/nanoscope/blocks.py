"""The blocks of counts in a Nanoscope file, one for each channel, checked against each other."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.arrays import Mapped, Padded, Scaled
from omniscopy.io.errors import FormatError
from omniscopy.io.nanoscope.header import Header, Section, first_number
from omniscopy.io.nanoscope.scaling import Scale
from omniscopy.io.records import LazyArray

_WIDE_SINCE = 0x09200000  # from this version on counts have 4 bytes, whatever the header says


@dataclass(frozen=True)
class Block:
    """Where a channel's counts are."""

    section: Section
    offset: int
    length: int
    itemsize: int

    @property
    def count(self) -> int:
        """Return how many counts it holds."""
        return self.length // self.itemsize


def find_blocks(header: Header, *, partial: bool) -> list[Block]:
    """Return the blocks that the image lists describe, in the order of the header."""
    for section in header.sections:
        listed = section.name.lower().endswith("image list")
        if (
            not listed
            and section.keys_like(r"@\d+:Image Data")
            and section.name != "Ciao force list"
        ):
            message = (
                f"the section {section.name!r} runs into that of a channel: lines of the header "
                "are lost; partial=True reads the other channels"
            )
            if not partial:
                raise FormatError(message, path=header.path, key=section.name)
    blocks = []
    for section in header.all("image list"):
        try:
            blocks.append(_find_block(header, section))
        except FormatError:
            if not partial:
                raise
    _check_overlaps(header, blocks, partial=partial)
    return blocks


def map_counts(
    header: Header, block: Block, shape: tuple[int, ...], scale: Scale | None, *, partial: bool
) -> tuple[LazyArray, dict[str, Any] | None]:
    """Return the values of a block in physical units, and what is missing of them."""
    itemsize = block.itemsize
    there = max(header.path.stat().st_size - block.offset, 0)
    wanted = math.prod(shape) * itemsize
    cut = there < wanted and partial
    rows = there // (math.prod(shape[1:]) * itemsize) if cut else shape[0]
    dtype = np.dtype(f"<i{itemsize}")
    data: LazyArray = Mapped(str(header.path), block.offset, (rows, *shape[1:]), dtype)
    if scale is not None:
        data = Scaled(data, scale.factor)
    if not cut:
        return data, None
    reason = f"the file ends at byte {block.offset + there}, {wanted - there} bytes early"
    fill = 0 if scale is None else np.nan
    return Padded(data, shape[0], fill), {"missing_from": rows, "reason": reason}


def is_old(header: Header) -> bool:
    """Return whether a file is of before version 4.3, in which sections are named otherwise."""
    return not any(part.name.startswith("Ciao") for part in header.sections)


def _find_block(header: Header, section: Section) -> Block:
    counts = {key: section.count(key) for key in ("Data offset", "Data length", "Bytes/pixel")}
    # Before there were counts of 4 bytes, nothing was said of their size.
    if section.text("Bytes/pixel") is None and is_old(header):
        counts["Bytes/pixel"] = 2
    for key, value in counts.items():
        if value is None:
            message = f"the section has no whole number for it: {section.text(key)!r}"
            raise FormatError(message, path=header.path, key=f"{section.name}/{key}")
    offset, length, itemsize = (value or 0 for value in counts.values())
    if itemsize not in (2, 4):
        message = f"counts of {itemsize} bytes were found, 2 or 4 were expected"
        raise FormatError(message, path=header.path, key=f"{section.name}/Bytes/pixel")
    if offset < header.end:
        message = f"the data are said to start at byte {offset}, within the header"
        raise FormatError(message, path=header.path, offset=offset)
    itemsize = 4 if _version(header) > _WIDE_SINCE else itemsize
    if length == 0 or length % itemsize:
        message = f"{length} bytes of data are no whole number of counts of {itemsize} bytes"
        raise FormatError(message, path=header.path, key=f"{section.name}/Data length")
    return Block(section, offset, length, itemsize)


def _version(header: Header) -> int:
    text = header.sections[0].text("Version") or ""
    try:
        return int(text, 16)
    except ValueError:
        return int(first_number(text) or 0)


def _check_overlaps(header: Header, blocks: Sequence[Block], *, partial: bool) -> None:
    ordered = sorted(blocks, key=lambda block: block.offset)
    for one, other in itertools.pairwise(ordered):
        if one.offset + one.length > other.offset and not partial:
            message = (
                f"the data of one channel ({one.length} bytes from {one.offset} on) run into "
                f"those of the next at {other.offset}; the header is damaged"
            )
            raise FormatError(message, path=header.path, offset=other.offset)
