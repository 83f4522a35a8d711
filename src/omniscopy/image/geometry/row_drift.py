"""Drift of the sample during a scan, from rows alone or from a scan down and one back up."""

from typing import Any

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.geometry.transforms import sampled
from omniscopy.image.topography import like, require_image
from omniscopy.model import (
    DataError,
    Status,
    labelled,
    operation,
    require_uniform,
    result,
    units_of,
)
from omniscopy.signal.positions import require_same_places

_ROUNDS, _CUBIC, _BANDS = 8, 3, 6
# Scans are compared after a Gaussian of so many pixels: interpolated noise is less at half a pixel,
# which would draw the drift there. Noise is alike over the area of its square.
_SMOOTH = 1.0
_ALIKE = (4.0 * np.pi) ** 0.5 * _SMOOTH
# A pair of scans fits when the last step of the drift is below so many pixels.
_CLOSE = 1e-3


@operation(example={"image": "surface"})
def correct_row_drift(
    image: xr.DataArray, *, degree: int = 1, dims: tuple[str, str] | None = None
) -> xr.Dataset:
    r"""Correct the drift along the rows of every image, as its rows tell it.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid; rows run along x. Levelled, rows aligned.
    degree : int
        Of the polynomial in y that the drift is, 1 to 6: 1 is a drift of constant speed.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (..., y, x) and (..., y)
        ``corrected`` heights in units of `image`, NaN where rows moved away; ``drift`` along x of
        every row, 0 in the first, with ``drift_std``, in units of x; ``status``: 4 (no data)
        where rows have nothing in common.

    Raises
    ------
    DataError
        There are fewer than 8 rows or columns, or the degree is not from 1 to 6.

    Notes
    -----
    The difference of neighbouring rows is regressed on their slope along x: it is minus the
    shift times the slope, plus what the surface changes along y. That has no part in the mean where
    the surface has no direction of its own: of a lay aslant, the drift found is that lay.
    With :math:`s = \partial z / \partial x` and the speed v of the drift in columns per row,
    :math:`\sum_{ij} [z_{i+1,j} - z_{i,j} + v(i)\, s_{ij}]^2` is least; v is a polynomial, and the
    drift its integral. Repeated on the corrected image.

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.image.correct_row_drift(om.samples.surface())
    >>> found["drift"].dims, found["drift"].attrs["units"]
    (('y',), 'nm')
    """
    dims = require_image(image, dims, at_least=8)
    if not (int(degree) == degree and 1 <= degree <= 6):
        message = f"degree must be a whole number from 1 to 6, got {degree!r}"
        raise DataError(message)
    step = require_uniform(image, dims[1])
    rows, columns = (image.sizes[dim] for dim in dims)
    corrected, drift, std, status = map_signal(
        _undrifted, image, dim=dims,
        output_dims=[{dims[0]: rows, dims[1]: columns}, {dims[0]: rows}, {dims[0]: rows}, {}],
        dtypes=[np.float64] * 3 + [np.uint8], parameters={"degree": int(degree)},
    )  # fmt: skip
    axis = {dims[0]: image[dims[0]]}
    unit = units_of(image, dims[1])
    made = result(
        drift=((step * drift).assign_coords(axis), unit),
        drift_std=((abs(step) * std).assign_coords(axis), unit),
        status=(status, "1"),
    )
    made["corrected"] = like(
        corrected.assign_coords({**axis, dims[1]: image[dims[1]]}).transpose(*image.dims), image
    )
    return made


