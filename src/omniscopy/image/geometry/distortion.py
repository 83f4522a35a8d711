"""Distortions of images and patterns: measured on rings, taken out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.geometry.planes import in_units, pixel_of, require_any_plane, sampled
from omniscopy.image.topography import directions_of, like, steps_of
from omniscopy.model import (
    DataError,
    Status,
    coordinate,
    operation,
    require_uniform,
    result,
    units_of,
)
from omniscopy.signal.precision import single_or_double

_DIRECTIONS = 180
_STEPS = 30
# Residuals beyond this many standard deviations count less and less (Tukey's bisquare).
_FAR = 4.685
_PER_MEDIAN = 1.4826


@operation(example={"image": "distorted_rings", "radius_range": (3.0, 5.0)})
def measure_distortion(
    image: xr.DataArray,
    radius_range: tuple[float, float],
    *,
    centre: tuple[float, float] | None = None,
    orders: Sequence[int] = (2, 3, 4),
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Measure how far a ring of every image or pattern is from a circle.

    Parameters
    ----------
    image : DataArray, shape (..., y, x) or (..., ky, kx), any units
        A pattern with rings, or a power spectrum, on a uniform grid; both coordinates in the
        same units.
    radius_range : (low, high), units of the coordinates
        Where the ring lies, in all directions; the brightest ridge in there is taken.
    centre : (y, x), units of the coordinates
        About where the rings have their middle, which is found too; that of the image otherwise.
    orders : sequence of int
        Angular orders of the distortion, from 2 on: 2 is an ellipse.
    dims : (str, str)
        The dimensions of the images; the last two spatial, or reciprocal, ones otherwise.

    Returns
    -------
    Dataset, shape (...)
        ``y`` and ``x`` (as the dimensions are called) of the middle, and ``radius``; ``cosine``
        and ``sine`` (..., order), the parts of the radius
        :math:`r(\varphi) = r_0 (1 + \sum_n c_n \cos n \varphi + s_n \sin n \varphi)`, with phi
        from +x towards +y; ``amplitude`` of both, each with ``_std``; ``direction``, where
        the radius is largest, in degrees; ``axis_ratio`` of the ellipse where there is order
        2; ``residual``, the scatter of the ridge about that; ``status``: 4 (no data) where the
        ridge is seen in too few directions.

    Raises
    ------
    DataError
        The range is not (low, high) or is narrower than 4 pixels, an order is below 2 or comes
        twice, or the units of the coordinates differ.

    Notes
    -----
    The ridge is followed in 180 directions, by parabolas through the highest of values smoothed
    over a pixel. Its radii are fitted by least squares with weights of Tukey's bisquare, and the
    middle is moved until the first order is gone. Orders differ little from their first powers:
    the ratio of axes is :math:`(1 + a_2) / (1 - a_2)`.

    The bisquare is that of [1]_.

    References
    ----------
    .. [1] A. E. Beaton, J. W. Tukey, *Technometrics* 16, 147 (1974).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.image.measure_distortion(om.samples.distorted_rings(), (3.0, 5.0))
    >>> round(float(found["axis_ratio"]), 2)
    1.06
    """
    dims = require_any_plane(image, dims, at_least=8)
    if units_of(image, dims[0]) != units_of(image, dims[1]):
        message = f"coordinates {dims} must have the same units; convert one with `convert_units`"
        raise DataError(message)
    low, high = radius_range
    steps = steps_of(image, dims)
    if not (0 < low < high and high - low >= 4 * min(steps)):
        message = (
            f"radius_range {radius_range} must be (low, high), at least 4 pixels of "
            f"{min(steps):.4g} apart"
        )
        raise DataError(message)
    kept = tuple(int(order) for order in orders)
    if not kept or min(kept) < 2 or len(set(kept)) < len(kept):
        message = f"orders must be different whole numbers from 2 on, got {orders!r}"
        raise DataError(message)
    start = ((image.sizes[dims[0]] - 1) / 2, (image.sizes[dims[1]] - 1) / 2)
    if centre is not None:
        start = pixel_of(image, dims, centre)
    down, right = np.array(steps) * directions_of(image, dims)
    ring = _Ring((down, right), (float(low), float(high)), start, kept)
    single: dict[str, int] = {}
    several = {"order": len(kept)}
    found = map_signal(
        ring.run, image, dim=dims, output_dims=[single] * 6 + [several] * 4 + [single] * 2,
        dtypes=[np.float64] * 11 + [np.uint8],
    )  # fmt: skip
    row, column, radius, row_std, column_std, radius_std = found[:6]
    cosine, sine, cosine_std, sine_std = (
        each.assign_coords(order=coordinate("order", kept, "1", kind="parameter", quantity="order"))
        for each in found[6:10]
    )
    units = units_of(image, dims[0])
    own = [require_uniform(image, dim) for dim in dims]
    amplitude = (cosine**2 + sine**2) ** 0.5
    safe = amplitude.where(amplitude > 0)
    amplitude_std = ((cosine * cosine_std) ** 2 + (sine * sine_std) ** 2) ** 0.5 / safe
    turned = xr.apply_ufunc(np.arctan2, sine, cosine, dask="allowed")
    variables = {
        dims[0]: (float(image[dims[0]][0]) + own[0] * row, units),
        f"{dims[0]}_std": (abs(own[0]) * row_std, units),
        dims[1]: (float(image[dims[1]][0]) + own[1] * column, units),
        f"{dims[1]}_std": (abs(own[1]) * column_std, units),
        "radius": (radius, units), "radius_std": (radius_std, units),
        "cosine": (cosine, "1"), "cosine_std": (cosine_std, "1"),
        "sine": (sine, "1"), "sine_std": (sine_std, "1"),
        "amplitude": (amplitude, "1"), "amplitude_std": (amplitude_std, "1"),
        "direction": (np.degrees(1.0) * turned / turned["order"], "deg"),
        "residual": (found[10], units), "status": (found[11], "1"),
    }  # fmt: skip
    if 2 in kept:
        ellipse, spread = (each.sel(order=2, drop=True) for each in (amplitude, amplitude_std))
        variables["axis_ratio"] = ((1 + ellipse) / (1 - ellipse), "1")
        variables["axis_ratio_std"] = (2 * spread / (1 - ellipse) ** 2, "1")
    return result(None, **variables)


