r"""Linear viscoelasticity: springs and dashpots, in time and in frequency.

A *relaxation* is :math:`G(t) = G_e + \sum_i G_i e^{-t/\tau_i}` (generalised Maxwell), a *creep*
:math:`J(t) = J_g + \sum_i J_i (1 - e^{-t/\tau_i}) + \phi t` (generalised Kelvin and Voigt with
fluidity). N. W. Tschoegl, *The Phenomenological Theory of Linear Viscoelastic Behavior* (1989).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Relaxation:
    """Springs with dashpots in series, side by side, and one spring alone.

    Attributes
    ----------
    moduli, times : tuple of float, Pa and s
        Of the arms.
    equilibrium : float, Pa
        Of the spring alone, 0 for a liquid.
    """

    moduli: tuple[float, ...]
    times: tuple[float, ...]
    equilibrium: float = 0.0

    def modulus(self, t: Any) -> Any:
        """Return the stress over a constant strain since t = 0."""
        arms = np.exp(-np.asarray(t, dtype=np.float64)[..., None] / self.times)
        return self.equilibrium + (np.asarray(self.moduli) * arms).sum(axis=-1)

    def complex_modulus(self, omega: Any) -> Any:
        """Return storage modulus + i loss modulus at an angular frequency."""
        turn = 1j * np.asarray(omega, dtype=np.float64)[..., None] * self.times
        return self.equilibrium + (np.asarray(self.moduli) * turn / (1.0 + turn)).sum(axis=-1)


@dataclass(frozen=True)
class Creep:
    """A spring, springs with dashpots side by side, and a dashpot, in series.

    Attributes
    ----------
    compliances, times : tuple of float, 1/Pa and s
        Of the elements.
    glassy : float, 1/Pa
        Of the spring alone.
    fluidity : float, 1/(Pa s)
        One over the viscosity of the dashpot alone, 0 for a solid.
    """

    compliances: tuple[float, ...]
    times: tuple[float, ...]
    glassy: float = 0.0
    fluidity: float = 0.0

    def compliance(self, t: Any) -> Any:
        """Return the strain over a constant stress since t = 0."""
        time = np.asarray(t, dtype=np.float64)
        elements = -np.expm1(-time[..., None] / self.times)
        strain = (np.asarray(self.compliances) * elements).sum(axis=-1)
        return self.glassy + strain + self.fluidity * time

    def complex_compliance(self, omega: Any) -> Any:
        """Return storage compliance - i loss compliance at an angular frequency."""
        rate = 1j * np.asarray(omega, dtype=np.float64)
        elements = (np.asarray(self.compliances) / (1.0 + rate[..., None] * self.times)).sum(-1)
        if not self.fluidity:
            return self.glassy + elements
        return self.glassy + elements + self.fluidity / rate


def maxwell(modulus: float, viscosity: float) -> Relaxation:
    """Return a spring and a dashpot in series."""
    return Relaxation((modulus,), (viscosity / modulus,))


def kelvin_voigt(modulus: float, viscosity: float) -> Creep:
    """Return a spring and a dashpot side by side."""
    return Creep((1.0 / modulus,), (viscosity / modulus,))


def standard_linear_solid(equilibrium: float, modulus: float, viscosity: float) -> Relaxation:
    """Return a spring beside a spring and a dashpot in series (Zener)."""
    return Relaxation((modulus,), (viscosity / modulus,), equilibrium)


def burgers(
    maxwell_modulus: float, maxwell_viscosity: float, voigt_modulus: float, voigt_viscosity: float
) -> Creep:
    """Return a Maxwell and a Kelvin-Voigt element in series."""
    return Creep(
        (1.0 / voigt_modulus,), (voigt_viscosity / voigt_modulus,), 1.0 / maxwell_modulus,
        1.0 / maxwell_viscosity,
    )  # fmt: skip


def relaxation_of(creep: Creep) -> Relaxation:
    r"""Return the relaxation of a creep: the same material, :math:`s^2 \bar G \bar J = 1`.

    Relaxation times are those at which the compliance has a zero, :math:`\hat J(-1/\tau) = 0` of
    the polynomial in s; the moduli are the residues there. A creep without a glassy compliance is
    infinitely stiff at once and has none.
    """
    if not creep.glassy > 0:
        message = "a creep without a glassy compliance has no relaxation that is finite"
        raise ValueError(message)
    above, below = _ratio_of(creep)
    # 1 / (s J(s)) = G(s), with s J = above / below in powers of s.
    poles = np.real(above.roots())
    slope = above.deriv()
    flowing = creep.fluidity > 0
    kept = poles[np.abs(poles) > 1e-9 / max(creep.times or (1.0,))] if not flowing else poles
    times = -1.0 / kept
    moduli = [float(below(pole) / (pole * slope(pole))) for pole in kept]
    end = 0.0 if flowing else 1.0 / (creep.glassy + sum(creep.compliances))
    order = np.argsort(times)
    return Relaxation(
        tuple(float(moduli[n]) for n in order), tuple(float(times[n]) for n in order), end
    )


def indentation_force(
    time: Any, indentation: Any, material: Relaxation, radius: float, poisson_ratio: float = 0.5
) -> Any:
    r"""Return the force of a sphere that is pushed ever deeper into a material.

    :math:`\frac{8 \sqrt R}{3 (1 - \nu)} \int G(t - s)\, \mathrm{d}\delta^{3/2}(s)`, with the
    history of the contact straight between the points: E. H. Lee, J. R. M. Radok, J. Appl. Mech.
    27, 438 (1960), equation 21. It holds as long as the contact grows.
    """
    grown = np.maximum(np.asarray(indentation, dtype=np.float64), 0.0) ** 1.5
    steps, change = np.diff(time), np.diff(grown)
    stress = material.equilibrium * grown
    for modulus, tau in zip(material.moduli, material.times, strict=True):
        fall = np.exp(-steps / tau)
        given = modulus * change * tau / steps * -np.expm1(-steps / tau)
        # What there is at first counts as put on at once.
        arm = np.empty(grown.shape)
        arm[0] = modulus * grown[0]
        for number in range(len(steps)):
            arm[number + 1] = fall[number] * arm[number] + given[number]
        stress = stress + arm
    return 8.0 * radius**0.5 / (3.0 * (1.0 - poisson_ratio)) * stress


def creep_histories(force: Any, step: float, times: Any, *, flows: bool = False) -> np.ndarray:
    r"""Return :math:`\int J(t - s)\, \mathrm{d}F(s)` of each element of a creep alone.

    Of a spring of compliance 1, of Kelvin-Voigt elements of compliance 1 with some retardation
    times, and of a dashpot of fluidity 1 where it `flows`: shape (elements, time). The force is
    straight between samples `step` apart; what there is at first counts as put on at once.
    """
    from scipy.signal import lfilter

    force = np.asarray(force, dtype=np.float64)
    change = np.diff(force)
    columns = [force]
    for tau in np.asarray(times, dtype=np.float64):
        fall = np.exp(-step / tau)
        given = np.concatenate([force[:1], change * tau / step * -np.expm1(-step / tau)])
        columns.append(force - lfilter([1.0], [1.0, -fall], given))
    if flows:
        columns.append(np.concatenate([[0.0], np.cumsum(0.5 * step * (force[1:] + force[:-1]))]))
    return np.stack(columns)


def _ratio_of(creep: Creep) -> tuple[Any, Any]:
    """Return the polynomials in s of s J(s): above, and below the line."""
    from numpy.polynomial import Polynomial

    factors = [Polynomial([1.0, tau]) for tau in creep.times]
    below = Polynomial([1.0])
    for factor in factors:
        below = below * factor
    above = creep.glassy * below
    for number, compliance in enumerate(creep.compliances):
        part = Polynomial([compliance])
        for other, factor in enumerate(factors):
            part = part if other == number else part * factor
        above = above + part
    if creep.fluidity > 0:
        turned = Polynomial([0.0, 1.0])
        above, below = above * turned + creep.fluidity * below, below * turned
    return above, below
