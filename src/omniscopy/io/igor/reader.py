"""Read Igor binary waves: plain waves, Asylum Research images and force curves, Matrix exports.

A wave keeps its fastest dimension first and lets y run upwards; here images are (..., y, x) with
row 0 on top. Labelled columns or layers of a wave are quantities of their own: one channel each.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Flipped, Transposed
from omniscopy.io.igor import asylum
from omniscopy.io.igor.header import Wave, read_header, read_labels, read_tail
from omniscopy.io.igor.note import parse_note
from omniscopy.io.igor.values import map_block, read_strings
from omniscopy.io.quantities import text_of
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement, Variable
from omniscopy.model.units import conversion_factor, is_unit, spell
from omniscopy.model.vocabulary import kind_of

_SPATIAL = ("x", "y", "z")
_BY_UNITS = (("s", "time"), ("V", "bias"), ("Hz", "frequency"), ("eV", "energy"))
_BY_DATA_UNITS = (("V", "voltage"), ("A", "current"), ("m", "length"), ("Hz", "frequency"))


@dataclass(frozen=True)
class _Content:
    """The wave with the text that goes with it."""

    wave: Wave
    data_units: str | None
    labels: list[list[str]]
    settings: dict[str, Any]
    remarks: list[str]
    formula: str
    string_indices: bytes

    @property
    def is_matrix(self) -> bool:
        return any("Export created by" in line for line in self.remarks)


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the channels of the Igor binary wave at `path`.

    Parameters
    ----------
    path : Path
        A file of version 1, 2, 3 or 5, in either byte order.
    partial : bool
        Read a file that is cut short, or whose headers fail their checksum, as far as it goes.

    Returns
    -------
    Measurement
        One channel for each label of the last dimension, or one for the whole wave. Images are
        (..., y, x) with row 0 on top. Where a wave starts at 0 its image is labelled from the
        top-left corner; where it is placed (an offset), the labels are the wave's own and y
        descends. Force curves are along `time`, with the height as a further coordinate `z`.

    Raises
    ------
    FormatError
        The file is cut short, fails its checksum, or contradicts itself.
    UnsupportedFormatError
        The wave holds references instead of numbers or text.
    """
    return read_wave(Path(path), partial=partial)


def read_wave(path: Path, *, at: int = 0, partial: bool = False) -> Measurement:
    """Return the channels of the wave that begins at a place of a file."""
    content = _read_content(path, at, partial=partial)
    known = asylum.is_asylum(content.settings)
    metadata = asylum.common_metadata(content.settings) if known else {}
    return Measurement(
        channels=_channels(content, is_asylum=known, partial=partial),
        metadata=metadata,
        original_metadata=_original_metadata(content),
    )


def _read_content(path: Path, at: int, *, partial: bool) -> _Content:
    wave = read_header(path, at=at, partial=partial)
    parts = read_tail(wave, partial=partial)
    texts = {name: text_of(raw.split(b"\0", 1)[0]).strip() for name, raw in parts.items()}
    settings, remarks = parse_note(text_of(parts.get("note", b"").rstrip(b"\0")))
    longer = [texts.get(f"units of dimension {i}") for i in range(len(wave.dim_units))]
    units = tuple(a or b for a, b in zip(longer, wave.dim_units, strict=True))
    return _Content(
        wave=replace(wave, dim_units=units),
        data_units=spell(texts.get("data units") or wave.data_units) or None,
        labels=read_labels(wave, parts),
        settings=settings,
        remarks=remarks,
        formula=texts.get("formula", ""),
        string_indices=parts.get("string indices", b""),
    )


def _channels(content: _Content, *, is_asylum: bool, partial: bool) -> list[Channel]:
    wave = content.wave
    if wave.is_text:
        return [_text_channel(content, partial=partial)]
    labels = content.labels[-1] if len(wave.shape) > 1 else []
    if len(labels) == wave.shape[-1] and any(labels):
        titles = [label or f"{wave.name} {i}" for i, label in enumerate(labels)]
        channels = [
            _labelled_channel(content, i, title, is_asylum=is_asylum, partial=partial)
            for i, title in enumerate(titles)
        ]
        return _with_height(channels) if is_asylum and len(wave.shape) == 2 else channels
    title = _full_name(content)
    channel = _make_channel(content, title, range(len(wave.shape)), 0, partial=partial)
    return [replace(channel, **_described(content, is_asylum=is_asylum))]


def _full_name(content: _Content) -> str:
    """Return the wave's name; a Matrix export has what is cut off it in its note."""
    name = content.wave.name
    longer = content.remarks[0] if content.is_matrix else ""
    return longer if longer.startswith(name) else name


def _described(content: _Content, *, is_asylum: bool) -> dict[str, Any]:
    source = "Omicron Matrix" if content.is_matrix else ("Asylum Research" if is_asylum else None)
    modality = "STM" if content.is_matrix else ("AFM" if is_asylum else None)
    units = content.data_units
    quantity = dict(_BY_DATA_UNITS).get(units) if units else None
    return {"units": units, "quantity": quantity, "source": source, "modality": modality}


