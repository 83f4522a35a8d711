"""Lattices of crystals from fits of whole patterns: all discs and what is between at once."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.native_threads import native_threads_held
from omniscopy.compute.threads import share_work
from omniscopy.diffraction.dead import without_dead
from omniscopy.diffraction.reductions.wanted import COUNTS
from omniscopy.model import (
    DataError,
    Status,
    operation,
    require_plane,
    require_real,
    require_same_direction,
    require_uniform,
    result,
    units_of,
)

Floats = npt.NDArray[np.float64]

# The places of a lattice, and the radius of discs.
_PLACES = ("a_ky", "a_kx", "b_ky", "b_kx", "origin_ky", "origin_kx")
_SHAPE = (*_PLACES, "radius")
_SITES, _REACH = 200, 8.0
# Of the mean of a pattern, added to what is expected where weights are taken.
_FLOOR = 0.05


class Grid(NamedTuple):
    """Pixels of a pattern, and how wide the edge of a disc is."""

    ky: Floats
    kx: Floats
    edge: float
    pixel: float
    counted: bool


@operation(example={"data": "nanobeam_4d", "lattice": "nanobeam_lattice", "radius": 1.2})
def fit_patterns(
    data: xr.DataArray,
    lattice: xr.Dataset,
    *,
    radius: float,
    edge: float | None = None,
    max_steps: int = 20,
    dead: xr.DataArray | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Fit all discs of a lattice, and what is between them, to every pattern as a whole.

    Parameters
    ----------
    data : DataArray, shape (..., y, x, ky, kx)
        Lazy or in memory, on a uniform grid.
    lattice : Dataset, shape (..., y, x) or less
        Where to start: ``a_ky``, ``a_kx``, ``b_ky``, ``b_kx``, ``origin_ky`` and ``origin_kx``,
        as of `fit_lattice`; one lattice for all, such as its median over the scan, where it is
        near enough: a third of a radius.
    radius : float, units of the coordinates
        About that of the discs; it is fitted too.
    edge : float, units of the coordinates, optional
        Width of the edge of a disc, that of the logistic function; a third of a pixel otherwise,
        which is that of sharp discs on pixels.
    max_steps : int
        Of the fit.
    dead : DataArray of bool, shape (ky, kx)
        Pixels that are left out, as of `find_dead_pixels`.
    dims : (str, str)
        The dimensions of the patterns; the last two reciprocal ones otherwise.

    Returns
    -------
    Dataset, shape (..., y, x)
        ``a_ky``, ``a_kx``, ``b_ky``, ``b_kx``, ``origin_ky``, ``origin_kx`` and ``radius``, each
        with ``_std``, and ``correlation_ab``, for `measure_strain`; ``reduced_chi_square`` of
        counts, 1 where the model is complete, NaN of other data; ``status``: 1 (max_steps), 2
        (singular), 4 (no data), 5 (invalid) where no disc of the lattice is on the detector, or
        the fit left it. NaN for the last three.

    Raises
    ------
    DataError
        `lattice` is none, or that of another scan or in other units, a width is not positive, or
        the patterns are not on a uniform grid in one unit.

    Notes
    -----
    Model: :math:`\sum_{hl} I_{hl} / (1 + e^{(|k - k_0 - h a - l b| - R) / w}) + B_0 + B_1 q^2 +
    B_2 q^4` over the sites whose discs are mostly on the detector, q from the origin at the
    start; as in the whole-pattern fits of [1]_. Gauss-Newton steps of all parameters together,
    no longer than half a pixel; weights are the inverse of what is expected where `data` are in
    counts, equal otherwise. Standard deviations are scaled by the scatter about the model: where
    discs have structure inside, they tell only how well this model fits.

    References
    ----------
    .. [1] B. H. Savitzky et al., *Microscopy and Microanalysis* 27, 712 (2021).

    Examples
    --------
    >>> import omniscopy as om
    >>> start = om.samples.nanobeam_lattice()
    >>> fitted = om.diffraction.fit_patterns(om.samples.nanobeam_4d(), start, radius=1.2)
    >>> round(float(fitted["radius"].mean()), 1)
    1.2
    """
    plane = require_plane(data, dims, kind="reciprocal", at_least=8)
    require_real(data)
    data = without_dead(data, dead, plane)
    steps = [abs(require_uniform(data, dim)) for dim in plane]
    units = {units_of(data, dim) for dim in plane}
    if len(units) > 1:
        message = f"coordinates {plane} must have the same units, got {sorted(map(str, units))}"
        raise DataError(message)
    if not isinstance(lattice, xr.Dataset) or not {*_PLACES} <= {*lattice.data_vars}:
        message = f"expected a lattice with {_PLACES}, such as `fit_lattice` returns"
        raise DataError(message)
    unit, own = units.pop(), lattice["a_ky"].attrs.get("units")
    if own not in (None, unit):
        message = f"the lattice is in {own!r}, the patterns are in {unit!r}; convert one of them"
        raise DataError(message)
    strange = {*lattice["a_ky"].dims} - ({*data.dims} - {*plane})
    if strange:
        message = f"the lattice has dimensions {sorted(map(str, strange))}, the scan has not"
        raise DataError(message)
    other = {d: n for d, n in lattice["a_ky"].sizes.items() if n != data.sizes[d]}
    if other:
        message = (
            f"the lattice has {other} points, the scan { ({d: data.sizes[d] for d in other}) }"
        )
        raise DataError(message)
    require_same_direction(lattice["a_ky"], data, what="the lattice")
    width = max(steps) / 3 if edge is None else edge
    if not (radius > 0 and width > 0 and max_steps >= 1):
        message = (
            f"radius, edge and max_steps must be positive, got {radius!r}, {edge!r}, {max_steps!r}"
        )
        raise DataError(message)
    axes = [np.asarray(data[dim].values, np.float64) for dim in plane]
    grid = Grid(axes[0], axes[1], float(width), max(steps), data.attrs.get("units") in COUNTS)
    also = [lattice[name].drop_vars([*lattice[name].coords]).drop_attrs() for name in _PLACES]
    made = map_signal(
        _fit, data, dim=plane, also=also, output_dims=[{}] * 17,
        dtypes=[np.float64] * 16 + [np.uint8],
        parameters={"grid": grid, "radius": float(radius), "max_steps": max_steps},
    )  # fmt: skip
    names = (*_SHAPE, *(f"{name}_std" for name in _SHAPE))
    return result(
        None, **{name: (values, unit) for name, values in zip(names, made, strict=False)},
        correlation_ab=(made[14], "1"), reduced_chi_square=(made[15], "1"),
        status=(made[16], None),
    )  # fmt: skip


