"""How much of an image is white noise."""

import numpy as np

_PER_MEDIAN = 1.482602218505602
# What neither a plane nor a step along one axis has; of unit noise it makes 6.
_MASK = np.array([[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]]) / 6.0


def noise_of_image(values: np.ndarray, used: np.ndarray) -> float:
    """Return the standard deviation of white noise on a smooth image, NaN of too few pixels.

    Second differences along both axes leave noise and fine detail; the median of their size
    leaves noise: J. Immerkær, *Comput. Vis. Image Underst.* 64, 300 (1996), with a median.
    """
    from scipy.ndimage import binary_erosion, convolve

    rows, columns = values.shape
    if rows < 3 or columns < 3:
        return float("nan")
    inside = binary_erosion(used, np.ones((3, 3)))
    if not inside.any():
        return float("nan")
    found = convolve(np.where(used, values, 0.0).astype(np.float64), _MASK, mode="nearest")[inside]
    return float(_PER_MEDIAN * np.median(np.abs(found)))
