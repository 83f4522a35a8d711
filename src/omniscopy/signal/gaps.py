"""Gaps in spectra: channels without a value, bridged by a line."""

import numpy as np

from omniscopy.compute.fitting.inner import outer


def bridge_gaps(values: np.ndarray, missing: np.ndarray | None = None) -> np.ndarray:
    """Return spectra of shape (spectra, channels) in double precision without gaps.

    What is not finite, or is `missing`, lies on the line between the channels beside the gap,
    or at the level of the nearest one beyond the ends. Spectra without any channel are NaN.
    """
    filled = np.array(values, dtype=np.float64, order="C")
    if missing is not None:
        filled[missing] = np.nan
    _bridge(filled)
    return filled


@outer
def _bridge(values: np.ndarray) -> None:
    n = values.shape[1]
    for row in range(values.shape[0]):
        last = -1
        for i in range(n):
            if not np.isfinite(values[row, i]):
                continue
            if last < 0:
                for k in range(i):
                    values[row, k] = values[row, i]
            elif i - last > 1:
                slope = (values[row, i] - values[row, last]) / (i - last)
                for k in range(last + 1, i):
                    values[row, k] = values[row, last] + slope * (k - last)
            last = i
        for k in range(last + 1, n):
            values[row, k] = values[row, last] if last >= 0 else np.nan
