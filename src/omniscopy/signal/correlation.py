# ruff: noqa: FBT001, PLR0917 - kernels take their arrays one by one
"""Pearson's coefficient of spectra and references, lag by lag."""

from typing import Any, NamedTuple

import numpy as np

from omniscopy.compute.fitting import inner as inner_module
from omniscopy.compute.fitting.inner import inner, inner_fast, outer
from omniscopy.model.digests import digest_sources

_TINY = 1e-12


class Space(NamedTuple):
    """Arrays that a thread works in.

    Rows of `ours` and `theirs` are the values about their mean, 0 where they have none; where
    they have; their squares; and the sums of the first and the last of these before a channel.
    """

    ours: np.ndarray
    theirs: np.ndarray
    lags: np.ndarray


def new_space(channels: int, reach: int) -> Space:
    """Return space for spectra of so many channels and lags up to `reach`."""
    shape = (5, channels + 1)
    return Space(np.empty(shape), np.empty(shape), np.empty(2 * reach + 1))


@inner
def _prepare(values: np.ndarray, rows: np.ndarray) -> tuple[int, float]:
    """Write what is needed of a spectrum; return how many values it has, and their squares."""
    n = values.size
    count, total = 0, 0.0
    for i in range(n):
        if np.isfinite(values[i]):
            count += 1
            total += values[i]
    mean = total / max(count, 1)
    total, squares = 0.0, 0.0
    for i in range(n):
        there = np.isfinite(values[i])
        value = values[i] - mean if there else 0.0
        rows[0, i], rows[1, i], rows[2, i] = value, 1.0 if there else 0.0, value * value
        rows[3, i], rows[4, i] = total, squares
        total += value
        squares += value * value
    rows[3, n], rows[4, n] = total, squares
    return count, squares


@inner_fast
def _sum_of_products(left: np.ndarray, right: np.ndarray) -> float:
    total = 0.0
    for i in range(left.size):
        total += left[i] * right[i]
    return total


@inner
def _coefficient(
    ours: np.ndarray, theirs: np.ndarray, low: int, high: int, start: int, whole: bool
) -> tuple[float, float, float, float]:
    """Return points, product of deviations, and squares of both, for one lag."""
    size = high - low
    end = start + size
    product = _sum_of_products(ours[0, low:high], theirs[0, start:end])
    if whole:
        points = float(size)
        a, b = ours[3, high] - ours[3, low], theirs[3, end] - theirs[3, start]
        aa, bb = ours[4, high] - ours[4, low], theirs[4, end] - theirs[4, start]
    else:
        mine, other = ours[1, low:high], theirs[1, start:end]
        points = max(_sum_of_products(mine, other), 1.0)
        a = _sum_of_products(ours[0, low:high], other)
        b = _sum_of_products(mine, theirs[0, start:end])
        aa = _sum_of_products(ours[2, low:high], other)
        bb = _sum_of_products(mine, theirs[2, start:end])
    return points, product - a * b / points, aa - a * a / points, bb - b * b / points


def _runner(digest: int) -> Any:
    @outer
    def run(
        values: np.ndarray, references: np.ndarray, first: int, reach: int, space: Space,
        near: np.ndarray, places: np.ndarray,
    ) -> None:  # fmt: skip
        """Write the coefficients around the best lag, and where they and it are.

        `places` are the first lag of these, the best one, and the points that it compares.
        """
        if digest == 0:
            return
        ours, theirs, lags = space.ours, space.theirs, space.lags
        size, n = values.shape[1], references.shape[1]
        present, power = 0, 0.0
        for row in range(values.shape[0]):
            if row == 0 or references.shape[0] > 1:
                present, power = _prepare(references[row], theirs)
            count, squares = _prepare(values[row], ours)
            whole = count == size and present == n
            top, best, compared = 0, -np.inf, 0.0
            for number in range(2 * reach + 1):
                lag = number - reach - first
                low, high = max(0, lag), min(size, n + lag)
                lags[number] = -1.0
                if high - low < 4:
                    continue
                points, product, aa, bb = _coefficient(ours, theirs, low, high, low - lag, whole)
                if points >= 4.0 and aa > _TINY * squares and bb > _TINY * power:
                    lags[number] = product / np.sqrt(aa * bb)
                if lags[number] > best:
                    top, best, compared = number, lags[number], points
            start = min(max(top - near.shape[1] // 2, 0), 2 * reach + 1 - near.shape[1])
            for k in range(near.shape[1]):
                near[row, k] = lags[start + k]
            places[row, 0], places[row, 1] = start, top
            places[row, 2] = int(compared) if count >= 4 else 0

    return run


run = _runner(digest_sources(inner_module))
