"""Read maps of Bruker Esprit: spectrum images, their sum, and the images taken with them."""

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from omniscopy.io.bruker_bcf.arrays import STREAM_HEAD, HeaderNumbers, HyperMap
from omniscopy.io.bruker_bcf.content import Content
from omniscopy.io.bruker_bcf.database import (
    FOLDER,
    IMAGES,
    SPECTRA,
    common_metadata,
    plane_form,
    read_database,
    read_numbers,
)
from omniscopy.io.bruker_bcf.sfs import Entry, list_entries
from omniscopy.io.bruker_spx.spectra import (
    described,
    energy_line,
    instance,
    instances,
    modality,
    number,
    spectrum_metadata,
)
from omniscopy.io.errors import FormatError
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement
from omniscopy.io.spectrum_images import energy_axis, require_rebin

_STREAM = struct.Struct("<III")  # rows, columns, channels
_MOST_PIXELS = 1 << 28
_LARGEST_SEM_VOLTAGE = 50e3
# What is read as numbers, or is only how a program drew them.
_NOT_DESCRIBED = ("Data", "Channels")


def read(path: Path, *, partial: bool = False, rebin_energy: int = 1) -> Measurement:
    """Read a map of Bruker Esprit.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Read a file that is cut short: rows of a map that are missing are 0.
    rebin_energy : int
        Channels of spectrum images that are taken together.

    Returns
    -------
    Measurement
        A channel (y, x, energy) for each map, counted when it is read, one (energy,) for its sum,
        and one (y, x) for each image. Energies are in keV, lengths in µm. Counts above the range
        of the sum spectrum are left out.

    Raises
    ------
    FormatError
        The file is cut short or damaged.
    """
    path = Path(path).absolute()
    require_rebin(path, rebin_energy)
    entries = list_entries(path)
    root = read_database(str(path))
    maps: list[Channel] = []
    for element, entry in _streams(root, entries):
        if not partial:
            entry.require_whole()
        maps += _map(root, element, entry, rebin_energy, partial=partial)
    sizes = {tuple(axis.size for axis in channel.axes[:2]) for channel in maps}
    channels = [*_images(path, root, sizes), *maps]
    databases = instances(root, "TRTSpectrumDatabase")
    return Measurement(
        channels=channels,
        metadata=common_metadata(root),
        original_metadata=described(databases[0] if databases else root, _NOT_DESCRIBED),
    )


def _streams(
    root: ElementTree.Element, entries: dict[str, Entry]
) -> Iterator[tuple[ElementTree.Element | None, Entry]]:
    """Yield the streams of maps, with the element of the spectrum that goes with each."""
    for name, entry in sorted(entries.items()):
        if name.startswith(f"{FOLDER}/SpectrumData"):
            holder = root.find(f".//{name.rpartition('/')[2]}")
            found = [] if holder is None else instances(holder, SPECTRA)
            yield (found[0] if found else None), entry


def _map(
    root: ElementTree.Element,
    element: ElementTree.Element | None,
    entry: Entry,
    rebin: int,
    *,
    partial: bool,
) -> list[Channel]:
    """Return a map, and its sum where the header has it."""
    rows, columns, most = _scan(entry)
    title = "EDX" if entry.name.endswith("SpectrumData0") else f"EDX {entry.name[-1]}"
    sums = [] if element is None else [_sum(root, element, f"{title} sum", entry.path)]
    channels = sums[0].axes[0].size if sums else most
    if not 0 < channels <= 1 << 16 or channels < rebin:
        message = f"{channels} channels cannot be taken together by {rebin}"
        raise FormatError(message, path=entry.path, key=entry.name)
    handle = HyperMap(entry, (rows, columns), channels, rebin, partial)
    line = None if element is None else energy_line(element)
    return [
        Channel(
            title=title,
            data=handle,
            axes=[*_scan_axes(root, (rows, columns)), energy_axis(channels, line, rebin)],
            quantity="intensity",
            units="counts",
            modality="EDS" if element is None else modality(element),
            source="Bruker",
            metadata={} if element is None else spectrum_metadata(element),
            original_metadata={} if element is None else described(element, _NOT_DESCRIBED),
            attrs=_incomplete(handle) if entry.there < entry.size else {},
        ),
        *sums,
    ]


