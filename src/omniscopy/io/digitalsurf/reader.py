"""Read MountainsMap files: surfaces, profiles, colour images, series, and maps of spectra."""

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Derived, full_key
from omniscopy.io.digitalsurf.blocks import Block, read_blocks
from omniscopy.io.pieces import Squeezed
from omniscopy.io.quantities import known_units, measures, quantity_of, stated
from omniscopy.io.records import Axis, Channel, Key, LazyArray, Measurement
from omniscopy.io.spectral_axes import spectral_dimension
from omniscopy.io.surfaces import Heights
from omniscopy.model.units import conversion_factor

_PROFILE, _PROFILES, _SURFACES = 1, 4, 5
_RGB, _RGB_SURFACE, _RGB_INTENSITY, _RGB_SERIES = 12, 13, 16, 18
_SPECTRA = 20
_SERIES = (_PROFILES, _SURFACES)
# How many objects come before the colours, and after them.
_AROUND_COLOURS = {_RGB: (0, 0), _RGB_SURFACE: (1, 0), _RGB_INTENSITY: (1, 1)}
_COLOURS = ("red", "green", "blue")
_BRIGHTEST = 255.5
_WORDS = (("wavelength", "wavelength"), ("raman", "wavenumber"), ("wavenumber", "wavenumber"))


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Read a file of MountainsMap.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Read the objects before the one that is damaged or cut short.

    Returns
    -------
    Measurement
        A surface (y, x), a profile (x), a colour image (y, x, channel), a series of them along
        `time` or `frame`, spectra along `wavelength` or what they are over, one by one along
        `y`, or of a map (y, x). The first line is on top. Values are stored number times step
        plus offset, which is that of the lowest number where the file says that values are not
        absolute, NaN where nothing was measured. Further layers are channels of their own.

    Raises
    ------
    FormatError
        The file is cut short or its header is damaged.
    """
    path = Path(path)
    blocks, missing = read_blocks(path, partial=partial)
    channels: list[Channel] = []
    while blocks:
        taken, found = _next_object(blocks)
        channels += found
        blocks = blocks[taken:]
    if len(channels) == 1 and not channels[0].title:
        channels = [replace(channels[0], title=path.stem)]
    return Measurement(channels=channels, attrs={"not_read": missing} if missing else {})


def _next_object(blocks: list[Block]) -> tuple[int, list[Channel]]:
    """Return how many blocks the first object has, and the channels that they make."""
    kind, count = blocks[0].type, max(int(blocks[0].fields["objects"]), 1)
    if kind in _AROUND_COLOURS:
        before, after = _AROUND_COLOURS[kind]
        if _alike(blocks[: before + 3 + after]) and len(blocks) >= before + 3 + after:
            plain = blocks[:before] + blocks[before + 3 : before + 3 + after]
            colours = _colours(blocks[before : before + 3], count=1)
            return before + 3 + after, [*map(_single, plain), colours]
    if kind == _RGB_SERIES and len(blocks) >= 3 * count and _alike(blocks[: 3 * count]):
        return 3 * count, [_colours(blocks[: 3 * count], count=count)]
    if kind in _SERIES and 1 < count <= len(blocks) and _alike(blocks[:count]):
        return count, [_series(blocks[:count])]
    return 1, [_single(blocks[0])]


def _alike(blocks: list[Block]) -> bool:
    return len({(tuple(block.numbers.shape), block.numbers.dtype) for block in blocks}) == 1


@dataclass(frozen=True)
class Stacked:
    """Arrays of one shape along a new first or last dimension."""

    parts: tuple[LazyArray, ...]
    last: bool = False

    @property
    def shape(self) -> tuple[int, ...]:  # noqa: D102
        inner = tuple(self.parts[0].shape)
        return (*inner, len(self.parts)) if self.last else (len(self.parts), *inner)

    @property
    def dtype(self) -> np.dtype[Any]:  # noqa: D102
        return self.parts[0].dtype

    @property
    def chunks(self) -> tuple[int, ...] | None:  # noqa: D102
        inner = tuple(self.parts[0].shape)
        return (*inner, len(self.parts)) if self.last else (1, *inner)

    def __getitem__(self, key: Key) -> np.ndarray:
        key = full_key(key, self.shape)
        chosen = key[-1] if self.last else key[0]
        within = key[:-1] if self.last else key[1:]
        if isinstance(chosen, int):
            return self.parts[chosen][within]
        found = [part[within] for part in self.parts[chosen]]
        at = -1 if self.last else 0
        if not found:
            one = self.parts[0][within]
            return np.empty((*one.shape, 0) if self.last else (0, *one.shape), self.dtype)
        return np.stack(found, axis=at)


@dataclass(frozen=True)
class Shades(Derived):
    """Numbers of a colour as whole ones: they are stored in steps of a part of one."""

    scale: float
    offset: float
    depth: np.dtype[Any]

    @property
    def dtype(self) -> np.dtype[Any]:  # noqa: D102
        return self.depth

    def __getitem__(self, key: Key) -> np.ndarray:
        with np.errstate(over="ignore", invalid="ignore"):  # numbers of a damaged file
            shades = np.rint(self.inner[key] * np.float64(self.scale) + self.offset)
        return np.clip(np.nan_to_num(shades), 0, np.iinfo(self.depth).max).astype(self.depth)


def _single(block: Block) -> Channel:
    """Return a surface, a profile or spectra as a channel."""
    fields, kind = block.fields, block.type
    plane = [_axis(fields, "y", fields["rows"]), _axis(fields, "x", fields["columns"])]
    if len(block.numbers.shape) == 3:
        axes = [*plane, _spectral_axis(fields, "t", fields["depth"])]
    elif kind == _SPECTRA:
        axes = [plane[0], _spectral_axis(fields, "x", fields["columns"])]
    else:
        axes = plane
    return _channel(block, _physical(block), axes)


def _series(blocks: list[Block]) -> Channel:
    """Return surfaces or profiles one after another."""
    fields = blocks[0].fields
    data = Stacked(tuple(_physical(block) for block in blocks))
    plane = [_axis(fields, "y", fields["rows"]), _axis(fields, "x", fields["columns"])]
    return _channel(blocks[0], data, [_frame_axis(fields, len(blocks)), *plane])


def _colours(blocks: list[Block], *, count: int) -> Channel:
    """Return images whose red, green and blue are objects of their own."""
    fields = blocks[0].fields
    rules = [(float(block.fields["z_step"]), _zero(block.fields)) for block in blocks]
    tops = [
        block.fields["z_max"] * step + zero
        for block, (step, zero) in zip(blocks, rules, strict=True)
    ]
    depth = np.dtype(np.uint16 if max(tops) > _BRIGHTEST else np.uint8)
    shades = [
        Shades(block.numbers, step, zero, depth)
        for block, (step, zero) in zip(blocks, rules, strict=True)
    ]
    images = [Stacked(tuple(shades[3 * n : 3 * n + 3]), last=True) for n in range(count)]
    axes = [
        _axis(fields, "y", fields["rows"]),
        _axis(fields, "x", fields["columns"]),
        Axis(name="channel", size=3, values=np.array(_COLOURS)),
    ]
    if count == 1:
        channel = _channel(blocks[0], images[0], axes)
    else:
        channel = _channel(blocks[0], Stacked(tuple(images)), [_frame_axis(fields, count), *axes])
    return replace(
        channel,
        title=channel.title if channel.title != "Z" else "Colours",
        quantity="intensity",
        units=None,
        signal_type="image" if count == 1 else "image_stack",
    )


def _channel(block: Block, data: LazyArray, axes: Sequence[Axis]) -> Channel:
    fields = block.fields
    units = known_units(fields["z_units"])
    title = fields["z_name"] or fields["name"]
    kept = [number for number, axis in enumerate(axes) if axis.size > 1 or number == len(axes) - 1]
    if block.type == _PROFILE or len(kept) < len(axes):
        data = Squeezed(data, tuple(kept))
    return Channel(
        title=title,
        data=data,
        axes=[axes[number] for number in kept],
        quantity=quantity_of(title, units),
        units=units,
        modality="CL" if title.startswith("CL ") else None,
        source="MountainsMap",
        metadata=_metadata(fields),
        original_metadata={**fields, "comment": block.comment},
    )


def _physical(block: Block) -> LazyArray:
    """Return stored numbers in their units; the lowest less 2 stands for no measurement."""
    fields = block.fields
    missing = None
    if fields["special_points"] == 1:
        limits = np.iinfo(block.numbers.dtype)
        missing = fields["z_min"] - 2
        missing = missing if limits.min <= missing <= limits.max else None
    return Heights(block.numbers, fields["z_step"], _zero(fields), missing)


def _zero(fields: dict[str, Any]) -> float:
    """Return what the number 0 stands for.

    Where heights are not absolute, the offset is that of the lowest of them.
    """
    offset, step = float(fields["z_offset"]), float(fields["z_step"])
    return offset if fields["absolute"] else offset - step * fields["z_min"]


def _axis(fields: dict[str, Any], letter: str, size: int) -> Axis:
    """Return an axis of places, or of times where its units are such."""
    units = known_units(fields[f"{letter}_units"])
    name = "time" if units is not None and measures(units, "s") else letter
    if units is not None and measures(units, "eV"):
        name = _energy(fields[f"{letter}_name"])
    attrs = {"long_name": fields[f"{letter}_name"]} if fields[f"{letter}_name"] else {}
    scale, offset = _numbers(fields, letter)
    if not scale:
        return Axis(name=name, size=size, attrs=attrs)
    return Axis(name=name, size=size, scale=scale, offset=offset, units=units, attrs=attrs)


def _spectral_axis(fields: dict[str, Any], letter: str, size: int) -> Axis:
    """Return the axis of spectra; wavelengths are given in nm, whatever length they are in."""
    units = known_units(fields[f"{letter}_units"])
    title = fields[f"{letter}_name"].lower()
    name = next((found for word, found in _WORDS if word in title), spectral_dimension(units))
    if name == "energy":
        name = _energy(title)
    scale, offset = _numbers(fields, letter)
    if name == "wavelength" and units is not None and measures(units, "nm"):
        factor, units = conversion_factor(units, "nm"), "nm"
        scale, offset = scale * factor, offset * factor
    if not scale:
        return Axis(name=name, size=size)
    return Axis(name=name, size=size, scale=scale, offset=offset, units=units)


def _energy(title: str) -> str:
    return "energy_loss" if "loss" in title.lower() else "energy"


def _frame_axis(fields: dict[str, Any], count: int) -> Axis:
    units = known_units(fields["t_units"])
    scale, offset = _numbers(fields, "t")
    if not scale or units is None:
        return Axis(name="frame", size=count)
    if measures(units, "s"):
        return Axis(name="time", size=count, scale=scale, offset=offset, units=units)
    attrs = {"long_name": fields["t_name"]} if fields["t_name"] else {}
    return Axis(
        name="z" if measures(units, "m") else "parameter",
        size=count,
        scale=scale,
        offset=offset,
        units=units,
        attrs=attrs,
    )


def _numbers(fields: dict[str, Any], letter: str) -> tuple[float, float]:
    """Return step and offset of an axis, 0 where they are no numbers."""
    scale, offset = float(fields[f"{letter}_step"]), float(fields[f"{letter}_offset"])
    if not (math.isfinite(scale) and math.isfinite(offset)):
        return 0.0, 0.0
    return scale, offset


def _metadata(fields: dict[str, Any]) -> dict[str, Any]:
    parts = [fields[key] for key in ("year", "month", "day", "hours", "minutes", "seconds")]
    try:
        started = dt.datetime(*parts).isoformat() if parts[0] > 0 else None
    except ValueError:
        started = None
    return stated(
        {
            "title": fields["name"].strip("* "),
            "started": started,
            "operator": fields["operator"],
        }
    )
