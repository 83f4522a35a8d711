"""Images that overlap, joined into one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.geometry.transforms import sampled
from omniscopy.image.topography import like, require_image, steps_of
from omniscopy.model import (
    DataError,
    Status,
    conversion_factor,
    coordinate,
    labelled,
    operation,
    require_uniform,
    result,
    units_of,
)

_LEAST = 64
_MOST = 2**15


@operation(example={"images": ["surface", "surface"]})
def stitch(
    images: Sequence[xr.DataArray],
    *,
    search: float = 0.0,
    level: bool = True,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Stitch images that overlap into one, by their coordinates and by what they show.

    Parameters
    ----------
    images : sequence of DataArray, shape (..., y, x), any units
        Two or more, each on a uniform grid. They may have other steps than the first.
    search : float, units of the coordinates
        How far an image may be from where its coordinates say. It is moved to where it fits
        best to those before it; left at its coordinates with 0.
    level : bool
        Whether a constant is added to each, so that it is as high as those before it.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones of the first otherwise.

    Returns
    -------
    Dataset, shape (..., y, x) and (..., frame)
        ``merged``, in units of the first, with its steps, over the places of all: in overlaps
        the mean, weighed by the distance to the edges of each; NaN where there is no image.
        ``shift_y``, ``shift_x``: how far each was moved; ``offset`` that was added to its values;
        ``overlap``, the part of it that others before it share; ``status``: 4 (no data) where
        that is too little to compare.

    Raises
    ------
    DataError
        There is one image only, units do not convert, `search` is negative, or the result
        would have more than 32768 points along a side.

    Notes
    -----
    The shift is that of the largest correlation coefficient over the overlap, of all whole pixels
    within `search`, refined by a parabola along each axis.

    :math:`z = \sum d_i (z_i + o_i) / \sum d_i` with the distances d to the edges and the offsets
    o.

    Examples
    --------
    >>> import omniscopy as om
    >>> image = om.samples.surface()
    >>> halves = [image.isel(x=slice(0, 80)), image.isel(x=slice(60, None))]
    >>> bool(abs(om.image.stitch(halves)["merged"] - image).max() < 1e-9)
    True
    """
    if len(images) < 2 or hasattr(images, "dims"):
        message = "images must be two or more; there is nothing to stitch otherwise"
        raise DataError(message)
    if not (np.isfinite(search) and search >= 0):
        message = f"search must be at least 0, in the units of the coordinates, got {search!r}"
        raise DataError(message)
    first = images[0]
    dims = require_image(first, dims)
    steps = np.array([require_uniform(first, dim) for dim in dims])
    steps_of(first, dims)
    placed = [_placed(each, first, dims, number) for number, each in enumerate(images)]
    low = np.min([np.minimum(start, stop) for _, start, stop, _ in placed], axis=0)
    high = np.max([np.maximum(start, stop) for _, start, stop, _ in placed], axis=0)
    size = np.rint((high - low) / np.abs(steps)).astype(int) + 1
    if size.max() > _MOST:
        message = f"the result would have {tuple(size)} points; at most {_MOST} along a side"
        raise DataError(message)
    # The grid of the first image goes on, in its direction.
    start = np.where(steps > 0, low, high)
    origin = np.array([float(first[dim][0]) for dim in dims])
    start = origin - np.rint((origin - start) / steps) * steps
    grids = [((begin - start) / steps, step / steps) for _, begin, _, step in placed]
    names = [f"{dim}_{n}" for n in range(1, len(images)) for dim in dims]
    count = len(images)
    merged, shifts, offsets, shared, status = map_signal(
        _stitched, first, dim=dims, also=[each for each, *_ in placed[1:]], whole=names,
        output_dims=[
            {f"{dims[0]}_all": int(size[0]), f"{dims[1]}_all": int(size[1])},
            {"axis": 2, "frame": count}, {"frame": count}, {"frame": count}, {"frame": count},
        ],
        dtypes=[np.float64] * 4 + [np.uint8],
        parameters={
            "grids": grids, "size": tuple(int(each) for each in size), "level": level,
            "reach": np.floor(search / np.abs(steps) + 1e-9).astype(int),
        },
    )  # fmt: skip
    frame = {"frame": coordinate("frame", np.arange(count), "1")}
    units = first.attrs.get("units")
    moved = {
        f"shift_{'yx'[n]}": ((shifts.isel(axis=n, drop=True) * steps[n]).assign_coords(frame),
                             units_of(first, dim))
        for n, dim in enumerate(dims)
    }  # fmt: skip
    made = result(
        **moved, offset=(offsets.assign_coords(frame), units),
        overlap=(shared.assign_coords(frame), "1"), status=(status.assign_coords(frame), "1"),
    )  # fmt: skip
    merged = merged.rename({f"{dim}_all": dim for dim in dims})
    axes: dict[str, Any] = {
        dim: (dim, start[n] + steps[n] * np.arange(size[n]), first[dim].attrs)
        for n, dim in enumerate(dims)
    }
    made["merged"] = like(merged.assign_coords(axes).transpose(*first.dims), first)
    return made


def _placed(
    image: xr.DataArray, first: xr.DataArray, dims: tuple[str, str], number: int
) -> tuple[xr.DataArray, np.ndarray, np.ndarray, np.ndarray]:
    """Return an image in the units of the first under other names, its ends and its steps."""
    require_image(image, dims)
    factors = [
        _factor(units_of(image, dim), units_of(first, dim), f"{dim} of image {number}")
        for dim in dims
    ]
    height = _factor(image.attrs.get("units"), first.attrs.get("units"), f"image {number}")
    ends = [
        np.array([f * float(image[dim][end]) for f, dim in zip(factors, dims, strict=True)])
        for end in (0, -1)
    ]
    step = np.array([f * require_uniform(image, d) for f, d in zip(factors, dims, strict=True)])
    plain = labelled(image.drop_vars(list(image.coords)), units=None)
    return height * plain.rename({d: f"{d}_{number}" for d in dims}), ends[0], ends[1], step


