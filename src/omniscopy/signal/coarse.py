"""Spectra averaged, smoothed, and bridged where they are not finite: for estimates from them."""

import numpy as np

# Channels from which on spectra are smoothed before their highest point is looked for.
_SMOOTHED = 16


def averaged(values: np.ndarray, group: int) -> np.ndarray:
    """Return averages over groups of neighbours along the last axis; a rest joins the last one."""
    count = values.shape[-1] // max(group, 1)
    if group < 2:
        return values
    whole = count * group
    made = np.array(values[..., :whole:group], dtype=np.float64)
    for number in range(1, group):
        made += values[..., number:whole:group]
    made[..., -1] += values[..., whole:].sum(axis=-1)
    made /= [group] * (count - 1) + [values.shape[-1] - whole + group]
    return made


def smoothed(spectra: np.ndarray) -> np.ndarray:
    """Return spectra averaged over neighbours with binomial weights, if they are long enough."""
    count = spectra.shape[1]
    if count < _SMOOTHED:
        return spectra
    from omniscopy.signal.start_kernel import smooth

    given = np.ascontiguousarray(spectra, np.float64)
    made = np.empty_like(given)
    smooth(given, made)
    return made


def without_spikes(spectra: np.ndarray) -> np.ndarray:
    """Return the median of each value and two neighbours on either side, NaN bridged."""
    whole = bridged(spectra)
    if whole.shape[1] < 5:
        return whole
    padded = np.pad(whole, ((0, 0), (2, 2)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 5, axis=1)
    return np.asarray(np.median(windows, axis=-1))


def bridged(spectra: np.ndarray) -> np.ndarray:
    """Return spectra in which what is not finite is bridged by lines, 0 if nothing is finite."""
    made = np.asarray(spectra, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(made.sum()):
            return made
    made, channels = made.copy(), np.arange(made.shape[1])
    finite = np.isfinite(made)
    for row in np.flatnonzero(~finite.all(axis=1)):
        here = finite[row]
        made[row] = np.interp(channels, channels[here], made[row, here]) if here.any() else 0.0
    return made


def filled(images: np.ndarray) -> np.ndarray:
    """Return images in which what is not finite has a low value of the image, 0 if none is."""
    finite = np.isfinite(images)
    made = np.where(finite, images, 0.0)
    for row in np.flatnonzero(finite.any(axis=1) & ~finite.all(axis=1)):
        made[row, ~finite[row]] = np.quantile(images[row, finite[row]], 0.2)
    return made
