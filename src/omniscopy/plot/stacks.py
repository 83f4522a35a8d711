"""Many images: evenly spaced frames, each with its label."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from omniscopy.model.dimensions import kind_of_dim, units_of
from omniscopy.plot.axes import grid_of
from omniscopy.plot.contrast import Contrast, contrast_of
from omniscopy.plot.images import add_colour_bar, draw_image, magnitude_and_phase
from omniscopy.plot.labels import dim_words, number_with_units, prefix, value_words, with_units
from omniscopy.plot.sampling import evenly, sample_plane
from omniscopy.plot.style import TICK, Look, new_page, panel_title

_FRAME_PIXELS = 384
_COLUMNS = 4


@dataclass(frozen=True)
class Frame:
    """One image of several, with what is written above it."""

    label: str
    plane: xr.DataArray


def stack_figure(data: xr.DataArray, plane_dims: tuple[str, str], look: Look, title: str) -> Figure:
    """Return the figure of a stack: a grid of up to `look.frames` evenly spaced frames."""
    others = [str(dim) for dim in data.dims if dim not in plane_dims]
    sizes = [data.sizes[dim] for dim in others]
    total = math.prod(sizes)
    frames, notes = [], []
    for flat in evenly(total, look.frames):
        place = dict(zip(others, map(int, np.unravel_index(flat, sizes)), strict=True))
        plane = data.isel(place).transpose(*plane_dims)
        if plane.dtype.kind == "c":
            plane = magnitude_and_phase(plane)[0]
        sample = sample_plane(plane, pixels=_FRAME_PIXELS)
        frames.append(Frame(_frame_label(data, place), sample.values))
        notes.append(sample.note)
    if total > len(frames):
        notes.append(f"{len(frames)} of {total} images")
    differ = any(kind_of_dim(data, dim) in ("parameter", "channel") for dim in others)
    return grid_figure(frames, look, title, shared=not differ, notes=notes)


def grid_figure(
    frames: list[Frame], look: Look, title: str, *, shared: bool, notes: list[str]
) -> Figure:
    """Return a grid of images, with one contrast for all or one for each."""
    columns = min(_COLUMNS, len(frames))
    rows = math.ceil(len(frames) / columns)
    aspect = grid_of(frames[0].plane).aspect
    beside = 0.1 if shared else 0.55
    edge = (look.width - 0.8 * shared) / columns - beside
    page = new_page(look.width, rows * (min(edge * aspect, 4.0) + 0.36) + 0.4)
    page.note(*notes)
    axes = np.atleast_1d(page.figure.subplots(rows, columns)).ravel()
    contrast = _common_contrast(frames, look) if shared else None
    for ax, frame in zip(axes, frames, strict=False):
        draw_image(
            ax, _in_common_units(frame.plane, frames) if shared else frame.plane,
            replace(look), title=title, contrast=contrast, framed=False, colour_bar=not shared,
        )  # fmt: skip
        panel_title(ax, frame.label, size=TICK)
    for ax in axes[len(frames) :]:
        ax.set_axis_off()
    if contrast is not None:
        last = axes[min(columns, len(frames)) - 1]
        plane = _in_common_units(frames[0].plane, frames)
        words = with_units(value_words(plane, title=title), plane.attrs.get("units"))
        add_colour_bar(last, _mappable(contrast), words, contrast, framed=False)
    return page.finish(title)


def _frame_label(data: xr.DataArray, place: dict[str, int]) -> str:
    return ", ".join(place_label(data, dim, index) for dim, index in place.items())


def place_label(data: xr.DataArray, dim: str, index: int) -> str:
    """Return where an index along a dimension is: `time 2.5 s`."""
    if dim not in data.coords:
        return f"{dim} {index}"
    value = data.coords[dim].values[index]
    if not isinstance(value, np.number | int | float):
        return str(value)
    units = units_of(data, dim)
    return f"{dim_words(data, dim)} {number_with_units(float(value), units)}"


def _common_contrast(frames: list[Frame], look: Look) -> Contrast:
    planes = [_in_common_units(frame.plane, frames) for frame in frames]
    values = np.concatenate([np.asarray(plane.values, np.float64).ravel() for plane in planes])
    pattern = all(kind_of_dim(planes[0], dim) == "reciprocal" for dim in planes[0].dims)
    return contrast_of(
        values, planes[0], colours=look.colours, percentiles=look.percentiles, compressed=pattern
    )


def _in_common_units(plane: xr.DataArray, frames: list[Frame]) -> xr.DataArray:
    """Return a plane in the units in which the largest value of all reads well."""
    units = plane.attrs.get("units")
    largest = [np.abs(np.asarray(frame.plane.values, np.float64)) for frame in frames]
    finite = [values[np.isfinite(values)] for values in largest]
    tops = np.asarray([values.max() for values in finite if values.size] or [0.0])
    factor, target = prefix(tops, units)
    if factor == 1:
        return plane
    return plane.copy(data=plane.values * factor).assign_attrs(units=target)


def _mappable(contrast: Contrast) -> Any:
    from matplotlib.cm import ScalarMappable

    return ScalarMappable(contrast.scale, contrast.colours)
