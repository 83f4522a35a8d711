"""Hysteresis loops of amplitude and phase as loops of one real number, and their measures."""

from typing import Any, Literal

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.passes import read_again
from omniscopy.model import (
    DataError,
    Status,
    dims_of_kind,
    operation,
    require_choice,
    require_real,
    require_units,
    result,
)
from omniscopy.model.units import product
from omniscopy.spm.band_excitation.bias_axes import loop_axis

Angle = Literal["loop", "image"] | float
# Steps that make a loop.
_LEAST = 3


@operation(example={"data": "loop_oscillators"})
def project_loops(
    data: xr.Dataset | xr.DataArray,
    *,
    dim: str = "bias",
    angle: Angle = "loop",
    keep_offset: bool = True,
) -> xr.Dataset:
    r"""Project complex loops on the line along which they open.

    Parameters
    ----------
    data : Dataset or DataArray, shape (..., dim)
        ``amplitude`` and ``phase``, as `fit_oscillator` returns them, or complex responses.
    dim : str
        The bias, in V: a dimension, or a coordinate of several where it differs between loops.
    angle : {"loop", "image"} or float, degrees
        The angle of the line in the complex plane: that of each loop; one for all loops of an
        image, for maps of the polarity; or a number, such as one from a calibration.
    keep_offset : bool
        Keep the mean of the response, in which there may be electrostatic forces.

    Returns
    -------
    Dataset
        ``response``, shape (..., dim), in units of the amplitude; ``rotation`` (degrees, above
        -180 to 180) by which the response was turned back, and ``offset``, the distance of the
        line from the origin, shape (...); ``status``. NaN and status 4 where fewer than 3 steps
        of a loop are finite.

    Raises
    ------
    DataError
        The bias is missing, or not in V; amplitude or phase are missing, or the phase is no
        angle.

    Notes
    -----
    :math:`r = \mathrm{Re}(z e^{-i\theta})`, with twice the angle that of :math:`\sum (z -
    \bar z)^2`, the principal axis. Of :math:`\theta` and :math:`\theta + \pi` it is that for
    which the loop in the plane of bias and response has a positive area: the response falls late
    when the bias does. A given angle is taken as it is.

    Examples
    --------
    >>> import omniscopy as om
    >>> loops = om.spm.project_loops(om.samples.loop_oscillators())
    >>> loops["response"].dims
    ('y', 'x', 'bias')
    """
    if isinstance(angle, str):
        require_choice("angle", angle, ("loop", "image"))
    values, units = _responses(data)
    along, bias = loop_axis(values, dim, at_least=_LEAST)
    middle, spread, area, steps = map_signal(
        _moments, values, dim=along, also=[bias], output_dims=[{}] * 4,
        dtypes=[np.complex128] * 3 + [np.int64],
    )  # fmt: skip
    turn = _angle(spread, area, angle, values)
    if angle == "image":
        values = read_again(values, turn)
    back = np.exp(-1j * turn)
    known = steps >= _LEAST
    response = (values * back).real
    if not keep_offset:
        response = response - (middle * back).real
    degrees = turn * (180.0 / np.pi) + 0.0 * spread.real
    rotation = 180.0 - (180.0 - degrees) % 360.0
    return result(
        None,
        response=(response.where(known).transpose(*values.dims), units),
        rotation=(rotation.where(known), "deg"),
        offset=((middle * back).imag.where(known), units),
        status=((~known) * int(Status.NO_DATA), "1"),
    )


@operation(example={"data": "loops"})
def measure_loops(data: xr.Dataset | xr.DataArray, *, dim: str = "bias") -> xr.Dataset:
    r"""Measure the area and the centroid of every loop.

    Parameters
    ----------
    data : Dataset or DataArray, shape (..., dim)
        What `project_loops` returns, or real responses.
    dim : str
        The bias, in V: a dimension, or a coordinate of several where it differs between loops.

    Returns
    -------
    Dataset, shape (...)
        ``area`` (units of the response times V), positive where the response follows the bias
        late; ``centroid_bias`` (V) and ``centroid_response``, NaN where the area is 0;
        ``rotation`` and ``offset`` of the projection, where `data` holds them; ``status``. NaN
        and status 4 where fewer than 3 steps are finite.

    Raises
    ------
    DataError
        The bias is missing, or not in V, or the responses are complex.

    Notes
    -----
    The polygon through all finite steps, closed from the last one to the first:
    :math:`A = \sum c_i / 2` with :math:`c_i = V_i r_{i+1} - V_{i+1} r_i`, and the centroid
    :math:`\sum (V_i + V_{i+1}) c_i / 6 A`.

    The area is the work of switching of [1]_.

    References
    ----------
    .. [1] S. Jesse, H. N. Lee, S. V. Kalinin, *Rev. Sci. Instrum.* 77, 073702 (2006).
    """
    values = projected(data)
    units = values.attrs.get("units")
    along, bias = loop_axis(values, dim, at_least=_LEAST)
    area, centre, level, steps = map_signal(
        _polygon, values.drop_attrs(deep=False), dim=along, also=[bias], output_dims=[{}] * 4,
        dtypes=[np.float64] * 3 + [np.int64],
    )  # fmt: skip
    known = steps >= _LEAST
    found: dict[str, tuple[xr.DataArray, str | None]] = {
        "area": (area.where(known), product((units, 1), ("V", 1))),
        "centroid_bias": (centre.where(known), "V"),
        "centroid_response": (level.where(known), units),
    }
    for name in ("rotation", "offset"):
        if isinstance(data, xr.Dataset) and name in data:
            found[name] = data[name], data[name].attrs.get("units")
    return result(None, **found, status=((~known) * int(Status.NO_DATA), "1"))


