# ruff: noqa: PLR0917 - kernels take their arrays one by one
"""Where spikes are: channels that stand out more steeply than any real peak can."""

from typing import NamedTuple

import numpy as np

from omniscopy.compute.fitting.inner import inner, inner_fast, outer
from omniscopy.signal.ranks import pick

# Standard deviation over median absolute deviation, and that over the 95th percentile, of
# normal noise; second differences have the root of six times it.
PER_MEDIAN = 1.482602218505602 / np.sqrt(6.0)
PER_NEARLY_ALL = 1.0 / 1.9599639845400545 / np.sqrt(6.0)
# Second differences that the noise is taken from: all of a spectrum at most, and around a spike.
MOST, AROUND = 256, 20
# Channels whose neighbours are sorted at once: few enough to stay in the nearest cache.
SORTED = 256
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

    `most` is the highest of the neighbours in each channel, as strong as the spectrum; `near` are
    the neighbours.
    """

    values: np.ndarray
    most: np.ndarray
    near: np.ndarray
    ordered: np.ndarray


def new_space(channels: int, neighbours: int) -> Space:
    """Return space for spectra of so many channels and neighbours."""
    most, near = np.full(channels, -np.inf), np.empty((neighbours, SORTED))
    ordered = np.empty(max(channels, neighbours, MOST, 2 * AROUND + 4))
    return Space(np.empty(channels), most, near, ordered)


@inner
def _bend(values: np.ndarray, i: int) -> float:
    return abs(values[i - 1] - 2.0 * values[i] + values[i + 1])


@inner_fast
def _mean(values: np.ndarray) -> float:
    total = 0.0
    for i in range(values.size):
        total += values[i]
    return total / values.size


@inner_fast
def _count_below(values: np.ndarray, limit: float) -> float:
    count = 0.0
    for i in range(values.size):
        count += 1.0 if values[i] < limit else 0.0
    return count


@inner
def _quantile(values: np.ndarray, rank: int, high: float) -> float:
    """Return the value of a rank that is between 0 and `high`, to one percent."""
    low = 0.0
    for _ in range(60):
        if high - low <= 0.01 * high:
            break
        middle = 0.5 * (low + high)
        if _count_below(values, middle) > rank:
            high = middle
        else:
            low = middle
    return high


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
    sizes = ordered[:count]
    mean = _mean(sizes)
    # No more than half are above twice the mean, no more than a twentieth above twenty times.
    middle = _quantile(sizes, count // 2, 2.0 * mean)
    nearly_all = _quantile(sizes, (19 * count) // 20, 20.0 * mean)
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
    for start in range(0, space.values.size, SORTED):
        stop = min(start + SORTED, space.values.size)
        count, complete = 0, True
        for k in range(table.shape[1]):
            if table[row, k] >= 0:
                near = space.near[count, : stop - start]
                complete &= _copy(spectra[table[row, k], start:stop], near)
                count += 1
        near = space.near[:count, : stop - start]
        if complete and count > 0:
            _sort(near)
            _middle_of(near[(count - 1) // 2], near[count // 2], space.values[start:stop])
            _copy(near[count - 1], space.most[start:stop])
        else:
            _find_present(near, space.values[start:stop], space.most[start:stop], space.ordered)


@inner
def _sort(near: np.ndarray) -> None:
    """Sort the rows of each column by merge exchange.

    D. E. Knuth, *The Art of Computer Programming* 3, 2nd ed. (1998), algorithm 5.2.2M.
    """
    count, power = near.shape[0], 1
    while power < count:
        power *= 2
    p = power // 2
    while p > 0:
        q, remainder, distance = power // 2, 0, p
        while True:
            for i in range(count - distance):
                if i & p == remainder:
                    _order(near[i], near[i + distance])
            if q == p:
                break
            distance, q, remainder = q - p, q // 2, p
        p //= 2


@inner
def _find_present(
    near: np.ndarray, values: np.ndarray, most: np.ndarray, ordered: np.ndarray
) -> None:
    """Write the median, and the highest, of those neighbours that have a value."""
    for i in range(values.size):
        there = 0
        for k in range(near.shape[0]):
            value = near[k, i]
            if np.isfinite(value):
                place = there
                while place > 0 and ordered[place - 1] > value:
                    ordered[place] = ordered[place - 1]
                    place -= 1
                ordered[place] = value
                there += 1
        middle = 0.5 * (ordered[(there - 1) // 2] + ordered[there // 2]) if there > 0 else np.nan
        values[i] = middle
        most[i] = ordered[there - 1] if there > 0 else -np.inf


@inner_fast
def _copy(values: np.ndarray, target: np.ndarray) -> bool:
    """Copy values; return whether all are finite."""
    missing = 0.0
    for i in range(target.size):
        value = values[i]
        target[i] = value
        missing += 0.0 if value - value == 0.0 else 1.0
    return missing == 0.0


@inner_fast
def _order(lower: np.ndarray, upper: np.ndarray) -> None:
    for i in range(lower.size):
        one, other = lower[i], upper[i]
        lower[i], upper[i] = min(one, other), max(one, other)


@inner_fast
def _middle_of(one: np.ndarray, other: np.ndarray, target: np.ndarray) -> None:
    for i in range(target.size):
        target[i] = 0.5 * (one[i] + other[i])


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


@outer
def run(
    spectra: np.ndarray, table: np.ndarray, begin: int, end: int, search: Search,
    space: Space, spikes: np.ndarray,
) -> None:  # fmt: skip
    """Find the spikes of spectra from `begin` to `end`."""
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


@outer
def clean(
    spectra: np.ndarray, spikes: np.ndarray, begin: int, end: int, cleaned: np.ndarray,
    count: np.ndarray, present: np.ndarray,
) -> None:  # fmt: skip
    """Write spectra with lines in place of spikes, how many these are, and how many values."""
    n = spectra.shape[1]
    for row in range(begin, end):
        own, marks, made = spectra[row], spikes[row], cleaned[row]
        found, there, last = 0, 0, -1
        for i in range(n):
            made[i] = own[i]
            there += np.isfinite(own[i])
            found += marks[i] and (i == 0 or not marks[i - 1])
        count[row], present[row] = found, there
        if found == 0:
            continue
        for i in range(n):
            if marks[i] or not np.isfinite(own[i]):
                continue
            for k in range(last + 1, i):
                if marks[k]:
                    part = (k - last) / (i - last)
                    made[k] = own[i] if last < 0 else own[last] + part * (own[i] - own[last])
            last = i
        for k in range(last + 1, n):
            if marks[k]:
                made[k] = own[last] if last >= 0 else np.nan
