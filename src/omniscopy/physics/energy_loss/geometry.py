"""Angles of inelastic scattering."""

from typing import Any

import numpy as np
from scipy import constants

from omniscopy.physics.electron import REST_ENERGY, effective_energy, lorentz_factor

RYDBERG = constants.physical_constants["Rydberg constant times hc in eV"][0]
"""Binding energy of hydrogen, in eV."""

BOHR_RADIUS = constants.physical_constants["Bohr radius"][0] * 1e9
"""Radius of Bohr's orbit, in nm."""


def characteristic_angle(energy: Any, voltage: float) -> Any:
    r"""Return :math:`\theta_E = E / 2 \gamma T` in radians, with :math:`T = m_0 v^2 / 2` [1]_.

    References
    ----------
    .. [1] R. F. Egerton, *Electron Energy-Loss Spectroscopy in the Electron Microscope*,
       3rd ed., Springer (2011), section 3.3.
    """
    return np.asarray(energy) / (2.0 * lorentz_factor(voltage) * effective_energy(voltage))


def effective_collection(energy: Any, voltage: float, convergence: float, collection: float) -> Any:
    r"""Return the collection angle in radians that a parallel beam would need for the same signal.

    Parameters
    ----------
    energy : array, eV
        Energy losses.
    voltage : float, V
        Accelerating voltage.
    convergence, collection : float, rad
        Half angles of probe and spectrometer.

    Notes
    -----
    The share of a convergent probe's scattering that enters the spectrometer, after Scheinfein
    and Isaacson as given in [1]_, is that within
    :math:`\beta^* = \theta_E \sqrt{(1 + \beta^2 / \theta_E^2)^{F} - 1}`.

    References
    ----------
    .. [1] R. F. Egerton, *Electron Energy-Loss Spectroscopy in the Electron Microscope*,
       2nd ed., Plenum (1996), appendix B.
    """
    energy = np.asarray(energy, dtype=np.float64)
    if convergence <= 0.0:
        return np.full(energy.shape, collection)
    a, b = convergence**2, collection**2
    t = characteristic_angle(energy, voltage) ** 2
    first = np.sqrt((a + b + t) ** 2 - 4.0 * a * b) - a - b - t
    second = 2.0 * b * np.log((np.sqrt((a + t - b) ** 2 + 4.0 * b * t) + a + t - b) / (2.0 * t))
    third = 2.0 * a * np.log((np.sqrt((b + t - a) ** 2 + 4.0 * a * t) + b + t - a) / (2.0 * t))
    share = (first + second + third) / (2.0 * a * np.log1p(b / t))
    if convergence > collection:
        share = share * a / b
    return np.sqrt(t * np.expm1(share * np.log1p(b / t)))


def dipole_angles(energy: Any, voltage: float, collection: Any) -> Any:
    r"""Return :math:`\ln(1 + \beta^2/\theta_E^2)`, to which dipole scattering is proportional."""
    return np.log1p((np.asarray(collection) / characteristic_angle(energy, voltage)) ** 2)


def retarded_angles(energy: Any, voltage: float, collection: Any) -> Any:
    r"""Return the same with the retardation of fast electrons.

    :math:`\ln(1 + \beta^2/\theta_E^2) + G`, with
    :math:`G = 2 \ln\gamma - \ln\frac{\beta^2 + \theta_E^2}{\beta^2 + \theta_E^2/\gamma^2}
    - \frac{v^2}{c^2} \frac{\beta^2}{\beta^2 + \theta_E^2/\gamma^2}` [1]_.

    References
    ----------
    .. [1] R. F. Egerton, *Ultramicroscopy* 50, 13 (1993), equation 4.
    """
    gamma = lorentz_factor(voltage)
    b = np.square(np.asarray(collection, dtype=np.float64))
    t = characteristic_angle(energy, voltage) ** 2
    short = t / gamma**2
    more = 2.0 * np.log(gamma) - np.log((b + t) / (b + short))
    return np.log1p(b / t) + more - (1.0 - gamma**-2) * b / (b + short)


def momentum_scale(voltage: float) -> float:
    r"""Return the wave number :math:`2 \pi / \\lambda` of the electrons, in 1/nm."""
    momentum = np.sqrt(voltage * (voltage + 2.0 * REST_ENERGY))
    hbar_c = constants.hbar * constants.c / constants.e * 1e9
    return float(momentum / hbar_c)
