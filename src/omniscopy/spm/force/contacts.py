"""Where the tip touches the sample, and the depth from there on."""

from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.compute import least_squares, map_signal
from omniscopy.compute.fitting.problem import Problem, Term
from omniscopy.model import (
    DataError,
    Status,
    labelled,
    operation,
    require_choice,
    require_units,
    result,
)
from omniscopy.model.units import parse, product
from omniscopy.physics import steps
from omniscopy.physics.contact import BEND, CURVED_BEND
from omniscopy.physics.formulas import Formula
from omniscopy.spm.force.axes import as_rows, curve_axis, run_kernel
from omniscopy.spm.force.baselines import require_fraction
from omniscopy.spm.force.curve_kernel import contacts

Method = Literal[
    "constant_polynomial", "constant_line", "line_polynomial", "deviation", "frechet", "gradient"
]
METHODS: tuple[Method, ...] = get_args(Method)
_RULES = {"deviation": 0, "frechet": 1, "gradient": 2}
# Row 0 of the axis is the travel in units of its range, row 1 is 1.
_LEVEL = Formula(steps.scaled, 1)
_OFFSET, _TILT = Term(_LEVEL, (1,)), Term(_LEVEL, (0,))
_TERMS = {
    "constant_line": (_OFFSET, Term(BEND, (0,))),
    "constant_polynomial": (_OFFSET, Term(CURVED_BEND, (0,))),
    "line_polynomial": (_OFFSET, _TILT, Term(CURVED_BEND, (0,))),
}


@operation(example={"data": "force_map"})
def find_contact(
    data: xr.DataArray,
    *,
    dim: str | None = None,
    method: Method = "constant_polynomial",
    fraction: float = 0.4,
    threshold: float = 3.0,
) -> xr.Dataset:
    r"""Find the height at which the tip of every force curve touches the sample.

    Parameters
    ----------
    data : DataArray, shape (..., time), force or deflection
        Lazy or in memory, larger where the sample repels, of approach or retract, with the height
        of the base as coordinate ``z``.
    dim : str
        Dimension of the curves; that of ``z`` otherwise.
    method : str
        ``deviation``: the last point, coming from the contact, within `threshold` noises of the
        baseline. ``frechet``: the point farthest from the line between both ends, in the
        direction of the force. ``gradient``: where the gradient of the force, averaged over 2 %
        of the points on either side, falls to 1 % of the steepest. ``constant_line``,
        ``constant_polynomial``, ``line_polynomial``: where both parts of a continuous function
        meet that is fitted to the curve; polynomials are of second degree.
    fraction : float
        Of the travel, from its far end, which is the baseline.
    threshold : float
        Standard deviations of the noise.

    Returns
    -------
    Dataset, shape (...)
        ``contact`` and ``contact_std`` (units of ``z``; no deviation for rules that fit nothing),
        ``direction`` (1 where the height grows towards the sample, -1 where it falls), ``noise``
        and ``status``: ``no_data`` where nothing rises above the baseline by 6 noises,
        ``invalid`` where the detector is saturated or the curve goes there and back.

    Raises
    ------
    DataError
        There is no height, or it is no length, or an option is unknown.

    Notes
    -----
    With the travel s towards the sample, and :math:`u = s - s_0` from the contact :math:`s_0` on
    (0 before it), least squares fit :math:`F = F_0 + m u` ("constant_line"),
    :math:`F_0 + m u + n u^2` ("constant_polynomial") or :math:`F_0 + t s + m u + n u^2`
    ("line_polynomial"); ``contact_std`` is that of white noise. The choices are
    those of [1]_.

    References
    ----------
    .. [1] P. Müller et al., *BMC Bioinformatics* 20, 465 (2019).
    """
    dim, height = curve_axis(data, "z", dim)
    require_choice("method", method, METHODS)
    require_fraction(fraction)
    made = map_signal(
        _find, data, dim=dim, also=[height], output_dims=[{"parameter": 5}],
        parameters={
            "method": method, "fraction": float(fraction), "threshold": float(threshold),
            "threads": None if data.chunks is None else 1,
        },
    )[0]  # fmt: skip
    contact, std, direction, noise, status = (
        made.isel(parameter=number, drop=True) for number in range(5)
    )
    length = height.attrs.get("units")
    return result(
        {},
        contact=(contact, length),
        contact_std=(std, length),
        direction=(direction, "1"),
        noise=(noise, data.attrs.get("units")),
        status=(status, "1"),
    )


