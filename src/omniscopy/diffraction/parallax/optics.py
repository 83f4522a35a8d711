r"""What shifts say of the lens: rotation, flip, defocus and astigmatism.

The image of the pixel at an angle :math:`\theta` is shifted by :math:`s = -M^T \nabla W(\theta)`,
with the wave aberration :math:`W` and the matrix :math:`M` that brings the scan to the axes of the
detector; of the first order :math:`s = B \theta` with :math:`B = -M^T H` and the second derivatives
H of W along (y, x): :math:`C_{10} - C_{12a}, C_{12b}; C_{12b}, C_{10} + C_{12a}`.
"""

import numpy as np

from omniscopy.diffraction.ptychography.experiment import Turn

FIRST_ORDER = ("C10", "C12a", "C12b", "rotation")


def of_slope(
    slope: np.ndarray, rotation: float | None, *, flip: bool | None
) -> tuple[np.ndarray, bool]:
    """Return `FIRST_ORDER` from the slope of shifts on angles, and whether there is a flip.

    The slope is the product of a rotation and a symmetric matrix; the rotation is from -90 to 90
    degrees, as that by half a turn with the opposite defocus gives the same.
    """
    flipped = bool(np.linalg.det(slope) < 0) if flip is None else flip
    if rotation is None:
        mirror = Turn(0.0, flipped).matrix
        # B = -(R F)^T H: with the mirror on the left, the closest rotation, in closed form.
        left, _, right = np.linalg.svd(slope)
        turn = left @ right
        sign = np.linalg.det(turn) * np.linalg.det(mirror)
        if sign < 0:
            turn = left @ np.diag([1.0, -1.0]) @ right
        matrix = -turn.T
        rotation = float(np.rad2deg(np.arctan2(matrix[1, 0], matrix[1, 1])))
        rotation = (rotation + 90.0) % 180.0 - 90.0
    found = -Turn(rotation, flipped).matrix @ slope
    both = 0.5 * (found + found.T)
    values = [0.5 * (both[0, 0] + both[1, 1]), 0.5 * (both[1, 1] - both[0, 0]), both[0, 1]]
    return np.array([*values, rotation]), flipped


def within_quarters(values: np.ndarray) -> np.ndarray:
    """Return the same lens with a rotation from -90 to 90 degrees."""
    turned = (values[3] + 90.0) % 360.0 - 90.0
    if turned < 90.0:
        return np.array([*values[:3], turned])
    return np.array([*-values[:3], turned - 180.0])


def half_turned(values: np.ndarray) -> np.ndarray:
    """Return the opposite lens with half a turn more, from -180 to 180 degrees."""
    return np.array([*-values[:3], values[3] - 180.0 if values[3] > 0 else values[3] + 180.0])


def astigmatism(a: float, b: float, covariance: np.ndarray) -> tuple[float, float, float, float]:
    """Return modulus and azimuth (degrees) of C12, and their standard deviations."""
    size = float(np.hypot(a, b))
    safe = max(size, 1e-30)
    along = np.array([a, b]) / safe
    across = np.array([-b, a]) / safe**2 * 0.5 * 180.0 / np.pi
    spread = [float(np.sqrt(max(each @ covariance @ each, 0.0))) for each in (along, across)]
    return size, float(np.rad2deg(np.arctan2(b, a)) / 2), spread[0], spread[1]