def _labelled_channel(
    content: _Content, index: int, label: str, *, is_asylum: bool, partial: bool
) -> Channel:
    wave = content.wave
    dims = range(len(wave.shape) - 1)
    first = index * math.prod(wave.shape[:-1])
    channel = _make_channel(content, label, dims, first, labelled=True, partial=partial)
    described = _described(content, is_asylum=is_asylum)
    if is_asylum:
        described["quantity"], described["units"] = asylum.describe_label(label, content.settings)
        direction = asylum.scan_direction(label)
        if direction is not None:
            described["metadata"] = {"scan": {"direction": direction}}
        segments = asylum.ramp_segments(content.settings, wave.shape[0])
        if len(dims) == 1 and segments:
            described["attrs"] = {**channel.attrs, "segments": segments}
    return replace(channel, **described)


def _with_height(channels: list[Channel]) -> list[Channel]:
    """Return the channels of a force curve, each with the height of the probe beside its time."""
    label = asylum.height_label([channel.title for channel in channels])
    for height in channels:
        if height.title == label and height.data is not None:
            attrs = {"long_name": height.title, "quantity": height.quantity, "units": height.units}
            axis = height.axes[0].name
            coordinates = {"z": Variable(dims=(axis,), data=height.data, attrs=attrs)}
            return [replace(channel, coordinates=coordinates) for channel in channels]
    return channels


def _make_channel(
    content: _Content,
    title: str,
    dims: Sequence[int],
    first: int,
    *,
    labelled: bool = False,
    partial: bool,
) -> Channel:
    """Return the block of values that starts at number `first`, in displayed order."""
    wave = content.wave
    axes = _name_axes([_axis(wave, i) for i in dims])
    shape = tuple(wave.shape[i] for i in reversed(dims))
    data, missing = map_block(wave, first, shape, partial=partial)
    data, shown = _displayed(data, axes[::-1], upward=labelled)
    return Channel(
        title=title or "wave",
        data=data,
        axes=shown,
        attrs={} if missing is None else {"incomplete": missing},
    )


def _text_channel(content: _Content, *, partial: bool) -> Channel:
    wave = content.wave
    strings = read_strings(wave, content.string_indices, partial=partial)
    axes = _name_axes([_axis(wave, i) for i in range(len(wave.shape))])
    return Channel(title=wave.name or "wave", data=strings, axes=axes[::-1], quantity="text")


def _axis(wave: Wave, i: int) -> Axis:
    units = spell(wave.dim_units[i]) if i < len(wave.dim_units) else ""
    scale, offset = wave.scales[i], wave.offsets[i]
    if not (np.isfinite(scale) and np.isfinite(offset) and scale):
        scale, offset = 1.0, 0.0
    return Axis(name="", size=wave.shape[i], scale=scale, offset=offset, units=units or None)


def _name_axes(axes: list[Axis]) -> list[Axis]:
    """Name the dimensions by their units, those without in the order x, y, z, frame."""
    free = iter(_SPATIAL)
    names = [_word(axis.units) or next(free, "frame") for axis in axes]
    counted = []
    for i, name in enumerate(names):
        before = names[:i].count(name)
        counted.append(f"{name}_{before}" if before else name)
    return [replace(axis, name=name) for axis, name in zip(axes, counted, strict=True)]


def _word(units: str | None) -> str | None:
    for known, name in _BY_UNITS:
        if units and is_unit(units) and _measures(units, known):
            return name
    return None


def _measures(units: str, known: str) -> bool:
    try:
        conversion_factor(units, known)
    except ValueError:
        return False
    return True


def _displayed(data: LazyArray, axes: list[Axis], *, upward: bool) -> tuple[LazyArray, list[Axis]]:
    """Put frames first, the plane of the image next and spectra last; turn y downwards."""
    wanted = sorted(range(len(axes)), key=lambda i: _rank(axes[i].name))
    shown = [axes[i] for i in wanted]
    if wanted != list(range(len(axes))):
        data = Transposed(data, tuple(wanted))
    for at, axis in enumerate(shown):
        # A matrix without units is shown by Igor with row 0 on top; what has a length is a map.
        if axis.name == "y" and (upward or axis.units is not None):
            data = Flipped(data, (at,))
            shown[at] = _turned(axis)
    return data, shown


def _rank(name: str) -> int:
    return {"spectral": 4, "temporal": 0}.get(str(kind_of(name)), {"y": 2, "x": 3}.get(name, 1))


def _turned(axis: Axis) -> Axis:
    if axis.offset == 0:
        return axis
    return replace(axis, offset=axis.offset + (axis.size - 1) * axis.scale, scale=-axis.scale)


def _original_metadata(content: _Content) -> dict[str, Any]:
    wave = content.wave
    header = {
        "version": wave.version,
        "byte_order": "little" if wave.order == "<" else "big",
        "name": wave.name,
        "type": wave.type_code,
        "shape": list(wave.shape),
        "scales": [float(value) for value in wave.scales if np.isfinite(value)],
        "offsets": [float(value) for value in wave.offsets if np.isfinite(value)],
        "data_units": content.data_units or "",
        "dimension_units": list(wave.dim_units),
        # Seconds since the start of 1904, in the time of the place.
        "created": wave.created,
        "modified": wave.modified,
        "formula": content.formula,
        "labels": content.labels,
    }
    tree: dict[str, Any] = {"header": header, "note": content.settings}
    if content.remarks:
        tree["remarks"] = content.remarks
    return tree
