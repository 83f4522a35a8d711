r"""Differential cross-sections of ionisation, :math:`d\sigma/dE` in barn/eV for each atom."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.polynomial.legendre import leggauss

from omniscopy.model.errors import DataError
from omniscopy.physics.electron import REST_ENERGY, effective_energy, lorentz_factor
from omniscopy.physics.energy_loss.geometry import (
    BOHR_RADIUS,
    RYDBERG,
    effective_collection,
    retarded_angles,
)
from omniscopy.physics.energy_loss.shells import Shell, photoabsorption, shells_of

AREA = 4.0 * np.pi * BOHR_RADIUS**2 * 1e10
r""":math:`4 \pi a_0^2` in barn."""

# Photo-absorption of one oscillator, barn eV: R. F. Egerton, Ultramicroscopy 50, 13 (1993).
OSCILLATOR = 1.0976e8
# Exponents that bring L shells of hydrogen near the measured ones, for Z = 11 to 36: R. F.
# Egerton, Electron Energy-Loss Spectroscopy in the Electron Microscope, appendix B (SIGMAL3).
_L_EXPONENTS = (
    .82, .52, .52, .42, .30, .29, .22, .30, .22, .16, .12, .13, .13, .14, .16, .18, .19, .22, .14,
    .11, .12, .12, .12, .10, .10, .10,
)  # fmt: skip
_POINTS = 48
# What strengths are at least, so that they have a logarithm.
_FAINT = 1e-30


def from_photoabsorption(
    shell: Shell, energy: np.ndarray, voltage: float, convergence: float, collection: float
) -> np.ndarray:
    r"""Return the cross-section of a shell from its photo-absorption [1]_; angles in radians.

    :math:`\frac{d\sigma}{dE} = \frac{4 \pi a_0^2 R^2}{E T} \frac{df}{dE} [\ln(1 + \beta^2 /
    \theta_E^2) + G]` with :math:`df/dE = \sigma_{ph} / 1.0976 \times 10^8` barn eV. For small
    angles, where dipole transitions are all that counts.

    References
    ----------
    .. [1] R. F. Egerton, *Ultramicroscopy* 50, 13 (1993), equation 4.
    """
    energy = np.asarray(energy, dtype=np.float64)
    made = np.zeros(energy.shape)
    above = energy >= shell.energy
    if not above.any():
        return made
    loss = energy[above]
    angle = effective_collection(loss, voltage, convergence, collection)
    strength = photoabsorption(shell, loss) / OSCILLATOR
    scale = AREA * RYDBERG**2 / (loss * effective_energy(voltage))
    made[above] = scale * strength * retarded_angles(loss, voltage, angle)
    return made


def hydrogenic(
    shell: Shell, energy: np.ndarray, voltage: float, convergence: float, collection: float
) -> np.ndarray:
    r"""Return the cross-section of a K or L shell of a scaled hydrogen atom [1]_.

    :math:`\frac{d\sigma}{dE} = 4 \pi a_0^2 \frac{R}{T} \frac{R}{E} \int \frac{df}{dE}\,
    d \ln (q a_0)^2`. The L shell is that of all subshells up to L1; L2 and L3 share what is below
    L1 as their electrons do, and beyond L1 as the three do.

    References
    ----------
    .. [1] R. F. Egerton, *Electron Energy-Loss Spectroscopy in the Electron Microscope*,
       3rd ed., Springer (2011), appendix B (SIGMAK3 and SIGMAL3).
    """
    if shell.name[0] not in "KL":
        message = (
            f"hydrogenic cross-sections are of K and L shells, not of {shell.element} {shell.name};"
            " use method='photoabsorption'"
        )
        raise DataError(message)
    strengths = _k_strength if shell.name == "K" else _l_strength
    return from_strengths(
        shell, energy, voltage, convergence, collection, partial(strengths, shell)
    )


def from_strengths(  # noqa: PLR0917 - as the other cross-sections, and the strengths
    shell: Shell, energy: np.ndarray, voltage: float, convergence: float, collection: float,
    strengths: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:  # fmt: skip
    r"""Return the cross-section of a shell whose generalised oscillator strength is known [1]_.

    :math:`\frac{d\sigma}{dE} = 4 \pi a_0^2 \frac{R}{T} \frac{R}{E} \int \frac{df}{dE}(q, E)\,
    d \ln (q a_0)^2` over the wave numbers that are collected. `strengths` takes losses in eV and
    :math:`(q a_0)^2`, and returns 1/eV for all electrons of the shell.

    References
    ----------
    .. [1] R. F. Egerton, *Electron Energy-Loss Spectroscopy in the Electron Microscope*,
       3rd ed., Springer (2011), section 3.6.1.
    """
    energy = np.asarray(energy, dtype=np.float64)
    made = np.zeros(energy.shape)
    above = energy >= shell.energy
    if not above.any():
        return made
    loss = energy[above]
    angle = effective_collection(loss, voltage, convergence, collection)
    low, high = momentum_range(loss, voltage, angle)
    nodes, weights = leggauss(_POINTS)
    span = 0.5 * np.log(high / low)
    order = np.exp(np.log(low)[:, None] + span[:, None] * (1.0 + nodes))
    found = (strengths(loss[:, None], order) * weights).sum(axis=1) * span
    made[above] = AREA * RYDBERG**2 / (effective_energy(voltage) * loss) * found
    return made


class StrengthTable(NamedTuple):
    """A generalised oscillator strength on a grid.

    `order` are :math:`(q a_0)^2`, `energy` those of the ejected electron in eV, both ascending;
    `values` (order, energy) in 1/eV, of all electrons of the shell.
    """

    order: np.ndarray
    energy: np.ndarray
    values: np.ndarray

    def at(self, onset: float, loss: np.ndarray, order: np.ndarray) -> np.ndarray:
        """Return strengths for losses above an onset: straight lines between all logarithms.

        As at the ends of the table before it, none beyond its largest wave number, and as the last
        lines go on beyond its largest energy.
        """
        across = np.log(np.maximum(order, self.order[0]) / self.order[0])
        along = np.log(loss / (onset + self.energy[0]))
        rows = np.log(self.order / self.order[0])
        columns = np.log((onset + self.energy) / (onset + self.energy[0]))
        one = np.clip(np.searchsorted(rows, across) - 1, 0, len(rows) - 2)
        two = np.clip(np.searchsorted(columns, along) - 1, 0, len(columns) - 2)
        part = (across - rows[one]) / (rows[one + 1] - rows[one])
        share = np.maximum(along - columns[two], 0.0) / (columns[two + 1] - columns[two])
        height = np.log(np.maximum(self.values, _FAINT))
        below = height[one, two] + part * (height[one + 1, two] - height[one, two])
        above = height[one, two + 1] + part * (height[one + 1, two + 1] - height[one, two + 1])
        made = np.exp(below + share * (above - below))
        return np.where(order <= self.order[-1], made, 0.0)


def momentum_range(
    energy: np.ndarray, voltage: float, collection: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the least and largest :math:`(q a_0)^2` of losses that are collected.

    R. F. Egerton, *Electron Energy-Loss Spectroscopy in the Electron Microscope*, 3rd ed.,
    equations 3.151 and 3.152.
    """
    kinetic, gamma = effective_energy(voltage), lorentz_factor(voltage)
    least = energy**2 / (4.0 * RYDBERG * kinetic)
    least = least + energy**3 / (8.0 * gamma**3 * RYDBERG * kinetic**2)
    before = kinetic / (RYDBERG * (1.0 - 2.0 * kinetic / REST_ENERGY))
    after = before - energy / RYDBERG * (gamma - energy / (2.0 * REST_ENERGY))
    return least, least + 4.0 * np.sqrt(before * after) * np.sin(0.5 * collection) ** 2


