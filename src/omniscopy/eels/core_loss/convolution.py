"""Core losses of electrons that lose some more to plasmons."""

import numpy as np
from scipy import fft

# Part of the low loss beyond which nothing is left to fold with.
FARTHEST = 300.0


def margins(kernel_energy: np.ndarray, step: float) -> tuple[int, int]:
    """Return how many channels of the kernel lie below 0 eV, and from there on."""
    below = int(np.round(-kernel_energy[0] / step))
    return below, len(kernel_energy) - below


def reach(energy: np.ndarray, step: float, below: int, above: int) -> np.ndarray:
    """Return the losses that a spectrum on `energy` draws from when it is folded."""
    count = len(energy) + below + above - 1
    return energy[0] + step * (np.arange(count) - (above - 1))


def fold(spectra: np.ndarray, kernels: np.ndarray) -> np.ndarray:
    """Return every spectrum (spectra, reach) folded with every kernel (..., channels).

    Shape (..., spectra, channels of the data): the part that needs no losses beyond `reach`.
    """
    count, size = spectra.shape[-1], kernels.shape[-1]
    length = fft.next_fast_len(count + size - 1, real=True)
    turned = fft.rfft(spectra, length) * fft.rfft(kernels, length)[..., None, :]
    made: np.ndarray = fft.irfft(turned, length)[..., size - 1 : count]
    return made
