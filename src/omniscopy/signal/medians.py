"""Running medians."""

import numpy as np

from omniscopy.compute.fitting.inner import outer
from omniscopy.signal.ranks import pick


def running_median(spectra: np.ndarray, reach: int) -> np.ndarray:
    """Return the median up to `reach` channels away, or as far as the nearer end of the axis.

    Of what is finite; NaN where the channel itself is not.
    """
    made = np.empty_like(spectra)
    _run(spectra, reach, np.empty(2 * reach + 1), made)
    return made


@outer
def _run(spectra: np.ndarray, reach: int, ordered: np.ndarray, made: np.ndarray) -> None:
    n = spectra.shape[1]
    for row in range(spectra.shape[0]):
        for i in range(n):
            away = min(reach, i, n - 1 - i)
            count = 0
            for k in range(i - away, i + away + 1):
                if np.isfinite(spectra[row, k]):
                    ordered[count] = spectra[row, k]
                    count += 1
            made[row, i] = np.nan
            if np.isfinite(spectra[row, i]):
                high = pick(ordered, 0, count, count // 2)
                low = high if count % 2 else pick(ordered, 0, count, count // 2 - 1)
                made[row, i] = 0.5 * (low + high)
