"""Spectra as they might have been measured too: for uncertainties by bootstrap."""

import zlib

import numpy as np


def resample(
    spectra: np.ndarray,
    fitted: np.ndarray,
    weights: np.ndarray | None,
    resamples: int,
    *,
    free: int,
    seed: int,
    counts: bool,
) -> np.ndarray:
    r"""Return resampled spectra of shape (spectra, resamples, points).

    Counts are drawn anew from the fitted model, as Poisson numbers. Otherwise the residuals are
    drawn with replacement, in units of their expected size :math:`1/\sqrt{w}`, and enlarged by
    :math:`\sqrt{n / (n - p)}`, as the fit has made them smaller [1]_. Each spectrum has random
    numbers of its own, which depend on its values and the seed alone. What is not finite stays
    so.

    References
    ----------
    .. [1] A. C. Davison and D. V. Hinkley, *Bootstrap Methods and their Application*, Cambridge
       (1997), section 6.2.
    """
    shape = (len(spectra), resamples, spectra.shape[1])
    made = np.full(shape, np.nan, dtype=spectra.dtype)
    for row, (values, model) in enumerate(zip(spectra, fitted, strict=True)):
        weight = np.ones(len(values)) if weights is None else weights[row % len(weights)]
        usable = np.flatnonzero(np.isfinite(values) & (weight > 0) & np.isfinite(weight))
        count = len(usable)
        # Real and imaginary parts count apart.
        degrees = count * (1 if spectra.dtype.kind == "f" else 2)
        if degrees <= free or not np.isfinite(model).all():
            continue
        own = np.random.default_rng([seed, zlib.crc32(np.ascontiguousarray(values).tobytes())])
        expected, size = model[usable], np.sqrt(weight[usable])
        if counts:
            mean = np.clip(expected * weight[usable], 0.0, 1e18)
            drawn = own.poisson(mean, (resamples, count)) / weight[usable]
        else:
            residuals = (values[usable] - expected) * size
            residuals = (residuals - residuals.mean()) * np.sqrt(degrees / (degrees - free))
            drawn = expected + residuals[own.integers(0, count, (resamples, count))] / size
        made[row][:, usable] = drawn
    return made
