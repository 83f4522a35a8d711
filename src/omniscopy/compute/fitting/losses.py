# ruff: noqa: PLR0917 - kernels take their arrays one by one
"""What a residual costs, and how it pulls, compiled: one point after the other."""

import math

import numpy as np

from omniscopy.compute.fitting.inner import inner, inner_fast
from omniscopy.compute.fitting.rules import BENT


@inner_fast
def weigh_squares(
    data: np.ndarray, model: np.ndarray, weight: np.ndarray, pull: np.ndarray, hold: np.ndarray
) -> float:
    """Return the weighted sum of squares, and fill in what pulls on and what holds the model."""
    cost = 0.0
    for i in range(data.size):
        away = data[i] - model[i]
        pull[i] = weight[i] * away
        hold[i] = weight[i]
        cost += weight[i] * away * away
    return cost


@inner
def loss_of(z: float, loss: int) -> tuple[float, float, float]:
    """Return a loss of squares, and its first and second derivative.

    soft_l1: 2 (sqrt(1 + z) - 1); huber: z below 1, else 2 sqrt(z) - 1; cauchy: ln(1 + z).
    """
    if loss == 1:
        root = math.sqrt(1.0 + z)
        return 2.0 * (root - 1.0), 1.0 / root, -0.5 / root**3
    if loss == 2 and z > 1.0:
        root = math.sqrt(z)
        return 2.0 * root - 1.0, 1.0 / root, -0.5 / root**3
    if loss == 3:
        return math.log(1.0 + z), 1.0 / (1.0 + z), -1.0 / (1.0 + z) ** 2
    return z, 1.0, 0.0


@inner
def weigh_loss(
    data: np.ndarray, model: np.ndarray, weight: np.ndarray, loss: int, scale: float,
    pull: np.ndarray, hold: np.ndarray,
) -> float:  # fmt: skip
    """Return the sum of a robust loss of squares in units of `scale` squared."""
    unit = scale * scale
    cost = 0.0
    for i in range(data.size):
        away = data[i] - model[i]
        z = weight[i] * away * away / unit
        value, slope, bend = loss_of(z, loss)
        cost += unit * value
        pull[i] = weight[i] * slope * away
        hold[i] = weight[i] * max(slope + 2.0 * z * bend, BENT * slope)
    return cost


@inner
def weigh_counts(
    data: np.ndarray, model: np.ndarray, weight: np.ndarray, faint: float,
    pull: np.ndarray, hold: np.ndarray,
) -> float:  # fmt: skip
    """Return the deviance of counts, continued as a parabola below `faint` expected counts."""
    cost = 0.0
    for i in range(data.size):
        if weight[i] == 0.0:
            pull[i] = 0.0
            hold[i] = 0.0
            continue
        expected = max(model[i], faint)
        value = expected - data[i]
        if data[i] > 0.0:
            value += data[i] * math.log(data[i] / expected)
        if model[i] < faint:
            value += 0.5 * (model[i] ** 2 - faint**2) / faint
            value -= data[i] * (model[i] - faint) / faint
        pull[i] = weight[i] * (data[i] - model[i]) / expected
        hold[i] = weight[i] / expected
        cost += 2.0 * weight[i] * value
    return cost


@inner
def tally_loss(
    data: np.ndarray, model: np.ndarray, weight: np.ndarray, loss: int, scale: float,
    tally: np.ndarray,
) -> None:  # fmt: skip
    """Add up squares of what pulls, and the slopes of that."""
    for i in range(data.size):
        if weight[i] == 0.0:
            continue
        away = data[i] - model[i]
        z = weight[i] * away * away / (scale * scale)
        _, slope, bend = loss_of(z, loss)
        tally[0] += weight[i] * (slope * away) ** 2
        tally[1] += slope + 2.0 * z * bend


@inner
def spread_of_loss(tally: np.ndarray, points: int, free: int) -> float:
    """Return the factor of the covariance for a robust loss (Huber's).

    P. J. Huber, *Robust Statistics* (1981), section 7.6: the mean square of what pulls over the
    squared mean of its slope.
    """
    if points <= free:
        return np.nan
    spread: float = tally[0] / (points - free) / (tally[1] / points) ** 2
    return spread