def _k_strength(shell: Shell, energy: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return the oscillator strength of two K electrons in 1/eV."""
    charge = shell.number - 0.5 if shell.number > 1 else 1.0
    q = order / charge**2
    k = energy / (RYDBERG * charge**2) - 1.0
    c, d = _coulomb(k, q - k + 1.0, 2.0)
    a = (q - k + 1.0) ** 2 + 4.0 * k
    scale = 128.0 * shell.electrons * energy / (RYDBERG**2 * charge**4)
    return scale * c / d * (q + k / 3.0 + 1.0 / 3.0) / a**3


def _l_strength(shell: Shell, energy: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return the oscillator strength of one L subshell in 1/eV."""
    number = shell.number
    charge = number - 0.35 * 7.0 - 1.7
    q = order / charge**2
    k = energy / (RYDBERG * charge**2) - 0.25
    c, d = _coulomb(k, q - k + 0.25, 1.0)
    own = {each.name: each for each in shells_of(shell.element)}
    first, third = own.get("L1", shell).energy, own.get("L3", shell).energy
    base = (q - k + 0.25) ** 2 + k
    outer = (
        2.25 * q**4 - (0.75 + 3.0 * k) * q**3 + (0.59375 - 0.75 * k - 0.5 * k**2) * q**2
        + (0.11146 + 0.85417 * k + 1.8833 * k**2 + k**3) * q + 0.0035807 + k / 21.333
        + k**2 / 4.5714 + k**3 / 2.4 + k**4 / 4.0
    ) / base**5  # fmt: skip
    whole = (
        q**3 - (5.0 / 3.0 * k + 11.0 / 12.0) * q**2 + (k**2 / 3.0 + 1.5 * k + 65.0 / 48.0) * q
        + k**3 / 3.0 + 0.75 * k**2 + 23.0 / 48.0 * k + 5.0 / 64.0
    ) / base**4  # fmt: skip
    exponent = _L_EXPONENTS[number - 11] if 11 <= number <= 36 else 0.1
    bent = np.maximum((energy + 0.1 - third) / 1.8 / number**2, 1e-12) ** exponent
    bent = np.where((abs(number - 23) <= 5) & (energy - third <= 20.0), 1.0, bent)
    reached = [each for each in own.values() if each.name[0] == "L"]
    total = sum(each.electrons for each in reached)
    below = sum(each.electrons for each in reached if each.name != "L1")
    share = np.where(
        energy < first,
        0.0 if shell.name == "L1" else shell.electrons / max(below, 1.0),
        shell.electrons / total,
    )
    strength = np.where(energy < first, outer, whole)
    return share * bent * 32.0 * strength * c / d * energy / (RYDBERG**2 * charge**4)


def _coulomb(k: np.ndarray, away: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Return what the Coulomb wave of the ejected electron does to an oscillator strength."""
    # Where k is 0 both branches meet. (SIGMAK3 keeps away from there, and steps by up to 7 %.)
    root = np.maximum(np.sqrt(np.abs(k)), 1e-6)
    angle = np.arctan(scale * root / away)
    angle = np.where(angle < 0.0, angle + np.pi, angle)
    bound = np.maximum((away + scale * root) / np.maximum(away - scale * root, 1e-12), 1e-12)
    c = np.where(k >= 0.0, np.exp(-2.0 / root * angle), np.exp(-np.log(bound) / root))
    d = np.where(k >= 0.0, -np.expm1(-2.0 * np.pi / root), 1.0)
    return c, d
