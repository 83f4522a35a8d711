"""What a detector makes of X-rays: which it counts, and as what."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import erf, erfc

from omniscopy.physics.xray.absorption import mass_absorption
from omniscopy.physics.xray.shells import edge_energy, fluorescence_yield, line_energy

# Where resolutions are stated: manganese K alpha, keV.
REFERENCE = 5.895
# Mean variance of a pulse for each keV, times 8 ln 2, in keV.
_FANO = 2.5e-3
_PER_WIDTH = 2.0 * np.sqrt(2.0 * np.log(2.0))
# Standard deviations beyond which there is nothing of a peak.
_REACH = 8.0
_DENSITY = {"Si": 2.33, "Ge": 5.323}


@dataclass(frozen=True)
class Detector:
    """How a detector is built.

    Attributes
    ----------
    layers : mapping of element to thickness in nm
        Windows and contacts in front of the crystal, with the density of the elements.
    dead_layer : float, nm
        Part of the crystal that absorbs and does not count.
    thickness : float, mm
        Part of the crystal that counts.
    resolution : float, keV
        Full width at half maximum at manganese K alpha.
    crystal : {"Si", "Ge"}
        What it is made of.
    tail : float
        Part of a peak whose charge is collected incompletely, as an exponential towards lower
        energies.
    tail_length : float, keV
        Energy in which that falls by 1/e.
    """

    layers: Mapping[str, float] = field(default_factory=dict)
    dead_layer: float = 50.0
    thickness: float = 0.45
    resolution: float = 0.13
    crystal: Literal["Si", "Ge"] = "Si"
    tail: float = 0.0
    tail_length: float = 0.1


def efficiency(detector: Detector, energy: npt.ArrayLike) -> Any:
    r"""Return which part of the X-rays that reach a detector it counts.

    Parameters
    ----------
    detector : Detector
        How it is built.
    energy : float or array, keV
        Of the X-rays, above 0.

    Returns
    -------
    float or array of the shape of `energy`, 1
        Between 0 and 1: what passes layers and dead layer and is absorbed in the crystal.

    Raises
    ------
    DataError
        An energy is not above 0, or a layer is of no known element.

    Notes
    -----
    Rays fall in at a right angle. With the coefficients μ/ρ of `mass_absorption`,

    .. math::
        \varepsilon = \exp\Big(-\sum_i \mu_i t_i - \mu t_\mathrm{dead}\Big)
            \left[1 - \exp(-\mu t)\right]

    for the layers i, and for the crystal without index [1]_.

    References
    ----------
    .. [1] J. I. Goldstein et al., *Scanning Electron Microscopy and X-Ray Microanalysis*, 3rd ed.,
       Springer (2003), chapter 7.
    """
    from omniscopy.physics.xray.shells import density

    energies = np.asarray(energy, dtype=np.float64)
    crystal = mass_absorption(detector.crystal, energies) * _DENSITY[detector.crystal]
    depth = crystal * detector.dead_layer * 1e-7
    for symbol, thickness in detector.layers.items():
        depth = depth + mass_absorption(symbol, energies) * density(symbol) * thickness * 1e-7
    return np.exp(-depth) * -np.expm1(-crystal * detector.thickness * 0.1)


def peak_width(energy: npt.ArrayLike, resolution: float) -> Any:
    r"""Return the full width at half maximum of a peak of a detector.

    Parameters
    ----------
    energy : float or array, keV
        Of the peak.
    resolution : float, keV
        Width at manganese K alpha (5.895 keV).

    Returns
    -------
    float or array of the shape of `energy`, keV
        :math:`w^2 = w_0^2 + 2.5\,\mathrm{eV} (E - E_0)` [1]_, at least a fifth of the resolution.

    References
    ----------
    .. [1] C. E. Fiori, D. E. Newbury, *Scanning Electron Microsc.* 1, 401 (1978).
    """
    square = resolution**2 + _FANO * (np.asarray(energy, np.float64) - REFERENCE)
    return np.sqrt(np.maximum(square, (0.2 * resolution) ** 2))


def escape_fraction(energy: npt.ArrayLike, crystal: str = "Si") -> Any:
    r"""Return which part of the counts of a line lost a K X-ray of the crystal.

    Parameters
    ----------
    energy : float or array, keV
        Of the line, above 0.
    crystal : {"Si", "Ge"}
        What the detector is made of.

    Returns
    -------
    float or array of the shape of `energy`, 1
        :math:`\frac{\omega}{2} \frac{r - 1}{r} [1 - \frac{\mu_K}{\mu} \ln(1 + \frac{\mu}{\mu_K})]`
        with the yield and the jump ratio of the K shell [1]_; 0 below its edge.

    Raises
    ------
    DataError
        An energy is not above 0, or `crystal` is no element.

    References
    ----------
    .. [1] S. J. B. Reed, N. G. Ware, *J. Phys. E* 5, 582 (1972).
    """
    energies = np.asarray(energy, dtype=np.float64)
    edge, own = edge_energy(crystal, "K"), line_energy(crystal, "KL3")
    above, below = (float(mass_absorption(crystal, edge * side)) for side in (1.001, 0.999))
    ratio = mass_absorption(crystal, energies) / float(mass_absorption(crystal, own))
    escaping = 1.0 - np.log1p(ratio) / ratio
    part = fluorescence_yield(crystal, "K") / 2 * (1.0 - below / above) * escaping
    return np.where(energies > edge, part, 0.0)


def peaks(
    bounds: np.ndarray, energy: npt.ArrayLike, weight: npt.ArrayLike, detector: Detector,
    *, escape: bool = True,
) -> np.ndarray:  # fmt: skip
    """Return what each channel counts of lines of these energies and weights.

    Parameters
    ----------
    bounds : array, keV
        Ends of the channels, one more than these, ascending.
    energy : float or array, keV
        Of the lines.
    weight : float or array, counts
        Of the lines, as many as energies.
    detector : Detector
        Resolution, crystal and tail of the peaks.
    escape : bool
        Whether there are escape peaks, whose counts are taken from their lines.

    Returns
    -------
    array, one number for each channel, counts
        Integrals over the channels; all channels of a wide spectrum hold the sum of the weights.

    Notes
    -----
    Each line is a Gaussian of the width of `peak_width`, integrated over channels; the part
    `tail` of it is folded with an exponential towards lower energies. Escape peaks, an X-ray of
    the crystal below their line, have the share of `escape_fraction` [1]_.

    References
    ----------
    .. [1] S. J. B. Reed, N. G. Ware, *J. Phys. E* 5, 582 (1972).
    """
    energies, weights = np.atleast_1d(np.asarray(energy, float)), np.atleast_1d(weight)
    if escape:
        lost = weights * escape_fraction(energies, detector.crystal)
        own = line_energy(detector.crystal, "KL3")
        kept = lost > 0
        energies = np.concatenate([energies, energies[kept] - own])
        weights = np.concatenate([weights - lost, lost[kept]])
    sigma = peak_width(energies, detector.resolution) / _PER_WIDTH
    made = np.zeros(len(bounds) - 1)
    before = _REACH * sigma + (30.0 * detector.tail_length if detector.tail > 0 else 0.0)
    starts = np.searchsorted(bounds, energies - before)
    stops = np.searchsorted(bounds, energies + _REACH * sigma)
    for n in np.flatnonzero(stops > starts):
        part = slice(max(starts[n] - 1, 0), stops[n] + 1)
        below = _below(bounds[part], energies[n], sigma[n], detector)
        made[part.start : part.start + len(below) - 1] += weights[n] * np.diff(below)
    return made


def _below(bound: np.ndarray, centre: float, sigma: float, detector: Detector) -> Any:
    """Return the part of a peak below a bound: Gaussian, with an exponential tail behind it."""
    x = (bound - centre) / sigma
    part = 0.5 * (1.0 + erf(x / np.sqrt(2.0)))
    if detector.tail <= 0.0:
        return part
    # The distribution function of a Gaussian folded with an exponential towards lower energies.
    k = sigma / detector.tail_length
    folded = part + 0.5 * np.exp(np.minimum(x * k + k**2 / 2, 700.0)) * erfc((x + k) / np.sqrt(2.0))
    return (1.0 - detector.tail) * part + detector.tail * folded
