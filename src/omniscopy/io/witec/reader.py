"""Read WITec projects and data: spectra, maps of them, images, and video images."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Mapped, Scaled, Transposed
from omniscopy.io.errors import FormatError
from omniscopy.io.pieces import Scanned, Squeezed, Window, map_rows
from omniscopy.io.quantities import known_units, quantity_of, stated
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement
from omniscopy.io.witec.axes import Places, Project, find_abscissa, find_places
from omniscopy.io.witec.bitmaps import find_bitmap
from omniscopy.io.witec.tags import Tag, read_tags
from omniscopy.io.witec.traces import find_traces, plain_text

_DTYPES = {
    1: "<i8", 2: "<i4", 3: "<i2", 4: "i1", 5: "<u4", 6: "<u2", 7: "u1", 8: "u1", 9: "<f4",
    10: "<f8",
}  # fmt: skip
_VALUES = {
    # class: where its values are
    "TDGraph": ("TDGraph", "GraphData", "Data"),
    "TDImage": ("TDImage", "ImageData", "Data"),
    "TDBitmap": ("TDBitmap", "BitmapData", "Data"),
    "TDText": ("TDStream", "StreamData"),
}
_OF_A_PAIR = ("DataClassName ", "Data ")
_MOST_PIXELS = 1 << 24


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return what the WITec project or data at `path` holds.

    Parameters
    ----------
    path : Path
        A file of the kind .wip or .wid.
    partial : bool
        Read a file that is cut short as far as it goes.

    Returns
    -------
    Measurement
        Spectra (y, x, wavenumber) as a rule, or along a line, a series (point) or alone; images
        (y, x); video images (y, x, channel). Rows are in the order of the file and have the
        labels of the stage in µm, those of a depth scan `z`; of a scan that is turned, labels
        start at its first pixel. Spectra are in the unit in which they were shown. Lines that
        were not scanned are NaN.

    Raises
    ------
    FormatError
        The file is cut short, or contradicts itself.
    """
    path = Path(path)
    root, is_cut = read_tags(path, partial=partial)
    entries = _entries(root)
    project = Project({tag.integer("TData", "ID"): (kind, tag) for kind, tag in entries}, is_cut)
    traces = find_traces(root)
    channels: list[Channel] = []
    texts: dict[str, str] = {}
    not_read = []
    for kind, tag in entries:
        caption = tag.text("TData", "Caption") or kind
        below = tag.at(*_VALUES[kind]) if kind in _VALUES else None
        stream = tag.at("TDStream", "StreamData") if kind == "TDBitmap" else None
        old = find_bitmap(stream) if stream is not None else None
        if kind == "TDText" and below is not None:
            texts[caption] = plain_text(below.content())
        elif below is not None or (old is not None and kind in tag.children):
            values, said = (
                _MADE[kind](project, tag.children[kind])
                if old is None
                else _coloured(project, tag.children[kind], old, {})
            )
            trace = traces.get(tag.text("TData", "GUID").strip().upper(), {})
            channels.append(
                Channel(
                    title=caption,
                    source="WITec",
                    metadata=trace | {key: trace.get(key, {}) | said[key] for key in said},
                    original_metadata=tag.children["TData"].plain()
                    if "TData" in tag.children
                    else {},
                    **values,
                )
            )
        elif kind in _VALUES:
            not_read.append(caption)
    attrs: dict[str, Any] = {"not_read": "; ".join(not_read)} if not_read else {}
    if is_cut:
        attrs["incomplete"] = {"missing_from": None, "reason": "the file is cut short"}
    system = root.at("SystemInformation")
    original = {
        "version": root.integer("Version"),
        "texts": texts,
        "system": None if system is None else system.plain(),
    }
    return Measurement(
        channels=channels,
        metadata={"instrument": {"vendor": "WITec"}},
        original_metadata=stated(original),
        attrs=attrs,
    )


def _entries(root: Tag) -> list[tuple[str, Tag]]:
    """Return the class and the tag of all that a project holds, in its order."""
    data = root.at("Data")
    found = []
    for name in data.children if data is not None else ():
        if name.startswith(_OF_A_PAIR[0]) and data is not None:
            tag = data.at(_OF_A_PAIR[1] + name.removeprefix(_OF_A_PAIR[0]))
            if tag is not None:
                found.append((data.text(name), tag))
    return found


