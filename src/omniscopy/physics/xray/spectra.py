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
    """Return the counts of a family in channels, with one count in its alpha line.

    `bounds` are the ends of the channels in keV, one more than these.
    """
    energy = np.array([line.energy for line in family.lines])
    weight = np.array([line.weight for line in family.lines]) * efficiency(detector, energy)
    alpha = [line.transition in alpha_transitions(family) for line in family.lines]
    total = weight[alpha].sum()
    if not total > 0:
        return np.zeros(len(bounds) - 1)
    return peaks(bounds, energy, weight / total, detector, escape=escape)


def continuum(energy: np.ndarray, voltage: float, model: Model, detector: Detector) -> np.ndarray:
    """Return the shapes of the continuum that is counted at energies in keV, each of mean 1."""
    seen = np.maximum(energy, LOWEST / 2)
    made = bremsstrahlung(seen, voltage, model) * efficiency(detector, seen)
    mean = made.mean(axis=1, keepdims=True)
    return np.asarray(made / np.where(mean > 0, mean, 1.0))