def _fit(
    patterns: np.ndarray, *places: Floats, grid: Grid, radius: float, max_steps: int
) -> tuple[np.ndarray, ...]:
    """Return parameters, their deviations, correlation, chi square and status of every pattern."""
    shape = patterns.shape[:-2]
    values = np.full((16, *shape), np.nan)
    status = np.full(shape, int(Status.NO_DATA), np.uint8)
    starts = np.stack([np.broadcast_to(each, shape) for each in places], axis=-1)
    indices = list(np.ndindex(*shape))

    def work(n: int) -> None:
        index = indices[n]
        start = np.append(starts[index], radius)
        pattern = np.asarray(patterns[index], np.float64)
        known = np.isfinite(start).all() and np.isfinite(pattern).any()
        if not (known and np.nanmax(pattern) > np.nanmin(pattern)):
            return
        found, status[index] = fit_one(pattern, start, grid, max_steps)
        values[(slice(None), *index)] = found

    with native_threads_held():  # threads work on patterns, not on the products of one
        share_work(work, range(len(indices)), title="Whole patterns")
    return (*values, status)


def sites_of(shape: Floats, grid: Grid) -> Floats:
    """Return the indices (h, l) of the sites whose discs are half on the detector, or more."""
    margin = 0.5 * shape[6] * np.array([-1.0, 1.0])
    ends = [np.sort(axis[[0, -1]]) + margin for axis in (grid.ky, grid.kx)]
    corners = np.stack(np.meshgrid(*ends, indexing="ij"), -1).reshape(-1, 2)
    vectors = shape[:4].reshape(2, 2)
    reach = np.abs((corners - shape[4:6]) @ np.linalg.inv(vectors)).max(axis=0)
    rows = [np.arange(-int(n), int(n) + 1) for n in np.minimum(reach, 50)]
    every = np.stack(np.meshgrid(*rows, indexing="ij"), -1).reshape(-1, 2)
    at = shape[4:6] + every @ vectors
    inside = np.all([(at[:, n] >= ends[n][0]) & (at[:, n] <= ends[n][1]) for n in (0, 1)], axis=0)
    order = np.argsort((every[inside] ** 2).sum(axis=1), kind="stable")
    return np.asarray(every[inside][order][:_SITES], np.float64)


