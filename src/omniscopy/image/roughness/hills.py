"""Hills and dales of a surface, and the parameters of ISO 25178 that are made of them."""

from typing import Any

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.threads import share_work
from omniscopy.image.roughness.bearing import detrended
from omniscopy.image.topography import Masking, require_image, steps_of, used_points
from omniscopy.model import DataError, operation, result, units_of
from omniscopy.model.units import product

# Peaks and pits that make the ten point height.
_FIVE = 5
_NAMES = ("s10z", "s5p", "s5v", "spd", "svd", "spc", "svc", "sha", "sda", "shv", "sdv")


@operation(example={"image": "surface"})
def measure_hills(
    image: xr.DataArray,
    *,
    pruning: float = 5.0,
    mask: xr.DataArray | None = None,
    masking: Masking = "exclude",
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Measure the hills and the dales of every image, with the names of ISO 25178.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid; levelled and filtered.
    pruning : float, percent
        Part of the height of the surface (sz) that a peak has to rise above the highest way to
        a higher one, and a pit to lie below it: what does less is no hill or dale of its own.
    mask : DataArray of bool, shape (y, x) or (..., y, x)
        Points that are left out, or the only ones that count (`masking`).
    masking : {"exclude", "include"}
        What the mask marks.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (...)
        In units of `image` and of the coordinates, and what follows from them:
        ``s10z`` (ten point height: ``s5p``, the mean height of the five highest peaks, and
        ``s5v``, the mean depth of the five deepest pits, about the mean of the surface);
        ``spd`` and ``svd`` (peaks and pits over the area); ``spc`` and ``svc`` (mean of the
        curvature of peaks and pits, positive); ``sha`` and ``sda`` (mean area of the hills and
        dales that do not touch the edges), ``shv`` and ``sdv`` (their mean volume, above and
        below the level at which they meet others); ``peaks`` and ``pits``, their numbers.
        NaN where there is none: of ``s5p`` and ``s5v`` with fewer than five, all of them count.

    Raises
    ------
    DataError
        There is a single row, `pruning` is not from 0 to 100, or the mask does not fit.

    Notes
    -----
    Hills are parted by watersheds: from the top down, each point belongs to the hill of its
    highest neighbour. Pruning is that of Wolf, of the change tree. The curvature is the mean of
    the second differences along y and x, with the sign turned for peaks. Hills are cut at
    the lowest height at which they are still closed: the highest point of their rim.

    References
    ----------
    .. [1] ISO 25178-2:2021, section 4.8.
    .. [2] P. J. Scott, *Int. J. Mach. Tools Manuf.* 38, 505 (1998).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.image.measure_hills(om.samples.surface())
    >>> bool(found["s10z"] > 0), found["spd"].attrs["units"]
    (True, '1/nm^2')
    """
    dims = require_image(image, dims)
    if not 0 <= pruning < 100:
        message = f"pruning must be from 0 to below 100 percent, got {pruning!r}"
        raise DataError(message)
    steps = steps_of(image, dims)
    used = used_points(image, mask, masking, dims)

    def run(block: np.ndarray, *masks: np.ndarray) -> tuple[np.ndarray, ...]:
        outer = block.shape[:-2]
        made = np.full((len(_NAMES), *outer), np.nan)
        counts = np.zeros((2, *outer), dtype=np.int64)
        for place, heights in detrended(block, masks, "mean"):
            own: Any = (slice(None), *place)
            if np.isfinite(heights).any():
                found, number = _measured(heights, steps, pruning / 100.0)
                made[own], counts[own] = found, number
        return (*made, *counts)

    columns = map_signal(
        run, image, dim=dims, output_dims=[{}] * (len(_NAMES) + 2),
        dtypes=[*[np.float64] * len(_NAMES), np.int64, np.int64],
        also=[] if used is None else [used],
    )  # fmt: skip
    units, base = image.attrs.get("units"), units_of(image, dims[0])
    area, volume = product((base, 2)), product((units, 1), (base, 2))
    bend, density = product((units, 1), (base, -2)), product((base, -2))
    stated = (units, units, units, density, density, bend, bend, area, area, volume, volume)
    names = dict(zip((*_NAMES, "peaks", "pits"), (*stated, "1", "1"), strict=True))
    return result(**{name: (each, names[name]) for name, each in zip(names, columns, strict=True)})


def _measured(
    heights: np.ndarray, steps: tuple[float, float], pruning: float
) -> tuple[list[float], list[int]]:
    known = np.isfinite(heights)
    least = pruning * float(np.ptp(heights[known]))
    sides: list[Any] = [None, None]

    def work(number: int) -> None:
        sides[number] = _of_hills((heights, -heights)[number], steps, least)

    share_work(work, range(2))
    area = known.sum() * steps[0] * steps[1]
    five, count, bend, closed, volume = zip(*sides, strict=True)
    values = [
        five[0] + five[1], *five, *(each / area for each in count), *bend, *closed, *volume,
    ]  # fmt: skip
    return [float(each) for each in values], [int(each) for each in count]


def _of_hills(
    values: np.ndarray, steps: tuple[float, float], least: float
) -> tuple[float, int, float, float, float]:
    """Return the mean height of five tops, how many there are, curvature, area and volume."""
    owner = hills_of(values, least)
    inside = owner >= 0
    own: Any = owner[inside]
    tops, hill = np.unique(own, return_inverse=True)
    if len(tops) < 2 and np.ptp(values[inside]) == 0:
        return np.nan, 0, np.nan, np.nan, np.nan
    heights = values.ravel()[tops]
    five = float(np.sort(heights)[::-1][:_FIVE].mean())
    row, column = np.unravel_index(tops, values.shape)
    padded = np.pad(values, 1, constant_values=np.nan)
    bends = [
        -(padded[row + 1 + i, column + 1 + j] + padded[row + 1 - i, column + 1 - j] - 2 * heights)
        / step**2
        for (i, j), step in zip(((1, 0), (0, 1)), steps, strict=True)
    ]
    curvature = 0.5 * (bends[0] + bends[1])
    curvature = curvature[np.isfinite(curvature)]
    pixel = steps[0] * steps[1]
    open_ones = np.zeros(len(tops), dtype=bool)
    rim = np.full(len(tops), -np.inf)
    number = np.full(values.shape, -1)
    number[inside] = hill
    around = np.pad(number, 1, constant_values=-1)
    for i, j in ((0, 1), (1, 0), (1, 2), (2, 1)):
        near = around[i : i + values.shape[0], j : j + values.shape[1]]
        open_ones[number[inside & (near < 0)]] = True
        border = inside & (near >= 0) & (near != number)
        np.maximum.at(rim, number[border], values[border])
    above = np.maximum(values[inside] - rim[hill], 0.0)
    above[~np.isfinite(above)] = 0.0
    areas, volumes = pixel * np.bincount(hill), pixel * np.bincount(hill, weights=above)
    closed = ~open_ones
    return (
        five,
        len(tops),
        float(curvature.mean()) if curvature.size else np.nan,
        float(areas[closed].mean()) if closed.any() else np.nan,
        float(volumes[closed].mean()) if closed.any() else np.nan,
    )


def hills_of(values: np.ndarray, least: float) -> np.ndarray:
    """Return for each point the flat index of the top of its hill, -1 where it is NaN."""
    from omniscopy.image.roughness import hill_kernel

    known = np.flatnonzero(np.isfinite(values))
    falling = known[np.argsort(-values.ravel()[known], kind="stable")]
    parent = np.empty(values.size, dtype=np.int64)
    hill_kernel.join_hills(np.ascontiguousarray(values), falling, least, parent)
    return parent.reshape(values.shape)
