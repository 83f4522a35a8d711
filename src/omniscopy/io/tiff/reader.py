"""Read TIFF files: images, stacks and colour, with the calibrations of microscopes.

Pages of different shape are channels of their own; so are the colours of a fluorescence
image, while red, green and blue of a picture stay one dimension. Row 0 is on top: images whose
orientation tag says otherwise are turned.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Flipped, Mapped, Transposed
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement
from omniscopy.io.tiff.arrays import Pages, Selected
from omniscopy.io.tiff.calibration import Scales, find_scales, ome_pixels
from omniscopy.io.tiff.container import open_tiff, require_segments
from omniscopy.io.tiff.metadata import common_metadata, modality, original_metadata
from omniscopy.io.tiff.notes import restored
from omniscopy.io.tiff.park import park_measurement

_COLOURS = ("red", "green", "blue", "alpha")
_RGB, _YCBCR = 2, 6
# Orientation tag: which of rows and columns run backwards. Turned by 90 degrees is left alone.
_BACKWARDS = {2: "X", 3: "YX", 4: "Y"}


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Read a TIFF file.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Accept pages of which strips or tiles are not in the file: they are NaN, or 0 in
        integers.

    Returns
    -------
    Measurement
        A channel for every series of pages of one shape and for every colour of a
        fluorescence image. Reduced copies of an image are listed under ``not_read``. Of files of
        Park Systems what was measured instead of the picture of it: heights and the like (y, x),
        with `y` descending in the frame of the scanner; curves (..., sample), on a grid
        (y, x, sample), each with the source that was driven as a further coordinate.

    Raises
    ------
    FormatError
        The file is damaged, or declares more pixels than its bytes can hold.
    MissingDependencyError
        When pixels are read that only the package imagecodecs can decode.
    """
    path = Path(path)
    channels: list[Channel] = []
    with open_tiff(path) as file:
        known = restored(path, file) or park_measurement(path, file)
        if known is not None:
            return known
        chosen, not_read = _full_series(file)
        for number, series in chosen:
            channels += _read_series(path, file, series, number, partial=partial)
    if len(channels) > 1:
        channels = _numbered(path, channels)
    attrs = {"not_read": not_read} if not_read else {}
    return Measurement(channels=channels, attrs=attrs)


def _full_series(file: Any) -> tuple[list[tuple[int, Any]], list[str]]:
    """Return the series that are not small copies of another one, and the names of those."""
    series = list(enumerate(file.series))
    full = [(n, one) for n, one in series if not one.keyframe.is_reduced] or series
    kept = {n for n, _ in full}
    reduced = [f"page {one.keyframe.index}: {one.shape}" for n, one in series if n not in kept]
    levels = [
        f"page {level.keyframe.index}: {level.shape}" for _, one in full for level in one.levels[1:]
    ]
    return full, reduced + levels


def _read_series(
    path: Path, file: Any, series: Any, number: int, *, partial: bool
) -> list[Channel]:
    page = series.keyframe
    missing = _missing(path, series)
    if missing and not partial:
        message = f"{missing['reason']}; partial=True reads what there is"
        raise FormatError(message, path=path, offset=page.offset)
    pixels = _pixels(path, file, series, cut=bool(missing))
    letters = series.axes
    backwards = _BACKWARDS.get(page.tags.valueof(274, 1), "")
    if backwards:
        pixels = Flipped(pixels, tuple(letters.index(letter) for letter in backwards))
    split = "" if _is_colour(page) else "S"
    channels = []
    scales = find_scales(file, series, number)
    for title, shown, stored in _split(file, series, number, pixels, split + "C"):
        data, letters = _displayed(stored, shown)
        axes = _axes(letters, data.shape, scales)
        channels.append(
            Channel(
                title=title or path.stem,
                data=data,
                axes=axes,
                quantity="intensity",
                modality=modality(page),
                metadata=common_metadata(page),
                original_metadata=original_metadata(page),
                attrs={"incomplete": missing} if missing else {},
            )
        )
    return channels


def _missing(path: Path, series: Any) -> dict[str, Any] | None:
    """Return from which page on segments are not in the file; refuse sizes that cannot be."""
    first = None
    for number, page in enumerate(series.pages):
        reason = require_segments(page, path) if page is not None else "a page is not there"
        if reason and first is None:
            first = {"missing_from": {"page": number}, "reason": reason}
    return first


