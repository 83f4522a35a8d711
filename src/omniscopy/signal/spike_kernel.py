# ruff: noqa: PLR0917 - kernels take their arrays one by one
"""Where spikes are: channels that stand out more steeply than any real peak can."""

from typing import Any, NamedTuple

import numpy as np

from omniscopy.compute.fitting import inner as inner_module
from omniscopy.compute.fitting.inner import inner, outer
from omniscopy.model.digests import digest_sources
from omniscopy.signal import ranks
from omniscopy.signal.ranks import pick

# Standard deviation over median absolute deviation, and that over the 95th percentile, of
# normal noise; second differences have the root of six times it.
PER_MEDIAN = 1.482602218505602 / np.sqrt(6.0)
PER_NEARLY_ALL = 1.0 / 1.9599639845400545 / np.sqrt(6.0)
# Second differences that the noise is taken from: all of a spectrum at most, and around a spike.
MOST, AROUND = 256, 20
# Channels on both sides of a spike that say what it stands on.
BESIDE = 5
# Part of the threshold by which a spike is steeper than a peak, and its feet are above the noise;
# part of its height that they have at least.
STEEPER, FOOT, OF_HEIGHT = 0.5, 0.5, 0.1


class Search(NamedTuple):
    """What is a spike: its height in units of the noise, its steepness, and its channels at most.

    `noise` is NaN where it is found in each spectrum; `counts` says that it is never less than
    the root of the values.
    """

    threshold: float
    steepness: float
    longest: int
    noise: float
    counts: bool


class Space(NamedTuple):
    """Arrays that a thread works in: what of a spectrum its neighbours have not, and the most.

    `most` is the highest of the neighbours in each channel, as strong as the spectrum.
    """

    values: np.ndarray
    most: np.ndarray
    ordered: np.ndarray


def new_space(channels: int) -> Space:
    """Return space for spectra of so many channels."""
    most = np.full(channels, -np.inf)
    return Space(np.empty(channels), most, np.empty(max(channels, MOST, 2 * AROUND + 4)))


@inner
def _bend(values: np.ndarray, i: int) -> float:
    return abs(values[i - 1] - 2.0 * values[i] + values[i + 1])


