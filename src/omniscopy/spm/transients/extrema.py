"""First extrema of curves."""

import numpy as np

from omniscopy.model import Status


def first_extrema(times: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where curves have their first extremum after time 0, and how high it is.

    Parameters
    ----------
    times : array, shape (times,)
    rows : array, shape (curves, times)
        Smooth, as filters leave them: cubic splines go through all values.

    Returns
    -------
    array, shape (curves, 3)
        Time, height and height again, of the first extremum that is at least half as high as
        the highest. NaN where there is none.
    array, array, shape (curves,)
        R² of the curve through the values, which is 1, and the outcome: 4 where values are not
        finite, 2 where there is no extremum.
    """
    from scipy.interpolate import CubicSpline

    found = np.full((len(rows), 3), np.nan)
    usable = np.isfinite(rows).all(axis=-1)
    status = np.full(len(rows), int(Status.NO_DATA))
    for n in np.flatnonzero(usable):
        curve = CubicSpline(times, rows[n])
        roots = curve.derivative().roots(extrapolate=False)
        roots = roots[roots > 0]
        status[n] = int(Status.SINGULAR)
        if len(roots):
            heights = curve(roots)
            first = int(np.argmax(np.abs(heights) >= 0.5 * np.abs(heights).max()))
            found[n] = roots[first], heights[first], heights[first]
            status[n] = int(Status.CONVERGED)
    return found, np.where(status == int(Status.CONVERGED), 1.0, np.nan), status
