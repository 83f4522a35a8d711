"""The texture of a surface: how far heights are alike, and in which direction most."""

import numpy as np

from omniscopy.compute.threads import available_cores
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
    cut = np.nan_to_num(correlation / peak)
    lengths = [_decay(cut, middle, steps, np.deg2rad(angle)) for angle in range(_DEGREES)]
    shortest, longest = min(lengths), max(lengths)
    return (
        shortest if np.isfinite(shortest) else np.nan,
        longest if np.isfinite(longest) else np.nan,
    )


def _decay(
    correlation: np.ndarray, reach: tuple[int, ...], steps: tuple[float, float], angle: float
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


def lay(heights: np.ndarray, steps: tuple[float, float]) -> tuple[float, float]:
    """Return the angle along which heights change least, and the wavelength with most power.

    In degrees from +x towards +y, 0 to 180: at right angles to the waves with most of the power
    of the spectrum.
    """
    from scipy import fft

    values, _ = flattened(heights, "hann", "mean")
    power = np.abs(fft.rfft2(values, workers=available_cores())) ** 2
    # Half of the plane of frequencies: the other half is the same, but for the first column.
    power[:, 1:] *= 2.0
    ky = np.fft.fftfreq(values.shape[0], steps[0])[:, None]
    kx = np.fft.rfftfreq(values.shape[1], steps[1])
    limit = 0.5 / max(steps)
    kept = (ky**2 + kx**2 <= (limit * (1 + 1e-12)) ** 2) & ((ky != 0) | (kx != 0))
    weight = power[kept]
    if not weight.sum() > 0:
        return float("nan"), float("nan")
    along_y, along_x = (each[kept] for each in np.broadcast_arrays(ky, kx))
    strongest = int(np.argmax(weight))
    wavelength = 1.0 / float(np.hypot(along_y[strongest], along_x[strongest]))
    angles = np.rad2deg(np.arctan2(along_y, along_x)) % 180.0
    bins = angles.astype(np.int64) % _DEGREES
    spectrum = np.bincount(bins, weights=weight, minlength=_DEGREES)
    # Over 5 degrees, so that a wave that falls between two bins is not split.
    smooth = sum(np.roll(spectrum, shift) for shift in range(-2, 3))
    best = float(np.argmax(smooth)) + 0.5
    away = (angles - best + 90.0) % 180.0 - 90.0
    near = np.abs(away) < 10.0
    mean = float((weight[near] * away[near]).sum() / weight[near].sum())
    return (best + mean + 90.0) % 180.0, wavelength
