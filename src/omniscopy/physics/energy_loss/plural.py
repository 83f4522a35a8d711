r"""Plural scattering, exactly: :math:`J = Z \otimes e^{(t/\lambda)(S - 1)}`."""

from typing import Any

import numpy as np
from scipy import fft

from omniscopy.physics.energy_loss.geometry import dipole_angles
from omniscopy.physics.energy_loss.plasmons import drude


def single_scattering(
    energy: np.ndarray, plasmon: float, width: float, voltage: float, collection: float
) -> np.ndarray:
    """Return the probability of each loss of a uniform axis for one scattering by plasmons.

    The loss function of free electrons times the angles that are collected; the sum is 1.
    """
    made = np.zeros(energy.shape)
    above = energy > 0.0
    loss = energy[above]
    made[above] = drude(loss, 1.0, plasmon, width)[0] * dipole_angles(loss, voltage, collection)
    return made / made.sum()


def plural(zero_loss: np.ndarray, single: np.ndarray, thickness: Any) -> np.ndarray:
    r"""Return spectra of samples of some thicknesses, in mean free paths.

    `single` is the probability of losses from 0 on, in the steps of `zero_loss` (..., channels),
    whose sum is the intensity of the beam. Poisson's statistics of any number of scatterings are
    one exponential of the Fourier transform [1]_.

    References
    ----------
    .. [1] D. W. Johnson, J. C. H. Spence, *J. Phys. D* 7, 771 (1974).
    """
    size = zero_loss.shape[-1]
    length = fft.next_fast_len(2 * size + len(single), real=True)
    order = fft.rfft(single, length) - 1.0
    spread = np.exp(np.asarray(thickness)[..., None] * order)
    return np.asarray(fft.irfft(fft.rfft(zero_loss, length) * spread, length)[..., :size])
