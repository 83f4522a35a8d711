# ruff: noqa: PLR0913, PLR0917 - kernels take their arrays one by one
"""What spectra suggest of levels, decays and peaks, compiled: one spectrum after the other."""

import numpy as np

from omniscopy.compute.fitting.inner import inner_fast, outer
from omniscopy.compute.fitting.normal import factorise, substitute

# What lies above a background that is estimated under peaks counts so much less.
ABOVE = 0.02
ROUNDS = 8


@outer
def smooth(spectra: np.ndarray, found: np.ndarray) -> None:
    """Average over neighbours with the weights 1 4 6 4 1; ends go on as they are."""
    last = spectra.shape[1] - 1
    for row in range(spectra.shape[0]):
        given, made = spectra[row], found[row, 2 : last - 1]
        before, left, right, after = given[:-4], given[1:-3], given[3:-1], given[4:]
        middle = given[2:-2]
        for i in range(made.size):
            beside, apart = left[i] + right[i], before[i] + after[i]
            made[i] = (apart + 4.0 * beside + 6.0 * middle[i]) / 16.0
        for i in (0, 1, last - 1, last):
            beside = given[max(i - 1, 0)] + given[min(i + 1, last)]
            apart = given[max(i - 2, 0)] + given[min(i + 2, last)]
            found[row, i] = (apart + 4.0 * beside + 6.0 * given[i]) / 16.0


@outer
def measure_peaks(
    axis: np.ndarray, smoothed: np.ndarray, sign: np.ndarray, doubt: np.ndarray,
    allowed: np.ndarray, step: float, tops: np.ndarray, height: np.ndarray, fwhm: np.ndarray,
) -> None:  # fmt: skip
    """Fill in the channels of the highest places where there is none (-1), heights and widths.

    A width is the distance of the points where a peak has halved. A side that leaves the axis is
    as wide as the other one. `doubt` is taken off; one row of it stands for all.
    """
    last = axis.size - 1
    for row in range(tops.size):
        up, best, unsure = sign[row], -np.inf, row if doubt.shape[0] > 1 else 0
        top = max(tops[row], 0)
        if tops[row] < 0:
            for i in range(last + 1):
                value = up * smoothed[row, i] - doubt[unsure, i]
                if allowed[i] and value > best:
                    best, top = value, i
        tops[row], height[row] = top, up * smoothed[row, top]
        half = 0.5 * height[row]
        left, right = top - 1, top + 1
        while left >= 0 and not up * smoothed[row, left] < half:
            left -= 1
        while right <= last and not up * smoothed[row, right] < half:
            right += 1
        before = abs(axis[top] - axis[max(left, 0)])
        after = abs(axis[min(right, last)] - axis[top])
        if left < 0:
            before = max(before, after)
        if right > last:
            after = max(before, after)
        fwhm[row] = max(before + after - step, step)


@inner_fast
def fill_in(
    basis: np.ndarray, values: np.ndarray, weight: np.ndarray, normal: np.ndarray,
    right: np.ndarray,
) -> None:  # fmt: skip
    """Fill in the lower half of the normal equations of weighted least squares."""
    trace = 0.0
    for a in range(right.size):
        one = basis[a]
        for b in range(a + 2):
            # One loop for the matrix and for the right side.
            other, total = basis[b] if b <= a else values, 0.0
            for i in range(values.size):
                total += weight[i] * one[i] * other[i]
            if b <= a:
                normal[a, b] = total
            else:
                right[a] = total
        trace += normal[a, a]
    for a in range(right.size):
        normal[a, a] += 1e-13 * trace + 1e-300


@inner_fast
def weigh_again(
    basis: np.ndarray, values: np.ndarray, own: np.ndarray, top: float, found: np.ndarray,
    above: np.ndarray, weight: np.ndarray,
) -> float:  # fmt: skip
    """Take weight from what stands out, and return by how much any weight has changed."""
    changed = 0.0
    for i in range(values.size):
        above[i] = top * values[i]
    for a in range(found.size):
        line, share = basis[a], top * found[a]
        for i in range(values.size):
            above[i] -= share * line[i]
    for i in range(values.size):
        now = own[i] * (ABOVE if above[i] > 0.0 else 1.0)
        changed += abs(now - weight[i])
        weight[i] = now
    return changed


