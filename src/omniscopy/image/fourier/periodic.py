"""Images without the steps that their edges make when they go on periodically."""

import numpy as np


def periodic_and_smooth(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the part of an image whose opposite edges fit together, and the smooth rest.

    Parameters
    ----------
    values : array, shape (y, x)
        Finite throughout.

    Notes
    -----
    The rest is the harmonic image with the steps at the edges: L. Moisan, *J. Math. Imaging
    Vis.* 39, 161 (2011), equations 9 to 11.
    """
    from scipy import fft

    rows, columns = values.shape
    steps = np.zeros(values.shape)
    across = values[-1] - values[0]
    steps[0] += across
    steps[-1] -= across
    along = values[:, -1] - values[:, 0]
    steps[:, 0] += along
    steps[:, -1] -= along
    turns = (
        2 * np.cos(2 * np.pi * np.fft.fftfreq(rows))[:, None]
        + 2 * np.cos(2 * np.pi * np.fft.rfftfreq(columns))
        - 4
    )
    turns[0, 0] = 1.0
    spectrum = fft.rfft2(steps) / turns
    spectrum[0, 0] = 0.0
    smooth = fft.irfft2(spectrum, values.shape)
    return values - smooth, smooth
