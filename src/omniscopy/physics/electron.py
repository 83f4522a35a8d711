"""Fast electrons: wavelength, relativistic factors, interaction with a potential.

Voltages are in volts, and every quantity is of its wave outside the sample.
"""

from typing import Any

import numpy as np
from scipy import constants

from omniscopy.model.errors import DataError

REST_ENERGY = constants.electron_mass * constants.speed_of_light**2 / constants.elementary_charge
"""Rest energy of the electron, in eV."""

BOHR_RADIUS = constants.physical_constants["Bohr radius"][0] / constants.angstrom
"""Radius of Bohr's orbit, in Å."""

POTENTIAL_PER_FACTOR = (
    constants.Planck**2
    / (2.0 * np.pi * constants.electron_mass * constants.elementary_charge)
    / constants.angstrom**2
)
r"""Volts of a potential with a form factor of 1 Å in each Å³, :math:`h^2 / 2 \pi m_0 e`."""

LOWEST_VOLTAGE = 1000.0


def require_voltage(voltage: Any) -> Any:
    """Return voltages as numbers, or raise where they are none or were given in kV."""
    volts = np.asarray(voltage, dtype=np.float64)
    if not (np.isfinite(volts) & (volts > 0.0)).all():
        message = f"a voltage must be a positive number of volts, got {voltage}"
        raise DataError(message)
    if (volts < LOWEST_VOLTAGE).any():
        low = float(volts.min())
        message = (
            f"a voltage of {low:g} V is too low for a fast electron; voltages are in V: "
            f"for {low:g} kV write {low * 1e3:g}"
        )
        raise DataError(message)
    return volts if volts.ndim else volts[()]


def lorentz_factor(voltage: Any) -> Any:
    r"""Return the relativistic mass over the rest mass, :math:`\gamma = 1 + e U / m_0 c^2`."""
    return 1.0 + require_voltage(voltage) / REST_ENERGY


def velocity_ratio(voltage: Any) -> Any:
    r"""Return the velocity over that of light, :math:`\beta = \sqrt{1 - 1/\gamma^2}`."""
    return np.sqrt(1.0 - lorentz_factor(voltage) ** -2)


def effective_energy(voltage: Any) -> Any:
    r"""Return :math:`m_0 v^2 / 2` in eV, the energy that inelastic cross-sections ask for [1]_.

    References
    ----------
    .. [1] R. F. Egerton, *Electron Energy-Loss Spectroscopy in the Electron Microscope*,
       3rd ed., Springer (2011).
    """
    return 0.5 * REST_ENERGY * velocity_ratio(voltage) ** 2


def wavelength(voltage: Any) -> Any:
    r"""Return the wavelength in Å, :math:`\lambda = h c / \sqrt{e U (2 m_0 c^2 + e U)}`.

    Parameters
    ----------
    voltage : float or array, V
        Accelerating voltage.

    Raises
    ------
    DataError
        A voltage is not positive, or so low that it was given in kV.
    """
    volts = require_voltage(voltage)
    hc = constants.Planck * constants.speed_of_light / constants.elementary_charge
    return hc / constants.angstrom / np.sqrt(volts * (2.0 * REST_ENERGY + volts))


def wave_number(voltage: Any) -> Any:
    r"""Return :math:`k = 1 / \lambda` in 1/Å."""
    return 1.0 / wavelength(voltage)


def interaction(voltage: Any) -> Any:
    r"""Return the phase of a wave for each volt and Å of a potential it has passed, in 1/(V Å).

    :math:`\sigma = 2 \pi m e \lambda / h^2` with the relativistic mass [1]_.

    Parameters
    ----------
    voltage : float or array, V
        Accelerating voltage.

    References
    ----------
    .. [1] E. J. Kirkland, *Advanced Computing in Electron Microscopy*, 2nd ed., Springer (2010),
       equation 5.6.
    """
    return lorentz_factor(voltage) * wavelength(voltage) / POTENTIAL_PER_FACTOR


def inner_wave_number(voltage: Any, inner_potential: Any) -> Any:
    r"""Return the wave number in 1/Å inside a sample of this mean inner potential (V).

    :math:`K = \sqrt{k^2 + U_0}` with :math:`U_0 = 2 m e V_0 / h^2`, the relativistic mass in it.
    """
    u0 = lorentz_factor(voltage) * inner_potential / (np.pi * POTENTIAL_PER_FACTOR)
    return np.sqrt(wave_number(voltage) ** 2 + u0)


def depth_of_focus(voltage: Any, convergence: Any) -> Any:
    r"""Return the depth of focus in Å, :math:`\lambda/\alpha^2`, of a half angle in radians."""
    return wavelength(voltage) / np.square(convergence)


def electrons_per_second(current: Any) -> Any:
    """Return how many electrons a current (A) brings in a second."""
    return np.asarray(current)[()] / constants.elementary_charge
