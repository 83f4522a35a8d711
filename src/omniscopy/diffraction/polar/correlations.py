"""Which directions of a pattern are alike: angular correlations and their symmetries."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.diffraction.detectors import Centre
from omniscopy.diffraction.polar.transform import transform_polar
from omniscopy.model import DataError, coordinate, operation, result


@operation(example={"data": "nanobeam_4d", "angle_step": 6.0, "centre": (0.15, -0.25)})
def measure_angular_correlation(  # noqa: PLR0913 - those of a transform, and the orders
    data: xr.DataArray,
    *,
    centre: Centre = "auto",
    centres: xr.Dataset | None = None,
    distortion: xr.Dataset | None = None,
    radius_step: float | None = None,
    angle_step: float = 2.0,
    outer: float | None = None,
    orders: int = 12,
    dead: xr.DataArray | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Measure how alike every pattern is to itself turned around its middle.

    Parameters
    ----------
    data : DataArray, shape (..., ky, kx)
        Lazy or in memory, on a uniform grid.
    centre : (ky, kx) or "auto", units of the coordinates
        The middle; "auto" for that of the disc in the mean pattern.
    centres : Dataset, shape (y, x) or less
        Where it is at each position, when the centre is "auto".
    distortion : Dataset
        What `image.measure_distortion` found on a ring.
    radius_step : float, units of the coordinates
        A pixel otherwise.
    angle_step : float, degrees
        A whole number of them makes a turn.
    outer : float, units of the coordinates
        The largest radius; half of the longer side of the patterns otherwise.
    orders : int
        Of symmetry, from 1 up to this.
    dead : DataArray of bool, shape (ky, kx)
        Pixels that are left out, as of `find_dead_pixels`.
    dims : (str, str)
        The dimensions of the patterns; the last two reciprocal ones otherwise.

    Returns
    -------
    Dataset, shape (..., k, angle) and (..., k, order)
        ``correlation``, a pure number: 0 for a ring that is even, or for directions that know
        nothing of each other. ``power`` of each order: what rings of such a symmetry add to the
        correlation at no angle, which is the sum of all orders. NaN where a ring holds nothing,
        or less than half of it is on the detector.

    Raises
    ------
    DataError
        As of `transform_polar`; `orders` are none, or more than the angles tell apart.

    Notes
    -----
    :math:`C(k, \Delta) = \langle I(k, \varphi) I(k, \varphi + \Delta) \rangle_\varphi /
    \langle I(k, \varphi) \rangle_\varphi^2 - 1` [1]_, over pairs that are both known, and the
    coefficients of :math:`\cos n \Delta` in it. Noise of counts of mean :math:`\langle I \rangle`
    adds :math:`1 / \langle I \rangle` at no angle, and as much in parts to all orders. Order 2 is
    large in all patterns of thin samples, as these are alike on both sides.

    References
    ----------
    .. [1] P. Wochner et al., *Proceedings of the National Academy of Sciences* 106, 11511 (2009).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.diffraction.measure_angular_correlation(
    ...     om.samples.nanobeam_4d(), angle_step=6.0, orders=6
    ... )
    >>> found["power"].dims
    ('y', 'x', 'k', 'order')
    """
    polar = transform_polar(
        data, centre=centre, centres=centres, distortion=distortion, radius_step=radius_step,
        angle_step=angle_step, outer=outer, dead=dead, dims=dims,
    )  # fmt: skip
    most = (polar.sizes["angle"] - 1) // 2
    if not 1 <= orders <= most:
        message = f"orders must be from 1 to {most} with this angle_step, got {orders!r}"
        raise DataError(message)

    def correlated(rings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        made = _correlation(rings)
        power = 2 * np.fft.rfft(made, axis=-1).real[..., 1 : orders + 1] / made.shape[-1]
        return made, power

    sizes = [{"angle": polar.sizes["angle"]}, {"order": orders}]
    correlation, power = map_signal(correlated, polar, dim="angle", output_dims=sizes)
    order = coordinate("order", np.arange(1, orders + 1), "1", kind="parameter", quantity="order")
    return result(
        None,
        correlation=(correlation.assign_coords(angle=polar["angle"]), "1"),
        power=(power.assign_coords(order=order), "1"),
    )


def _correlation(rings: np.ndarray) -> np.ndarray:
    """Return correlations along the last axis, a turn of each ring, over what is known."""
    known = np.isfinite(rings)
    there = known.astype(np.float64)
    count = there.sum(axis=-1, keepdims=True)
    mean = np.where(known, rings, 0.0).sum(axis=-1, keepdims=True) / np.maximum(count, 1)
    usable = (2 * count >= rings.shape[-1]) & (mean > 0)
    # Of values about their mean, where pairs are missing, less is left of what is not there.
    around = np.where(known, rings - mean, 0.0)
    pairs, products = (
        np.fft.irfft(np.abs(np.fft.rfft(each, axis=-1)) ** 2, rings.shape[-1], axis=-1)
        for each in (there, around)
    )
    made = products / np.maximum(pairs, 1.0) / np.where(usable, mean, 1.0) ** 2
    return np.asarray(np.where(usable & (pairs > 0.5), made, np.nan))
