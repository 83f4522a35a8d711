"""The elastic part of low-loss spectra: what of them has lost nothing."""

from typing import Literal, NamedTuple

import numpy as np
from scipy import ndimage
from scipy.special import ndtr

from omniscopy.eels.zero_loss.positions import crossings, of_parabolas, saturated, summits
from omniscopy.model import Status
from omniscopy.physics.line_shapes import FWHM_PER_SIGMA
from omniscopy.signal.splines import shift_back

Elastic = Literal["mirrored", "threshold"]
ELASTIC: tuple[Elastic, ...] = ("mirrored", "threshold")


class Parts(NamedTuple):
    """The zero loss of every spectrum (spectra, channels), where it ends, and the outcomes.

    `variance` is that of the sum of the zero loss, of counts.
    """

    zero_loss: np.ndarray
    threshold: np.ndarray
    status: np.ndarray
    variance: np.ndarray


def elastic_parts(
    rows: np.ndarray, energy: np.ndarray, elastic: Elastic, threshold: float | None
) -> Parts:
    """Return the zero losses of spectra.

    "mirrored": as measured up to where the peak has fallen to half on its right, less what has
    lost a little, and beyond what the same distance to the left of the centre holds. "threshold":
    all up to a loss.
    """
    rows = np.asarray(rows, np.float64)
    top, height = summits(rows)
    low, high = crossings(rows, top, height, energy)
    centre, centre_std = of_parabolas(rows, top, height, energy)
    status = np.where(top < 0, Status.NO_DATA, Status.CONVERGED)
    status = np.where((top >= 0) & saturated(rows, height), Status.INVALID, status)
    status = np.where((status == 0) & ~np.isfinite(rows).all(axis=1), Status.NO_DATA, status)
    lost = (status == 0) & ~np.isfinite(centre + low + high)
    status = np.where(lost, Status.INVALID, status)
    if elastic == "threshold":
        end = first_minimum(rows, energy, top, high - low)
        end = end if threshold is None else np.full(len(rows), threshold)
        made = np.where(energy <= end[:, None], rows, 0.0)
        variance = made.sum(axis=1)
        status = np.where((status == 0) & ~np.isfinite(end), Status.INVALID, status)
    else:
        end = high
        made = _mirrored(rows, energy, centre, end)
        variance = _variance(rows, energy, centre, end)
        # The sum is twice that on the left of the centre, and half as high there as at the top.
        step = (energy[-1] - energy[0]) / (len(energy) - 1)
        variance += (height / step * centre_std) ** 2
        made -= _leaked(rows - made, energy, centre, high - low, end)
    return Parts(np.where(status[:, None] == 0, made, np.nan), end, status, variance)


def _mirrored(
    rows: np.ndarray, energy: np.ndarray, centre: np.ndarray, end: np.ndarray
) -> np.ndarray:
    """Return spectra that are those of the other side of their centres beyond an end."""
    step = (energy[-1] - energy[0]) / (len(energy) - 1)
    shift = len(energy) - 1 - 2.0 * (centre - energy[0]) / step
    turned = shift_back(np.ascontiguousarray(rows[:, ::-1]), shift)
    return np.where(energy <= end[:, None], rows, np.nan_to_num(turned, nan=0.0))


def _variance(
    rows: np.ndarray, energy: np.ndarray, centre: np.ndarray, end: np.ndarray
) -> np.ndarray:
    """Return what noise of counts does to the sum: channels that are mirrored count twice."""
    taken = np.where(energy <= end[:, None], 1.0, 0.0)
    taken += energy < (2.0 * centre - end)[:, None]
    made: np.ndarray = (taken**2 * np.maximum(rows, 0.0)).sum(axis=1)
    return made


def _leaked(
    rest: np.ndarray, energy: np.ndarray, centre: np.ndarray, width: np.ndarray, end: np.ndarray
) -> np.ndarray:
    """Return what losses that rise as a line from 0 leave below the end of the zero loss.

    The line is that of the losses from 1.25 to 2.5 full widths; a Gaussian as wide spreads it.
    """
    place = energy - centre[:, None]
    inside = (place > 1.25 * width[:, None]) & (place < 2.5 * width[:, None])
    with np.errstate(all="ignore"):
        weighted = np.where(inside, rest * place, 0.0).sum(axis=1)
        slope = weighted / np.where(inside, place**2, 0.0).sum(axis=1)
        u = place * FWHM_PER_SIGMA / width[:, None]
        sigma = width[:, None] / FWHM_PER_SIGMA
        spread = sigma * (u * ndtr(u) + np.exp(-0.5 * u * u) / np.sqrt(2.0 * np.pi))
        leak = np.maximum(np.nan_to_num(slope), 0.0)[:, None] * spread
    return np.where(energy <= end[:, None], leak, 0.0)


def first_minimum(
    rows: np.ndarray, energy: np.ndarray, top: np.ndarray, width: np.ndarray
) -> np.ndarray:
    """Return where the spectrum, smoothed, is lowest before it rises again; NaN if it never does.

    It must lie a full width of the zero loss beyond its top.
    """
    made = np.full(len(rows), np.nan)
    step = (energy[-1] - energy[0]) / max(len(energy) - 1, 1)
    for n in np.flatnonzero((top >= 0) & np.isfinite(width)):
        size = max(int(0.5 * width[n] / step) | 1, 3)
        smooth = ndimage.uniform_filter1d(np.nan_to_num(rows[n]), size, mode="nearest")
        smooth = ndimage.uniform_filter1d(smooth, size, mode="nearest")
        begin = int(top[n] + max(np.ceil(width[n] / step), 1))
        rising = np.flatnonzero(np.diff(smooth[begin:]) > 0)
        if rising.size:
            made[n] = energy[min(begin + rising[0], len(energy) - 1)]
    return made
