"""How deep in a bulk sample X-rays are made: the distribution in depth, and its absorption."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from omniscopy.model.errors import DataError
from omniscopy.physics.scattering.coefficients import find_element
from omniscopy.physics.xray.absorption import weights_of
from omniscopy.physics.xray.shells import atomic_weight


class DepthDistribution(NamedTuple):
    r"""A distribution in depth: :math:`A e^{-a \rho z} + (B \rho z + \phi_0 - A) e^{-b \rho z}`.

    Depths are masses of an area in g/cm²; 1 is what a thin film alone emits.
    """

    area: float
    surface: float
    slope: float
    depth: float
    a: float
    b: float
    A: float
    B: float

    def __call__(self, depth: Any) -> Any:
        """Return the emission at depths in g/cm²."""
        z = np.asarray(depth, dtype=np.float64)
        first = self.A * np.exp(-self.a * z)
        return first + (self.B * z + self.surface - self.A) * np.exp(-self.b * z)

    def emitted(self, chi: Any) -> Any:
        r"""Return what leaves the sample, :math:`\int \phi e^{-\chi \rho z} d\rho z`."""
        chi = np.asarray(chi, dtype=np.float64)
        rest = self.surface - self.A
        return self.A / (self.a + chi) + rest / (self.b + chi) + self.B / (self.b + chi) ** 2


def depth_distribution(
    composition: str | Mapping[str, float], edge: float, voltage: float, shell: str = "K"
) -> DepthDistribution:
    """Return the distribution in depth of ionisations of a shell in a bulk sample.

    Parameters
    ----------
    composition : str or mapping
        An element, or weight fractions of elements.
    edge : float, keV
        Ionisation energy of the shell.
    voltage : float, V
        Of the electrons.
    shell : {"K", "L", "M"}
        The kind of shell.

    Returns
    -------
    DepthDistribution
        Called with depths in g/cm², it gives the emission relative to that of a thin film.

    Raises
    ------
    DataError
        The electrons cannot ionise the shell, or no composition is given.

    Notes
    -----
    The model XPP: area, depth, surface and slope of the distribution from stopping and
    backscattering, and the two exponentials that have these.

    References
    ----------
    .. [1] J.-L. Pouchou, F. Pichoir, in *Electron Probe Quantitation*, Plenum (1991), p. 31.
    """
    beam = voltage * 1e-3
    if not 0 < edge < beam:
        message = f"electrons of {beam:g} kV do not ionise a shell at {edge:g} keV"
        raise DataError(message)
    matter = _matter(composition)
    u = beam / edge
    reflected = _backscattering(matter.zb)
    area = _area(matter, edge, u, shell, reflected)
    surface = 1 + 3.3 * (1 - u ** -(2 - 2.3 * reflected)) * reflected**1.2
    depth = _mean_depth(matter.zb, u, area)
    if area / depth < surface:
        depth = area / surface
    b = np.sqrt(2) * (1 + np.sqrt(max(1 - depth * surface / area, 0.0))) / depth
    slope = _slope(matter.zb, u, area, depth, surface, b)
    a = (slope + b * (2 * surface - b * area)) / (b * area * (2 - b * depth) - surface)
    small = (a - b) / b
    if abs(small) < 1e-6:
        small = 1e-6
        a = b * (1 + small)
    linear = (b**2 * area * (1 + small) - slope - surface * b * (2 + small)) / small
    first = (linear / b + surface - b * area) * (1 + small) / small
    return DepthDistribution(area, surface, slope, depth, a, b, first, linear)


class _Matter(NamedTuple):
    """Means over the elements: Z/A, the ionisation energy in keV, and Z for backscattering."""

    electrons: float
    ionisation: float
    zb: float


def _matter(composition: str | Mapping[str, float]) -> _Matter:
    weights = weights_of(composition)
    number = np.array([float(find_element(symbol).atomic_number) for symbol in weights])
    part = np.array(list(weights.values()))
    share = part * number / np.array([atomic_weight(symbol) for symbol in weights])
    energy = number * (10.04 + 8.25 * np.exp(-number / 11.22)) * 1e-3
    mean = float(np.exp((share * np.log(energy)).sum() / share.sum()))
    return _Matter(float(share.sum()), mean, float((part * np.sqrt(number)).sum() ** 2))


def _backscattering(z: float) -> float:
    return 1.75e-3 * z + 0.37 * (1 - np.exp(-0.015 * z**1.3))


def _area(matter: _Matter, edge: float, u: float, shell: str, reflected: float) -> float:
    """Return the integral of the distribution: backscattering over stopping, by cross-section."""
    number = {"K": 0.86 + 0.12 * np.exp(-((matter.zb / 5) ** 2)), "L": 0.82, "M": 0.78}[shell]
    j = matter.ionisation
    factors = np.array([6.6e-6, 1.12e-5 * (1.35 - 0.45 * j**2), 2.2e-6 / j])
    powers = np.array([0.78, 0.1, -(0.5 - 0.25 * j)])
    t = 1 + powers - number
    integral = (t * u**t * np.log(u) - u**t + 1) / t**2
    stopping = j * edge / matter.electrons * (factors * (edge / j) ** powers * integral).sum()
    mean = 0.595 + reflected / 3.7 + reflected**4.55
    alpha = (2 * mean - 1) / (1 - mean)
    lost = (u - 1 - (1 - u ** -(1 + alpha)) / (1 + alpha)) / (
        (2 + alpha) * (1 + u * (np.log(u) - 1))
    )
    kept = 1 - reflected * mean * (1 - lost)
    return float(kept * stopping * u**number / np.log(u))


def _mean_depth(z: float, u: float, area: float) -> float:
    x, y = 1 + 1.3 * np.log(z), 0.2 + z / 200
    return float(area / (1 + x * np.log(1 + y * (1 - u**-0.42)) / np.log(1 + y)))


def _slope(  # noqa: PLR0917 - named as in the paper
    z: float, u: float, area: float, depth: float, surface: float, b: float
) -> float:
    start = 0.22 * np.log(4 * z) * (1 - 2 * np.exp(-z * (u - 1) / 15))
    most = 0.9 * b * depth**2 * (b - 2 * surface / area)
    steep = start * (1 - 10 * (1 - 1 / (1 + u / 10)) / z**2) ** 4
    return float(min(steep, most) * area / depth**2)
