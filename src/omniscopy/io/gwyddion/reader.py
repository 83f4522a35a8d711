"""Read Gwyddion files: images with masks, volumes, graphs, spectra, point clouds, curve maps."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError
from omniscopy.io.gwyddion.curves import graph_channels, spectra_channels, surface_channel
from omniscopy.io.gwyddion.lawns import lawn_channels
from omniscopy.io.gwyddion.notes import Notes, read_notes
from omniscopy.io.gwyddion.objects import Object, plain, read_objects
from omniscopy.io.gwyddion.volumes import brick_channel, image_channel
from omniscopy.io.igor import asylum
from omniscopy.io.igor.note import parse_note
from omniscopy.io.records import Channel, Measurement

_KINDS = {
    # what lies under a key: the class of the object
    r"/(\d+)/data": "GwyDataField",
    r"/brick/(\d+)": "GwyBrick",
    r"/(\d+)/graph/graph/(\d+)": "GwyGraphModel",
    r"/sps/(\d+)": "GwySpectra",
    r"/xyz/(\d+)": "GwySurface",
    r"/lawn/(\d+)": "GwyLawn",
}


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the channels of the Gwyddion file at `path`.

    Parameters
    ----------
    path : Path
        A file of the present kind (GWYP) or of that before version 1.2 (GWYO).
    partial : bool
        Read a file that is cut short as far as it goes.

    Returns
    -------
    Measurement
        A channel for each image, (y, x) with row 0 on top and its mask as a variable; for each
        volume, (z, y, x) or, where the third axis is none of lengths, (y, x, spectrum); for
        each curve of a graph; for each set of point spectra, (point, spectrum); and for each
        cloud of points, (point); and for each curve and segment of a curve map, (y, x, sample).

    Raises
    ------
    FormatError
        The file is cut short or damaged.
    UnsupportedFormatError
        The file holds no container of measurements.
    """
    path = Path(path)
    container, is_old = read_objects(path, partial=partial)
    notes = read_notes(container)
    channels: list[Channel] = []
    skipped = []
    for key, found in _listed(container):
        try:
            made = _read_object(container, key, found, notes, is_old=is_old)
        except FormatError as error:
            if not partial:
                raise error.in_file(path) from error
            skipped.append(f"{key}, which is damaged")
            continue
        described = [_with_meta(container, key, channel) for channel in made]
        channels += [notes.restore(f"{key}#{i}", one) for i, one in enumerate(described)]
    return Measurement(
        channels=channels,
        original_metadata=_file_metadata(container),
        attrs=notes.root | ({"not_read": ", ".join(skipped)} if skipped else {}),
    )


def _listed(container: Object) -> list[tuple[str, Object]]:
    """Return what the container lists, by kind and number."""
    found = []
    for order, (pattern, kind) in enumerate(_KINDS.items()):
        for key, value in container.items.items():
            match = re.fullmatch(pattern, key)
            if match is not None and isinstance(value, Object) and value.kind == kind:
                found.append(((order, *(int(part) for part in match.groups())), key, value))
    return [(key, value) for _, key, value in sorted(found, key=lambda each: each[0])]


def _read_object(
    container: Object, key: str, found: Object, notes: Notes, *, is_old: bool
) -> list[Channel]:
    if found.kind == "GwyDataField":
        base = key.removesuffix("/data")
        channel = image_channel(
            found,
            container.text(f"{key}/title") or container.text(f"{key}/untitled"),
            mask=container.get(f"{base}/mask", Object),
            shown=container.get(f"{base}/show", Object),
            is_old=is_old,
        )
        return [channel]
    if found.kind == "GwyBrick":
        title, known = container.text(f"{key}/title"), notes.is_spectral(f"{key}#0")
        return [brick_channel(found, title, is_spectral=known, is_old=is_old)]
    if found.kind == "GwyGraphModel":
        return graph_channels(found, is_old=is_old)
    if found.kind == "GwySpectra":
        return spectra_channels(found, is_old=is_old)
    if found.kind == "GwyLawn":
        return lawn_channels(found, container.text(f"{key}/title") or "Curves", is_old=is_old)
    return [surface_channel(found, container.text(f"{key}/title"), is_old=is_old)]


def _with_meta(container: Object, key: str, channel: Channel) -> Channel:
    """Return a channel with what the file says of it."""
    meta = container.get(f"{key.removesuffix('/data')}/meta", Object)
    texts = {} if meta is None else {k: str(v) for k, v in meta.items.items()}
    own = container.items[key]
    original = {"key": key, "object": plain(own), "meta": texts} if "graph" not in key else {}
    return replace(
        channel,
        source="Gwyddion",
        metadata=_common_metadata(texts),
        original_metadata=original or {"key": key},
        group="",
    )


def _common_metadata(texts: Mapping[str, str]) -> dict[str, Any]:
    """Return what the common schema knows of the settings that Gwyddion copied from a vendor."""
    settings, _ = parse_note("\n".join(f"{key}: {value}" for key, value in texts.items()))
    if asylum.is_asylum(settings):
        return asylum.common_metadata(settings)
    return {"comment": texts["Comment"]} if texts.get("Comment") else {}


def _file_metadata(container: Object) -> dict[str, Any]:
    """Return what the file says of itself, without the data and how they are shown."""
    kept = {
        key: value
        for key, value in container.items.items()
        if not isinstance(value, Object) or re.fullmatch(r"/\d+/(data/log|select/.*)", key)
    }
    kept.pop(Notes.KEY, None)
    return {key: plain(value) for key, value in kept.items()}
