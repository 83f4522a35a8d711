"""Spectra of one count of a family, and of the continuum, as detectors show them."""

import numpy as np

from omniscopy.physics.xray.bremsstrahlung import Model, bremsstrahlung
from omniscopy.physics.xray.detectors import Detector, efficiency, peaks
from omniscopy.physics.xray.emission import Family, alpha_transitions

# Below this, in keV, a spectrum is that of the electronics, and the continuum is cut off.
LOWEST = 0.1


def family_shape(
    bounds: np.ndarray, family: Family, detector: Detector, *, escape: bool = True
) -> np.ndarray:
    r"""Return the counts of a family in channels, with one count in its alpha line.

    Parameters
    ----------
    bounds : array, keV
        Ends of the channels, one more than these, ascending.
    family : Family
        As `find_family` gives it.
    detector : Detector
        What it counts of each line, and how wide.
    escape : bool
        Whether there are escape peaks.

    Returns
    -------
    array, one number for each channel, counts
        All 0 where the detector sees nothing of the alpha line.

    Notes
    -----
    :math:`\sum_l w_l \varepsilon(E_l) P_l / \sum_\alpha w_l \varepsilon(E_l)` with the weights w
    of the lines, the `efficiency` and the `peaks` P.
    """
    energy = np.array([line.energy for line in family.lines])
    weight = np.array([line.weight for line in family.lines]) * efficiency(detector, energy)
    alpha = [line.transition in alpha_transitions(family) for line in family.lines]
    total = weight[alpha].sum()
    if not total > 0:
        return np.zeros(len(bounds) - 1)
    return peaks(bounds, energy, weight / total, detector, escape=escape)


def continuum(energy: np.ndarray, voltage: float, model: Model, detector: Detector) -> np.ndarray:
    r"""Return the shapes of the continuum that is counted.

    Parameters
    ----------
    energy : array, keV
        Middles of channels.
    voltage : float, V
        Of the electrons.
    model : {"kramers", "small", "lifshin"}
        See `bremsstrahlung`.
    detector : Detector
        What it counts at each energy.

    Returns
    -------
    array, shape (shapes, energies), 1
        Each of mean 1 over the energies.

    Raises
    ------
    DataError
        The model is unknown.

    Notes
    -----
    :math:`B(E)\, \varepsilon(E)` over its mean, with the shapes of `bremsstrahlung` and the
    `efficiency`.
    """
    seen = np.maximum(energy, LOWEST / 2)
    made = bremsstrahlung(seen, voltage, model) * efficiency(detector, seen)
    mean = made.mean(axis=1, keepdims=True)
    return np.asarray(made / np.where(mean > 0, mean, 1.0))
