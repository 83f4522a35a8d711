# ruff: noqa: PLR0917 - points and parameters are given by their place
"""Peaks in a plane, with derivatives with respect to each parameter in turn.

Angles are in degrees, from the x towards the y axis.
"""

from typing import Any

import numpy as np

from omniscopy.physics.elementary import exp

_DEGREE = float(np.pi / 180.0)


def gaussian_2d(
    y: Any, x: Any, amplitude: Any, centre_y: Any, centre_x: Any,
    sigma_y: Any, sigma_x: Any, angle: Any,
) -> Any:  # fmt: skip
    r"""Return :math:`A e^{-(u^2 + v^2)/2}` in axes turned by the angle.

    :math:`u = (\Delta x \cos\theta + \Delta y \sin\theta) / \sigma_x`,
    :math:`v = (\Delta y \cos\theta - \Delta x \sin\theta) / \sigma_y`.
    """
    cosine, sine = np.cos(_DEGREE * angle), np.sin(_DEGREE * angle)
    along = (x - centre_x) * cosine + (y - centre_y) * sine
    across = (y - centre_y) * cosine - (x - centre_x) * sine
    u, v = along / sigma_x, across / sigma_y
    shape = exp(-0.5 * (u * u + v * v))
    value = amplitude * shape
    slope_u, slope_v = value * u / sigma_x, value * v / sigma_y
    turn = _DEGREE * (slope_v * along - slope_u * across)
    return (
        value, shape, slope_u * sine + slope_v * cosine, slope_u * cosine - slope_v * sine,
        slope_v * v, slope_u * u, turn,
    )  # fmt: skip


def lorentzian_2d(
    y: Any, x: Any, amplitude: Any, centre_y: Any, centre_x: Any,
    gamma_y: Any, gamma_x: Any, angle: Any,
) -> Any:  # fmt: skip
    r"""Return :math:`A / (1 + u^2 + v^2)`, with u and v as for `gaussian_2d`."""
    cosine, sine = np.cos(_DEGREE * angle), np.sin(_DEGREE * angle)
    along = (x - centre_x) * cosine + (y - centre_y) * sine
    across = (y - centre_y) * cosine - (x - centre_x) * sine
    u, v = along / gamma_x, across / gamma_y
    shape = 1.0 / (1.0 + u * u + v * v)
    value = amplitude * shape
    slope_u, slope_v = 2.0 * value * shape * u / gamma_x, 2.0 * value * shape * v / gamma_y
    turn = _DEGREE * (slope_v * along - slope_u * across)
    return (
        value, shape, slope_u * sine + slope_v * cosine, slope_u * cosine - slope_v * sine,
        slope_v * v, slope_u * u, turn,
    )  # fmt: skip


def gaussian_of_form(
    y: Any, x: Any, amplitude: Any, centre_y: Any, centre_x: Any, yy: Any, yx: Any, xx: Any,
) -> Any:  # fmt: skip
    r"""Return :math:`A e^{-q/2}` with the form :math:`q = a\,\Delta y^2 + 2b\,\Delta y\Delta x +
    c\,\Delta x^2`, the inverse of the covariance.

    Unlike the angle of `gaussian_2d`, all parameters are determined where the peak is round.
    """  # noqa: D205
    dy, dx = y - centre_y, x - centre_x
    slope_y, slope_x = yy * dy + yx * dx, yx * dy + xx * dx
    shape = exp(-0.5 * (dy * slope_y + dx * slope_x))
    value = amplitude * shape
    return (
        value, shape, value * slope_y, value * slope_x,
        -0.5 * value * dy * dy, -value * dy * dx, -0.5 * value * dx * dx,
    )  # fmt: skip
