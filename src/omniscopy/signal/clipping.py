"""Baselines by clipping: what stands out from its surroundings is cut off, again and again."""

import numpy as np

from omniscopy.compute.fitting.inner import outer
from omniscopy.signal.gaps import bridge_gaps
from omniscopy.signal.noise import noise_of

# Share of the noise by which a polynomial still moves when clipping ends.
_TOLERANCE = 1e-3


def clip_snip(values: np.ndarray, reach: int, *, counts: bool) -> np.ndarray:
    """Return the baselines of spectra, shape (spectra, channels), by clipping up to `reach`.

    Each channel is lowered to the mean of those `reach` channels away on both sides, then of
    nearer ones. With `counts`, of their logarithm of the logarithm.
    """
    found = bridge_gaps(values)
    if counts:
        found = np.log(np.log(np.sqrt(np.maximum(found, 0.0) + 1.0) + 1.0) + 1.0)
    _clip(found, reach, np.empty(found.shape[1]))
    return (np.exp(np.exp(found) - 1.0) - 1.0) ** 2 - 1.0 if counts else found


@outer
def _clip(values: np.ndarray, reach: int, before: np.ndarray) -> None:
    n = values.shape[1]
    for row in range(values.shape[0]):
        for away in range(min(reach, (n - 1) // 2), 0, -1):
            spectrum, middle = values[row], values[row, away : n - away]
            left, right = before[: n - 2 * away], before[2 * away :]
            for i in range(n):
                before[i] = spectrum[i]
            for i in range(n - 2 * away):
                middle[i] = min(middle[i], 0.5 * (left[i] + right[i]))


def roll_ball(values: np.ndarray, channels: int) -> np.ndarray:
    """Return what a window of `channels` reaches from below, smoothed over the same window."""
    from scipy import ndimage

    filled = bridge_gaps(values)
    eroded = ndimage.minimum_filter1d(filled, channels, axis=-1, mode="nearest")
    opened = ndimage.maximum_filter1d(eroded, channels, axis=-1, mode="nearest")
    return ndimage.uniform_filter1d(opened, channels, axis=-1, mode="nearest")


def fit_polynomial(
    values: np.ndarray, x: np.ndarray, degree: int, *, used: np.ndarray, clips: bool, max_steps: int
) -> np.ndarray:
    """Return the polynomial through the `used` channels of each spectrum.

    Where it `clips`, values above the polynomial by more than the noise are lowered to that, and
    fitted again until the polynomial stays. NaN where too few channels are finite.
    """
    spectra = np.asarray(values, dtype=np.float64)
    basis = np.polynomial.legendre.legvander(_scaled(x), degree)
    usable = np.isfinite(spectra) & used
    weights = usable.astype(np.float64)
    spectra = np.where(usable, spectra, 0.0)
    products = (basis[:, :, None] * basis[:, None, :]).reshape(len(x), -1)
    normal = (weights @ products).reshape(-1, degree + 1, degree + 1)
    enough = usable.sum(axis=-1) > degree
    normal[~enough] = np.eye(degree + 1)
    inverse = np.linalg.inv(normal)
    fits = _fit(inverse, basis, spectra)
    active = np.flatnonzero(enough) if clips else np.empty(0, np.int64)
    noise = noise_of(np.where(usable, values, np.nan))[:, None] if clips else np.empty((0, 1))
    noise = np.nan_to_num(noise)
    for _ in range(max_steps - 1):
        if not active.size:
            break
        ceiling = np.minimum(spectra[active], (fits[active] + noise[active]) * weights[active])
        spectra[active] = np.where(usable[active], ceiling, 0.0)
        again = _fit(inverse[active], basis, spectra[active])
        moved = np.abs(again - fits[active]).max(axis=-1)
        fits[active] = again
        tiny = 1e-9 * np.abs(again).max(axis=-1)
        active = active[moved > _TOLERANCE * noise[active, 0] + tiny]
    fits[~enough] = np.nan
    return fits


def _fit(inverse: np.ndarray, basis: np.ndarray, spectra: np.ndarray) -> np.ndarray:
    return np.einsum("sij,sj->si", inverse, spectra @ basis) @ basis.T


def _scaled(x: np.ndarray) -> np.ndarray:
    """Return the axis from -1 to 1, over which polynomials are told apart best."""
    return 2.0 * (x - x[0]) / (x[-1] - x[0]) - 1.0