def _factor(own: str | None, wanted: str | None, what: str) -> float:
    if own == wanted:
        return 1.0
    try:
        return conversion_factor(str(own), str(wanted))
    except (DataError, ValueError) as error:
        message = f"{what} is in {own!r}, which does not convert to {wanted!r} of the first image"
        raise DataError(message) from error


def _stitched(
    block: np.ndarray, *others: np.ndarray, grids: list[tuple[np.ndarray, np.ndarray]],
    size: tuple[int, int], level: bool, reach: np.ndarray,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    outer, count = block.shape[:-2], 1 + len(others)
    merged = np.full((*outer, *size), np.nan)
    shifts = np.zeros((*outer, 2, count))
    offsets, shared = np.zeros((2, *outer, count))
    status = np.full((*outer, count), Status.CONVERGED, dtype=np.uint8)
    stack = [block, *(np.broadcast_to(each, (*outer, *each.shape[-2:])) for each in others)]
    for place in np.ndindex(*outer):
        total, weights = np.zeros((2, *size))
        for number, ((start, step), values) in enumerate(zip(grids, stack, strict=True)):
            own = np.asarray(values[place], dtype=np.float64)
            made = _on_grid(own, start, step, size)
            if number:
                before = np.where(weights > 0, total / np.where(weights > 0, weights, 1), np.nan)
                shift = _shift_to(before, made, reach)
                if shift.any():
                    made = _on_grid(own, start + shift, step, size)
                both = np.isfinite(before) & np.isfinite(made)
                shared[(*place, number)] = both.sum() / max(np.isfinite(made).sum(), 1)
                if both.sum() < min(_LEAST, own.size // 4):
                    status[(*place, number)] = Status.NO_DATA
                elif level:
                    offsets[(*place, number)] = float(np.median(before[both] - made[both]))
                    made = made + offsets[(*place, number)]
                shifts[(*place, slice(None), number)] = shift
            weight = _to_edges(made)
            total += np.where(weight > 0, weight * np.nan_to_num(made), 0.0)
            weights += weight
        merged[place] = np.where(weights > 0, total / np.where(weights > 0, weights, 1), np.nan)
    return merged, shifts, offsets, shared, status


def _on_grid(
    values: np.ndarray, start: np.ndarray, step: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """Return an image on the grid of the mosaic, whose row `start` is its row 0."""
    # Whole places are taken as they are, whatever rounding says.
    along = [(np.arange(n) - b) / s for n, b, s in zip(size, start, step, strict=True)]
    along = [np.where(np.abs(each - np.rint(each)) < 1e-6, np.rint(each), each) for each in along]
    return sampled(values, np.stack(np.meshgrid(*along, indexing="ij")), 1)


def _to_edges(values: np.ndarray) -> np.ndarray:
    """Return how far each point of an image is from its edges, 0 outside."""
    from scipy import ndimage

    return np.asarray(ndimage.distance_transform_edt(np.pad(np.isfinite(values), 1))[1:-1, 1:-1])


def _shift_to(before: np.ndarray, image: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Return how many pixels an image has to be moved to fit best to what is there."""
    if not reach.any():
        return np.zeros(2)
    scores = _scores(before, image, reach)
    if not np.isfinite(scores).any():
        return np.zeros(2)
    best = np.unravel_index(np.nanargmax(scores), scores.shape)
    found = np.array(best, dtype=np.float64) - reach
    for axis in range(2):
        if 0 < best[axis] < scores.shape[axis] - 1:
            line = scores[best[0], :] if axis else scores[:, best[1]]
            low, middle, high = line[best[axis] - 1 : best[axis] + 2]
            bend = low - 2 * middle + high
            if np.isfinite(bend) and bend < 0:
                found[axis] += 0.5 * (low - high) / bend
    return found


def _scores(before: np.ndarray, image: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Return correlation coefficients over the overlap for all shifts; NaN for small overlaps.

    D. Padfield, *IEEE Trans. Image Process.* 21, 2706 (2012).
    """
    from scipy import fft

    shape = [
        fft.next_fast_len(n + int(r), real=True) for n, r in zip(image.shape, reach, strict=True)
    ]
    centre = np.nanmean(image)
    masks = [np.isfinite(each).astype(np.float64) for each in (before, image)]
    values = [np.nan_to_num(each - centre) for each in (before, image)]
    spectra = [
        [fft.rfft2(each, shape) for each in (mask, value, value**2)]
        for mask, value in zip(masks, values, strict=True)
    ]

    def summed(one: int, other: int) -> np.ndarray:
        full = fft.irfft2(spectra[0][one] * np.conj(spectra[1][other]), shape)
        rows, columns = (np.arange(-r, r + 1) for r in reach)
        return np.asarray(full[np.ix_(rows, columns)])

    count = np.maximum(np.rint(summed(0, 0)), 1.0)
    means = summed(1, 0) / count, summed(0, 1) / count
    variances = summed(2, 0) / count - means[0] ** 2, summed(0, 2) / count - means[1] ** 2
    product = summed(1, 1) / count - means[0] * means[1]
    size = np.sqrt(np.maximum(variances[0], 0.0) * np.maximum(variances[1], 0.0))
    enough = (count >= _LEAST) & (count >= 0.25 * count.max()) & (size > 1e-12 * size.max())
    return np.where(enough, product / np.where(size > 0, size, 1.0), np.nan)
