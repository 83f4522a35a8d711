"""The texture of a surface: how far heights are alike, and in which direction most."""

import numpy as np

from omniscopy.image.fourier.tapers import flattened
from omniscopy.image.roughness.correlation import plane_correlation

_DECAY = 0.2
_DEGREES = 180


def decay_lengths(heights: np.ndarray, steps: tuple[float, float]) -> tuple[float, float]:
    """Return the shortest and the longest distance at which the autocorrelation falls to 0.2.

    Looked for along rays 1 degree apart, up to half the field of view. NaN where it does not
    fall so far in any, or in all directions.
    """
    correlation = plane_correlation(heights)
    middle = tuple(size // 2 for size in correlation.shape)
    peak = correlation[middle]
    if not peak > 0:
        return np.nan, np.nan
    reach = [min(size // 2, centre) for size, centre in zip(heights.shape, middle, strict=True)]
    window = tuple(slice(c - r, c + r + 1) for c, r in zip(middle, reach, strict=True))
    cut = np.nan_to_num(correlation[window] / peak)
    lengths = [_decay(cut, reach, steps, np.deg2rad(angle)) for angle in range(_DEGREES)]
    shortest, longest = min(lengths), max(lengths)
    return (
        shortest if np.isfinite(shortest) else np.nan,
        longest if np.isfinite(longest) else np.nan,
    )


def _decay(
    correlation: np.ndarray, reach: list[int], steps: tuple[float, float], angle: float
) -> float:
    """Return where the correlation falls to 0.2 in one direction, infinity where it does not."""
    from scipy.ndimage import map_coordinates

    rise = np.array([np.sin(angle) / steps[0], np.cos(angle) / steps[1]])
    ends = [
        r / abs(each) if abs(each) > 1e-9 else np.inf for r, each in zip(reach, rise, strict=True)
    ]
    end, step = min(ends), 0.5 * min(steps)
    distance = np.linspace(0.0, end, max(int(end / step) + 1, 2))
    places = np.array(reach)[:, None] + rise[:, None] * distance
    found = map_coordinates(correlation, places, order=1, mode="nearest")
    below = np.flatnonzero(found < _DECAY)
    if not below.size:
        return np.inf
    after = int(below[0])
    before = after - 1
    part = (found[before] - _DECAY) / (found[before] - found[after])
    return float(distance[before] + part * (distance[after] - distance[before]))


def lay_direction(heights: np.ndarray, steps: tuple[float, float]) -> float:
    """Return the angle along which heights change least, in degrees from +x towards +y.

    From 0 to 180: at right angles to the waves with most of the power of the spectrum.
    """
    values, _ = flattened(heights, "hann", "mean")
    power = np.abs(np.fft.fft2(values)) ** 2
    ky = np.fft.fftfreq(values.shape[0], steps[0])[:, None]
    kx = np.fft.fftfreq(values.shape[1], steps[1])
    k = np.hypot(ky, kx)
    power[(k == 0) | (k > 0.5 / max(steps))] = 0.0
    if not power.sum() > 0:
        return float("nan")
    angles = np.rad2deg(np.arctan2(ky, kx)) % 180.0
    bins = np.floor(angles).astype(np.int64) % _DEGREES
    spectrum = np.bincount(bins.ravel(), weights=power.ravel(), minlength=_DEGREES)
    # Over 5 degrees, so that a wave that falls between two bins is not split.
    smooth = sum(np.roll(spectrum, shift) for shift in range(-2, 3))
    best = float(np.argmax(smooth)) + 0.5
    away = (angles - best + 90.0) % 180.0 - 90.0
    near = np.where(np.abs(away) < 10.0, power, 0.0)
    return float((best + (near * away).sum() / near.sum() + 90.0) % 180.0)