@operation(example={"first": "surface", "second": "surface"})
def correct_pair_drift(
    first: xr.DataArray, second: xr.DataArray, *, dims: tuple[str, str] | None = None
) -> xr.Dataset:
    r"""Correct the drift of two scans, one down and the next one back up.

    Parameters
    ----------
    first : DataArray, shape (..., y, x), any units
        The scan whose row 0 was recorded first. Lazy or in memory, on a uniform grid.
    second : DataArray, shape (..., y, x), units of `first`
        The scan that followed at once, whose last row was recorded first; on the same places.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (..., y, x) and (...)
        ``corrected``, the mean of both scans where the sample was when the first began, in units
        of `first`, and their ``difference``; ``drift_y``, ``drift_x``: how far the sample moves
        during one scan, in units of the coordinates, with ``_std``; ``status``: 1 where the
        search did not come to an end, 4 (no data) where the scans cannot be compared.
        NaN where either scan has nothing.

    Raises
    ------
    DataError
        There are fewer than 8 rows or columns, or the scans are not on the same places.

    Notes
    -----
    The sample moves at a constant speed, by :math:`d` during the height H of a scan. Row y of the
    first is recorded at the time y/H, and of the second at 2 - y/H. A point s of the
    sample is seen there at the place of the sample plus d times this time. Both scans are
    brought to the sample, and d is found by least squares of their difference without its plane
    (Gauss and Newton), beginning from the correlation of bands of rows.

    Examples
    --------
    >>> import omniscopy as om
    >>> image = om.samples.surface()
    >>> found = om.image.correct_pair_drift(image, image)
    >>> abs(float(found["drift_y"])) < 1e-6
    True
    """
    dims = require_image(first, dims, at_least=8)
    require_image(second, dims, at_least=8)
    require_same_places(second, first, [str(dim) for dim in second.dims], "the second scan")
    steps = [require_uniform(first, dim) for dim in dims]
    shape = {dim: first.sizes[dim] for dim in dims}
    other = second.drop_vars(list(second.coords))
    corrected, difference, drift, std, status = map_signal(
        _pairs, first, dim=dims, also=[labelled(other, units=None)],
        output_dims=[shape, shape, {"axis": 2}, {"axis": 2}, {}],
        dtypes=[np.float64] * 4 + [np.uint8],
    )  # fmt: skip
    axes = {dim: first[dim] for dim in dims}
    variables: dict[str, Any] = {}
    for number, dim in enumerate(dims):
        unit = units_of(first, dim)
        variables[f"drift_{'yx'[number]}"] = (
            steps[number] * drift.isel(axis=number, drop=True), unit,
        )  # fmt: skip
        variables[f"drift_{'yx'[number]}_std"] = (
            abs(steps[number]) * std.isel(axis=number, drop=True), unit,
        )  # fmt: skip
    made = result(**variables, status=(status, "1"))
    for name, values in (("corrected", corrected), ("difference", difference)):
        made[name] = like(values.assign_coords(axes).transpose(*first.dims), first)
    return made


def _undrifted(block: np.ndarray, *, degree: int) -> tuple[np.ndarray, ...]:
    outer, (rows, _) = block.shape[:-2], block.shape[-2:]
    made = np.full(block.shape, np.nan)
    drift, std = np.full((2, *outer, rows), np.nan)
    status = np.full(outer, Status.NO_DATA, dtype=np.uint8)
    for place in np.ndindex(*outer):
        values = np.asarray(block[place], dtype=np.float64)
        total, found = np.zeros(rows), None
        now = values
        for _ in range(_ROUNDS):
            found = _row_shifts(now, degree)
            if found is None:
                break
            total += found[0]
            now = shifted_rows(values, total)
            if np.abs(found[0]).max() < _CLOSE:
                break
        if found is not None:
            made[place], drift[place], std[place] = now, total, found[1]
            status[place] = Status.CONVERGED
    return made, drift, std, status


