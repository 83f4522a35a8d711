"""Read DigitalMicrograph files of version 3 and 4."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Transposed
from omniscopy.io.dm.annotations import annotations_of
from omniscopy.io.dm.axes import Layout, lay_out
from omniscopy.io.dm.images import Calibration, Image, find_images, open_pixels, read_image
from omniscopy.io.dm.metadata import SOURCE, common_metadata, find_modality
from omniscopy.io.dm.tags import TagFile, read_tags, without_arrays
from omniscopy.io.errors import FormatError
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement
from omniscopy.model.units import spell

COLOURS = Axis(name="channel", size=3, values=np.array(["red", "green", "blue"]))


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Read every image of a DM3 or DM4 file; thumbnails are left out.

    Parameters
    ----------
    path : Path
        The file; it is opened for reading only.
    partial : bool
        Return what a file cut short still holds instead of raising.

    Returns
    -------
    Measurement
        One channel an image. Values are those stored. Where the file calibrates them by more
        than units, the channel's attribute ``intensity_calibration`` holds scale, offset and
        units of ``offset + scale * value``. What was drawn on an image is in its attribute
        ``annotations``, in the units of the coordinates.

    Raises
    ------
    FormatError
        The file is damaged, cut short or contradicts itself.
    UnsupportedFormatError
        It is no DM3 or DM4 file, or pixels are of a type that is not known.
    """
    path = Path(path)
    tags = read_tags(path, partial=partial)
    channels: list[Channel] = []
    kept: set[str] = set()
    for key, entry in find_images(tags, path):
        try:
            channels.append(_read_channel(entry, key, path, tags, partial=partial))
        except FormatError:
            if not partial:
                raise
        else:
            kept.add(key)
    if not channels:
        raise tags.cut or FormatError("no image of the file can be read", path=path)
    return Measurement(channels=channels, original_metadata=tags_beside(tags, kept))


def _read_channel(
    entry: Mapping[str, Any], key: str, path: Path, tags: TagFile, *, partial: bool
) -> Channel:
    image = read_image(entry, key, path)
    data, missing = open_pixels(image, path, tags.byte_order, partial=partial)
    return channel_of(image, data, entry, tags, path, missing=missing)


def channel_of(
    image: Image,
    data: LazyArray,
    entry: Mapping[str, Any],
    tags: TagFile,
    path: Path,
    *,
    missing: str | None = None,
) -> Channel:
    """Return an image with the pixels `data`, which are in file order, as a channel."""
    layout = lay_out(image)
    attrs: dict[str, Any] = {}
    units, calibration = describe_intensity(image.brightness)
    if calibration is not None:
        attrs["intensity_calibration"] = calibration
    drawn = annotations_of(tags.root, image.key, layout)
    if drawn:
        attrs["annotations"] = drawn
    if tags.cut is not None:
        attrs["incomplete"] = {"missing_from": missing or "the tags", "reason": str(tags.cut)}
    return Channel(
        title=image.name or path.stem,
        data=_displayed(data, layout, image),
        axes=(*layout.axes, COLOURS) if image.is_colour else layout.axes,
        quantity="complex amplitude" if data.dtype.kind == "c" else "intensity",
        units=units,
        modality=find_modality(image),
        source=SOURCE,
        metadata=common_metadata(image),
        original_metadata=without_arrays(entry),
        attrs=attrs,
    )


def describe_intensity(
    brightness: Calibration,
) -> tuple[str | None, dict[str, Any] | None]:
    """Return the units of the stored values, or how they are turned into others.

    Values stay as they are in the file. Units of the calibration are theirs only where scale
    and origin change nothing; else the values are a detector's numbers of unknown units.
    """
    units = spell(brightness.units) or None
    if brightness.scale == 1 and brightness.origin == 0:
        return units, None
    offset = -brightness.origin * brightness.scale + 0.0
    return None, {"scale": brightness.scale, "offset": offset, "units": units}


def _displayed(data: LazyArray, layout: Layout, image: Image) -> LazyArray:
    """Return the pixels in displayed order, as a view of the mapped file."""
    order = layout.transposition
    if image.is_colour:
        order = (*order, len(order))
    return data if order == tuple(range(len(order))) else Transposed(data, order)


def tags_beside(tags: TagFile, kept: set[str]) -> dict[str, Any]:
    """Return the tags of the file without those of the images that are channels."""
    root = dict(tags.root)
    images = root.get("ImageList")
    if isinstance(images, dict):
        root["ImageList"] = {
            name: image for name, image in images.items() if f"ImageList/{name}" not in kept
        }
    plain = without_arrays(root)
    return plain if isinstance(plain, dict) else {}