@inner
def _noise_of_all(values: np.ndarray, ordered: np.ndarray) -> float:
    """Return the noise of a spectrum; that of few counts, most of them 0, is not 0."""
    n = values.size
    stride = max(1, (n - 2) // MOST)
    count = 0
    for i in range(1, n - 1, stride):
        bend = _bend(values, i)
        if np.isfinite(bend) and count < ordered.size:
            ordered[count] = bend
            count += 1
    if count < 3:
        return np.inf
    middle = pick(ordered, 0, count, count // 2)
    nearly_all = pick(ordered, count // 2, count, (19 * count) // 20)
    return max(PER_MEDIAN * middle, PER_NEARLY_ALL * nearly_all)


@inner
def _noise_around(values: np.ndarray, first: int, last: int, ordered: np.ndarray) -> float:
    count = 0
    for i in range(max(first - AROUND, 1), min(last + AROUND + 1, values.size - 1)):
        if i < first - 1 or i > last + 1:
            bend = _bend(values, i)
            if np.isfinite(bend):
                ordered[count] = bend
                count += 1
    return PER_MEDIAN * pick(ordered, 0, count, count // 2) if count > 0 else 0.0


@inner
def _lowest_beside(values: np.ndarray, first: int, last: int) -> float:
    lowest = np.inf
    for i in range(max(first - BESIDE - 1, 0), min(last + BESIDE + 2, values.size)):
        if (i < first or i > last) and values[i] < lowest:
            lowest = values[i]
    return lowest


@inner
def _middle_beside(values: np.ndarray, first: int, last: int, ordered: np.ndarray) -> float:
    count = 0
    for i in range(max(first - BESIDE - 1, 0), min(last + BESIDE + 2, values.size)):
        if (i < first - 1 or i > last + 1) and np.isfinite(values[i]):
            ordered[count] = values[i]
            count += 1
    return pick(ordered, 0, count, count // 2) if count > 0 else np.inf


@inner
def _subtract_common(
    spectra: np.ndarray, row: int, table: np.ndarray, threshold: float, space: Space
) -> None:
    """Subtract the median of the neighbours, as strong as it is here, from one spectrum."""
    _find_common(spectra, row, table, space)
    own, values = spectra[row], space.values
    noise = _noise_of_all(own, space.ordered)
    here, there, count = 0.0, 0.0, 0
    for i in range(1, own.size - 1):
        # Not where a spike may be.
        if _bend(own, i) <= threshold * noise and np.isfinite(values[i]):
            here += own[i]
            there += values[i]
            count += 1
    # What is hardly more than noise does not say how strong the spectrum is.
    known = there * there
    unknown = 1000.0 * count * noise * noise
    share = 1.0
    if known > 0.0 and unknown < np.inf:
        share += (here / there - 1.0) * known / (known + unknown)
    for i in range(own.size):
        values[i] = own[i] - (share * values[i] if np.isfinite(values[i]) else 0.0)
        space.most[i] *= share


@inner
def _find_common(spectra: np.ndarray, row: int, table: np.ndarray, space: Space) -> None:
    """Write the median, and the highest, of the neighbours of a spectrum into the space."""
    near = space.ordered
    for i in range(space.values.size):
        count = 0
        for k in range(table.shape[1]):
            if table[row, k] >= 0 and np.isfinite(spectra[table[row, k], i]):
                value = spectra[table[row, k], i]
                place = count
                while place > 0 and near[place - 1] > value:
                    near[place] = near[place - 1]
                    place -= 1
                near[place] = value
                count += 1
        middle = 0.5 * (near[(count - 1) // 2] + near[count // 2]) if count > 0 else np.nan
        space.values[i] = middle
        space.most[i] = near[count - 1] if count > 0 else -np.inf


@inner
def _level_at(
    own: np.ndarray, first: int, last: int, noise: float, search: Search, space: Space
) -> float:
    """Return the noise of a run of channels: that of the spectrum, or more where there is more."""
    level = noise
    if np.isnan(search.noise):
        level = max(level, _noise_around(space.values, first, last, space.ordered))
    if search.counts:
        level = max(level, np.sqrt(max(_middle_beside(own, first, last, space.ordered), 1.0)))
    return level


@inner
def _measure(
    own: np.ndarray, first: int, noise: float, search: Search, space: Space
) -> tuple[int, float]:
    """Return how many channels the spike at `first` has, 0 for none, and how high its feet are."""
    values = space.values
    least = search.threshold * noise
    rise, bare_rise = values[first] - values[first - 1], own[first] - own[first - 1]
    top, excess = values[first], -np.inf
    for last in range(first, min(first + search.longest, values.size - 1)):
        top = max(top, values[last])
        excess = max(excess, own[last] - space.most[last])
        edge = min(rise, values[last] - values[last + 1])
        # Neighbours that differ make edges too, which the spectrum itself does not have.
        bare = min(bare_rise, own[last] - own[last + 1])
        if not (min(edge, excess) > least and bare > STEEPER * least):
            continue
        height = top - _lowest_beside(values, first, last)
        if not edge > search.steepness * height + STEEPER * least:
            continue
        needed = search.threshold * _level_at(own, first, last, noise, search, space)
        if edge > max(needed, search.steepness * height + STEEPER * needed):
            return last - first + 1, max(FOOT * needed, OF_HEIGHT * height)
    return 0, 0.0


@inner
def _mark(own: np.ndarray, noise: float, search: Search, space: Space, spikes: np.ndarray) -> None:
    """Mark the spikes of one spectrum; the values of the space are `own`, or what is not common."""
    values = space.values
    n, i = values.size, 1
    while i < n - 1:
        length, foot = 0, 0.0
        if values[i] - values[i - 1] > search.threshold * noise:
            length, foot = _measure(own, i, noise, search, space)
        if length == 0:
            i += 1
            continue
        last = i + length - 1
        for k in range(i, last + 1):
            spikes[k] = True
        if i > 1 and last < n - 2:
            # A foot stands above the line between what is beyond both of them.
            left, right = values[i - 2], values[last + 2]
            slope = (right - left) / (length + 3)
            spikes[i - 1] |= values[i - 1] > left + slope + foot
            spikes[last + 1] |= values[last + 1] > right - slope + foot
        i = last + 1


def _runner(digest: int) -> Any:
    @outer
    def run(
        spectra: np.ndarray, table: np.ndarray, begin: int, end: int, search: Search,
        space: Space, spikes: np.ndarray,
    ) -> None:  # fmt: skip
        if digest == 0:
            return
        values = space.values
        for row in range(begin, end):
            if table.shape[1] > 0:
                _subtract_common(spectra, row, table, search.threshold, space)
            else:
                for i in range(values.size):
                    values[i] = spectra[row, i]
            noise = search.noise
            if np.isnan(noise):
                noise = _noise_of_all(values, space.ordered)
            _mark(spectra[row], noise, search, space, spikes[row])

    return run


run = _runner(digest_sources(inner_module, ranks))
