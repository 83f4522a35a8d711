"""Baselines of force curves, and the two halves of a record."""

from typing import Any, Literal

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import DataError, coordinate, labelled, operation, result
from omniscopy.model.units import product
from omniscopy.spm.force.axes import curve_axis, map_curves
from omniscopy.spm.force.curve_kernel import CLIPPED, baselines

SEGMENTS = ("approach", "retract")


@operation(example={"data": "force_map"})
def fit_baseline(
    data: xr.DataArray,
    *,
    dim: str | None = None,
    fraction: float = 0.4,
    degree: Literal[0, 1] = 1,
) -> xr.Dataset:
    r"""Fit offset and tilt to the part of every force curve that is far from the sample.

    Parameters
    ----------
    data : DataArray, shape (..., time), force or deflection
        Lazy or in memory, larger where the sample repels, of approach or retract, with the height
        of the base as coordinate ``z``: of the dimension, or of every curve. What is not finite
        is left out.
    dim : str
        Dimension of the curves; that of ``z`` otherwise.
    fraction : float
        Of the travel, from its far end: what is fitted. It must end before the contact.
    degree : {0, 1}
        Offset alone, or a tilt too.

    Returns
    -------
    Dataset, shape (...)
        ``corrected`` (the curves without their baseline, NaN where the detector is saturated),
        ``offset`` at the height ``position`` in the middle of what is fitted, ``tilt`` (per
        height), each with its ``_std``, ``noise`` (standard deviation about the line), in units
        of `data` and of ``z``, ``clipped``
        (saturated points) and ``status``: ``no_data`` for curves of fewer than 8 points,
        ``invalid`` for those that go there and back (see `split_curve`).

    Raises
    ------
    DataError
        There is no height, or it is no length, or `fraction` is not between 0 and 1.

    Notes
    -----
    :math:`F = F_0 + t (z - z_0)` by least squares, with the middle :math:`z_0` of the part that is
    fitted; the deviations are those of white noise. A detector is saturated where at least
    5 of the largest values of a curve are equal and follow each other. The near end is the one of
    more force.
    """
    dim, height = curve_axis(data, "z", dim)
    require_fraction(fraction)
    if degree not in (0, 1):
        message = f"degree must be 0 or 1, got {degree!r}"
        raise DataError(message)
    offset, offset_std, tilt, tilt_std, position, noise, clipped, status = map_curves(
        baselines, data, height, dim, 8, float(fraction), degree == 1
    )
    line = offset + tilt * (height - position)
    corrected = (data.drop_attrs(deep=False) - line).transpose(*data.dims)
    corrected = corrected.where(~_saturated(data, clipped, dim))
    units, length = data.attrs.get("units"), height.attrs.get("units")
    made = result(
        {},
        corrected=(corrected, units),
        offset=(offset, units),
        offset_std=(offset_std, units),
        tilt=(tilt, product((units, 1.0), (length, -1.0))),
        tilt_std=(tilt_std, product((units, 1.0), (length, -1.0))),
        position=(position, length),
        noise=(noise, units),
        clipped=(clipped, "1"),
        status=(status, "1"),
    )
    made["corrected"].attrs |= kept_attrs(data)
    return made


@operation(example={"data": "force_curve"})
def split_curve(data: xr.DataArray, *, dim: str | None = None) -> xr.DataArray:
    """Tell approach and retract in records of both apart.

    Parameters
    ----------
    data : DataArray, shape (..., time)
        Lazy or in memory, with the height of the base as coordinate ``z``.
    dim : str
        Dimension of the curves; that of ``z`` otherwise.

    Returns
    -------
    DataArray, shape (..., segment, time), units of `data`
        The curves with a dimension ``segment`` of ``approach`` and ``retract``: NaN before, and
        after, the height that is farthest from where it began. That point is of the approach.

    Raises
    ------
    DataError
        There is no height, or it is no length.
    """
    dim, height = curve_axis(data, "z", dim)
    sides = [str(each) for each in data.dims if each != dim]
    (turn,) = map_signal(_turning_point, data, dim=dim, also=[height])
    number = xr.DataArray(np.arange(data.sizes[dim]), dims=dim)
    plain = data.drop_attrs(deep=False)
    parts = [plain.where(number <= turn), plain.where(number > turn)]
    made = xr.concat(parts, "segment", coords="minimal", compat="override")
    names = coordinate("segment", SEGMENTS, kind="parameter", quantity="segment")
    made = made.assign_coords(segment=names).transpose(*sides, "segment", dim)
    return labelled(made, units=data.attrs.get("units"), **kept_attrs(data))


def kept_attrs(data: xr.DataArray) -> dict[str, Any]:
    """Return what is said of curves that also holds for others of the same kind."""
    return {k: data.attrs[k] for k in ("long_name", "quantity", "metadata") if k in data.attrs}


def require_fraction(fraction: float) -> None:
    """Raise unless a part of the travel is a part."""
    if not 0.0 < fraction < 1.0:
        message = f"fraction must be between 0 and 1, got {fraction!r}"
        raise DataError(message)


def _saturated(data: xr.DataArray, clipped: xr.DataArray, dim: str) -> xr.DataArray:
    return (clipped >= CLIPPED) & (data == data.max(dim))


def _turning_point(_values: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Return the number of the point that is farthest from the first one."""
    good = np.isfinite(height)
    first = np.take_along_axis(height, good.argmax(axis=-1)[..., None], axis=-1)
    away = np.where(good, np.abs(height - first), -1.0)
    turn = away.argmax(axis=-1).astype(np.float64)
    return np.broadcast_to(turn, _values.shape[:-1])