@operation(example={"image": "distorted_rings", "distortion": "ring_distortion"})
def undistort(
    image: xr.DataArray,
    distortion: xr.Dataset,
    *,
    order: int = 1,
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Resample every image without a distortion that was measured.

    Parameters
    ----------
    image : DataArray, shape (..., y, x) or (..., ky, kx), any units
        Lazy or in memory, on a uniform grid.
    distortion : Dataset
        What `measure_distortion` returned; or a table of points along one dimension, ``y`` and
        ``x`` where they are in the image, ``ideal_y`` and ``ideal_x`` where they belong.
    order : int
        Of the splines between pixels: 1 linear, 3 cubic.
    dims : (str, str)
        The dimensions of the images; the last two spatial, or reciprocal, ones otherwise.

    Returns
    -------
    DataArray, shape and units of `image`
        NaN where something beyond the edges, or a missing pixel, belongs.

    Raises
    ------
    DataError
        `distortion` is neither, or has fewer than 3 points that are not on a line.

    Notes
    -----
    At :math:`(r, \varphi)` from the middle of the rings stands what is at
    :math:`r (1 + \sum_n c_n \cos n \varphi + s_n \sin n \varphi)`. Between points their shifts,
    apart from an affine transformation fitted to all, are interpolated within the triangles of
    Delaunay, which is affine in each; outside of all of them the nearest one counts. Values are
    interpolated, not spread: the sum over pixels is not kept.

    Examples
    --------
    >>> import omniscopy as om
    >>> rings = om.samples.distorted_rings()
    >>> round = om.image.undistort(rings, om.image.measure_distortion(rings, (3.0, 5.0)))
    >>> round.sizes == rings.sizes
    True
    """
    dims = require_any_plane(image, dims)
    if order not in range(6):
        message = f"order must be 0 to 5, got {order!r}"
        raise DataError(message)
    kind = np.dtype(single_or_double(image.dtype))
    names = [*dims, "cosine", "sine"]
    points = [*dims, *(f"ideal_{dim}" for dim in dims)]
    if not isinstance(distortion, xr.Dataset) or not (
        {*names} <= {*distortion.variables} or {*points} <= {*distortion.variables}
    ):
        message = (
            f"distortion must be a Dataset of {names} from `measure_distortion`, or of points "
            f"{points}"
        )
        raise DataError(message)
    starts = [float(image[dim][0]) for dim in dims]
    own = [require_uniform(image, dim) for dim in dims]
    down, right = np.array(steps_of(image, dims)) * directions_of(image, dims)
    grid = _Grid((down, right), (starts[0], starts[1]), (own[0], own[1]), order, kind)
    if "cosine" in distortion:
        also = [in_units(distortion[dim], units_of(image, dim)) for dim in dims]
        also += [distortion["cosine"], distortion["sine"]]
        also = [each.drop_vars("order", errors="ignore") for each in also]
        orders = tuple(int(each) for each in np.atleast_1d(distortion["order"].values))
        function: Callable[..., np.ndarray] = grid.without_orders
        parameters: dict[str, Any] = {"orders": orders}
        whole = ["order"]
    else:
        also = [
            in_units(distortion[name], units_of(image, dim))
            for name, dim in zip(points, (*dims, *dims), strict=True)
        ]
        (along,) = {str(dim) for dim in also[0].dims} - {str(dim) for dim in image.dims} or {""}
        if not all(along in each.dims for each in also):
            message = f"the points {points} must all lie along one dimension, as 'atom'"
            raise DataError(message)
        also = [each.drop_vars(list(each.coords)) for each in also]
        function, parameters, whole = grid.without_shifts, {}, [along]
    (made,) = map_signal(
        function, image, dim=dims, also=also, whole=whole, dtypes=[kind],
        output_dims=[{dim: image.sizes[dim] for dim in dims}], parameters=parameters,
    )  # fmt: skip
    kept = {name: each for name, each in image.coords.items() if {*each.dims} <= {*made.dims}}
    return like(made.assign_coords(kept).transpose(..., *dims), image)


@dataclass(frozen=True)
class _Ring:
    """Where a ring is looked for, in units of the rows, and what it may be like.

    Steps are negative where a coordinate falls: angles are those of the coordinates.
    """

    steps: tuple[float, float]
    radii: tuple[float, float]
    start: tuple[float, float]
    orders: tuple[int, ...]

    def run(self, block: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return middle, radius, parts, residual and status of the ring of each image."""
        outer = block.shape[:-2]
        count = 3 + 2 * len(self.orders)
        found, spread = np.full((2, *outer, count), np.nan)
        residual = np.full(outer, np.nan)
        status = np.full(outer, Status.NO_DATA, dtype=np.uint8)
        for place in np.ndindex(*outer):
            values = np.asarray(block[place], dtype=np.float64)
            fitted = self.fitted(values) if np.isfinite(values).any() else None
            if fitted is not None:
                found[place], spread[place], residual[place], status[place] = fitted
        parts = [found[..., 3::2], found[..., 4::2], spread[..., 3::2], spread[..., 4::2]]
        ends = [each[..., n] for each in (found, spread) for n in range(3)]
        return (*ends, *parts, residual, status)

    def fitted(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, float, int] | None:
        """Return (row, column, radius, parts ...), their spread, the residual, and the status."""
        angles = 2 * np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS
        at = np.array(self.start)
        status: int = Status.MAX_STEPS
        for _ in range(_STEPS):
            ridge = self.ridge(values, at, angles)
            there = np.isfinite(ridge)
            terms = [np.ones_like(angles), np.sin(angles), np.cos(angles)]
            for order in self.orders:
                terms += [np.cos(order * angles), np.sin(order * angles)]
            design = np.stack(terms, axis=1)[there]
            if there.sum() < max(_DIRECTIONS // 3, 2 * design.shape[1]):
                return None
            fit, covariance, residual = _robust(design, ridge[there])
            moved = fit[1:3] / self.steps
            if np.hypot(*moved) > 0.5 * self.radii[1] / min(map(abs, self.steps)):
                return None
            at = at + moved
            if np.hypot(*moved) < 1e-4:
                status = Status.CONVERGED
                break
        radius = fit[0]
        spread = np.sqrt(np.diag(covariance))
        scale = np.concatenate([1 / np.abs(self.steps), [1.0], np.full(len(fit) - 3, 1 / radius)])
        places = [1, 2, 0, *range(3, len(fit))]
        found = np.concatenate([at, [radius], fit[3:] / radius])
        return found, spread[places] * scale, residual, status

    def ridge(self, values: np.ndarray, at: np.ndarray, angles: np.ndarray) -> np.ndarray:
        """Return the radius of the highest value in each direction, NaN where there is none."""
        from scipy.ndimage import gaussian_filter1d

        step = min(map(abs, self.steps)) / 2
        radii = np.arange(self.radii[0], self.radii[1] + step / 2, step)
        pixels = np.stack([
            at[0] + radii * np.sin(angles)[:, None] / self.steps[0],
            at[1] + radii * np.cos(angles)[:, None] / self.steps[1],
        ])  # fmt: skip
        lines = gaussian_filter1d(sampled(values, pixels, 3), 2.0, axis=1, mode="nearest")
        known = np.isfinite(lines).all(axis=1)
        lines = np.where(known[:, None], lines, 0.0)
        top = lines.argmax(axis=1)
        inner = known & (top > 0) & (top < len(radii) - 1)
        row, top = np.arange(len(lines)), np.clip(top, 1, len(radii) - 2)
        before, here, after = lines[row, top - 1], lines[row, top], lines[row, top + 1]
        bend = before - 2 * here + after
        inner &= bend < 0
        away = 0.5 * (before - after) / np.where(inner, bend, -1.0)
        return np.where(inner, radii[top] + step * away, np.nan)


def _robust(design: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return a fit by bisquare weights, its covariance and the scatter of the residuals."""
    weight = np.ones(len(values))
    scatter = 0.0
    fit = np.zeros(design.shape[1])
    for _ in range(10):
        root = np.sqrt(weight)
        fit = np.linalg.lstsq(root[:, None] * design, root * values, rcond=None)[0]
        away = values - design @ fit
        scatter = _PER_MEDIAN * float(np.median(np.abs(away)))
        if scatter <= 1e-12 * abs(fit[0]):
            break
        weight = np.clip(1 - (away / (_FAR * scatter)) ** 2, 0.0, None) ** 2
    inverse = np.linalg.pinv(design.T @ (weight[:, None] * design), hermitian=True)
    free = max(weight.sum() - design.shape[1], 1.0)
    variance = float((weight * (values - design @ fit) ** 2).sum() / free)
    return fit, variance * inverse, float(np.sqrt(variance))


@dataclass(frozen=True)
class _Grid:
    """The pixels of an image: steps in units of the rows, and coordinates of both axes.

    Steps are negative where a coordinate falls.
    """

    steps: tuple[float, float]
    starts: tuple[float, float]
    own: tuple[float, float]
    order: int
    kind: np.dtype

    def without_orders(
        self, block: np.ndarray, row: np.ndarray, column: np.ndarray, cosine: np.ndarray,
        sine: np.ndarray, *, orders: tuple[int, ...],
    ) -> np.ndarray:  # fmt: skip
        """Return images resampled along lines from the middle of their rings."""
        outer = block.shape[:-2]
        middles = np.broadcast_to(np.stack(np.broadcast_arrays(row, column), -1), (*outer, 2))
        parts = np.broadcast_to(
            np.stack(np.broadcast_arrays(cosine, sine), -1), (*outer, len(orders), 2)
        )
        made = np.full(block.shape, np.nan, dtype=self.kind)
        for place in np.ndindex(*outer):
            at = (middles[place] - self.starts) / self.own
            if not (np.isfinite(at).all() and np.isfinite(parts[place]).all()):
                continue
            y, x = ((np.arange(n) - a) * s
                    for n, a, s in zip(block.shape[-2:], at, self.steps, strict=True))  # fmt: skip
            angle = np.arctan2(y[:, None], x)
            scale = np.ones(angle.shape)
            for order, (c, s) in zip(orders, parts[place], strict=True):
                scale += c * np.cos(order * angle) + s * np.sin(order * angle)
            pixels = np.stack([
                at[0] + scale * y[:, None] / self.steps[0], at[1] + scale * x / self.steps[1]
            ])  # fmt: skip
            made[place] = sampled(np.asarray(block[place], np.float64), pixels, self.order)
        return made

    def without_shifts(
        self, block: np.ndarray, row: np.ndarray, column: np.ndarray, ideal_row: np.ndarray,
        ideal_column: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        """Return images resampled so that points are where they belong."""
        outer = block.shape[:-2]
        table = np.stack(np.broadcast_arrays(row, column, ideal_row, ideal_column), axis=-1)
        table = np.broadcast_to(table, (*outer, *table.shape[-2:]))
        made = np.full(block.shape, np.nan, dtype=self.kind)
        for place in np.ndindex(*outer):
            points = table[place][np.isfinite(table[place]).all(axis=-1)]
            pixels = (points - np.tile(self.starts, 2)) / np.tile(self.own, 2)
            wanted = displaced(pixels[:, :2], pixels[:, 2:], block.shape[-2:])
            if wanted is not None:
                made[place] = sampled(np.asarray(block[place], np.float64), wanted, self.order)
        return made


def displaced(found: np.ndarray, ideal: np.ndarray, shape: Sequence[int]) -> np.ndarray | None:
    """Return where in an image each pixel comes from, shape (2, y, x); points are in pixels."""
    from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator
    from scipy.spatial import QhullError

    design = np.column_stack([np.ones(len(ideal)), ideal])
    if len(ideal) < 3 or np.linalg.matrix_rank(design) < 3:
        return None
    affine = np.linalg.lstsq(design, found, rcond=None)[0]
    rest = found - design @ affine
    y, x = (part.astype(np.float64) for part in np.mgrid[: shape[0], : shape[1]])
    try:
        shift = LinearNDInterpolator(ideal, rest)(y, x)
    except QhullError:
        return None
    outside = np.isnan(shift[..., 0])
    if outside.any():
        shift[outside] = NearestNDInterpolator(ideal, rest)(y[outside], x[outside])
    whole = affine[0] + y[..., None] * affine[1] + x[..., None] * affine[2] + shift
    return np.moveaxis(whole, -1, 0)
