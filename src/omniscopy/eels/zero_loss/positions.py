"""Where the zero-loss peak of every spectrum is: its highest channel, and what surrounds it."""

import numpy as np

from omniscopy.eels.zero_loss.peak_kernel import count_runs, walk_to_ends, walk_to_summits

# Part of the height from which on channels belong to the peak.
HALF, CENTRAL = 0.5, 0.3
# Part of the largest value from which on a peak is one.
FAINTEST = 0.1
# Channels in a row that share the largest value, from which on a detector is saturated.
SATURATED = 3


def summits(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the highest channel of the first peak of every row, and its value.

    The peak is over where the spectrum has fallen to half of what was highest so far, if that is
    a tenth of all: beyond, plasmons of thick samples may be higher than the zero loss. -1 where
    no value is positive.
    """
    rows = np.ascontiguousarray(rows, np.float64)
    top, height = np.empty(len(rows), np.int64), np.empty(len(rows))
    walk_to_summits(rows, HALF, FAINTEST, top, height)
    return top, height


def extent(
    rows: np.ndarray, top: np.ndarray, height: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and last channel around the top that are above a part of its height."""
    left, right = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
    rows = np.ascontiguousarray(rows, np.float64)
    walk_to_ends(rows, np.asarray(top, np.int64), level * height, left, right)
    return left, right


def crossings(
    rows: np.ndarray, top: np.ndarray, height: np.ndarray, energy: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return where the peak falls to half of its height, on both sides, in eV.

    NaN where it does not within the spectrum.
    """
    left, right = extent(rows, top, height, HALF)
    which, half = np.arange(len(rows)), HALF * height
    low, high = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    inside = (left > 0) & (top >= 0)
    a, b = rows[which, np.maximum(left - 1, 0)], rows[which, np.clip(left, 0, rows.shape[1] - 1)]
    with np.errstate(all="ignore"):
        part = (half - a) / (b - a)
    one = np.maximum(left, 1)
    one = np.minimum(one, rows.shape[1] - 1)
    low[inside] = (energy[one - 1] + part * (energy[one] - energy[one - 1]))[inside]
    inside = (right < rows.shape[1] - 1) & (top >= 0)
    last = np.clip(right, 0, rows.shape[1] - 2)
    a, b = rows[which, last], rows[which, last + 1]
    with np.errstate(all="ignore"):
        part = (a - half) / (a - b)
    high[inside] = (energy[last] + part * (energy[last + 1] - energy[last]))[inside]
    return low, high


def saturated(rows: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Return whether the largest value of a row is that of several channels in a row."""
    longest = np.empty(len(rows), np.int64)
    count_runs(np.ascontiguousarray(rows, np.float64), height, longest)
    return longest >= SATURATED


def of_parabolas(
    rows: np.ndarray, top: np.ndarray, height: np.ndarray, energy: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    r"""Return where parabolas through the logarithm of the peak's upper half peak, and their std.

    Least squares with the values as weights, because :math:`\mathrm{var} \ln I = 1 / I` for
    counts; at least 3 channels.
    """
    count, size = rows.shape
    left, right = extent(rows, top, height, HALF)
    left, right = np.minimum(left, top - 1), np.maximum(right, top + 1)
    good = (top >= 0) & (left >= 0) & (right < size)
    width = int((right - left)[good].max(initial=2)) + 1
    index = np.clip(left[:, None] + np.arange(width), 0, size - 1)
    inside = (np.arange(width) <= (right - left)[:, None]) & good[:, None]
    y = np.take_along_axis(rows, index, axis=1)
    inside &= np.isfinite(y) & (y > 0.0)
    centre = energy[np.maximum(top, 0)]
    scale = np.maximum(energy[np.clip(right, 0, size - 1)] - energy[np.clip(left, 0, size - 1)],
                       1e-12)  # fmt: skip
    x = (energy[index] - centre[:, None]) / scale[:, None]
    w = np.where(inside, y, 0.0)
    basis = np.stack([np.ones_like(x), x, x * x], axis=1)
    normal = np.einsum("sin,sn,sjn->sij", basis, w, basis)
    right_side = np.einsum("sin,sn->si", basis, w * np.log(np.where(inside, y, 1.0)))
    good &= inside.sum(axis=1) >= 3
    normal[~good], right_side[~good] = np.eye(3), 0.0
    place, std = np.full(count, np.nan), np.full(count, np.nan)
    inverse = np.linalg.pinv(normal)
    _, b, c = np.einsum("sij,sj->si", inverse, right_side).T
    good &= c < 0.0
    with np.errstate(all="ignore"):
        at = -b / (2.0 * c)
        slope_b, slope_c = -1.0 / (2.0 * c), b / (2.0 * c * c)
        variance = (
            slope_b**2 * inverse[:, 1, 1] + slope_c**2 * inverse[:, 2, 2]
            + 2.0 * slope_b * slope_c * inverse[:, 1, 2]
        )  # fmt: skip
        place[good] = (centre + at * scale)[good]
        std[good] = (np.sqrt(variance) * scale)[good]
    return place, std


def of_centroids(
    rows: np.ndarray, top: np.ndarray, height: np.ndarray, energy: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the centres of mass of the central part of the peak, and their std for counts.

    The part is as wide on both sides, and its channels count by what they have above its foot,
    so that the place changes smoothly as the peak moves across the channels.
    """
    y = np.maximum(np.where(np.isfinite(rows), rows, 0.0) - CENTRAL * height[:, None], 0.0)
    left, right = extent(rows, top, height, CENTRAL)
    channel = np.arange(rows.shape[1])
    y = np.where((channel >= left[:, None]) & (channel <= right[:, None]), y, 0.0)
    total = y.sum(axis=1)
    with np.errstate(all="ignore"):
        place = (y * energy).sum(axis=1) / total
        away = np.where(y > 0, energy - place[:, None], 0.0)
        counts = np.where(y > 0, np.where(np.isfinite(rows), rows, 0.0), 0.0)
        std = np.sqrt((counts * away**2).sum(axis=1)) / total
    good = (top >= 0) & (total > 0)
    return np.where(good, place, np.nan), np.where(good, std, np.nan)
