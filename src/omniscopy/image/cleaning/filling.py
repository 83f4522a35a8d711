"""Missing values of an image stood in for, so that it can be transformed."""

import numpy as np


def filled(values: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Return an image with each missing value replaced by the nearest one."""
    if used.all():
        return values
    from scipy.ndimage import distance_transform_edt

    nearest = distance_transform_edt(~used, return_distances=False, return_indices=True)
    return np.asarray(values[tuple(nearest)])
