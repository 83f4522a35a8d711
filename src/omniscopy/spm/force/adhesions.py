"""Attraction, dissipated energy and quality of force curves."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import DataError, Status, operation, require_units, result
from omniscopy.model.units import product
from omniscopy.physics.contact import ATTRACTION
from omniscopy.spm.force.axes import curve_axis, map_curves
from omniscopy.spm.force.baselines import fit_baseline, require_fraction
from omniscopy.spm.force.contacts import find_contact
from omniscopy.spm.force.curve_kernel import attractions


@operation(example={"data": "force_map"})
def measure_adhesion(
    data: xr.DataArray,
    *,
    dim: str | None = None,
    fraction: float = 0.3,
    radius: float | None = None,
) -> xr.Dataset:
    r"""Measure the largest attraction of every curve: pull-off of retracts, snap-in of approaches.

    Parameters
    ----------
    data : DataArray, shape (..., time), force
        Lazy or in memory, with the height of the base as coordinate ``z``.
    dim : str
        Dimension of the curves; that of ``z`` otherwise.
    fraction : float
        Of the travel, from its far end: what the baseline is fitted to.
    radius : float, m
        Of the tip, for the work of adhesion of data in N.

    Returns
    -------
    Dataset, shape (...)
        In units of `data` and of ``z``: ``adhesion`` (largest attraction, above 0),
        ``adhesion_std``, ``position`` (its height),
        ``work`` (the area of the curve below its baseline), ``work_std``; with a radius
        ``work_of_adhesion_dmt`` and ``work_of_adhesion_jkr`` [J/m²] with their deviations; and
        ``status``. Where nothing is 4.5 noises below the baseline, adhesion and work are 0.

    Raises
    ------
    DataError
        There is no height, or it is no length, or a radius is given for data that are no force.

    Notes
    -----
    The largest attraction is taken from a line through the 8 points from it towards the sample,
    so that the noise does not choose it. Deviations hold that of the baseline there. Works of
    adhesion are :math:`F / c \pi R` with :math:`c` 2 (DMT) and 3/2 (JKR).

    The two limits are those of [1]_ and [2]_.

    References
    ----------
    .. [1] B. V. Derjaguin, V. M. Muller, Y. P. Toporov, *J. Colloid Interface Sci.* 53, 314
       (1975).
    .. [2] K. L. Johnson, K. Kendall, A. D. Roberts, *Proc. R. Soc. A* 324, 301 (1971).
    """
    dim, height = curve_axis(data, "z", dim)
    require_fraction(fraction)
    adhesion, std, position, work, work_std, status = map_curves(
        attractions, data, height, dim, 6, float(fraction)
    )
    units, length = data.attrs.get("units"), height.attrs.get("units")
    energy = product((units, 1.0), (length, 1.0))
    named = {}
    if radius is not None:
        if not radius > 0:
            message = f"radius must be above 0 m, got {radius!r}"
            raise DataError(message)
        newton = require_units(data, "N", what="with a radius, force curves")
        for name, share in ATTRACTION.items():
            factor = newton / (share * np.pi * radius)
            named[f"work_of_adhesion_{name}"] = (adhesion * factor, "J/m^2")
            named[f"work_of_adhesion_{name}_std"] = (std * factor, "J/m^2")
    return result(
        {},
        adhesion=(adhesion, units),
        adhesion_std=(std, units),
        position=(position, length),
        work=(work, energy),
        work_std=(work_std, energy),
        **named,
        status=(status, "1"),
    )


@operation(example={"approach": "force_map", "retract": "force_map"})
def measure_hysteresis(
    approach: xr.DataArray, retract: xr.DataArray, *, dim: str | None = None
) -> xr.Dataset:
    r"""Measure the energy that is lost between approach and retract.

    Parameters
    ----------
    approach, retract : DataArray, shape (..., time), force
        Lazy or in memory, with the height of the base as coordinate ``z``, of the same range of
        heights and without their baselines.
    dim : str
        Dimension of the curves; that of ``z`` otherwise.

    Returns
    -------
    Dataset, shape (...)
        ``energy`` (:math:`\int F\, ds` there less back, above 0 where it is lost), ``loading``
        (there alone) and ``status``: ``no_data`` where either has no points.

    Raises
    ------
    DataError
        There is no height, or it is no length, or both have different units.

    Notes
    -----
    :math:`W = \int F_\mathrm{approach}\, ds - \int F_\mathrm{retract}\, ds` over the travel s of
    the base, by trapezia.
    """
    dim, height = curve_axis(approach, "z", dim)
    _, other = curve_axis(retract, "z", dim)
    if approach.attrs.get("units") != retract.attrs.get("units") or (
        height.attrs.get("units") != other.attrs.get("units")
    ):
        message = "approach and retract must have the same units; convert one of them"
        raise DataError(message)
    (there,) = map_signal(_area, approach, dim=dim, also=[height])
    (back,) = map_signal(_area, retract, dim=dim, also=[other])
    energy = there - back
    units = product((approach.attrs.get("units"), 1.0), (height.attrs.get("units"), 1.0))
    status = int(Status.NO_DATA) * energy.isnull()
    return result({}, energy=(energy, units), loading=(there, units), status=(status, "1"))


@operation(example={"data": "force_map"})
def rate_curves(data: xr.DataArray, *, dim: str | None = None, fraction: float = 0.4) -> xr.Dataset:
    r"""Rate every force curve from 0 (of no use) to 1.

    Parameters
    ----------
    data : DataArray, shape (..., time), force or deflection
        Lazy or in memory, with the height of the base as coordinate ``z``.
    dim : str
        Dimension of the curves; that of ``z`` otherwise.
    fraction : float
        Of the travel, from its far end, which should be the baseline.

    Returns
    -------
    Dataset, shape (...)
        ``quality``, the product of ``contrast`` (:math:`1 - 10\,\sigma / F_{max}`, not below 0),
        ``flatness`` (noise between neighbours by the noise about the baseline) and
        ``completeness`` (1 less the part of the points that is saturated or missing); 0 where
        there is no contact.
    """
    dim, height = curve_axis(data, "z", dim)
    baseline = fit_baseline(data, dim=dim, fraction=fraction)
    found = find_contact(data, dim=dim, method="deviation", fraction=fraction)
    corrected = baseline["corrected"]
    top = corrected.max(dim)
    contrast = (1.0 - 10.0 * baseline["noise"] / top).clip(0.0, 1.0)
    (own,) = map_signal(
        _noise_of_neighbours, data, dim=dim, also=[height], parameters={"fraction": fraction}
    )
    flatness = (own / baseline["noise"].where(baseline["noise"] > 0)).fillna(1.0).clip(0.0, 1.0)
    complete = corrected.notnull().mean(dim)
    usable = found["contact"].notnull() | (found["status"] == int(Status.INVALID))
    usable = usable & (baseline["status"] == 0) & top.notnull()
    quality = (contrast * flatness * complete).where(usable, 0.0)
    return result(
        {},
        quality=(quality, "1"),
        contrast=(contrast, "1"),
        flatness=(flatness, "1"),
        completeness=(complete, "1"),
    )


def _noise_of_neighbours(values: np.ndarray, height: np.ndarray, *, fraction: float) -> np.ndarray:
    """Return the noise of the far part, from differences of neighbours."""
    y = np.where(np.isfinite(height), values, np.nan).astype(np.float64)
    part = max(2, y.shape[-1] // 8)
    with np.errstate(all="ignore"):
        begin, end = (np.nansum(each, axis=-1) for each in (y[..., :part], y[..., -part:]))
        # The far end is the one of less force.
        y = np.where((begin > end)[..., None], y[..., ::-1], y)
        count = max(3, int(fraction * y.shape[-1]))
        steps = np.diff(y[..., :count], axis=-1)
        good = np.isfinite(steps)
        squares = np.where(good, steps, 0.0) ** 2
        return np.asarray(np.sqrt(squares.sum(axis=-1) / good.sum(axis=-1) / 2.0))


def _area(values: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Return the integral of curves over the height, whatever way they go."""
    y = np.asarray(values, np.float64)
    z = np.broadcast_to(height, y.shape)
    good = np.isfinite(y) & np.isfinite(z)
    both = good[..., 1:] & good[..., :-1]
    step = np.where(both, np.abs(np.diff(z, axis=-1)), 0.0)
    mean = np.where(both, 0.5 * (y[..., 1:] + y[..., :-1]), 0.0)
    return np.where(both.any(axis=-1), (step * mean).sum(axis=-1), np.nan)
