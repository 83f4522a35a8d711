"""Shapes of spectral lines, of unit height at their centre, and of edges."""

from typing import Any

import numpy as np

# Full width at half maximum of a Gaussian over its standard deviation: 2 sqrt(2 ln 2).
FWHM_PER_SIGMA = 2.0 * float(np.sqrt(2.0 * np.log(2.0)))


def gaussian(x: Any, centre: Any, fwhm: Any) -> Any:
    r"""Return :math:`2^{-4 (x - c)^2 / w^2}`: 1 at the centre, half at :math:`c \pm w/2`."""
    return np.exp2(-4.0 * ((x - centre) / fwhm) ** 2)


def lorentzian(x: Any, centre: Any, fwhm: Any) -> Any:
    r"""Return :math:`1 / (1 + 4 (x - c)^2 / w^2)`: 1 at the centre, half at :math:`c \pm w/2`."""
    return 1.0 / (1.0 + 4.0 * ((x - centre) / fwhm) ** 2)


def power_law(x: Any, exponent: Any) -> Any:
    """Return :math:`x^{-r}`."""
    return x ** (-exponent)


def logistic_step(x: Any, centre: Any, width: Any) -> Any:
    """Return a step from 0 to 1 that passes 12 % and 88 % one `width` from its centre each."""
    return 0.5 * (1.0 + np.tanh((x - centre) / width))