def _responses(data: xr.Dataset | xr.DataArray) -> tuple[xr.DataArray, str | None]:
    """Return complex responses and their units."""
    if not isinstance(data, xr.Dataset):
        if data.dtype.kind != "c":
            message = (
                f"expected complex responses, or a Dataset of amplitude and phase, got {data.dtype}"
            )
            raise DataError(message)
        return data.drop_attrs(deep=False), data.attrs.get("units")
    missing = [name for name in ("amplitude", "phase") if name not in data]
    if missing:
        message = (
            f"expected `amplitude` and `phase`, as `fit_oscillator` returns them: {missing} missing"
        )
        raise DataError(message)
    amplitude, phase = data["amplitude"], data["phase"]
    factor = require_units(phase, "rad", what="the phase")
    turned = np.exp(1j * factor * phase.drop_attrs(deep=False))
    return amplitude.drop_attrs(deep=False) * turned, amplitude.attrs.get("units")


def projected(data: xr.Dataset | xr.DataArray) -> xr.DataArray:
    """Return real responses."""
    if isinstance(data, xr.Dataset):
        if "response" not in data:
            message = "expected a `response`, as `project_loops` returns it"
            raise DataError(message)
        data = data["response"]
    if getattr(data, "dtype", np.dtype(float)).kind == "c":
        message = "the responses are complex: project them first, with `project_loops`"
        raise DataError(message)
    require_real(data)
    return data


def _angle(
    spread: xr.DataArray, area: xr.DataArray, angle: Angle, values: xr.DataArray
) -> xr.DataArray:
    """Return the angle of the line of each loop, in radians."""
    if not isinstance(angle, str):
        return xr.DataArray(np.radians(float(angle)))
    if angle == "image":
        pooled = [each for each in dims_of_kind(values, "spatial", "point") if each in spread.dims]
        # NaN has no part in a sum.
        spread, area = (each.where(np.isfinite(each), 0.0).sum(pooled) for each in (spread, area))
    line = 0.5 * xr.apply_ufunc(np.angle, spread, dask="allowed")
    return line + np.pi * ((area * np.exp(-1j * line)).real < 0.0)


def _moments(values: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return mean, sum of squared distances from it, complex area and finite steps of loops."""
    good = np.isfinite(values)
    count = good.sum(axis=-1)
    z = np.where(good, values, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = z.sum(axis=-1) / count
    spread = np.where(good, (z - middle[..., None]) ** 2, 0.0).sum(axis=-1)
    ahead, next_bias = _following(values, bias)
    area = 0.5 * np.where(good, bias * ahead - next_bias * z, 0.0).sum(axis=-1)
    return middle, spread, area, count


def _polygon(values: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return area, centroid along both axes, and finite steps."""
    good = np.isfinite(values)
    r = np.where(good, values, 0.0).astype(np.float64)
    ahead, next_bias = _following(values.astype(np.float64), bias)
    part = np.where(good, bias * ahead - next_bias * r, 0.0)
    area = 0.5 * part.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = ((bias + next_bias) * part).sum(axis=-1) / (6.0 * area)
        level = ((r + ahead) * part).sum(axis=-1) / (6.0 * area)
    nothing = area == 0.0
    return (
        area, np.where(nothing, np.nan, centre), np.where(nothing, np.nan, level), good.sum(axis=-1)
    )  # fmt: skip


def _following(values: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, Any]:
    """Return value and bias of the next finite step of each step, the first one after the last."""
    good = np.isfinite(values)
    if good.all():
        return np.roll(values, -1, axis=-1), np.roll(bias, -1, axis=-1)
    count = values.shape[-1]
    # Twice round, so that the first finite step follows the last.
    steps = np.where(np.concatenate([good, good], axis=-1), np.arange(2 * count), 2 * count)
    later = np.minimum.accumulate(steps[..., ::-1], axis=-1)[..., ::-1][..., 1 : count + 1]
    places = np.where(later < 2 * count, later % count, 0)
    wide = np.broadcast_to(bias, values.shape)
    ahead = np.where(good, np.take_along_axis(values, places, axis=-1), 0.0)
    return np.nan_to_num(ahead), np.take_along_axis(wide, places, axis=-1)
