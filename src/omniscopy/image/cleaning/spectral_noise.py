"""Filters of noise by the spectrum of an image: what stands out of its background is kept."""

import numpy as np

from omniscopy.image.cleaning.filling import filled
from omniscopy.image.fourier.periodic import periodic_and_smooth
from omniscopy.image.fourier.spots import ring_background


def wiener(values: np.ndarray, used: np.ndarray, *, steps: tuple[float, float]) -> np.ndarray:
    r"""Return an image filtered with :math:`(P - N) / P`, N the background of its spectrum P.

    R. Kilaas, *J. Microsc.* 190, 45 (1998).
    """
    return _without_background(values, used, steps, root=False)


def average_background(
    values: np.ndarray, used: np.ndarray, *, steps: tuple[float, float]
) -> np.ndarray:
    r"""Return an image without the mean amplitude of the background: :math:`1 - \sqrt{N / P}`.

    R. Kilaas, *J. Microsc.* 190, 45 (1998).
    """
    return _without_background(values, used, steps, root=True)


def _without_background(
    values: np.ndarray, used: np.ndarray, steps: tuple[float, float], *, root: bool
) -> np.ndarray:
    if not used.any():
        return np.full(values.shape, np.nan)
    periodic, smooth = periodic_and_smooth(filled(values, used))
    spectrum = np.fft.fft2(periodic)
    power = np.abs(spectrum) ** 2
    axes = [np.fft.fftfreq(size, step) for size, step in zip(values.shape, steps, strict=True)]
    distance = np.hypot(axes[0][:, None], axes[1])
    width = 2 * max(1 / (step * size) for size, step in zip(values.shape, steps, strict=True))
    quiet = np.ones(power.shape, dtype=bool)
    noise = power
    for _ in range(3):  # what stands out is no background to itself
        noise = ring_background(power, distance, width, quiet)
        quiet = power < 6.0 * noise
    part = noise / np.maximum(power, noise * 1e-12 + 1e-300)
    gain = np.maximum(1.0 - (np.sqrt(part) if root else part), 0.0)
    gain[0, 0] = 1.0
    made = np.fft.ifft2(gain * spectrum).real + smooth
    return np.where(used, made, np.nan)
