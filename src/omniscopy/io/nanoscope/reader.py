"""Read Nanoscope files: every image, force curve and force volume in physical units.

Rows are stored from the bottom up, here row 0 is on top. Both halves of a force curve are stored
from the turning point outwards, and are left so: `z` is the distance from the turning point. What
was recorded while the tip was held at it is a channel of its own, along `time`.
"""

import re
from pathlib import Path
from typing import Any

from omniscopy.io.arrays import Flipped
from omniscopy.io.errors import FormatError
from omniscopy.io.nanoscope.blocks import Block, find_blocks, map_counts
from omniscopy.io.nanoscope.forces import force_channels
from omniscopy.io.nanoscope.geometry import plane_axes
from omniscopy.io.nanoscope.header import Header, Section, read_header
from omniscopy.io.nanoscope.metadata import common_metadata, modality, quantity_of
from omniscopy.io.nanoscope.scaling import find_scale
from omniscopy.io.pieces import Scanned
from omniscopy.io.records import Channel, Measurement


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the channels of the Nanoscope file at `path`.

    Parameters
    ----------
    path : Path
        A file of any version. Of those before 4.3, and of what they call the range of an image,
        values are in physical units where that has some, else counts.
    partial : bool
        Read the channels that can be read of a file that is cut short or whose header is damaged.

    Returns
    -------
    Measurement
        A channel for each image, and two or three for each force curve or volume: extend, retract
        and, where the tip was held at the turning point, pause.
        Values are counts times hard scale times sensitivity, in the sensitivity's units; native
        counts where the header has no scale. Lines that the header says are not valid, of a scan
        that was stopped, are NaN. Images and volumes are labelled from the top-left
        corner.

    Raises
    ------
    FormatError
        The file is cut short or its header is damaged.
    """
    path = Path(path)
    header = read_header(path)
    if not header.all("image list"):
        message = "the header lists no image and no force curve"
        raise FormatError(message, path=path, offset=0)
    channels = [
        channel
        for block in find_blocks(header, partial=partial)
        for channel in _read_block(header, block, partial=partial)
    ]
    if not channels:
        message = "no channel of the file can be read"
        raise FormatError(message, path=path, offset=header.end)
    return Measurement(
        channels=channels,
        metadata=common_metadata(header),
        original_metadata=header.tree(),
    )


def channel_title(section: Section) -> str:
    """Return the name that the user gave to a channel, else the program's own."""
    for key in section.keys_like(r"@\d+:Image Data"):
        match = re.search(r'(?:\[([^\]]*)\])?\s*(?:"([^"]*)")?\s*$', section.text(key) or "")
        if match is not None and (match[2] or match[1]):
            return match[2] or match[1]
    return section.text("Image Data") or "Image"


def _read_block(header: Header, block: Block, *, partial: bool) -> list[Channel]:
    title = channel_title(block.section)
    if "force" in block.section.name.lower():
        return force_channels(header, block, title, partial=partial)
    try:
        return [_image_channel(header, block, title, partial=partial)]
    except FormatError:
        if partial:
            return []
        raise


def _image_channel(header: Header, block: Block, title: str, *, partial: bool) -> Channel:
    section = block.section
    rows, columns = section.count("Number of lines"), section.count("Samps/line")
    if not rows or not columns or rows * columns != block.count:
        message = (
            f"the image has {block.count} counts, but {section.text('Number of lines')} lines of "
            f"{section.text('Samps/line')}"
        )
        raise FormatError(message, path=header.path, offset=block.offset)
    scale = find_scale(header, section, block.itemsize, force=False)
    data, missing = map_counts(header, block, (rows, columns), scale, partial=partial)
    first, count = section.count("Valid data start Y") or 0, section.count("Valid data len Y")
    if scale is not None and count and count < rows and first + count <= rows:
        data = Scanned(data, tuple(first <= row < first + count for row in range(rows)))
        missing = missing or {"missing_from": count, "reason": f"{count} of {rows} lines are valid"}
    attrs: dict[str, Any] = {} if missing is None else {"incomplete": missing}
    if scale is not None and scale.missing is not None:
        attrs["missing_sensitivity"] = scale.missing
    direction = (section.text("Line direction") or "").lower()
    return Channel(
        title=title,
        data=Flipped(data, (0,)),
        axes=plane_axes(header, section, rows, columns),
        quantity=quantity_of(title),
        units=None if scale is None else scale.units,
        modality=modality(header),
        source="Bruker Nanoscope",
        metadata={"scan": {"direction": direction}} if direction else {},
        original_metadata=section.values,
        attrs=attrs,
    )
