"""Spectra at points along a line (.pln): a tree of tags that names an image and the spectra."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PureWindowsPath

import numpy as np

from omniscopy.io.arrays import Mapped, read_start
from omniscopy.io.errors import FormatError
from omniscopy.io.jeol.images import read_image
from omniscopy.io.jeol.spectra import DATA, is_spectrum, read_spectrum
from omniscopy.io.jeol.tags import Tag, parse_tags
from omniscopy.io.pieces import Stacked
from omniscopy.io.records import Axis, Channel, Variable

BEGINNING = b"\x0a\0\0\0PointLine\0"
_ROOT = len(BEGINNING) - 4  # where the root is, but for what a root without a name takes
_LARGEST, _MOST_POINTS = 1 << 24, 1 << 16
_FULL = 4096  # places are in this many parts of the image


def read_line(path: Path) -> tuple[list[Channel], list[str]]:
    """Return the image, and the spectra (point, energy) in their order; and what is not there.

    Raises
    ------
    FormatError
        The file is damaged, names no spectrum that is there, or spectra of other channels.
    """
    raw = read_start(path, _LARGEST)
    tree = parse_tags(raw, _ROOT, len(raw))
    points = sorted(_points(tree), key=lambda point: point[0])
    images = [_beside(path, tree.text("Image"))]
    channels = [read_image(image) for image in images if image is not None]
    found, places, absent = [], [], []
    for _, tag in points[:_MOST_POINTS]:
        name = tag.text("FileName")
        spectrum = _beside(path, name)
        with (spectrum or path).open("rb") as file:
            head = file.read(DATA)
        if spectrum is None or not is_spectrum(head):
            absent.append(f"{name} (not there)")
            continue
        found.append(read_spectrum(spectrum, head))
        places.append(_place(tag))
    if not found:
        message = f"none of the {len(points)} spectra of the line is there"
        raise FormatError(message, path=path, key="FileName")
    if any(channel.axes != found[0].axes for channel in found):
        message = "the spectra of the line have different channels"
        raise FormatError(message, path=path, key="FileName")
    handles = tuple(channel.data for channel in found if isinstance(channel.data, Mapped))
    line = replace(
        found[0],
        title=path.stem,
        data=Stacked(handles),
        axes=[Axis(name="point", size=len(found)), *found[0].axes],
        coordinates=_coordinates(np.array(places), channels[0] if channels else None),
        original_metadata=tree.described() or {},
    )
    return [*channels, line], absent


def _points(tree: Tag) -> Iterator[tuple[int, Tag]]:
    """Yield number and tag of each point, wherever in the tree it is."""
    for name, tag in tree.inner.items():
        if "FileName" in tag.inner:
            yield (int(name) if name.isdecimal() and len(name) < 9 else _MOST_POINTS), tag
        else:
            yield from _points(tag)


def _place(tag: Tag) -> tuple[float, float]:
    """Return x and y of a point in parts of the image."""
    for name, each in tag.inner.items():
        value = each.value
        pair = isinstance(value, list) and len(value) == 2
        if name.startswith("Pos") and pair and all(isinstance(part, int) for part in value):
            return value[0], value[1]
    return np.nan, np.nan


def _coordinates(places: np.ndarray, image: Channel | None) -> dict[str, Variable]:
    if image is None or not np.isfinite(places).all():
        return {}
    found = {}
    for axis, parts in zip((image.axes[1], image.axes[0]), places.T, strict=True):
        said = {"quantity": "length"} | ({"units": axis.units} if axis.units else {})
        values = parts / _FULL * axis.size * axis.scale
        found[axis.name] = Variable(dims=("point",), data=values, attrs=said)
    return found


def _beside(path: Path, name: str) -> Path | None:
    """Return the file of this name beside another one, `None` where it is not there."""
    last = PureWindowsPath(name).name
    found = path.with_name(last) if last not in ("", ".", "..") else path
    return found if found != path and found.is_file() else None
