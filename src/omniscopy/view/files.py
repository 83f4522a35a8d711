"""Files of the explorer: the folder, thumbnails, opening, dropping, and what cannot be read."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.model.errors import DataError
from omniscopy.view.bench import Bench
from omniscopy.view.dispatch import Turn
from omniscopy.view.items import Item
from omniscopy.view.previews import thumbnail_of
from omniscopy.view.protocol import Buffer, Header, Reply
from omniscopy.view.recent import recent_files, remember_file

MOST_ENTRIES = 500
SESSION = ".omniscopy"  # the end of the names of files that hold what an explorer showed
MOST_DROPPED = 2**33
# What the first page offers to look around with.
SAMPLES = {
    "spectrum_image": "EELS map", "eds_map": "EDS map", "diffraction_4d": "4D-STEM",
    "atom_image": "Atoms", "image_stack": "Image series", "surface": "Topography",
    "force_map": "Force curves", "switching_spectroscopy": "Band excitation",
    "point_cloud": "Scattered points", "exit_wave": "Exit wave",
}  # fmt: skip
_NAME = re.compile(r"[^/\\\x00-\x1f]{1,200}")
_RAW_TYPES = (
    "uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64", "complex64",
    "complex128",
)  # fmt: skip


def welcome(bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn) -> Iterator[Reply]:
    """Say what there is: the folder, and data that are open or opened at the start."""
    del said, buffers, turn
    header = {
        "kind": "welcome",
        "folder": None if bench.root is None else bench.root.folder.name or "/",
        "writes": bench.allow_write and bench.root is not None,
        "start": list(bench.start),
        "recent": [] if bench.root is None else recent_files(bench.root),
        "items": [describe(bench, item) for item in bench.items.values()],
        "raw_types": list(_RAW_TYPES),
        "samples": SAMPLES,
    }
    yield header, []


def list_folder(
    bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn
) -> Iterator[Reply]:
    """List a folder: folders, files with their format, and data sets that are folders."""
    del buffers
    root = bench.folder()
    place = root.subfolder(str(said.get("path", ".")))
    entries: list[dict[str, Any]] = []
    for entry in sorted(place.iterdir(), key=lambda each: (each.is_file(), each.name.lower())):
        turn.check()
        if entry.name.startswith(".") or root.leads_out(entry) or not entry.exists():
            continue
        form = "session" if entry.suffix == SESSION else _format_of(entry)
        entries.append({
            "name": entry.name, "path": root.shown(entry), "format": form,
            "folder": entry.is_dir() and form is None,
            "bytes": entry.stat().st_size if entry.is_file() else None,
        })  # fmt: skip
        if len(entries) >= MOST_ENTRIES:
            break
    yield {"kind": "folder", "path": root.shown(place), "entries": entries}, []


def open_file(bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn) -> Iterator[Reply]:
    """Open a file: each channel becomes an item."""
    del buffers, turn
    path = str(said.get("path", ""))
    place = bench.existing(path)
    items = bench.open(place)
    own = bench.root is not None and place.is_relative_to(bench.root.folder)
    if own and bench.allow_write:
        remember_file(place)
    yield {"kind": "opened", "path": path, "items": [describe(bench, each) for each in items]}, []


def open_raw_file(
    bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn
) -> Iterator[Reply]:
    """Open a file of bare numbers, whose form the user gives."""
    del buffers, turn
    from omniscopy.io import open_raw, signals

    path = str(said.get("path", ""))
    shape, kind = said.get("shape"), said.get("dtype")
    whole = isinstance(shape, list) and 0 < len(shape) <= 6
    if not whole or any(type(each) is not int or each < 1 for each in shape or []):
        message = f"the shape is 1 to 6 whole numbers above 0, got {shape!r}"
        raise DataError(message)
    if kind not in _RAW_TYPES:
        message = f"the type of the numbers is one of {', '.join(_RAW_TYPES)}, got {kind!r}"
        raise DataError(message)
    offset = said.get("offset", 0)
    order: Literal["<", ">"] = ">" if said.get("byte_order") == ">" else "<"
    if type(offset) is not int or offset < 0:
        message = f"the offset is a whole number of bytes, got {offset!r}"
        raise DataError(message)
    place = bench.existing(path)
    opened: Any = open_raw(place, tuple(shape or ()), str(kind), offset=offset, byte_order=order)
    found = signals(opened) if type(opened).__name__ == "DataTree" else {"raw": opened}
    items = [each for data in found.values() for each in bench.add(data, path=place)]
    yield {"kind": "opened", "path": path, "items": [describe(bench, each) for each in items]}, []


def open_sample(
    bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn
) -> Iterator[Reply]:
    """Open a measurement that is made up, to look around with."""
    del buffers, turn
    from omniscopy import samples

    name = said.get("name")
    if name not in SAMPLES:
        message = f"samples are {', '.join(SAMPLES)}, got {name!r}"
        raise DataError(message)
    items = bench.add(getattr(samples, str(name))())
    header = {"kind": "opened", "path": SAMPLES[str(name)],
              "items": [describe(bench, each) for each in items]}  # fmt: skip
    yield header, []


def drop_file(bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn) -> Iterator[Reply]:
    """Take a piece of a file that was dropped on the page; the last piece makes it whole."""
    del turn
    name, offset, total = said.get("name"), said.get("offset"), said.get("total")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name in (".", ".."):
        message = f"{name!r} is not the name of a file"
        raise DataError(message)
    if type(offset) is not int or type(total) is not int or not 0 <= offset <= total:
        message = "a piece of a file says where it begins and how long the whole is"
        raise DataError(message)
    folder = bench.dropped()
    held = sum(each.stat().st_size for each in folder.iterdir()) if not offset else 0
    if total + held > MOST_DROPPED:
        message = (
            f"{name} has {total / 2**30:.1f} GiB; at most {MOST_DROPPED / 2**30:.0f} GiB can be "
            "dropped. Start `omniscopy view` with its path instead"
        )
        raise DataError(message)
    place = folder / name
    there = place.stat().st_size if place.exists() and offset else 0
    if offset != there:
        message = f"{name}: a piece begins at {offset}, and {there} bytes are there"
        raise DataError(message)
    with place.open("ab" if offset else "wb") as file:
        for each in buffers:
            file.write(each)
        size = file.tell()
    done = size >= total
    yield {"kind": "dropped", "path": bench.shown(place), "bytes": size, "done": done}, []


def draw_thumbnail(
    bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn
) -> Iterator[Reply]:
    """Send a small picture of an item, or of the first channel of a file."""
    del buffers
    item = bench.item(said["data"]) if "data" in said else _first_of(bench, str(said.get("path")))
    form, values = thumbnail_of(item, turn)
    header = {"kind": "thumbnail", "form": form, "shape": list(values.shape)}
    for key in ("data", "path"):
        if key in said:
            header[key] = said[key]
    yield header, [np.ascontiguousarray(values, "<f4").tobytes()]


def list_formats(
    bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn
) -> Iterator[Reply]:
    """List the formats that can be read."""
    del bench, said, buffers, turn
    from omniscopy.io import formats

    rows = [
        {"title": row["title"], "extensions": row["extensions"], "instrument": row["instrument"]}
        for row in formats()
        if row["reads"]
    ]
    yield {"kind": "formats", "formats": rows}, []


def describe(bench: Bench, item: Item) -> dict[str, Any]:
    """Return what the page knows of an item."""
    return {
        "id": item.id, "title": item.title, "name": item.name, "group": item.group,
        "file": None if item.path is None else bench.shown(item.path),
        "channel": item.channel, "units": item.units, "signal_type": item.signal_type,
        "dtype": str(item.blocks.dtype), "complex": item.blocks.dtype.kind == "c",
        "bytes": item.blocks.nbytes, "axes": [axis.describe() for axis in item.axes],
        "panes": item.plan(), "positions": sorted(item.positions),
        "parent": item.parent, "step": item.step, "fit": _is_fit(bench, item),
        "annotations": list(item.annotations),
        "position_units": {name: units for name, units in item.position_units.items() if units},
    }  # fmt: skip


def _is_fit(bench: Bench, item: Item) -> bool:
    """Return whether an item is of results of `signal.fit_model`."""
    attrs = getattr(bench.results.get(item.group or ""), "attrs", {})
    steps = attrs.get("provenance") or []
    return any(step.get("operation") == "signal.fit_model" for step in steps)


def _first_of(bench: Bench, path: str) -> Item:
    """Return the first channel of a file, without keeping it."""
    from omniscopy.io.names import channel_names
    from omniscopy.io.reading import read_measurement
    from omniscopy.view.items import item_of_channel

    place = bench.existing(path)
    _, measurement = read_measurement(place)
    names = channel_names(measurement.channels)
    for name, channel in zip(names, measurement.channels, strict=True):
        if channel.data is not None:
            return item_of_channel("", channel, name, place, bench.cache, {})
    message = "there is nothing to draw"
    raise DataError(message)


def _format_of(entry: Path) -> str | None:
    from omniscopy.io.identification import identify

    try:
        return identify(entry)
    except (FormatError, OSError):
        return None


HANDLERS: Mapping[str, Any] = {
    "hello": welcome,
    "list": list_folder,
    "open": open_file,
    "open_raw": open_raw_file,
    "sample": open_sample,
    "drop": drop_file,
    "thumbnail": draw_thumbnail,
    "formats": list_formats,
}