@operation(example={"data": "force_map", "sensitivity": 1e-7})
def to_separation(
    data: xr.DataArray,
    contact: xr.Dataset | None = None,
    *,
    dim: str | None = None,
    spring_constant: float | None = None,
    sensitivity: float | None = None,
) -> xr.DataArray:
    r"""Give force curves the depth of the tip in the sample in place of the height of the base.

    Parameters
    ----------
    data : DataArray, shape (..., time), force (N), deflection (m) or signal of the detector (V)
        Without its baseline (see `fit_baseline`). Lazy or in memory, with the height of the base
        as coordinate ``z``.
    contact : Dataset
        What `find_contact` found; found by its first method otherwise.
    dim : str
        Dimension of the curves; that of ``z`` otherwise.
    spring_constant : float, N/m
        Of the cantilever; what the metadata say otherwise.
    sensitivity : float, m/V
        Deflection for a volt of the detector; what the metadata say otherwise.

    Returns
    -------
    DataArray, shape (..., time), force
        In the units of `data` where it is a force, in N otherwise, with the coordinates
        ``indentation`` and ``separation`` (which is minus the indentation), in units of ``z``.

    Raises
    ------
    DataError
        `data` is no force, deflection or voltage, or the numbers to make a force of it are
        missing.

    Notes
    -----
    :math:`\delta = \pm (z - z_0) - d` with the deflection :math:`d = F / k`, positive in the
    sample [1]_.

    References
    ----------
    .. [1] H.-J. Butt, B. Cappella, M. Kappl, *Surf. Sci. Rep.* 59, 1 (2005).
    """
    dim, height = curve_axis(data, "z", dim)
    found = find_contact(data, dim=dim) if contact is None else contact
    missing = [name for name in ("contact", "direction") if name not in found]
    if missing:
        message = f"contact lacks {missing}; give what `spm.find_contact` returns"
        raise DataError(message)
    probe = _probe(data)
    length = height.attrs["units"]
    into = require_units(height, "m", what="coordinate 'z'")
    plain = data.drop_attrs(deep=False)
    units = data.attrs.get("units")
    stiffness = spring_constant or probe.get("spring_constant")
    if _is(data, "V"):
        volts = require_units(data, "V")
        per_volt = sensitivity or probe.get("sensitivity")
        if per_volt is None:
            message = "the data are in V: give sensitivity= in m/V (`spm.fit_sensitivity`)"
            raise DataError(message)
        deflection = plain * (volts * per_volt)
    elif _is(data, "m"):
        deflection = plain * require_units(data, "m")
    else:
        newtons = require_units(data, "N", what="force curves (or deflections in m or V)")
        deflection = None
    if stiffness is None:
        message = "give spring_constant= in N/m: the metadata do not hold it"
        raise DataError(message)
    if not stiffness > 0:
        message = f"spring_constant must be above 0 N/m, got {stiffness!r}"
        raise DataError(message)
    if deflection is None:
        force, bent = plain, plain * (newtons / stiffness)
    else:
        force, bent, units = deflection * stiffness, deflection, "N"
    reference = require_units(found["contact"], length, what="contact")
    travel = found["direction"] * (height - found["contact"] * reference)
    depth = (travel - bent / into).transpose(*data.dims)
    attrs = {"units": length, "kind": "spectral"}
    made = force.assign_coords(
        indentation=labelled(depth, quantity="indentation", **attrs).variable,
        separation=labelled(-depth, quantity="separation", **attrs).variable,
    )
    return labelled(
        made, units=units, long_name="Force", quantity="force",
        metadata=_with_spring(data, float(stiffness)),
    )  # fmt: skip


