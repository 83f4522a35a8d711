"""Resonances in thermal spectra: the most likely oscillator in a white force on a white floor."""

import numpy as np
import xarray as xr

from omniscopy.compute import least_squares
from omniscopy.compute.fitting.problem import Problem, Term
from omniscopy.model import Status, require_units
from omniscopy.physics import calibration, steps
from omniscopy.physics.formulas import Formula

_TERMS = (Term(calibration.THERMAL_PEAK, (0,)), Term(Formula(steps.scaled, 1), (1,)))
# Mean square, resonance, quality, floor, the deviations of each, status, covariance of two.
OUTPUTS = 10
# How often the weights are those of the last fit: the likelihood of averaged power densities.
_PASSES = 5


def to_square_metres(data: xr.DataArray, sensitivity: float | None) -> float:
    """Return what brings the values to m²/Hz."""
    if sensitivity is not None:
        per_volt = require_units(data, "V^2/Hz", what="with a sensitivity, the spectra")
        return per_volt * sensitivity**2
    return require_units(
        data, "m^2/Hz", what="spectra of the deflection (or in V^2/Hz with sensitivity=)"
    )


def fit_thermal_peaks(
    values: np.ndarray, *, frequency: np.ndarray, threads: int | None
) -> np.ndarray:
    """Return parameters, deviations, status, and covariance of resonance and quality."""
    rows = np.asarray(values, np.float64).reshape(-1, values.shape[-1])
    found = np.full((len(rows), OUTPUTS), np.nan)
    found[:, 8] = float(Status.NO_DATA)
    with np.errstate(all="ignore"):
        rows = np.where(rows > 0.0, rows, np.nan)
        scale = np.nanmax(np.where(np.isfinite(rows), rows, 0.0), axis=1)
    good = (np.isfinite(rows).sum(axis=1) >= 8) & (scale > 0.0)
    if good.any():
        own = scale[good][:, None]
        found[good] = _fit_scaled(rows[good] / own, frequency, threads)
        found[np.ix_(good, [0, 3, 4, 7])] *= own
    return found.reshape(*values.shape[:-1], OUTPUTS)


def _fit_scaled(y: np.ndarray, frequency: np.ndarray, threads: int | None) -> np.ndarray:
    """Return the same for spectra whose largest value is 1."""
    count, middle = 4, float(frequency.mean())
    x = frequency / middle
    smooth = np.apply_along_axis(
        lambda each: np.convolve(each, np.ones(5) / 5.0, "same"), 1, np.nan_to_num(y)
    )
    top = smooth.argmax(axis=1)
    half = (smooth > 0.5 * smooth.max(axis=1, keepdims=True)).sum(axis=1)
    width = np.maximum(half, 2) * (x[-1] - x[0]) / (len(x) - 1)
    start = np.full((len(y), count), np.nan)
    start[:, 1], start[:, 2] = x[top], np.maximum(x[top] / width, 0.6)
    level = np.nanmin(np.where(smooth > 0, smooth, np.nan), axis=1)
    start[:, 0] = smooth.max(axis=1) * np.pi * x[top] / (2.0 * start[:, 2])
    start[:, 3] = 0.5 * level
    lower = np.array([0.0, 0.0, 0.0, 0.0])
    problem = Problem(
        _TERMS, lower, np.full(count, np.inf), np.array([False, True, True, False]),
        np.array([True, False, False, True]), np.arange(count), np.ones(count), np.zeros(count),
    )  # fmt: skip
    columns = np.stack([x, np.ones_like(x)])
    for _ in range(_PASSES):
        model = problem.evaluate(columns[None], start)[0]
        weights = 1.0 / np.maximum(model, 1e-12) ** 2
        solved = least_squares(
            problem, y, start, columns=columns, weights=weights, threads=threads, covariance=True
        )
        start = np.where(np.isfinite(solved.parameters), solved.parameters, start)
    parameters, std = solved.parameters.copy(), solved.std.copy()
    # A power density per unit of x = f / middle: areas are those of x.
    units = np.array([middle, middle, 1.0, 1.0])
    return np.column_stack([
        parameters * units, std * units, solved.status, solved.covariance[:, 1, 2] * middle
    ])  # fmt: skip
