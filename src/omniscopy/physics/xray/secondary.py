r"""X-rays that other X-rays of the sample excite: secondary fluorescence by lines.

Lines of an element are made in proportion to their emission by electrons and to its mass; they go
in all directions and ionise what they meet. A layer at depth :math:`t` takes :math:`\frac12
E_1(\mu |t - s|)` of what one at :math:`s` emits, by mass of an area and absorption, with the
exponential integral :math:`E_1` [1]_. Depths are in g/cm².

References
----------
.. [1] S. J. B. Reed, *Electron Microprobe Analysis*, 2nd ed., Cambridge (1993), section 16.3;
   I. M. Anderson, J. Bentley, C. B. Carter, *Ultramicroscopy* 68, 77 (1997).
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from omniscopy.physics.xray.depths import DepthDistribution
from omniscopy.physics.xray.emission import Family, alpha_transitions, families
from omniscopy.physics.xray.ionisation import emission_cross_section
from omniscopy.physics.xray.shells import (
    SHELLS,
    atomic_weight,
    edge_energy,
    fluorescence_yield,
    partial_absorption,
    radiative_rate,
    vacancies,
)


@cache
def fluorescence(family: Family, energy: float) -> float:
    """Return how much of the alpha line of a family X-rays of an energy (keV) excite, in cm²/g.

    By mass of the element; 0 below its edges.
    """
    primary = {
        each: partial_absorption(family.element, each, energy)
        for each in SHELLS
        if each[0] == family.shell and edge_energy(family.element, each) > 0
    }
    settled = vacancies(family.element, primary)
    total = 0.0
    for transition in alpha_transitions(family):
        start = transition[:1] if family.shell == "K" else transition[:2]
        rate = radiative_rate(family.element, transition)
        total += settled.get(start, 0.0) * fluorescence_yield(family.element, start) * rate
    return total


class ExcitingLines(NamedTuple):
    """Lines of a family that excite another line."""

    family: Family
    energy: np.ndarray
    """In keV."""
    excited: np.ndarray
    """Photons that each excites, in cm²/g, for one of the excited line from as much mass."""


@cache
def exciting_lines(family: Family, element: str, voltage: float) -> tuple[ExcitingLines, ...]:
    """Return the lines of an element that excite the alpha line of a family, by their families."""
    made = []
    own = emission_cross_section(family, voltage) / atomic_weight(family.element)
    for other in families(element):
        lines = [line for line in other.lines if fluorescence(family, line.energy) > 0.0]
        if not lines or not own > 0.0 or not 0.0 < other.edge < voltage * 1e-3:
            continue
        emitted = emission_cross_section(other, voltage) / other.alpha / atomic_weight(element)
        excited = [
            line.weight * emitted / own * fluorescence(family, line.energy) for line in lines
        ]
        energy = np.array([line.energy for line in lines])
        made.append(ExcitingLines(other, energy, np.array(excited)))
    return tuple(made)


def taken_in_depth(depths: DepthDistribution, absorption: Any, chi: Any) -> Any:
    r"""Return what X-rays of a distribution in depth excite that leaves a bulk sample, in g/cm².

    :math:`\iint \phi(s) \frac12 E_1(\mu |t - s|) e^{-\chi t}\, ds\, dt` for the absorption
    :math:`\mu` of the exciting and :math:`\chi` of the excited X-rays on their way out. Of
    :math:`e^{-bs}` it is :math:`[\ln(1 + \chi/\mu)/\chi + \ln(1 + b/\mu)/b] / 2(b + \chi)`.
    """
    mu, chi = np.asarray(absorption, np.float64), np.asarray(chi, np.float64)

    def part(b: float) -> Any:
        return 0.5 * (_log(chi, mu) + _log(b, mu)) / (b + chi)

    # Of s e^{-bs}: the derivative by -b.
    b = depths.b
    bend = (1.0 / (mu + b) - _log(b, mu)) / b
    linear = (part(b) - 0.5 * bend) / (b + chi)
    rest = depths.surface - depths.A
    return depths.A * part(depths.a) + rest * part(b) + depths.B * linear


def taken_in_film(absorption: Any, mass_thickness: Any) -> Any:
    r"""Return what X-rays of all of a film excite in it, over its mass thickness T, in g/cm².

    :math:`\frac{1}{T} \int_0^T \int_0^T \frac12 E_1(\mu |t - s|)\, ds\, dt
    = [\mu T - \frac12 + E_3(\mu T)] / \mu^2 T`, which is :math:`\frac T2 (0.923 - \ln \mu T)`
    for a thin one [1]_. What is absorbed on the way out is left out.

    References
    ----------
    .. [1] C. Nockolds, M. J. Nasir, G. Cliff, G. W. Lorimer, in *Electron Microscopy and Analysis
       1979*, Inst. Phys. Conf. Ser. 52 (1980), p. 417.
    """
    from scipy.special import expn

    mu, thick = np.asarray(absorption, np.float64), np.asarray(mass_thickness, np.float64)
    x = mu * thick
    small = x < 1e-3
    safe = np.where(small, 1.0, x)
    whole = (safe - 0.5 + expn(3, safe)) / safe
    # Of thin films the sum above has lost its digits: it is the series, to x^2.
    series = 0.5 * x * (1.5 - np.euler_gamma - np.log(np.where(x > 0, x, 1.0)) + x / 3.0)
    return np.where(small, series, whole) / mu


def _log(a: Any, mu: Any) -> Any:
    """Return ln(1 + a / mu) / a."""
    a = np.asarray(a, np.float64)
    safe = np.where(a > 0.0, a, 1.0)
    return np.where(a > 0.0, np.log1p(safe / mu) / safe, 1.0 / mu)
