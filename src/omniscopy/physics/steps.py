"""Steps from 0 to their amplitude, with derivatives with respect to each parameter in turn."""

from typing import Any

import numpy as np

from omniscopy.physics.elementary import choose, erf, exp

_ROOT_2 = float(np.sqrt(2.0))
_ROOT_2_PI = float(np.sqrt(2.0 * np.pi))


def logistic(x: Any, amplitude: Any, centre: Any, width: Any) -> Any:
    r"""Return :math:`A / (1 + e^{-u})` with :math:`u = (x - c) / w`."""
    u = (x - centre) / width
    decay = exp(-abs(u))
    half = 1.0 / (1.0 + decay)
    # The form that loses no digits on either side of the step.
    shape = choose(u < 0.0, decay * half, half)
    slope = -amplitude * decay * half * half / width
    return amplitude * shape, shape, slope, slope * u


def arctan_step(x: Any, amplitude: Any, centre: Any, width: Any) -> Any:
    r"""Return :math:`A [1/2 + \arctan(u) / \pi]` with :math:`u = (x - c) / w`."""
    u = (x - centre) / width
    shape = 0.5 + np.arctan(u) / np.pi
    slope = -amplitude / (np.pi * width * (1.0 + u * u))
    return amplitude * shape, shape, slope, slope * u


def error_step(x: Any, amplitude: Any, centre: Any, sigma: Any) -> Any:
    r"""Return :math:`A [1 + \mathrm{erf}(u / \sqrt 2)] / 2` with :math:`u = (x - c) / \sigma`."""
    u = (x - centre) / sigma
    shape = 0.5 * (1.0 + erf(u / _ROOT_2))
    slope = -amplitude * exp(-0.5 * u * u) / (_ROOT_2_PI * sigma)
    return amplitude * shape, shape, slope, slope * u


def scaled(column: Any, coefficient: Any) -> Any:
    """Return a multiple of something known: a constant, a power of `x`, a reference spectrum."""
    return coefficient * column, column