@operation(example={"data": "force_map", "window": (0.2, 0.9)})
def fit_sensitivity(
    data: xr.DataArray, window: tuple[float, float] = (0.2, 0.9), *, dim: str | None = None
) -> xr.Dataset:
    r"""Fit the deflection for a volt of the detector to curves on a hard surface.

    Parameters
    ----------
    data : DataArray, shape (..., time), signal of the detector
        Lazy or in memory, with the height of the base as coordinate ``z``.
    window : (low, high)
        The part that is fitted, in parts of the range of the signal.
    dim : str
        Dimension of the curves; that of ``z`` otherwise.

    Returns
    -------
    Dataset, shape (...)
        ``sensitivity`` (change of the height for a unit of the signal) with ``sensitivity_std``,
        and ``status``: ``no_data`` where fewer than 4 points are in the window.

    Raises
    ------
    DataError
        The curves have no coordinate ``z``, or the window is not (low, high) between 0 and 1.

    Notes
    -----
    On a hard surface the deflection follows the height z of the base: the sensitivity is
    :math:`1 / |dU / dz|`, with the slope of the least squares of the signal U on z.
    :math:`\sigma = \sigma_\mathrm{slope} / \mathrm{slope}^2`, for white noise of the signal [1]_.

    References
    ----------
    .. [1] H.-J. Butt, B. Cappella and M. Kappl, Surface Science Reports 59, 1 (2005), section 2.
    """
    dim, height = curve_axis(data, "z", dim)
    low, high = window
    if not 0.0 <= low < high <= 1.0:
        message = f"window must be (low, high) between 0 and 1, got {window}"
        raise DataError(message)
    made = map_signal(
        _slope, data, dim=dim, also=[height], output_dims=[{"parameter": 3}],
        parameters={"low": float(low), "high": float(high)},
    )[0]  # fmt: skip
    value, std, status = (made.isel(parameter=number, drop=True) for number in range(3))
    units = product((height.attrs.get("units"), 1.0), (data.attrs.get("units"), -1.0))
    return result(
        {}, sensitivity=(value, units), sensitivity_std=(std, units), status=(status, "1")
    )


def spring_constant_of(data: xr.DataArray, given: float | None) -> float | None:
    """Return the spring constant that is given, or that the metadata hold."""
    found = given if given is not None else _probe(data).get("spring_constant")
    return None if found is None else float(found)


# A slope is one of a contact when its deviation is at most this part of it.
_STEEP = 0.2


def _slope(values: np.ndarray, height: np.ndarray, *, low: float, high: float) -> np.ndarray:
    """Return change of height for a unit of signal, its deviation and status, in closed form."""
    y = np.asarray(values, np.float64)
    with np.errstate(all="ignore"):
        bottom = np.nanmin(np.where(np.isfinite(y), y, np.inf), axis=-1, keepdims=True)
        top = np.nanmax(np.where(np.isfinite(y), y, -np.inf), axis=-1, keepdims=True)
        part = (y - bottom) / (top - bottom)
        inside = (part >= low) & (part <= high) & np.isfinite(height)
        count = inside.sum(axis=-1)
        z = np.where(inside, height, 0.0)
        y = np.where(inside, y, 0.0)
        z_mean, y_mean = (np.sum(each, axis=-1) / count for each in (z, y))
        dz = np.where(inside, z - z_mean[..., None], 0.0)
        dy = np.where(inside, y - y_mean[..., None], 0.0)
        spread = np.sum(dz * dz, axis=-1)
        slope = np.sum(dz * dy, axis=-1) / spread
        rest = np.sum((dy - slope[..., None] * dz) ** 2, axis=-1) / (count - 2)
        value = 1.0 / np.abs(slope)
        std = np.sqrt(rest / spread) * value**2
        # What is no steeper than its noise is no contact.
        good = (count >= 4) & np.isfinite(value) & (std <= _STEEP * value)
    status = np.where(good, float(Status.CONVERGED), float(Status.NO_DATA))
    return np.stack([np.where(good, value, np.nan), np.where(good, std, np.nan), status], axis=-1)


