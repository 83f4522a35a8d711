"""Read NT-MDT files: scans, curves, measured arrays and point spectra, a frame each."""

from collections.abc import Callable
from functools import partial as bound
from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError
from omniscopy.io.nt_mdt.curves import spectra_channels
from omniscopy.io.nt_mdt.frames import Frame, list_frames
from omniscopy.io.nt_mdt.mda import array_channels
from omniscopy.io.nt_mdt.metadata import read_settings
from omniscopy.io.nt_mdt.scans import curve_channels, scan_channels
from omniscopy.io.records import Channel, Measurement

_TEXT = 3
_NAMES = {105: "an array of the first kind", 107: "a palette"}


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the channels of the NT-MDT file at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .mdt.
    partial : bool
        Read the frames of a file that is cut short as far as they go, and skip damaged ones.

    Returns
    -------
    Measurement
        A channel for each image, (y, x) with row 0 on top; for each quantity of a measured
        array, volumes as (y, x, spectrum); and for each quantity and direction of curves,
        (point, spectrum) with the places of the points. Where a scan has a place, `x` and `y`
        are in the frame of the scanner and `y` descends. Texts are in the metadata, palettes
        and arrays of the first kind in `attrs["not_read"]`.

    Raises
    ------
    FormatError
        The file is cut short or damaged.
    UnsupportedFormatError
        The values of an array are of an unknown type.
    """
    path = Path(path)
    readers: dict[int, Callable[[Frame], list[Channel]]] = {
        0: bound(scan_channels, partial=partial),
        1: bound(curve_channels, partial=partial),
        106: bound(array_channels, partial=partial),
        190: spectra_channels,
        201: bound(curve_channels, partial=partial),
    }
    channels: list[Channel] = []
    texts: list[dict[str, Any]] = []
    skipped: list[str] = []
    for frame in list_frames(path, partial=partial):
        try:
            if frame.kind == _TEXT:
                texts.append(_read_text(frame))
            elif frame.kind in readers:
                channels += readers[frame.kind](frame)
            else:
                skipped.append(_NAMES.get(frame.kind, f"a frame of type {frame.kind}"))
        except FormatError:
            if not partial:
                raise
            skipped.append(f"frame {frame.number}, which is damaged")
    return Measurement(
        channels=channels,
        original_metadata={"texts": texts} if texts else {},
        attrs={"not_read": ", ".join(skipped)} if skipped else {},
    )


def _read_text(frame: Frame) -> dict[str, Any]:
    """Return a frame of text: the text, its title and its settings."""
    (size,) = frame.unpack("<I", frame.offset, "the size of a text")
    place = frame.data_offset + 8
    text = frame.read(place, size, "a text")
    title, place = frame.text(place + size, "the title", encoding="cp1251")
    settings, _ = frame.text(place, "the settings", encoding="utf-16-le")
    return {
        "frame": frame.number,
        "saved": frame.started,
        "title": title,
        "text": text.decode("cp1251", "replace"),
        **read_settings(settings),
    }
