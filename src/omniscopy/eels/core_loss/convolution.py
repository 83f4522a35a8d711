"""Core losses of electrons that lose some more to plasmons."""

import numpy as np
from scipy import fft

# Part of the low loss beyond which nothing is left to fold with.
FARTHEST = 300.0


def reach(energy: np.ndarray, step: float, first: float, size: int) -> np.ndarray:
    """Return the losses that a spectrum on `energy` draws from when it is folded.

    The kernel has `size` channels, the first of them at the loss `first`.
    """
    count = len(energy) + size - 1
    return energy[0] - first + step * (np.arange(count) - (size - 1))


def fold(spectra: np.ndarray, kernels: np.ndarray) -> np.ndarray:
    """Return every spectrum (spectra, reach) folded with every kernel (..., channels).

    Shape (..., spectra, channels of the data): the part that needs no losses beyond `reach`.
    """
    count, size = spectra.shape[-1], kernels.shape[-1]
    # What is turned around the end of `reach` falls on channels that are not returned.
    length = fft.next_fast_len(count, real=True)
    turned = fft.rfft(spectra, length) * fft.rfft(kernels, length)[..., None, :]
    made: np.ndarray = fft.irfft(turned, length)[..., size - 1 : count]
    return made