def _row_shifts(values: np.ndarray, degree: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Return how far rows are shifted to higher columns, and how well it is known, in pixels."""
    rows = len(values)
    slope = np.gradient(values, axis=1)
    slope = 0.5 * (slope[1:] + slope[:-1])
    change = np.diff(values, axis=0)
    known = np.isfinite(slope) & np.isfinite(change)
    slope, change = np.where(known, slope, 0.0), np.where(known, change, 0.0)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    # What moves a row up or down, or rises along it, is no shift.
    slope = np.where(known, slope - slope.sum(axis=1, keepdims=True) / count, 0.0)
    weight = (slope**2).sum(axis=1)
    if not weight.sum() > 0:
        return None
    moved = -(slope * change).sum(axis=1)
    middle = (np.arange(rows - 1) + 0.5) / rows
    powers = np.arange(degree)
    terms = middle[:, None] ** powers
    normal = terms.T @ (weight[:, None] * terms)
    inverse = np.linalg.pinv(normal, hermitian=True)
    speed = inverse @ (terms.T @ moved)
    left = moved - weight * (terms @ speed)
    # The drift is the integral of the speed, in the same powers one higher.
    along = (np.arange(rows) / rows)[:, None] ** (powers + 1) * rows / (powers + 1)
    scatter = inverse @ (terms.T @ (left[:, None] ** 2 * terms)) @ inverse
    std = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", along, scatter, along), 0.0))
    return along @ speed, std


def shifted_rows(values: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Return rows taken back by so many pixels each, NaN where there was nothing."""
    rows, columns = values.shape
    pixels = np.stack([
        np.broadcast_to(np.arange(rows)[:, None], values.shape).astype(np.float64),
        np.arange(columns) + shifts[:, None],
    ])  # fmt: skip
    # Rows do not mix: the spline goes along them alone.
    if np.isfinite(values).all():
        from scipy import interpolate

        spline = [interpolate.CubicSpline(np.arange(columns), row) for row in values]
        found = np.stack([one(at) for one, at in zip(spline, pixels[1], strict=True)])
        outside = (pixels[1] < -0.5) | (pixels[1] > columns - 0.5)
        return np.where(outside, np.nan, found)
    return sampled(values, pixels, 1)


def _pairs(block: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, ...]:
    outer = block.shape[:-2]
    others = np.broadcast_to(others, block.shape)
    mean, apart = np.full((2, *block.shape), np.nan)
    drift, std = np.full((2, *outer, 2), np.nan)
    status = np.full(outer, Status.NO_DATA, dtype=np.uint8)
    for place in np.ndindex(*outer):
        pair = [np.asarray(each[place], dtype=np.float64) for each in (block, others)]
        if any(np.isfinite(each).sum() < 64 or _is_flat(each) for each in pair):
            continue
        found, deviation, done = _drift_of(pair)
        if not np.isfinite(found).all():
            continue
        one, other = (_at_sample(each, found, up=n == 1) for n, each in enumerate(pair))
        mean[place], apart[place] = 0.5 * (one + other), other - one
        drift[place], std[place] = found, deviation
        status[place] = Status.CONVERGED if done else Status.MAX_STEPS
    return mean, apart, drift, std, status


def _is_flat(values: np.ndarray) -> bool:
    """Return whether nothing in an image tells how it has moved."""
    return not float(np.nanmax(values) - np.nanmin(values)) > 0


def _at_sample(values: np.ndarray, drift: np.ndarray, *, up: bool) -> np.ndarray:
    """Return a scan on the places of the sample when the first scan began."""
    rows = len(values)
    y, x = np.indices(values.shape).astype(np.float64)
    rate = drift / rows
    seen = (y + 2 * drift[0]) / (1 + rate[0]) if up else y / (1 - rate[0])
    time = 2.0 * rows - seen if up else seen
    return sampled(values, np.stack([seen, x + rate[1] * time]), _CUBIC)


def _drift_of(pair: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return the drift during a scan in pixels, its deviations, and whether it was found."""
    pair = [_smooth(each) for each in pair]
    drift = _drift_of_bands(pair)
    nothing = np.full(2, np.nan)
    std, done = nothing, False
    for _ in range(2 * _ROUNDS):
        left = _apart(pair, drift)
        ends = [[_apart(pair, drift + sign * each) for sign in (-0.25, 0.25)] for each in np.eye(2)]
        known = np.isfinite(left)
        for low, high in ends:
            known &= np.isfinite(low) & np.isfinite(high)
        if known.sum() < 64:
            return nothing, nothing, False
        y, x = np.nonzero(known)
        terms = [(high[known] - low[known]) / 0.5 for low, high in ends]
        terms += [np.ones(y.size), y / len(left), x / left.shape[1]]
        table = np.stack(terms, axis=1)
        normal = np.linalg.pinv(table.T @ table, hermitian=True)
        step = -(normal @ (table.T @ left[known]))
        square = ((left[known] + table @ step) ** 2).sum() / (y.size - table.shape[1])
        std = _ALIKE * np.sqrt(square * np.diag(normal)[:2])
        size = np.abs(step[:2]).max()
        drift = drift + step[:2] * min(1.0, 2.0 / max(size, 1e-300))
        if size < _CLOSE:
            done = True
            break
    return drift, std, done


def _smooth(values: np.ndarray) -> np.ndarray:
    """Return a scan less its finest details, missing where it was."""
    from scipy import ndimage

    known = np.isfinite(values)
    sums, weights = (
        ndimage.gaussian_filter(each, _SMOOTH, mode="nearest")
        for each in (np.where(known, values, 0.0), known.astype(np.float64))
    )
    return np.where(known, sums / np.where(known, weights, 1.0), np.nan)


def _apart(pair: list[np.ndarray], drift: np.ndarray) -> np.ndarray:
    one, other = (_at_sample(each, drift, up=n == 1) for n, each in enumerate(pair))
    return other - one


def _drift_of_bands(pair: list[np.ndarray]) -> np.ndarray:
    """Return a start of the drift: how far bands of the second scan are from those of the first."""
    from skimage.registration import phase_cross_correlation as compare

    correlate: Any = compare  # untyped

    rows = len(pair[0])
    high = max(rows // _BANDS, 8)
    known = [np.where(np.isfinite(each), each, np.nanmean(each)) for each in pair]
    votes = []
    for top in range(0, rows - high + 1, high // 2):
        one, other = (each[top : top + high] for each in known)
        if _is_flat(one) or _is_flat(other):
            continue
        window = np.multiply.outer(np.hanning(high + 2)[1:-1], np.hanning(one.shape[1] + 2)[1:-1])
        shift, _, _ = correlate(
            window * (one - one.mean()), window * (other - other.mean()), normalization=None,
            upsample_factor=10,
        )  # fmt: skip
        middle = top + high / 2
        # Second minus first is 2 d (1 - y/H), to first order, along both axes.
        votes.append(-shift / (2 * max(1 - middle / rows, 0.1)))
    return np.asarray(np.median(votes, axis=0)) if votes else np.zeros(2)