@outer
def lie_under(
    basis: np.ndarray, values: np.ndarray, weights: np.ndarray, tops: np.ndarray,
    coefficients: np.ndarray, normal: np.ndarray, right: np.ndarray, room: np.ndarray,
) -> None:  # fmt: skip
    """Fill in the coefficients of asymmetric least squares below (above) what stands out.

    `tops` is 1 for spectra whose peaks point up, -1 for down, 0 for none. One row of `weights`
    stands for all. The last three arrays are room to work in, two rows of points in the last.
    """
    above, weight = room[0], room[1]
    for row in range(tops.size):
        found, own = coefficients[row], weights[row if weights.shape[0] > 1 else 0]
        for i in range(weight.size):
            weight[i] = own[i]
        for turn in range(ROUNDS + 1):
            if turn > 0 and not weigh_again(
                basis, values[row], own, tops[row], found, above, weight
            ):
                break
            fill_in(basis, values[row], weight, normal, right)
            if not factorise(normal, found.size) > 0.0:
                break
            substitute(normal, right, found, found.size)


@outer
def find_steps(
    spectra: np.ndarray, allowed: np.ndarray, known: np.ndarray, sizes: np.ndarray,
    sums: np.ndarray, moments: np.ndarray, split: np.ndarray, jump: np.ndarray,
) -> None:  # fmt: skip
    """Fill in before which channel the step is that lowers a sum of squares most, and its height.

    A line and a step are fitted to some channels on either side, for each of `sizes`. With u the
    distance from the step, the sums of u^2, |u| and 1 are those of the odd functions u and sgn u.
    `known` is the channel where it is known, -1 elsewhere. `sums` and `moments` are room.
    """
    count = spectra.shape[1]
    for row in range(split.size):
        sums[0], moments[0], best = 0.0, 0.0, -1.0
        split[row], jump[row] = count // 2, 0.0
        for i in range(count):
            sums[i + 1] = sums[i] + spectra[row, i]
            moments[i + 1] = moments[i] + spectra[row, i] * i
        for size in sizes:
            squares, lengths = size * (4.0 * size**2 - 1.0) / 6.0, float(size**2)
            left = 2.0 * size - lengths**2 / squares
            begin, end = size, count + 1 - size
            if known[row] >= 0 and end > begin:
                begin = min(max(known[row], begin), end - 1)
                end = begin + 1
            for i in range(begin, end):
                before, after = sums[i] - sums[i - size], sums[i + size] - sums[i]
                along = moments[i + size] - moments[i - size] - (i - 0.5) * (before + after)
                half = (after - before - along * lengths / squares) / left
                gain = half**2 * left
                if gain > best and (known[row] >= 0 or allowed[i]):
                    best, split[row], jump[row] = gain, i, 2.0 * half


@outer
def widths_of_steps(
    spectra: np.ndarray, split: np.ndarray, jump: np.ndarray, sizes: np.ndarray,
    sums: np.ndarray, wide: np.ndarray,
) -> None:  # fmt: skip
    """Fill in in how many channels steps rise from a quarter to three quarters.

    That is the length of the shortest windows on both sides whose means differ by half the step.
    """
    count = spectra.shape[1]
    for row in range(split.size):
        sums[0], wide[row] = 0.0, 0.25 * count
        for i in range(count):
            sums[i + 1] = sums[i] + spectra[row, i]
        at, height = split[row], jump[row] if jump[row] != 0.0 else 1.0
        for size in sizes[::-1]:
            low, high = max(at - size, 0), min(at + size, count)
            after = (sums[high] - sums[at]) / max(high - at, 1)
            before = (sums[at] - sums[low]) / max(at - low, 1)
            if (after - before) / height > 0.5:
                wide[row] = size
