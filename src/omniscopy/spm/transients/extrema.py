"""First extrema of curves."""

import numpy as np

from omniscopy.model import Status

_LEAST = 3


def first_extrema(
    times: np.ndarray, rows: np.ndarray, correlation: np.ndarray, *, clear: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    r"""Return where curves have their first extremum after time 0, and how high it is.

    Parameters
    ----------
    times : array, shape (times,)
    rows : array, shape (curves, times)
        Smooth, as filters leave them: cubic splines go through all values.
    correlation : array, shape (times, times)
        Of the noise of the values; how large it is, those before time 0 tell.
    clear : float
        How long before time 0 values are noise alone: a filter looks ahead.

    Returns
    -------
    array, shape (curves, 3)
        Time, height and height again, of the first extremum that is at least half as high as
        the highest. NaN where there is none.
    array, shape (curves, 3)
        Their standard deviations, NaN too where there are fewer than 3 values before time 0.
    array, array, shape (curves,)
        R² of the curve through the values, which is 1, and the outcome: 4 where values are not
        finite, 2 where there is no extremum.

    Notes
    -----
    A spline is linear in its values: its height is :math:`w^T y`, its slope :math:`v^T y`. Noise
    of variance :math:`s^2` and correlation C moves the height by :math:`s (w^T C w)^{1/2}`, and
    where the slope is 0 by :math:`s (v^T C v)^{1/2} / |f''|`.
    """
    from scipy.interpolate import CubicSpline

    found, spread = np.full((2, len(rows), 3), np.nan)
    usable = np.isfinite(rows).all(axis=-1)
    status = np.full(len(rows), int(Status.NO_DATA))
    parts = CubicSpline(times, np.eye(len(times)))
    before = times < -clear
    noise = _noise(rows[:, before], correlation[np.ix_(before, before)])
    for n in np.flatnonzero(usable):
        curve = CubicSpline(times, rows[n])
        roots = curve.derivative().roots(extrapolate=False)
        roots = roots[roots > 0]
        status[n] = int(Status.SINGULAR)
        if len(roots):
            heights = curve(roots)
            first = int(np.argmax(np.abs(heights) >= 0.5 * np.abs(heights).max()))
            found[n] = roots[first], heights[first], heights[first]
            height, slope = (parts(roots[first], nu=order) for order in (0, 1))
            bend = abs(float(curve(roots[first], nu=2)))
            moves = [np.sqrt(max(each @ correlation @ each, 0.0)) for each in (slope, height)]
            spread[n] = noise[n] * np.array([
                moves[0] / bend if bend > 0.0 else np.nan, moves[1], moves[1]
            ])  # fmt: skip
            status[n] = int(Status.CONVERGED)
    good = status == int(Status.CONVERGED)
    return found, spread, np.where(good, 1.0, np.nan), status


def _noise(before: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    """Return the standard deviation of values that scatter about their mean, NaN for too few."""
    count = before.shape[1]
    # What of the scatter the mean does not take away, where values are not independent.
    degrees = count - correlation.sum() / max(count, 1)
    if count < _LEAST or degrees <= 0.0:
        return np.full(len(before), np.nan)
    away = before - before.mean(axis=1, keepdims=True)
    return np.asarray(np.sqrt((away**2).sum(axis=1) / degrees))