def _find(
    values: np.ndarray, height: np.ndarray, *, method: str, fraction: float, threshold: float,
    threads: int | None,
) -> np.ndarray:  # fmt: skip
    """Return contact, its deviation, direction, noise and status of every curve of a block."""
    found = run_kernel(
        values, height, kernel=contacts, outputs=4, threads=threads,
        numbers=(_RULES.get(method, 0), fraction, threshold),
    ).reshape(-1, 4)  # fmt: skip
    made = np.full((len(found), 5), np.nan)
    made[:, 0], made[:, 2:] = found[:, 0], found[:, 1:]
    if method not in _RULES and len(made):
        rows, places = as_rows(values, height)
        _fit_bend(rows, places, made, method, threads)
    return made.reshape(*values.shape[:-1], 5)


def _fit_bend(
    rows: np.ndarray, places: np.ndarray, made: np.ndarray, method: str, threads: int | None
) -> None:
    """Replace contacts found by deviation by those of a fit."""
    chosen = np.flatnonzero(made[:, 4] == Status.CONVERGED)
    if len(chosen) == 0:
        return
    own = places[chosen] if len(places) > 1 else places
    direction = made[chosen, 2]
    travel = own * direction[:, None]
    first = np.nanmin(travel, axis=1)
    size = np.nanmax(travel, axis=1) - first
    y = np.where(np.isfinite(travel), rows[chosen], np.nan)
    x = np.nan_to_num((travel - first[:, None]) / size[:, None])
    columns = np.stack([x, np.ones_like(x)], axis=1)
    start = (direction * made[chosen, 0] - first) / size
    height_of = np.nanmax(y, axis=1) - np.nanmin(y, axis=1)
    terms = _TERMS[method]
    count = sum(term.formula.parameters for term in terms)
    at = count - terms[-1].formula.parameters
    starts = np.full((len(chosen), count), np.nan)
    starts[:, at] = np.clip(start, 0.02, 0.98)
    starts[:, at + 1 :] = 0.0
    starts[:, at + 1] = height_of / np.maximum(1.0 - start, 0.05)
    starts[:, :at] = np.nan
    linear = np.ones(count, dtype=bool)
    linear[at] = False
    lower, upper = np.full(count, -np.inf), np.full(count, np.inf)
    lower[at], upper[at] = 0.0, 1.0
    problem = Problem(
        terms, lower, upper, np.zeros(count, bool), linear, np.arange(count), np.ones(count),
        np.zeros(count),
    )  # fmt: skip
    starts[:, linear] = np.nan
    solved = least_squares(
        problem, y, starts, columns=columns, threads=threads, separable=True, max_steps=200
    )
    made[chosen, 0] = direction * (first + size * solved.parameters[:, at])
    made[chosen, 1] = size * solved.std[:, at]
    made[chosen, 4] = solved.status


def _is(data: xr.DataArray, units: str) -> bool:
    """Return whether the units of the values convert to these."""
    found = data.attrs.get("units")
    try:
        return found is not None and parse(found).powers == parse(units).powers
    except ValueError:
        return False


def _probe(data: xr.DataArray) -> dict[str, Any]:
    metadata = data.attrs.get("metadata") or {}
    return dict(metadata.get("probe") or {})


def _with_spring(data: xr.DataArray, stiffness: float) -> dict[str, Any]:
    metadata = dict(data.attrs.get("metadata") or {})
    return {**metadata, "probe": {**_probe(data), "spring_constant": stiffness}}