def columns_of(shape: Floats, sites: Floats, grid: Grid) -> tuple[Floats, Floats]:
    """Return the discs of a lattice, (sites, H, W), and how each changes along ky, kx and R."""
    size = (len(sites), grid.ky.size, grid.kx.size)
    discs, slopes = np.zeros(size), np.zeros((3, *size))
    far = shape[6] + _REACH * grid.edge
    for n, at in enumerate(shape[4:6] + sites @ shape[:4].reshape(2, 2)):
        rows, columns = (
            np.flatnonzero(np.abs(axis - middle) <= far)
            for axis, middle in zip((grid.ky, grid.kx), at, strict=True)
        )
        if not rows.size or not columns.size:
            continue
        part = np.s_[n, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        dy, dx = grid.ky[part[1], None] - at[0], grid.kx[part[2]] - at[1]
        away = np.hypot(dy, dx)
        disc = 1.0 / (1.0 + np.exp(np.clip((away - shape[6]) / grid.edge, -50.0, 50.0)))
        steep = disc * (1.0 - disc) / grid.edge
        discs[part] = disc
        along = steep / np.maximum(away, 1e-12 * grid.pixel)
        for which, slope in enumerate((along * dy, along * dx, steep)):
            slopes[(which, *part)] = slope
    return discs, slopes


def fit_one(
    pattern: Floats, start: Floats, grid: Grid, max_steps: int
) -> tuple[Floats, int]:  # fmt: skip
    """Return the 7 parameters, their deviations, correlation, chi square; and the status."""
    shape, nothing = start.copy(), np.full(16, np.nan)
    try:
        sites = sites_of(shape, grid)
    except np.linalg.LinAlgError:
        return nothing, int(Status.SINGULAR)
    if not len(sites):  # no disc of this lattice is on the detector
        return nothing, int(Status.INVALID)
    square = (grid.ky[:, None] - start[4]) ** 2 + (grid.kx - start[5]) ** 2
    square = (square / square.max()).ravel()
    level = np.stack([np.ones_like(square), square, square**2])
    values = pattern.ravel()
    known = np.isfinite(values)
    mean = float(values[known].mean())
    values = np.where(known, values, 0.0)
    weights = known.astype(np.float64)
    if grid.counted:
        weights = known / (np.maximum(values, 0.0) + max(1.0, _FLOOR * mean))
    status = int(Status.MAX_STEPS)
    for _ in range(max_steps):
        fitted = _step(values, weights, shape, sites, grid, level)
        if fitted is None:
            return nothing, int(Status.SINGULAR)
        step, model, covariance = fitted
        longest = np.abs(step).max()
        shape = shape + step * min(1.0, 0.5 * grid.pixel / max(longest, 1e-300))
        low, high = np.sort(grid.ky[[0, -1]]), np.sort(grid.kx[[0, -1]])
        there = low[0] <= shape[4] <= low[1] and high[0] <= shape[5] <= high[1]
        if not (there and 0.2 * start[6] < shape[6] < 5.0 * start[6]):
            return nothing, int(Status.INVALID)
        if grid.counted:
            weights = known / np.maximum(model, _FLOOR * mean)
        if longest < 1e-4 * grid.pixel:
            status = int(Status.CONVERGED)
            break
    free = max(int(known.sum()) - len(sites) - len(level) - 7, 1)
    chi = float((weights * (values - model) ** 2).sum() / free)
    if not (np.diag(covariance) > 0.0).all():
        return nothing, int(Status.SINGULAR)
    spread = np.sqrt(np.diag(covariance) * chi)
    pairs = [covariance[n, n + 2] / np.sqrt(covariance[n, n] * covariance[n + 2, n + 2])
             for n in (0, 1)]  # fmt: skip
    told = chi if grid.counted else np.nan
    return np.concatenate([shape, spread, [np.mean(pairs), told]]), status


def _step(  # noqa: PLR0917 - a linear problem and what it is of
    values: Floats, weights: Floats, shape: Floats, sites: Floats, grid: Grid, level: Floats
) -> tuple[Floats, Floats, Any] | None:
    """Return a step of the lattice, the model before it, and the covariance of the lattice."""
    discs, slopes = columns_of(shape, sites, grid)
    flat = discs.reshape(len(sites), -1)
    # Where a pattern moved, a disc may have left the detector, or what is known of it.
    there = (flat * (weights > 0)).any(axis=1)
    linear = np.concatenate([flat[there], level])
    bright = _solved(linear, weights, values)
    if bright is None:
        return None
    model = bright @ linear
    intensity = np.zeros(len(sites))
    intensity[there] = bright[: -len(level)]
    shares = np.stack([sites[:, 0], sites[:, 1], np.ones(len(sites))]) * intensity
    along_y, along_x = (shares @ slope.reshape(len(sites), -1) for slope in slopes[:2])
    turns = [along_y[0], along_x[0], along_y[1], along_x[1], along_y[2], along_x[2],
             intensity @ slopes[2].reshape(len(sites), -1)]  # fmt: skip
    every = np.concatenate([np.stack(turns), linear])
    # Scaled, as lengths and counts differ by orders of magnitude.
    scale = np.sqrt(np.maximum((weights * every**2).sum(axis=1), 0.0))
    if not (scale > 0).all():
        return None
    scaled = every / scale[:, None]
    normal = (scaled * weights) @ scaled.T
    try:
        inverse = np.linalg.inv(normal)
    except np.linalg.LinAlgError:
        return None
    step = (inverse @ (scaled @ (weights * (values - model)))) / scale
    if not np.isfinite(step).all():
        return None
    return step[:7], model, (inverse / np.outer(scale, scale))[:7, :7]


def _solved(linear: Floats, weights: Floats, values: Floats) -> Floats | None:
    try:
        return np.asarray(
            np.linalg.solve((linear * weights) @ linear.T, linear @ (weights * values))
        )
    except np.linalg.LinAlgError:
        return None
