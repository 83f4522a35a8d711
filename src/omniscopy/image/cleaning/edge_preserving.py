"""Filters of noise that compare what is alike: patches, neighbours, levels."""

from typing import Any

import numpy as np

from omniscopy.image.cleaning.filling import filled
from omniscopy.image.cleaning.image_noise import noise_of_image

# Patches up to so many of their sizes away are compared.
_REACH = 2
# Values as far apart as this many times the noise count 0.61 as much in a bilateral filter.
_ALIKE = 2.5
_WEIGHTS = (1e-3, 1e3)


def known_noise(values: np.ndarray, used: np.ndarray, noise: float | None) -> float:
    """Return the standard deviation of the noise: as given, or estimated."""
    return noise_of_image(values, used) if noise is None else noise


def nonlocal_means(
    values: np.ndarray, used: np.ndarray, *, size: int, noise: float | None
) -> np.ndarray:
    """Return the mean over pixels near each whose surroundings look alike."""
    from skimage.restoration import denoise_nl_means

    sigma = known_noise(values, used, noise)
    if not sigma > 0:
        return np.where(used, values, np.nan)
    whole = filled(values, used) / sigma
    made = denoise_nl_means(
        whole, patch_size=size, patch_distance=_REACH * size, h=0.8, sigma=1.0, fast_mode=True
    )
    return np.where(used, sigma * made, np.nan)


def total_variation(values: np.ndarray, used: np.ndarray, *, noise: float | None) -> np.ndarray:
    """Return the image of the least total variation that differs by as much as the noise."""
    from skimage import restoration

    denoise_tv_chambolle: Any = restoration.denoise_tv_chambolle
    sigma = known_noise(values, used, noise)
    if not sigma > 0:
        return np.where(used, values, np.nan)
    whole = filled(values, used) / sigma
    low, high = np.log(_WEIGHTS)
    made = whole
    for _ in range(12):
        # What is taken away grows with the weight.
        middle = 0.5 * (low + high)
        made = denoise_tv_chambolle(whole, weight=float(np.exp(middle)), eps=1e-4)
        away = float(np.std((whole - made)[used]))
        if abs(away - 1.0) < 0.01:
            break
        low, high = (middle, high) if away < 1.0 else (low, middle)
    return np.where(used, sigma * made, np.nan)


def bilateral(
    values: np.ndarray, used: np.ndarray, *, size: int, noise: float | None
) -> np.ndarray:
    """Return the mean over pixels near each that are as high, by Gaussian weights of both."""
    sigma = known_noise(values, used, noise)
    if not sigma > 0:
        return np.where(used, values, np.nan)
    reach = size // 2
    wide = max(size / 4, 0.5)
    padded = np.pad(np.where(used, values, np.nan), reach, constant_values=np.nan)
    total, share = np.zeros(values.shape), np.zeros(values.shape)
    rows, columns = values.shape
    for i, j in np.ndindex(size, size):
        other = padded[i : i + rows, j : j + columns]
        there = np.isfinite(other) & used
        apart = np.where(there, other - values, 0.0) / (_ALIKE * sigma)
        near = ((i - reach) ** 2 + (j - reach) ** 2) / wide**2
        weight = np.where(there, np.exp(-0.5 * (apart**2 + near)), 0.0)
        total += weight * np.where(there, other, 0.0)
        share += weight
    return np.where(used, total / np.where(share > 0, share, 1.0), np.nan)
