"""How long speckles of a pattern stay as they are: correlations of intensities in time."""

from typing import Any

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.diffraction.dead import without_dead
from omniscopy.diffraction.detectors import Centre
from omniscopy.diffraction.reductions.reading import places_of
from omniscopy.model import (
    DataError,
    coordinate,
    operation,
    require_dim,
    require_plane,
    require_real,
    require_uniform,
    result,
    units_of,
)


@operation(example={"data": "nanobeam_4d", "dim": "x", "step": 0.5, "centre": (0.15, -0.25)})
def measure_time_correlation(
    data: xr.DataArray,
    *,
    dim: str = "time",
    step: float | None = None,
    outer: float | None = None,
    longest: float | None = None,
    centre: Centre = "auto",
    dead: xr.DataArray | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Measure how alike the speckles of patterns are to those some time later.

    Parameters
    ----------
    data : DataArray, shape (..., time, ky, kx)
        Lazy or in memory; frames at equal intervals, at least 4.
    dim : str
        The dimension of the frames.
    step : float, units of the coordinates
        Width of a ring; that of a pixel otherwise (the larger side).
    outer : float, units of the coordinates
        Where the last ring ends, at the latest; half the diagonal of the patterns otherwise.
    longest : float, units of `dim`
        The longest lag; half of the series otherwise.
    centre : (ky, kx) or "auto", units of the coordinates
        Where the rings are; "auto" for the middle of the disc in the mean pattern.
    dead : DataArray of bool, shape (ky, kx)
        Pixels that are left out, as of `find_dead_pixels`.
    dims : (str, str)
        The dimensions of the patterns; the last two reciprocal ones otherwise.

    Returns
    -------
    Dataset, shape (..., lag, k)
        ``correlation``, a pure number: 1 for frames that know nothing of each other, more for
        speckles that stay; and ``correlation_std`` from the scatter of the pixels of a ring. NaN
        where a ring holds no pixel that is known in all frames, or nothing was counted.

    Raises
    ------
    DataError
        There are fewer than 4 frames, they are not at equal intervals, the longest lag is none of
        theirs, or there is no plane of reciprocal dimensions in the same units.

    Notes
    -----
    :math:`g_2(k, \tau) = \sum_p \langle I_p(t) I_p(t + \tau) \rangle_t / \sum_p \langle
    I_p(t) \rangle_t \langle I_p(t + \tau) \rangle_t` [1]_ over the pixels p of a ring, each mean
    over the frames of its pairs alone. Noise of counts adds nothing, as it differs from frame to
    frame. What varies more slowly than the series is long is lost, and lowers the curve: for a
    decay in :math:`\tau_0` by about :math:`2 \tau_0 / T` of its height. Pixels count as
    independent; where speckles are larger than a pixel, the deviation is too small by the root of
    their pixels. `signal.fit_model` along ``lag`` gives times of decay.

    References
    ----------
    .. [1] M. Sutton, *Comptes Rendus Physique* 9, 657 (2008), section 2.

    Examples
    --------
    >>> import omniscopy as om
    >>> patterns = om.samples.nanobeam_4d()
    >>> found = om.diffraction.measure_time_correlation(patterns, dim="x", step=0.5)
    >>> found["correlation"].dims
    ('y', 'lag', 'k')
    """
    plane = require_plane(data, dims, kind="reciprocal", at_least=1)
    require_real(data)
    data = without_dead(data, dead, plane)
    require_dim(data, dim)
    if dim in plane:
        message = f"frames are along another dimension than the patterns {plane}, got {dim!r}"
        raise DataError(message)
    frames = data.sizes[dim]
    if frames < 4:
        message = f"{frames} frames along {dim!r} are too few for a correlation; 4 are needed"
        raise DataError(message)
    interval = abs(require_uniform(data, dim))
    most = frames // 2 if longest is None else round(longest / interval)
    if not 1 <= most < frames:
        message = (
            f"the longest lag must be from {interval:g} to {interval * (frames - 1):g}, the "
            f"interval and the length of {dim!r}, got {longest!r}"
        )
        raise DataError(message)
    units = {units_of(data, each) for each in plane}
    if len(units) > 1:
        message = f"coordinates {plane} must have the same units, got {sorted(map(str, units))}"
        raise DataError(message)
    places = places_of(data, plane, over=[str(d) for d in data.dims if d not in plane])
    middle: Any = places.auto if centre == "auto" else [xr.DataArray(float(c)) for c in centre]
    axes = [axis.values for axis in places.axes]
    pixels = [float(np.abs(np.diff(axis)).mean()) if axis.size > 1 else 0.0 for axis in axes]
    width = step if step is not None else max(pixels) or 1.0
    reach = outer if outer is not None else float(np.hypot(*map(np.ptp, axes))) / 2 + width
    if not 0 < width <= reach:
        message = f"the width of a ring must be positive and within the last, got {step!r}"
        raise DataError(message)
    rings = int(reach / width + 1e-9)
    correlation, std = map_signal(
        _correlations, data, dim=(dim, *plane), output_dims=[{"lag": most, "k": rings}] * 2,
        parameters={"axes": axes, "width": width, "most": most, "rings": rings}, also=middle,
    )  # fmt: skip
    coords = {
        "lag": coordinate(
            "lag", interval * np.arange(1, most + 1), units_of(data, dim), kind="parameter",
            quantity="lag",
        ),
        "k": coordinate(
            "k", (np.arange(rings) + 0.5) * width, units.pop(), kind="reciprocal",
            quantity="reciprocal length",
        ),
    }  # fmt: skip
    return result(
        None,
        correlation=(correlation.assign_coords(coords), "1"),
        correlation_std=(std.assign_coords(coords), "1"),
    )


def _correlations(  # noqa: PLR0917 - patterns and their middle
    frames: np.ndarray, ky: np.ndarray, kx: np.ndarray, axes: list[np.ndarray], width: float,
    most: int, rings: int,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return correlations of frames, shape (..., time, H, W), and their standard deviations."""
    outer = frames.shape[:-3]
    found = np.full((2, *outer, most, rings), np.nan)
    middles = np.broadcast_arrays(ky, kx, np.empty(outer))
    for index in np.ndindex(*outer):
        away = np.hypot(axes[0][:, None] - middles[0][index], axes[1] - middles[1][index])
        if not np.isfinite(away).all():
            continue
        products, means = pairs_of_frames(frames[index], most)
        ring = np.minimum(away / width, rings).astype(np.intp)
        ring[~np.isfinite(means[0])] = rings
        inside = ring < rings
        number = ring[inside]
        count = np.bincount(number, minlength=rings)
        for lag in range(most):
            own, all_means = products[lag][inside], means[lag][inside]
            sums, norm = (np.bincount(number, each, minlength=rings) for each in (own, all_means))
            norm = np.where(norm > 0, norm, np.nan)
            g = sums / norm
            spread = np.bincount(number, (own - g[number] * all_means) ** 2, minlength=rings)
            free = np.where(count > 1, count / np.maximum(count - 1, 1), np.nan)
            found[0][index][lag] = g
            found[1][index][lag] = np.sqrt(spread * free) / norm
    return found[0], found[1]


def pairs_of_frames(frames: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return means of products of frames, shape (lag, H, W), and products of their means."""
    count, high, wide = frames.shape
    lags = np.arange(1, most + 1)
    products, means = np.empty((2, most, high, wide))
    pairs = (count - lags)[:, None]
    for y in range(high):
        row = frames[:, y].astype(np.float64)
        # What is not finite is no number in all lags of its pixel.
        row = np.where(np.isfinite(row), row, np.nan)
        power = np.abs(np.fft.rfft(row, 2 * count, axis=0)) ** 2
        products[:, y] = np.fft.irfft(power, 2 * count, axis=0)[lags] / pairs
        sums = np.cumsum(row, axis=0)
        first, last = sums[count - 1 - lags], sums[-1] - sums[lags - 1]
        means[:, y] = first * last / pairs**2
    return products, means
