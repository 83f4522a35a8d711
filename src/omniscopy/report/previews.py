"""Numbers small enough to lie in a page: click a pixel and see what was measured there."""

import base64
import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.model.dimensions import dims_of_kind
from omniscopy.plot.contrast import contrast_of
from omniscopy.plot.labels import coordinate, dim_label, pretty_units, value_words, with_units
from omniscopy.plot.sampling import READ_BYTES, in_reach

# Points along each side of the map, of a spectrum, and of a pattern or frame.
_MAP, _CURVE, _PATTERN, _FRAME = 40, 256, 40, 128
_FRAMES = 32
# Most values of one preview, and of its spectra: they have two bytes each.
_MOST_VALUES = 400_000
_LEVELS = 65_534
_MISSING = 65_535


@dataclass(frozen=True)
class Preview:
    """What the page draws of: JSON with arrays in it; and what it leaves out, in words."""

    kind: str
    content: str
    note: str


def make_preview(data: xr.DataArray) -> Preview | None:
    """Return spectra, patterns or frames for a page, `None` where data are none of these.

    Values are averaged in blocks to the resolution of the page, and thinned where more than
    512 MiB would have to be read.
    """
    data = data.squeeze()
    if data.dtype.kind not in "uifc" or not data.size:
        return None
    spatial, spectral = dims_of_kind(data, "spatial"), dims_of_kind(data, "spectral")
    reciprocal = dims_of_kind(data, "reciprocal")
    if data.ndim == 3 and len(spatial) == 2 and len(spectral) == 1:
        return _spectra(data.transpose(*spatial, *spectral))
    if data.ndim == 4 and len(spatial) == 2 and len(reciprocal) == 2:
        return _patterns(data.transpose(*spatial, *reciprocal))
    plane = spatial if len(spatial) == 2 else reciprocal
    if data.ndim == 3 and len(plane) == 2 and "channel" not in data.dims:
        others = [str(dim) for dim in data.dims if dim not in plane]
        return _frames(data.transpose(*others, *plane))
    return None


def _spectra(data: xr.DataArray) -> Preview:
    rows, columns, curve = map(str, data.dims)
    wanted = {rows: _MAP, columns: _MAP, curve: _CURVE}
    values, note = _coarse(data, _bounded(data, wanted, [curve]))
    numbers = np.asarray(values, np.float64)
    low, high = _range_of_curves(numbers)
    span = np.where(high > low, high - low, 1.0)
    scaled = np.round((numbers - low[..., None]) / span[..., None] * _LEVELS)
    coded = np.where(np.isfinite(numbers), scaled, _MISSING).astype("<u2")
    known = value_words(data)
    return _preview("spectra", note, {
        **_map_of(values, curve),
        "curve": {**_axis(values, curve), "count": values.sizes[curve]},
        "values": {"label": with_units(known or "value", data.attrs.get("units"))},
        "low": _coded(low.astype("<f4")),
        "high": _coded(high.astype("<f4")),
        "data": _coded(coded),
    })  # fmt: skip


def _patterns(data: xr.DataArray) -> Preview:
    rows, columns, *plane = map(str, data.dims)
    wanted = {rows: _MAP, columns: _MAP, **dict.fromkeys(plane, _PATTERN)}
    values, note = _coarse(data, _bounded(data, wanted, [rows, columns]))
    content = {**_map_of(values, *plane), **_pictures(values, plane, compressed=True)}
    return _preview("patterns", note, content)


def _frames(data: xr.DataArray) -> Preview:
    frame, *plane = map(str, data.dims)
    few = data.isel({frame: slice(None, None, math.ceil(data.sizes[frame] / _FRAMES))})
    values, note = _coarse(few, _bounded(few, dict.fromkeys(plane, _FRAME), plane))
    if few.sizes[frame] < data.sizes[frame]:
        note = "; ".join(filter(None, [f"{few.sizes[frame]} of {data.sizes[frame]} frames", note]))
    content = {
        "frames": {**_axis(values, frame), "count": values.sizes[frame]},
        **_pictures(values, plane, compressed=plane == dims_of_kind(data, "reciprocal")),
    }
    return _preview("frames", note, content)


