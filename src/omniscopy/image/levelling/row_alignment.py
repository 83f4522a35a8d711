"""Rows of a scan brought to the same height."""

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from numpy.polynomial import legendre

from omniscopy.image.levelling.levelling import half_sample_mode
from omniscopy.image.topography import Masking, like, map_images, require_image, used_points
from omniscopy.model import DataError, operation, require_choice

Method = Literal[
    "median", "median_difference", "trimmed_mean", "polynomial", "mode", "matching", "step",
    "quantile",
]  # fmt: skip
# A part of a row that is moved: how far, in standard deviations of the noise, and how long.
_STANDS_OUT, _SHORTEST = 3.0, 8
_PER_MEDIAN = 1.482602218505602


@operation(example={"image": "surface"})
def align_rows(  # noqa: PLR0913 - each method has its own choice
    image: xr.DataArray,
    method: Method = "median",
    *,
    degree: int = 1,
    quantile: float = 0.5,
    trimmed: float = 0.1,
    dim: str | None = None,
    mask: xr.DataArray | None = None,
    masking: Masking = "exclude",
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Align the rows of every image: subtract from each what shifts or tilts it as a whole.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory. Points that are NaN stay so; rows of nothing else are passed over.
    method : str
        What is made 0 in each row: its "median", its "trimmed_mean", its "quantile", its "mode"
        (half-sample mode), or the "polynomial" of least squares; or the difference to the row
        before: "median_difference", or its mean with the weights of flat places ("matching");
        "step" does "median_difference" and then moves parts of rows that stand out from the
        rows on both sides.
    degree : int
        Of the polynomial, 0 to 5.
    quantile : float
        Which quantile, 0 to 1.
    trimmed : float
        Part of the points that the trimmed mean leaves out at each end, 0 to below 0.5.
    dim : str
        Dimension along which the rows run, the fast one of the scan; that of columns (x)
        otherwise.
    mask : DataArray of bool, shape (y, x) or (..., y, x)
        Points that are left out, such as grains, or the only ones that count (`masking`).
    masking : {"exclude", "include"}
        What the mask marks.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray, shape (..., y, x), units of `image`
        Methods that compare rows leave the mean of all shifts at 0. A row of which no point
        counts is shifted as its neighbours are, by linear interpolation ("polynomial": in
        every coefficient).

    Raises
    ------
    DataError
        The image has a single row, the mask leaves no point, `dim` is not one of the image,
        or a number is out of its range.

    Notes
    -----
    "matching" weighs the differences d with :math:`e^{-s^2 / 2 \langle s^2 \rangle}`, where s
    is their change to the next point, so that edges do not count.

    The half-sample mode is that of [1]_.

    References
    ----------
    .. [1] D. R. Bickel, R. Frühwirth, *Comput. Stat. Data Anal.* 50, 3500 (2006).

    Examples
    --------
    >>> import omniscopy as om
    >>> aligned = om.image.align_rows(om.samples.surface(), "median")
    >>> float(abs(aligned.median("x")).max()) < 1e-12
    True
    """
    require_choice("method", method, get_args(Method))
    dims = require_image(image, dims)
    along = dims[1] if dim is None else dim
    require_choice("dim", along, dims)
    for name, value, ends in (
        ("degree", degree, (0, 5)), ("quantile", quantile, (0, 1)),
        ("trimmed", trimmed, (0, 0.499)),
    ):  # fmt: skip
        if not ends[0] <= value <= ends[1]:
            message = f"{name} must be from {ends[0]} to {ends[1]}, got {value!r}"
            raise DataError(message)
    used = used_points(image, mask, masking, dims)
    rows = dims if along == dims[1] else (dims[1], dims[0])
    parameters: dict[str, Any]
    if method == "polynomial":
        function: Callable[..., np.ndarray] = _without_polynomials
        parameters = {"degree": int(degree)}
    elif method in ("median_difference", "matching", "step"):
        function, parameters = _matched, {"method": method}
    else:
        function = _shifted
        parameters = {"method": method, "quantile": quantile, "trimmed": trimmed}
    return like(map_images(function, image, rows, used=used, parameters=parameters), image)


def _shifted(
    values: np.ndarray, used: np.ndarray, *, method: str, quantile: float, trimmed: float
) -> np.ndarray:
    """Return rows above what is typical of each."""
    if method == "trimmed_mean":
        found = _trimmed_means(values, used, trimmed)
    elif method == "mode":
        found = np.array(
            [half_sample_mode(np.sort(row[kept])) if kept.any() else np.nan
             for row, kept in zip(values, used, strict=True)]
        )  # fmt: skip
    else:
        found = _quantiles(values, used, 0.5 if method == "median" else quantile)
    return values - _filled(found[:, None])


def _quantiles(values: np.ndarray, used: np.ndarray, quantile: float) -> np.ndarray:
    """Return a quantile of the used points of each row, linear between two points."""
    if used.all():
        return np.quantile(values, quantile, axis=1)
    found = np.full(len(values), np.nan)
    for number in np.flatnonzero(used.any(axis=1)):
        found[number] = np.quantile(values[number][used[number]], quantile)
    return found


def _trimmed_means(values: np.ndarray, used: np.ndarray, trimmed: float) -> np.ndarray:
    ordered = np.sort(np.where(used, values, np.inf), axis=1)
    count = used.sum(axis=1)
    left = np.floor(trimmed * count).astype(int)
    place = np.arange(values.shape[1])
    kept = (place >= left[:, None]) & (place < (count - left)[:, None])
    total = np.where(kept, ordered, 0.0).sum(axis=1)
    number = kept.sum(axis=1)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _without_polynomials(values: np.ndarray, used: np.ndarray, *, degree: int) -> np.ndarray:
    """Return rows without the polynomial that fits the used points of each best."""
    terms = legendre.legvander(np.linspace(-1.0, 1.0, values.shape[1]), degree)
    weight = used.astype(np.float64)
    products = (terms[:, :, None] * terms[:, None, :]).reshape(len(terms), -1)
    normal = (weight @ products).reshape(len(values), degree + 1, degree + 1)
    inverse = np.linalg.pinv(normal, rcond=1e-13, hermitian=True)
    left = np.where(used, values, 0.0)
    table = np.zeros((len(values), degree + 1))
    for _ in range(3):  # what rounding leaves is fitted once more
        step = np.einsum("rij,rj->ri", inverse, left @ terms)
        table += step
        left -= weight * (step @ terms.T)
    table[~used.any(axis=1)] = np.nan
    return values - _filled(table) @ terms.T


def _matched(values: np.ndarray, used: np.ndarray, *, method: str) -> np.ndarray:
    """Return rows shifted so that they differ as little as can be from the row before."""
    shifts = np.full(len(values), np.nan)
    before = -1
    for row in np.flatnonzero(used.any(axis=1)):
        step = 0.0
        if before >= 0:
            both = used[row] & used[before]
            step = _step_between(values[before], values[row], both, weighted=method == "matching")
        shifts[row] = step + (shifts[before] if before >= 0 else 0.0)
        before = int(row)
    shifts -= np.nanmean(shifts) if before >= 0 else 0.0
    aligned = values - _filled(shifts[:, None])
    return _without_steps(aligned, used) if method == "step" else aligned


def _step_between(
    before: np.ndarray, row: np.ndarray, both: np.ndarray, *, weighted: bool
) -> float:
    """Return how much higher a row is; 0 where they share no point."""
    if not both.any():
        return 0.0
    difference = row[both] - before[both]
    if not weighted or difference.size < 3:
        return float(np.median(difference))
    change = np.diff(difference)
    size = float(np.mean(change**2))
    if size == 0:
        return float(difference.mean())
    flat = np.exp(-(change**2) / (2 * size))
    middles = (difference[1:] + difference[:-1]) / 2
    return float(flat @ middles / flat.sum())


def _without_steps(values: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Return rows whose parts that stand out from both neighbours were moved to them."""
    moved = values.copy()
    apart = values[1:-1] - (values[:-2] + values[2:]) / 2
    seen = used[1:-1] & used[:-2] & used[2:]
    # Both neighbours are on the same side: at an edge of the sample one of them is not.
    above = np.minimum(values[1:-1] - values[:-2], values[1:-1] - values[2:])
    below = np.minimum(values[:-2] - values[1:-1], values[2:] - values[1:-1])
    if not seen.any():
        return moved
    noise = _PER_MEDIAN * float(np.median(np.abs(apart[seen])))
    floor = max(_STANDS_OUT * noise, 1e-12 * float(np.ptp(values[used])))
    for side in (above, below):
        marks = seen & (side > floor)
        for row in np.flatnonzero(marks.sum(axis=1) >= _SHORTEST):
            edges = np.flatnonzero(np.diff(np.r_[0, marks[row].astype(np.int8), 0]))
            for start, stop in edges.reshape(-1, 2):
                if stop - start >= _SHORTEST:
                    moved[row + 1, start:stop] -= np.median(apart[row, start:stop])
    return moved


def _filled(table: np.ndarray) -> np.ndarray:
    """Return a table without NaN: rows between others lie on the line between them."""
    there = np.isfinite(table).all(axis=1)
    if there.all() or not there.any():
        return table
    rows, known = np.arange(len(table)), np.flatnonzero(there)
    return np.stack([np.interp(rows, known, column[known]) for column in table.T], axis=1)
