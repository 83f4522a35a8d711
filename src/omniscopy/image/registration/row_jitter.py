"""Rows of one image that are shifted along themselves."""

from typing import Any

import numpy as np
import xarray as xr
from scipy import ndimage

from omniscopy.compute import map_signal
from omniscopy.image.cleaning.inpainting import laplace_surface
from omniscopy.image.topography import like, require_image
from omniscopy.model import DataError, Status, operation, require_uniform, result, units_of
from omniscopy.signal.precision import single_or_double
from omniscopy.signal.shifts import Search
from omniscopy.signal.splines import shift_back

# How many rows a reference is made of (standard deviation), round after round, and in how many.
_WIDTHS = (3.0, 2.0, 1.2, 1.2, 1.2, 1.2)
_STEPS = 12


@operation(example={"image": "atom_image"})
def correct_row_jitter(
    image: xr.DataArray,
    *,
    max_shift: float | None = None,
    smoothing: float | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Shift each row of an image along itself to where it fits best to the rows around it.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory; rows along y, scanned along x on a uniform grid.
    max_shift : float, units of the coordinate of x
        Rows are shifted by so much at most; a thirtieth of their length otherwise.
    smoothing : float, units of the coordinate of y
        What changes over more rows than that (standard deviation of a Gaussian) is no jitter,
        but the specimen or its drift, and stays. A twentieth of the height otherwise.
    dims : (str, str)
        The dimensions of the images, slow one first; the last two spatial ones otherwise.

    Returns
    -------
    Dataset
        ``shift_x``, shape (..., y), in units of the coordinate of x: positive where a row lies at
        larger x than it should, with ``shift_x_std``, what white noise does to it: not that the
        shape of the specimen, where it changes over fewer rows than `smoothing`, is taken for
        jitter, which is often more (a tenth to a third of a pixel for blobs of ten rows).
        ``corrected``, shape (..., y, x), in units of `image`: the rows shifted back by cubic
        splines, NaN where they do not reach. ``status``, shape (..., y): 3 (at bound) for shifts
        of `max_shift`; 4 (no data) and 5 (invalid) for rows in which nothing is seen: they are
        not shifted.

    Raises
    ------
    DataError
        There are no two spatial dimensions of at least 8 pixels, or a length is not above 0 or
        too large.

    Notes
    -----
    Shifts are those with the largest correlation with the mean of the other rows around, weighted
    by a Gaussian, round after round: its own noise would hold a row where it is. Along the slow
    direction a single image does not tell the motion of the scan from the shape of the specimen;
    scans in two directions do: `correct_scan_drift`.

    The reference of row i is :math:`\sum_j w_{ij} z_j / \sum_j w_{ij}` with :math:`w_{ij} =
    e^{-(i - j)^2 / 2 s^2}`, j other than i, narrower from round to round.

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.image.correct_row_jitter(om.samples.atom_image())
    >>> found["shift_x"].dims, found["shift_x"].attrs["units"]
    (('y',), 'nm')
    """
    dims = require_image(image, dims, at_least=8)
    steps = (require_uniform(image, dims[0]), require_uniform(image, dims[1]))
    rows, length = (image.sizes[dim] for dim in dims)
    reach = length / 30 if max_shift is None else max_shift / abs(steps[1])
    width = max(rows / 20, 2.0) if smoothing is None else smoothing / abs(steps[0])
    if not (0 < reach <= length / 4 and 0 < width <= rows):
        message = (
            f"max_shift must be above 0 and at most a quarter of a row ({length / 4:g} pixels), "
            f"smoothing above 0 and at most {rows} rows, both in the units of the coordinates; "
            f"got {max_shift!r} and {smoothing!r}, with pixels of {abs(steps[0]):g}"
        )
        raise DataError(message)
    kind = single_or_double(image.dtype)
    search = Search(0, length, max(2, int(np.ceil(reach))))
    shift, std, status, made = map_signal(
        _steadied, image, dim=dims,
        output_dims=[{dims[0]: rows}] * 3 + [{dims[0]: rows, dims[1]: length}],
        dtypes=[np.float64, np.float64, np.uint8, kind],
        parameters={"search": search, "reach": reach, "width": width},
    )  # fmt: skip
    units = units_of(image, dims[1])
    slow, fast = ({dim: image.coords[dim]} for dim in dims)
    found = result(
        None, shift_x=(shift.assign_coords(slow) * steps[1], units),
        shift_x_std=(std.assign_coords(slow) * abs(steps[1]), units),
        corrected=(made.assign_coords(slow | fast), image.attrs.get("units")),
        status=(status.assign_coords(slow), "1"),
    )  # fmt: skip
    return found.assign(corrected=like(found["corrected"], image))


def _steadied(
    block: np.ndarray, *, search: Search, reach: float, width: float
) -> tuple[np.ndarray, ...]:
    """Return shifts of rows in pixels, their spread and outcome, and the rows shifted back."""
    outer, shape = block.shape[:-2], block.shape[-2:]
    shift, std = np.zeros((2, *outer, shape[0]))
    status = np.zeros((*outer, shape[0]), dtype=np.uint8)
    made = np.empty(block.shape)
    for place in np.ndindex(*outer):
        image = np.array(block[place], dtype=np.float64)
        finite = np.isfinite(image)
        if not finite.any():
            shift[place], std[place], status[place] = np.nan, np.nan, Status.NO_DATA
            made[place] = np.nan
            continue
        filled = image if finite.all() else laplace_surface(image, ~finite, (1.0, 1.0))
        own, found = _shifts(filled, search, reach, width)
        seen = np.isfinite(found.std) & finite.any(axis=1)
        shift[place], std[place] = own, np.where(seen, found.std, np.nan)
        status[place] = np.where(
            seen, np.where(np.abs(own) >= reach, Status.AT_BOUND, Status.CONVERGED),
            np.where(finite.any(axis=1), Status.INVALID, Status.NO_DATA),
        )  # fmt: skip
        made[place] = shift_back(image, own)
    return shift, std, status, made


def _shifts(
    image: np.ndarray, search: Search, reach: float, width: float
) -> tuple[np.ndarray, Any]:
    """Return shifts that bring rows to the mean of those around, and the last round's outcome."""
    shift = np.zeros(len(image))
    found: Any = None
    for step in range(_STEPS):
        aligned = shift_back(image, shift)
        known = np.isfinite(aligned)
        smooth = _WIDTHS[min(step, len(_WIDTHS) - 1)]
        away = np.arange(-round(4 * smooth), round(4 * smooth) + 1)
        around = np.where(away == 0, 0.0, np.exp(-0.5 * (away / smooth) ** 2))
        total, weight = (
            ndimage.correlate1d(each, around / around.sum(), axis=0, mode="constant")
            for each in (np.where(known, aligned, 0.0), known.astype(float))
        )
        reference = np.where(weight > 0.1, total / np.maximum(weight, 0.1), np.nan)
        found = search.find(image, reference)
        there = np.isfinite(found.shift)
        new = np.where(there, found.shift, shift)
        # What is slow is no jitter: it is taken out by the same Gaussian on both sides.
        new = np.clip(new - ndimage.gaussian_filter1d(new, width, mode="nearest"), -reach, reach)
        change = float(np.abs(new - shift).max())
        shift = new
        if change < 1e-3:
            break
    return shift, found