def _scan(entry: Entry) -> tuple[int, int, int]:
    """Return rows, columns and channels that a stream says."""
    head = Content(entry).head(STREAM_HEAD)
    if len(head) < STREAM_HEAD:
        message = f"a stream starts with {STREAM_HEAD} bytes, {len(head)} are there"
        raise FormatError(message, path=entry.path, key=entry.name)
    rows, columns, channels = _STREAM.unpack_from(head)
    # Each row is at least its number of pixels; pixels without counts may be left out.
    most = Content(entry).most // 4
    if not (0 < rows <= most and columns > 0 and rows * columns <= _MOST_PIXELS):
        message = f"a map of {rows} x {columns} pixels cannot be in {entry.size} bytes"
        raise FormatError(message, path=entry.path, key=entry.name)
    return rows, columns, channels


def _incomplete(handle: HyperMap) -> dict[str, Any]:
    starts = handle.row_starts
    there = int((starts[1:] >= 0).sum())
    reason = f"the file is cut short in row {there} of {handle.scan[0]}"
    return {"incomplete": {"missing_from": there, "reason": reason}}


def _sum(root: ElementTree.Element, element: ElementTree.Element, title: str, path: str) -> Channel:
    place = (SPECTRA, instances(root, SPECTRA).index(element), "")
    counts = read_numbers(path, place)
    return Channel(
        title=title,
        data=HeaderNumbers(path, place, counts.shape, counts.dtype),
        axes=[energy_axis(counts.size, energy_line(element))],
        quantity="intensity",
        units="counts",
        modality=modality(element),
        source="Bruker",
        metadata=spectrum_metadata(element),
    )


def _images(path: Path, root: ElementTree.Element, sizes: set[tuple[int, ...]]) -> list[Channel]:
    """Return the planes that were measured."""
    channels = []
    for place, image in enumerate(instances(root, IMAGES)):
        form = plane_form(image)
        for plane in image if form else ():
            named = plane.tag.startswith("Plane") and plane.tag[5:].isdigit()
            if form is None or not named or plane.findtext("Valid") == "0":
                continue
            shape, dtype = form
            words = [image.get("Name"), plane.findtext("Description")]
            name = " ".join(word for word in words if word)
            data: LazyArray = HeaderNumbers(
                str(path), (IMAGES, place, plane.tag), shape, dtype.newbyteorder("=")
            )
            _require_pixels(path, plane, math.prod(shape) * dtype.itemsize)
            fits = not sizes or shape in sizes
            channels.append(
                Channel(
                    title=name or "Image",
                    data=data,
                    axes=_scan_axes(root, shape) if fits else _plain_axes(shape),
                    quantity="intensity",
                    modality=_microscopy(root),
                    source="Bruker",
                )
            )
    return channels


def _require_pixels(path: Path, plane: ElementTree.Element, wanted: int) -> None:
    """Refuse a plane whose text cannot hold its pixels."""
    there = len(plane.findtext("Data") or "") * 3 // 4
    if not wanted <= there + 3:
        message = f"the pixels need {wanted} bytes, {there} are there; the file is damaged"
        raise FormatError(message, path=path, key=plane.tag)


def _microscopy(root: ElementTree.Element) -> str | None:
    """Return "SEM" or "STEM": no scanning microscope for surfaces has more than 50 kV."""
    voltage = common_metadata(root).get("beam", {}).get("voltage")
    if voltage is None:
        return None
    return "STEM" if voltage > _LARGEST_SEM_VOLTAGE else "SEM"


def _plain_axes(shape: tuple[int, int]) -> list[Axis]:
    return [Axis(name=name, size=size) for name, size in zip("yx", shape, strict=True)]


def _scan_axes(root: ElementTree.Element, shape: tuple[int, int]) -> list[Axis]:
    """Return the axes of the scan, whose pixels are given in µm."""
    microscope = instance(root, "TRTSEMData")
    axes = []
    for name, size in zip("yx", shape, strict=True):
        step = number(microscope, f"D{name.upper()}")
        known = step is not None and step > 0
        axes.append(
            Axis(name=name, size=size, scale=step, units="µm")
            if known and step is not None
            else Axis(name=name, size=size)
        )
    return axes
