r"""Spring constants of cantilevers, from how they move by themselves or in a fluid. Units of SI."""

from typing import Any

import numpy as np

from omniscopy.physics.formulas import Formula

BOLTZMANN = 1.380649e-23
# What part of the mean square deflection is that of the first mode of a beam, 12 / alpha^4, and
# what a detector of the angle sees of it, in units of its static sensitivity: H.-J. Butt,
# M. Jaschke, Nanotechnology 6, 1 (1995).
_ALPHA = 1.8751040687119611
DEFLECTION = 12.0 / _ALPHA**4
_SHAPE = (np.sin(_ALPHA) * np.sinh(_ALPHA)) / (_ALPHA * (np.sin(_ALPHA) + np.sinh(_ALPHA)))
ANGLE = 16.0 / 3.0 * _SHAPE**2
_REAL = (
    (0.91324, -0.48274, 0.46842, -0.12886, 0.044055, -0.0035117, 0.00069085),
    (1.0, -0.56964, 0.48690, -0.13444, 0.045155, -0.0035862, 0.00069085),
)
_IMAGINARY = (
    (-0.024134, -0.029256, 0.016294, -0.00010961, 0.000064577, -0.000044510),
    (1.0, -0.59702, 0.55182, -0.18357, 0.079156, -0.014369, 0.0028361),
)


def thermal_peak(f: Any, square: Any, f0: Any, q: Any) -> Any:
    r"""Return the one-sided power density of an oscillator in a white force.

    :math:`\frac{2 \langle z^2\rangle}{\pi f_0 Q} \frac{f_0^4}{(f^2-f_0^2)^2 + (f f_0/Q)^2}`,
    whose integral is :math:`\langle z^2\rangle`, and its derivatives.
    """
    away, loss = f * f - f0 * f0, f * f0 / q
    size = away * away + loss * loss
    shape = 2.0 / np.pi * f0 * f0 * f0 / (q * size)
    by_f0 = 3.0 / f0 - (2.0 * loss * loss / f0 - 4.0 * away * f0) / size
    by_q = -1.0 / q + 2.0 * loss * loss / (q * size)
    value = square * shape
    return value, shape, value * by_f0, value * by_q


THERMAL_PEAK = Formula(thermal_peak, 3)


def hydrodynamic_function(reynolds: Any) -> Any:
    r"""Return the complex hydrodynamic function of a thin rectangular beam that bends.

    With :math:`Re = \rho \omega b^2 / 4 \eta` of the width :math:`b`: J. E. Sader, J. Appl. Phys.
    84, 64 (1998), equations 20 and 21, for Re from 1e-6 to 1e4.
    """
    import scipy.special

    re = np.asarray(reynolds, dtype=np.float64)
    root = np.sqrt(1j * re)
    k1, k0 = (scipy.special.kve(order, -1j * root) for order in (1, 0))
    circle = 1.0 + 4.0j * k1 / (root * k0)
    tau = np.log10(re)
    real, imaginary = (
        np.polynomial.polynomial.polyval(tau, above) / np.polynomial.polynomial.polyval(tau, below)
        for above, below in (_REAL, _IMAGINARY)
    )
    return (real + 1j * imaginary) * circle


def sader(
    f0: Any, q: Any, *, length: float, width: float, density: float, viscosity: float
) -> Any:  # fmt: skip
    r"""Return :math:`0.1906\, \rho b^2 L Q\, \Gamma_i(\omega_0)\, \omega_0^2`.

    J. E. Sader, J. W. M. Chon, P. Mulvaney, Rev. Sci. Instrum. 70, 3967 (1999).
    """
    omega = 2.0 * np.pi * np.asarray(f0, dtype=np.float64)
    reynolds = density * omega * width**2 / (4.0 * viscosity)
    with np.errstate(invalid="ignore", divide="ignore"):
        damping = hydrodynamic_function(reynolds).imag
    return 0.1906 * density * width**2 * length * q * damping * omega**2
