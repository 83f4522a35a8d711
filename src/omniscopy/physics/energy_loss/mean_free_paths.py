"""Mean free paths between inelastic scattering, in nm."""

from collections.abc import Mapping

import numpy as np

from omniscopy.model.errors import DataError
from omniscopy.physics.electron import effective_energy
from omniscopy.physics.energy_loss.geometry import BOHR_RADIUS, characteristic_angle


def iakoubovskii(
    density: float, voltage: float, convergence: float = 0.0, collection: float = np.inf
) -> float:
    r"""Return the mean free path of a material of this density (g/cm³) after Iakoubovskii [1]_.

    Angles are in radians; beyond 20 mrad all is collected, as far as the parametrisation knows.

    Notes
    -----
    :math:`\lambda^{-1} = \frac{11 \rho^{0.3}}{200 F E_0} \ln\left[\frac{\alpha^2 + \beta^2 +
    2\theta_E^2 + |\alpha^2 - \beta^2|}{\alpha^2 + \beta^2 + 2\theta_C^2 +
    |\alpha^2 - \beta^2|} \frac{\theta_C^2}{\theta_E^2}\right]` with
    :math:`\theta_E = 5.5 \rho^{0.3} / F E_0` and :math:`\theta_C` = 20 mrad, energies in keV.

    References
    ----------
    .. [1] K. Iakoubovskii, K. Mitsuishi, Y. Nakayama, K. Furuya, *Microsc. Res. Tech.* 71, 626
       (2008), equations 8 and 9.
    """
    kilovolts = voltage / 1000.0
    factor = (1.0 + kilovolts / 1022.0) / (1.0 + kilovolts / 511.0) ** 2
    weight = density**0.3
    inner = 5.5 * weight / (factor * kilovolts)
    outer = 20.0
    larger = 2e6 * max(convergence, collection) ** 2
    seen = (
        1.0 if np.isinf(larger) else (larger + 2.0 * inner**2) / (larger + 2.0 * outer**2)
    )  # fmt: skip
    strength = 11.0 * weight / (200.0 * factor * kilovolts)
    return float(1.0 / (strength * np.log(seen * (outer / inner) ** 2)))


def malis(composition: Mapping[int, float], voltage: float, collection: float) -> float:
    r"""Return the mean free path of a composition (atomic number to fraction) after Malis [1]_.

    :math:`\lambda = 106 F E_0 / (E_m \ln(2 \beta E_0 / E_m))` with :math:`E_m = 7.6 Z^{0.36}`,
    energies in keV, the collection angle in radians here and in mrad there.

    References
    ----------
    .. [1] T. Malis, S. C. Cheng, R. F. Egerton, *J. Electron Microsc. Tech.* 8, 193 (1988).
    """
    kilovolts = voltage / 1000.0
    factor = (1.0 + kilovolts / 1022.0) / (1.0 + kilovolts / 511.0) ** 2
    mean_loss = 7.6 * effective_number(composition) ** 0.36
    order = 2.0 * collection * 1e3 * kilovolts / mean_loss
    if not order > 1.0:
        message = (
            f"a collection angle of {collection * 1e3:g} mrad at {kilovolts:g} kV is too small for "
            "the formula of Malis"
        )
        raise DataError(message)
    return float(106.0 * factor * kilovolts / (mean_loss * np.log(order)))


def effective_number(composition: Mapping[int, float]) -> float:
    """Return the atomic number that a mixture has in the formula of Malis, after Lenz."""
    numbers = np.array([*composition], dtype=np.float64)
    shares = np.array([*composition.values()], dtype=np.float64)
    return float(np.sum(shares * numbers**1.3) / np.sum(shares * numbers**0.3))


def tpp_2m(
    density: float, voltage: float, *, valence: float, mass: float, gap: float = 0.0
) -> float:
    r"""Return the mean free path after Tanuma, Powell and Penn, with relativity [1]_.

    Parameters
    ----------
    density : float, g/cm³
        Of the material.
    voltage : float, V
        Accelerating voltage.
    valence, mass : float
        Valence electrons of a formula unit, and its mass in g/mol.
    gap : float, eV
        Of the bands.

    References
    ----------
    .. [1] H. Shinotsuka, S. Tanuma, C. J. Powell, D. R. Penn, *Surf. Interface Anal.* 47, 871
       (2015), equations 9 and 10.
    """
    packed = valence * density / mass
    plasmon = 28.816 * np.sqrt(packed)
    beta = -1.0 + 9.44 / np.sqrt(plasmon**2 + gap**2) + 0.69 * density**0.1
    gamma = 0.191 / np.sqrt(density)
    c, d = 19.7 - 9.1 * packed, 534.0 - 208.0 * packed
    alpha = effective_energy(voltage) / voltage
    bracket = beta * np.log(gamma * alpha * voltage) - c / voltage + d / voltage**2
    return float(alpha * voltage / (plasmon**2 * bracket))


def plasmon_path(energy: float, voltage: float, collection: float) -> float:
    r"""Return the mean free path of plasmons, :math:`4 a_0 T / E_p \ln(1 + \beta^2/\theta_E^2)`.

    R. F. Egerton, *Electron Energy-Loss Spectroscopy in the Electron Microscope*, 3rd ed.,
    equation 3.58; `collection` is in radians.
    """
    kinetic = effective_energy(voltage)
    angle = characteristic_angle(energy, voltage)
    order = np.log1p((collection / angle) ** 2)
    return float(4.0 * BOHR_RADIUS * kinetic / (energy * order))