def _bounded(data: xr.DataArray, wanted: dict[str, int], given: list[str]) -> dict[str, int]:
    """Return blocks of the wanted numbers of points; of `given` dims fewer where all are many."""
    blocks = {dim: math.ceil(data.sizes[dim] / most) for dim, most in wanted.items()}
    while _points(data, blocks) > _MOST_VALUES:
        longest = max(given, key=lambda dim: data.sizes[dim] // blocks[dim])
        blocks[longest] += 1
    return {dim: block for dim, block in blocks.items() if block > 1}


def _points(data: xr.DataArray, blocks: dict[str, int]) -> int:
    return math.prod(data.sizes[dim] // blocks.get(str(dim), 1) for dim in data.dims)


def _coarse(data: xr.DataArray, blocks: dict[str, int]) -> tuple[xr.DataArray, str]:
    """Return means over blocks in memory, and in words what they are."""
    data = in_reach(data)
    data = abs(data).assign_attrs(data.attrs) if data.dtype.kind == "c" else data
    if not blocks:
        return data.compute(), ""
    words = ", ".join(f"{block} along {dim.replace('_', ' ')}" for dim, block in blocks.items())
    if data.nbytes > READ_BYTES:
        steps = {dim: slice(None, None, block) for dim, block in blocks.items()}
        return data.isel(steps).compute(), f"one point of {words}"
    axes = {dim: data.coords[dim].attrs for dim in data.coords}
    coarse = data.coarsen(blocks, boundary="trim").mean(keep_attrs=True).compute()
    for dim in coarse.coords:
        coarse.coords[dim].attrs.update(axes[dim])
    return coarse, f"means of {words}"


def _range_of_curves(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    finite = np.isfinite(numbers)
    low = np.where(finite, numbers, np.inf).min(axis=-1)
    high = np.where(finite, numbers, -np.inf).max(axis=-1)
    some = finite.any(axis=-1)
    return np.where(some, low, 0.0), np.where(some, high, 0.0)


def _map_of(values: xr.DataArray, *over: str) -> dict[str, Any]:
    """Return the map that is clicked: the mean over all else, and its axes."""
    mean = values.astype(np.float64).mean(over)
    rows, columns = map(str, mean.dims)
    return {
        "rows": values.sizes[rows], "columns": values.sizes[columns],
        "map": _coded(_shades(np.asarray(mean), values)),
        "y": _axis(values, rows), "x": _axis(values, columns),
        "aspect": _aspect(values, rows, columns),
    }  # fmt: skip


def _pictures(values: xr.DataArray, plane: list[str], *, compressed: bool) -> dict[str, Any]:
    rows, columns = plane
    numbers = np.asarray(values, np.float64)
    return {
        "height": values.sizes[rows], "width": values.sizes[columns],
        "ky": _axis(values, rows), "kx": _axis(values, columns),
        "picture_aspect": _aspect(values, rows, columns),
        "data": _coded(_shades(numbers, values, compressed=compressed)),
    }  # fmt: skip


def _shades(numbers: np.ndarray, data: xr.DataArray, *, compressed: bool = False) -> np.ndarray:
    """Return values as levels of grey, 0 to 255."""
    scale = contrast_of(numbers, data, colours="gray", compressed=compressed).scale
    # Scales that are not linear take one or two dimensions.
    shades = np.ma.filled(scale(np.ma.masked_invalid(numbers).ravel()), 0.0).reshape(numbers.shape)
    return (255 * np.clip(shades, 0, 1)).round().astype(np.uint8)


def _axis(data: xr.DataArray, dim: str) -> dict[str, Any]:
    positions, units = coordinate(data, dim)
    if positions.dtype.kind not in "iuf":
        names = [str(name) for name in positions]
        return {"label": dim_label(data, dim, None), "units": "", "names": names}
    return {
        "label": dim_label(data, dim, units),
        "name": dim.replace("_", " "),
        "units": "" if units in (None, "1") else pretty_units(str(units)),
        "positions": [float(f"{place:.6g}") for place in positions],
    }


def _aspect(data: xr.DataArray, rows: str, columns: str) -> float:
    """Return height over width of the picture, each pixel with its true size where it has one."""
    sides = []
    for dim in (rows, columns):
        step = 1.0
        if data.sizes[dim] > 1 and dim in data.coords and data.coords[dim].dtype.kind in "iuf":
            ends = data.coords[dim].values
            step = abs(float(ends[-1] - ends[0])) / (data.sizes[dim] - 1)
        sides.append(step * data.sizes[dim])
    same = all(dim in data.coords for dim in (rows, columns)) and data.coords[rows].attrs.get(
        "units"
    ) == data.coords[columns].attrs.get("units")
    ratio = sides[0] / sides[1] if same and sides[1] else data.sizes[rows] / data.sizes[columns]
    return min(max(ratio, 0.2), 3.0) if math.isfinite(ratio) and ratio > 0 else 1.0


def _coded(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")


def _preview(kind: str, note: str, content: dict[str, Any]) -> Preview:
    return Preview(kind, json.dumps({"kind": kind, **content}, allow_nan=False), note)