def _graph(project: Project, tag: Tag) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the spectra of a graph."""
    points = tag.integer("SizeGraph")
    data, missing, places = _pixels(project, tag, ("Graph", "DataFieldInverted"))
    abscissa, laser = find_abscissa(project, tag, points)
    kept = tuple(number for number, size in enumerate(data.shape[:2]) if size > 1)
    units = _units(project, tag)
    is_raman = abscissa.quantity == "Raman shift"
    values = {
        "data": Squeezed(data, (*kept, 2)),
        "axes": [*places.axes, abscissa],
        "coordinates": places.coordinates,
        "quantity": "intensity" if units == "counts" else quantity_of("", units),
        "units": units,
        "modality": "Raman" if is_raman else None,
        "attrs": missing,
    }
    return values, places.metadata | ({"laser": {"wavelength": laser}} if laser else {})


def _image(project: Project, tag: Tag) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values of an image."""
    data, missing, places = _pixels(project, tag, ("Image", "ImageDataIsInverted"))
    kept = tuple(number for number, size in enumerate(data.shape[:2]) if size > 1)
    units = _units(project, tag)
    values = {
        "data": Squeezed(data, kept),
        "axes": places.axes,
        "coordinates": places.coordinates,
        "quantity": quantity_of("", units),
        "units": units,
        "attrs": missing,
    }
    return values, places.metadata


def _bitmap(project: Project, tag: Tag) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the colours of a video image."""
    shape = (tag.integer("SizeY"), tag.integer("SizeX"), 4)
    data, missing = _stored(project, tag.at("BitmapData", "Data"), shape, np.dtype("u1"))
    return _coloured(project, tag, Window(data, 0, 3), missing)


def _coloured(
    project: Project, tag: Tag, data: LazyArray, missing: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return red, green and blue of a video image, with its place."""
    shape = (data.shape[0], data.shape[1])
    places = find_places(project, tag.integer("SpaceTransformationID"), shape)
    if len(places.axes) != 2:
        places = Places([Axis(name=name, size=size) for name, size in zip("yx", shape[:2])])  # noqa: B905
    colours = Axis(name="channel", size=3, values=np.array(["red", "green", "blue"]))
    values = {
        "data": data,
        "axes": [*places.axes, colours],
        "quantity": "intensity",
        "signal_type": "image",
        "modality": "optical microscopy",
        "attrs": missing,
    }
    return values, places.metadata


def _pixels(
    project: Project, tag: Tag, names: tuple[str, str]
) -> tuple[LazyArray, dict[str, Any], Places]:
    """Return values (y, x, bin), what is missing of them, and where they are."""
    name, key = names
    rows, columns = (tag.integer(size) for size in ("SizeY", "SizeX"))
    points = tag.integer("SizeGraph") if name == "Graph" else 1
    by_rows = bool(tag.number(key))
    stored = (rows, columns, points) if by_rows else (columns, rows, points)
    code = tag.integer(f"{name}Data", "DataType")
    if code not in _DTYPES:
        message = f"values of the type {code} are not known"
        raise FormatError(message, path=tag.path, key=name)
    dtype = np.dtype(_DTYPES[code])
    data, missing = _stored(project, tag.at(f"{name}Data", "Data"), stored, dtype)
    data = data if by_rows else Transposed(data, (1, 0, 2))
    flags = tag.numbers("LineValid")
    if flags is not None and flags.size == rows and not flags.all():
        if data.dtype.kind != "f":
            data = Scaled(data, 1.0)
        data = Scanned(data, tuple((flags != 0).tolist()))
        reason = f"{np.count_nonzero(flags)} of {rows} lines were scanned"
        missing = missing or {
            "incomplete": {"missing_from": int(np.argmin(flags != 0)), "reason": reason}
        }
    number = tag.integer(f"{'Space' if name == 'Graph' else 'Position'}TransformationID")
    return data, missing, find_places(project, number, (rows, columns))


def _stored(
    project: Project, tag: Tag | None, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> tuple[LazyArray, dict[str, Any]]:
    """Return the values of a tag in the order of the file, and what is missing of them."""
    if tag is None:
        message = f"values of the shape {shape} were announced, but there are none"
        raise FormatError(message)
    path, start, stop = tag.path, tag.start, tag.stop
    wanted = math.prod(shape) * dtype.itemsize
    if (
        min(shape) < 1
        or max(shape) > _MOST_PIXELS
        or (stop - start < wanted and not project.is_cut)
    ):
        message = f"values of the shape {shape} and type {dtype} cannot be in {stop - start} bytes"
        raise FormatError(message, path=path, offset=start)
    if stop - start >= wanted:
        return Mapped(str(path), start, shape, dtype), {}
    data, missing = map_rows(path, start, shape, dtype, partial=True)
    return data, {} if missing is None else {"incomplete": missing}


def _units(project: Project, tag: Tag) -> str | None:
    """Return the units of values; counts of a camera have more than one name."""
    kind, said = project.linked(tag.integer("ZInterpretationID"))
    text = said.text("TDZInterpretation", "UnitName") if kind and said is not None else ""
    return "counts" if text.lower().endswith("cts") else known_units(text)


_MADE = {"TDGraph": _graph, "TDImage": _image, "TDBitmap": _bitmap}