def _pixels(path: Path, file: Any, series: Any, *, cut: bool) -> LazyArray:
    shape, page = tuple(series.shape), series.keyframe
    if series.dataoffset is not None and not cut:
        dtype = np.dtype(series.dtype).newbyteorder(file.byteorder)
        return Mapped(str(path), series.dataoffset, shape, dtype)
    pages = list(series.pages)
    lead = shape[: len(shape) - len(page.shape)]
    if any(one is None for one in pages) or math.prod(lead) != len(pages):
        message = (
            f"{len(pages)} pages of {page.shape} do not make the {shape} that the "
            "file says; pages are missing or the file is damaged"
        )
        raise FormatError(message, path=path, offset=page.offset)
    if not {"Y", "X"} <= set(page.axes) or len(page.axes) != len(page.shape):
        message = f"pages with the axes {page.axes} are not supported"
        raise UnsupportedFormatError(message, path=path, offset=page.offset)
    fill = None if not cut else math.nan if series.dtype.kind in "fc" else 0
    return Pages(
        path=str(path),
        places=tuple(int(one.offset) for one in pages),
        lead=lead,
        axes=page.axes,
        page_shape=tuple(page.shape),
        dtype=np.dtype(series.dtype).newbyteorder("="),
        fill=fill,
    )


def _is_colour(page: Any) -> bool:
    return page.photometric in (_RGB, _YCBCR) and page.samplesperpixel in (3, 4)


def _split(
    file: Any, series: Any, number: int, pixels: LazyArray, letters: str
) -> list[tuple[str | None, str, LazyArray]]:
    """Return (title, axes, pixels) of each channel that is a quantity of its own."""
    shown = series.axes
    at = next((i for i, letter in enumerate(shown) if letter in letters), None)
    name = series.name if series.kind in ("ome", "shaped") else ""
    if at is None:
        return [(name or None, shown, pixels)]
    count = pixels.shape[at]
    names = _channel_names(file, number, count)
    rest = shown[:at] + shown[at + 1 :]
    return [(names[i] or f"channel {i + 1}", rest, Selected(pixels, at, i)) for i in range(count)]


def _channel_names(file: Any, number: int, count: int) -> list[str | None]:
    pixels = ome_pixels(file, number) if file.is_ome else None
    if pixels is None:
        return [None] * count
    found = [one.get("Name") for one in pixels if one.tag.endswith("}Channel")]
    return found if len(found) == count else [None] * count


def _displayed(pixels: LazyArray, letters: str) -> tuple[LazyArray, str]:
    """Put rows and columns last, and colours after them."""
    rank = {"Y": 1, "X": 2, "S": 3}
    order = sorted(range(len(letters)), key=lambda i: rank.get(letters[i], 0))
    if order == list(range(len(letters))):
        return pixels, letters
    return Transposed(pixels, tuple(order)), "".join(letters[i] for i in order)


def _axes(letters: str, shape: Sequence[int], scales: Scales) -> list[Axis]:
    axes: list[Axis] = []
    for letter, size in zip(letters, shape, strict=True):
        scale = scales.get(letter)
        name = {"X": "x", "Y": "y", "Z": "z", "S": "channel"}.get(letter, "frame")
        if letter == "T" and scale is not None:
            name = "time"
        if scale is not None and scale.name is not None:
            name = scale.name
        taken = sum(axis.name.split("_")[0] == name for axis in axes)
        name = f"{name}_{taken}" if taken else name
        if letter == "S":
            axes.append(Axis(name=name, size=size, values=np.array(_COLOURS[:size])))
        elif scale is None:
            axes.append(Axis(name=name, size=size))
        elif scale.values is not None:
            axes.append(Axis(name=name, size=size, values=scale.values, units=scale.units))
        else:
            offset = scale.offset
            axes.append(
                Axis(name=name, size=size, scale=scale.step, offset=offset, units=scale.units)
            )
    return axes


def _numbered(path: Path, channels: list[Channel]) -> list[Channel]:
    """Return channels whose titles tell them apart."""
    plain = [channel.title == path.stem for channel in channels]
    if sum(plain) < 2:
        return channels
    return [
        replace(channel, title=f"{channel.title} {number + 1}") if is_plain else channel
        for number, (channel, is_plain) in enumerate(zip(channels, plain, strict=True))
    ]
