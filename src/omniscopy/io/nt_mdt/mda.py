"""Frames of measured arrays: any number of dimensions, and of quantities in each cell."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Flipped, Scaled, Transposed
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.nt_mdt.frames import Frame
from omniscopy.io.nt_mdt.metadata import common_metadata, number, read_settings, technique_of
from omniscopy.io.pieces import map_rows
from omniscopy.io.planes import plane_axis
from omniscopy.io.quantities import dimension_of, known_units, quantity_of
from omniscopy.io.records import Axis, Channel, LazyArray, Variable
from omniscopy.io.xml_trees import look_up, parse_xml

_MOST_DIMENSIONS = 8
_MOST_QUANTITIES = 1024
_DTYPES = {
    -1: "<i1", 1: "<u1", -2: "<i2", 2: "<u2", -4: "<i4", 4: "<u4", -8: "<i8", 8: "<u8",
    -5892: "<f4", -13320: "<f8",
}  # fmt: skip
_SI_UNITS = {
    0x0000000000000101: "m",
    0x0000000000100001: "A",
    0x000000FFFD010200: "V",
    0x0000000001000001: "s",
}


@dataclass(frozen=True)
class _Calibration:
    """A dimension or a quantity: value is ``bias + scale * index``."""

    name: str
    comment: str
    units: str | None
    bias: float
    scale: float
    first: int
    last: int
    type_code: int

    @property
    def size(self) -> int:
        """Return the number of indices of a dimension."""
        return self.last - self.first + 1


@dataclass(frozen=True)
class _Array:
    """The cells of a frame."""

    frame: Frame
    title: str
    settings: dict[str, Any]
    dimensions: list[_Calibration]
    quantities: list[_Calibration]
    cells: int
    cell_bytes: int
    offset: int


def array_channels(frame: Frame, *, partial: bool) -> list[Channel]:
    """Return the quantities of a frame, one channel each, in displayed order."""
    array = _read_array(frame)
    sizes = [each.size for each in array.dimensions]
    if len(sizes) <= 1 and math.prod(sizes) != array.cells:
        sizes = [array.cells]  # a curve does not always say its length twice
    if min(sizes) < 1 or math.prod(sizes) != array.cells:
        message = f"frame {frame.number} has dimensions {sizes}, but {array.cells} cells"
        raise FormatError(message, path=frame.path, offset=array.offset)
    path, offset = _data_place(array)
    cell = _cell_type(array)
    fields = [
        map_rows(path, offset, sizes[::-1], cell, partial=partial, field=name)
        for name in cell.names or ()
    ]
    if array.dimensions:
        axes, first = _name_axes(array, sizes), 0
        coordinates: dict[str, Variable] = {}
    else:
        axes, first = [Axis(name="sample", size=array.cells)], 1
        coordinates = _abscissa(array.quantities[0], fields[0][0])
    channels = []
    for quantity, (counts, missing) in zip(array.quantities[first:], fields[first:], strict=True):
        data, shown = _displayed(_scaled(counts, quantity), axes)
        alone = len(fields) - first == 1
        channel = _channel(
            array,
            array.title if alone else f"{array.title} {quantity.name}".strip(),
            data,
            shown,
            quantity,
            coordinates=coordinates,
            attrs={} if missing is None else {"incomplete": missing},
        )
        channels.append(channel)
    return channels


def _channel(
    array: _Array,
    title: str,
    data: LazyArray,
    axes: list[Axis],
    quantity: _Calibration,
    *,
    coordinates: dict[str, Variable],
    attrs: dict[str, Any],
) -> Channel:
    technique = technique_of(array.settings)
    return Channel(
        title=title or f"Frame {array.frame.number}",
        data=data,
        axes=axes,
        coordinates=coordinates,
        quantity=quantity_of(f"{quantity.name} {title}", quantity.units),
        units=quantity.units,
        modality=technique,
        source="NT-MDT",
        metadata=common_metadata(array.settings, started=array.frame.started, technique=technique),
        original_metadata={
            "frame": array.frame.number,
            "type": array.frame.kind,
            "saved": array.frame.started,
            "quantity": {"name": quantity.name, "comment": quantity.comment},
            **array.settings,
        },
        attrs=attrs,
    )


def _name_axes(array: _Array, sizes: list[int]) -> list[Axis]:
    """Return the axes in the order of the file, slowest first."""
    names = _names(array)
    placed = any(each.bias for each in array.dimensions)
    axes = []
    for name, size, each in zip(names, sizes, array.dimensions, strict=True):
        offset = each.bias + each.scale * each.first
        if name in ("x", "y"):
            axes.append(plane_axis(name, size, offset, each.scale, each.units, placed=placed))
            continue
        values, units = _listed_values(each, size)
        if values is not None:
            axes.append(
                Axis(name=dimension_of(units, "wavelength"), size=size, units=units, values=values)
            )
            continue
        known = all(map(math.isfinite, (each.scale, offset))) and each.scale
        axes.append(
            Axis(name=name, size=size, scale=each.scale, offset=offset, units=each.units,
                 role="signal" if name == "z" else None)
            if known else Axis(name=name, size=size)
        )  # fmt: skip
    return axes[::-1]


def _names(array: _Array) -> list[str]:
    """Return the names of the dimensions, fastest first."""
    count = len(array.dimensions)
    if count == 1:
        return [dimension_of(array.dimensions[0].units, "sample")]
    if count == 2:
        return ["x", "y"]
    kind = look_up(array.settings, "Parameters", "FrameType")
    at = 0 if kind.startswith("Spectra2DFullSpectrum") else 2
    names = ["x", "y"]
    names.insert(at, dimension_of(array.dimensions[at].units, "z"))
    # Arrays of more dimensions repeat volumes.
    return names + ["frame", "cycle", *(f"parameter_{i}" for i in range(count))][: count - 3]


def _displayed(data: LazyArray, axes: list[Axis]) -> tuple[LazyArray, list[Axis]]:
    """Return values with the plane before the spectrum, and y from the top down."""
    order = sorted(range(len(axes)), key=lambda i: _rank(axes[i].name))
    if order != list(range(len(axes))):
        data = Transposed(data, tuple(order))
    shown = [axes[i] for i in order]
    rows = tuple(i for i, axis in enumerate(shown) if axis.name == "y")
    return (Flipped(data, rows) if rows else data), shown


def _rank(name: str) -> int:
    if name in ("frame", "cycle") or name.startswith("parameter"):
        return 0
    return {"y": 1, "x": 2}.get(name, 3)


def _scaled(data: LazyArray, quantity: _Calibration) -> LazyArray:
    known = math.isfinite(quantity.scale) and math.isfinite(quantity.bias) and quantity.scale
    if not known:
        return data
    if data.dtype.kind == "f" and quantity.scale == 1 and quantity.bias == 0:
        return data
    return Scaled(data, quantity.scale, quantity.bias)


def _abscissa(first: _Calibration, counts: LazyArray) -> dict[str, Variable]:
    """Return the first quantity of a frame without dimensions, which is the abscissa."""
    attrs = {"long_name": first.name} | ({"units": first.units} if first.units else {})
    data = _scaled(counts, first)
    return {dimension_of(first.units, "x"): Variable(dims=("sample",), data=data, attrs=attrs)}


def _cell_type(array: _Array) -> np.dtype[Any]:
    formats = [_DTYPES.get(each.type_code) for each in array.quantities]
    if None in formats:
        code = array.quantities[formats.index(None)].type_code
        message = f"values of the type {code} are not read"
        raise UnsupportedFormatError(message, path=array.frame.path, offset=array.offset)
    names = [f"f{i}" for i in range(len(formats))]
    dtype = np.dtype(list(zip(names, formats, strict=True)))
    if dtype.itemsize != array.cell_bytes:
        message = (
            f"cells of {array.cell_bytes} bytes were expected, their values have {dtype.itemsize}"
        )
        raise FormatError(message, path=array.frame.path, offset=array.offset)
    return dtype


def _data_place(array: _Array) -> tuple[Path, int]:
    """Return the file and the byte where the cells start: some frames keep them beside the file."""
    frame = array.frame
    outside = look_up(array.settings, "Parameters", "Data", "ExternalDataFileName")
    if not outside:
        if array.offset + array.cells * array.cell_bytes > frame.end:
            message = (
                f"{array.cells} cells of {array.cell_bytes} bytes are announced, "
                f"{frame.end - array.offset} bytes are left in frame {frame.number}"
            )
            raise FormatError(message, path=frame.path, offset=array.offset)
        return frame.path, array.offset
    # Only the name counts: the folder is that of the computer which measured.
    name = re.split(r"[\\/]", outside)[-1]
    beside = frame.path.with_name(name) if name not in ("", ".", "..") else frame.path
    if beside == frame.path or not beside.is_file():
        message = f"the values of frame {frame.number} are in {name!r}, which is not beside it"
        raise FormatError(message, path=frame.path)
    return beside, 0


def _read_array(frame: Frame) -> _Array:
    start = frame.offset
    head_bytes, _ = frame.unpack("<II", start, "the sizes")
    sizes = frame.unpack("<8I", start + 44, "the sizes")
    name_bytes, xml_bytes, view_bytes, spec_bytes, source_bytes, *_ = sizes
    place = start + head_bytes
    title = frame.read(place, name_bytes, "the title")
    settings = frame.read(place + name_bytes, xml_bytes, "the settings")
    place += name_bytes + xml_bytes + view_bytes + spec_bytes + source_bytes
    _, struct_bytes, cells, cell_bytes, dimensions, quantities = frame.unpack(
        "<IIQIII", place, "the array's form"
    )
    if dimensions > _MOST_DIMENSIONS or not 0 < quantities <= _MOST_QUANTITIES or not cells:
        message = (
            f"frame {frame.number} has {dimensions} dimensions, {quantities} quantities and "
            f"{cells} cells, which cannot be"
        )
        raise FormatError(message, path=frame.path, offset=place)
    place += 8 + struct_bytes
    found = []
    for _ in range(dimensions + quantities):
        calibration, place = _read_calibration(frame, place)
        found.append(calibration)
    return _Array(
        frame=frame,
        title=_decoded(title),
        settings=read_settings(settings.decode("utf-16-le", "replace")),
        dimensions=found[:dimensions],
        quantities=found[dimensions:],
        cells=cells,
        cell_bytes=cell_bytes,
        offset=place,
    )


def _read_calibration(frame: Frame, place: int) -> tuple[_Calibration, int]:
    total, struct_bytes, *lengths = frame.unpack("<5I", place, "a calibration")
    si_unit, _, _, bias, scale, first, last, type_code = frame.unpack(
        "<QdQddQQi", place + 20, "a calibration"
    )
    if total < 8 + struct_bytes:
        message = f"a calibration of {total} bytes cannot be"
        raise FormatError(message, path=frame.path, offset=place)
    at = place + 8 + struct_bytes
    texts = []
    for length in lengths:
        texts.append(_decoded(frame.read(at, length, "the words of a calibration")))
        at += length
    name, comment, unit = texts
    calibration = _Calibration(
        name=name,
        comment=comment,
        units=known_units(unit) if unit else _SI_UNITS.get(si_unit),
        bias=bias if math.isfinite(bias) else 0.0,
        scale=scale,
        first=first,
        last=last,
        type_code=type_code,
    )
    return calibration, place + total


def _listed_values(each: _Calibration, size: int) -> tuple[np.ndarray | None, str | None]:
    """Return the values of a spectral axis that its comment lists, in nm or as Raman shift."""
    root = parse_xml(each.comment) if "<Array" in each.comment else None
    array = None if root is None else root.find(".//Array")
    if root is None or array is None:
        return None, None
    words = [number(word.strip(". ")) for word in (array.text or "").split(". ")]
    values = np.array([word for word in words if word is not None], np.float64)
    if len(values) != size:
        return None, None
    said = {part.get("Name"): part.text or "" for part in root.iter("Parameter")}
    laser = number(said.get("LaserWL", ""))
    if said.get("UserUnits") == "2" and laser and (values > 0).all():
        return 1e7 / laser - 1e7 / values, "1/cm"
    return values, "nm"


def _decoded(raw: bytes) -> str:
    raw = raw.split(b"\0", 1)[0]
    try:
        return raw.decode("utf-8").strip()
    except UnicodeDecodeError:
        return raw.decode("cp1251", "replace").strip()
