"""The slope that most of a surface has."""

import numpy as np

# The kernel narrows by this factor, at most so often.
_NARROWER, _TIMES, _SHIFTS = 0.25, 24, 3
# The cloud is as narrow as the kernel where its spread under it is more than this part of it.
_FILLED = 0.5


def facet_slopes(
    values: np.ndarray, used: np.ndarray, step_y: float, step_x: float
) -> tuple[float, float]:
    """Return the slopes along y and x of the facet that most of the surface belongs to.

    That is the densest place of the cloud of slopes of all squares of 2 x 2 used points, found
    by mean shift with a Gaussian kernel that narrows until the cloud fills it. NaN where there
    is no such square.
    """
    corners = used[1:, 1:] & used[:-1, 1:] & used[1:, :-1] & used[:-1, :-1]
    down, right = np.diff(values, axis=0), np.diff(values, axis=1)
    slope_y = ((down[:, 1:] + down[:, :-1]) / (2.0 * step_y))[corners]
    slope_x = ((right[1:] + right[:-1]) / (2.0 * step_x))[corners]
    if not slope_y.size:
        return np.nan, np.nan
    centre = np.array([slope_y.mean(), slope_x.mean()])
    width2 = float(np.mean((slope_y - centre[0]) ** 2 + (slope_x - centre[1]) ** 2)) / 2
    size2 = max(float(np.mean(slope_y**2 + slope_x**2)), 1e-300)
    for _ in range(_TIMES):
        if width2 <= 1e-29 * size2:
            break
        spread2 = 0.0
        for _ in range(_SHIFTS):
            away2 = (slope_y - centre[0]) ** 2 + (slope_x - centre[1]) ** 2
            weight = np.exp(-away2 / (2.0 * width2))
            total = float(weight.sum())
            if total < 1.0:  # nothing is left under the kernel
                return float(centre[0]), float(centre[1])
            centre = np.array([weight @ slope_y, weight @ slope_x]) / total
            spread2 = float(weight @ away2) / (2.0 * total)
        if spread2 > _FILLED * width2:
            break
        width2 *= _NARROWER**2
    return float(centre[0]), float(centre[1])
