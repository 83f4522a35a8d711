"""As much of the data as a figure shows, and no more.

A picture has at most `PIXELS` points along each side: larger planes are averaged in blocks, or,
where that would mean to read more than `READ_BYTES`, thinned by taking every n-th point. Means
over many planes or spectra are made chunk by chunk; above `READ_BYTES` they are means of evenly
taken planes or spectra, and the figure says so. What is held in memory is never more than the
picture and the chunks being read.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from dask.base import compute

PIXELS = 1024
READ_BYTES = 512 * 2**20
POINTS = 20_000


@dataclass(frozen=True)
class Sample:
    """Values in memory, and a note on what they leave out (empty if nothing)."""

    values: xr.DataArray
    note: str = ""


def in_reach(data: xr.DataArray) -> xr.DataArray:
    """Return `data` as an array that is read in chunks, unless it is in memory already."""
    if data.chunks is None and not data.variable._in_memory:
        return data.chunk("auto")
    return data


def sample_plane(plane: xr.DataArray, *, pixels: int = PIXELS) -> Sample:
    """Return a plane of at most `pixels` along each side, in memory."""
    plane = in_reach(plane)
    steps = {
        str(dim): math.ceil(size / pixels) for dim, size in plane.sizes.items() if size > pixels
    }
    if not steps:
        return Sample(plane.compute())
    averaged = plane.dtype.kind in "uifc" and plane.nbytes <= READ_BYTES and _uniform(plane, steps)
    if averaged:
        coarse = plane.coarsen(steps, boundary="trim").mean(keep_attrs=True)
        return Sample(_like(coarse, plane).compute(), _block_note(steps))
    return thin(plane, steps)


def sample_curves(data: xr.DataArray, dim: str, *, points: int = POINTS) -> Sample:
    """Return curves along `dim` of at most `points` points, in memory.

    The highest and the lowest point of every bin are kept, so that no peak is lost.
    """
    data = in_reach(data)
    size = data.sizes[dim]
    if size <= points:
        return Sample(data.compute())
    width = math.ceil(2 * size / points)
    if data.ndim > 1 or data.dtype.kind not in "uif" or data.nbytes > READ_BYTES:
        return thin(data, {dim: math.ceil(size / points)})
    values = np.asarray(data.compute().values)
    whole = values[: size // width * width].reshape(-1, width)
    starts = np.arange(len(whole)) * width
    ends = np.stack([whole.argmin(axis=1), whole.argmax(axis=1)])
    kept = np.unique((starts + np.sort(ends, axis=0)).ravel())
    return Sample(data.isel({dim: kept}).compute(), f"highest and lowest of every {width} points")


def sample_means(data: xr.DataArray, *reduced: Sequence[str]) -> list[Sample]:
    """Return the mean of `data` over each of several sets of dimensions, read once where it can be.

    Complex data are represented by their magnitude.
    """
    data = in_reach(data)
    chosen = [_affordable(data, dims) for dims in reduced]
    means = [
        _like(_mean(sample.values, dims), data)
        for sample, dims in zip(chosen, reduced, strict=True)
    ]
    computed = compute(*means)  # type: ignore[no-untyped-call]
    return [Sample(values, sample.note) for values, sample in zip(computed, chosen, strict=True)]


def thin(data: xr.DataArray, steps: dict[str, int]) -> Sample:
    """Return every n-th point along some dimensions, in memory."""
    steps = {str(dim): step for dim, step in steps.items() if step > 1}
    taken = data.isel({dim: slice(None, None, step) for dim, step in steps.items()})
    return Sample(taken.compute(), _thin_note(steps))


def evenly(size: int, number: int) -> list[int]:
    """Return up to `number` positions that are evenly spread over `size`, both ends included."""
    if size <= number:
        return list(range(size))
    return [round(i * (size - 1) / (number - 1)) for i in range(number)] if number > 1 else [0]


def _affordable(data: xr.DataArray, reduced: Sequence[str]) -> Sample:
    """Return `data`, thinned where a mean over `reduced` would read more than is allowed."""
    if data.nbytes <= READ_BYTES:
        return Sample(data)
    steps = dict.fromkeys(map(str, data.dims), 1)
    for dim in data.dims:
        if dim not in reduced:
            steps[str(dim)] = max(1, math.ceil(data.sizes[dim] / PIXELS))
    left = data.nbytes / math.prod(steps.values()) / READ_BYTES
    for count, dim in enumerate(reduced):
        step = math.ceil(max(left, 1.0) ** (1 / (len(reduced) - count)))
        steps[dim] = min(step, data.sizes[dim])
        left /= steps[dim]
    used = {dim: step for dim, step in steps.items() if step > 1}
    taken = data.isel({dim: slice(None, None, step) for dim, step in used.items()})
    return Sample(taken, _thin_note(used))


def _mean(data: xr.DataArray, dims: Sequence[str]) -> xr.DataArray:
    real = abs(data) if data.dtype.kind == "c" else data
    if real.dtype.kind == "b":
        real = real.astype(np.float32)
    return real.mean(list(dims)) if dims else real


def _like(made: xr.DataArray, data: xr.DataArray) -> xr.DataArray:
    """Return `made` with the attributes of `data`: a mean has its quantity and units."""
    made = made.assign_attrs(data.attrs).rename(data.name)
    for dim in made.dims:
        if dim in data.coords and dim in made.coords:
            made.coords[dim].attrs.update(data.coords[dim].attrs)
    return made


def _uniform(plane: xr.DataArray, steps: dict[str, int]) -> bool:
    return all(dim not in plane.coords or plane.coords[dim].dtype.kind in "iuf" for dim in steps)


def _block_note(steps: dict[str, int]) -> str:
    return "averaged over " + " × ".join(f"{step} {dim}" for dim, step in steps.items())


def _thin_note(steps: dict[str, int]) -> str:
    return "every " + ", ".join(f"{_ordinal(step)} {dim}" for dim, step in steps.items())


def _ordinal(number: int) -> str:
    ending = (
        "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    )
    return f"{number}{ending}"
