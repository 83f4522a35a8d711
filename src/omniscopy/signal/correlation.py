# ruff: noqa: PLR0917 - kernels take their arrays one by one
"""Pearson's coefficient of spectra and references, lag by lag."""

from typing import NamedTuple

import numpy as np

from omniscopy.compute.fitting.inner import inner, inner_fast, outer

_TINY = 1e-12
# Channels that are compared, at least.
LEAST = 4
# Lags that are worked out at once: what is read of a spectrum serves them all.
_AT_ONCE = 4

Four = tuple[float, float, float, float]


class Space(NamedTuple):
    """Arrays that a thread works in.

    Rows of `ours` and `theirs` are the values about their mean, 0 where there are none; where
    there are; their squares; and the sums of the first and the last of these before a channel.
    `theirs` has `margin` channels without values at both ends.
    """

    ours: np.ndarray
    theirs: np.ndarray
    lags: np.ndarray
    margin: int


def new_space(channels: int, reach: int) -> Space:
    """Return space for spectra of so many channels and lags up to `reach`."""
    margin = reach + _AT_ONCE
    theirs = np.zeros((5, channels + 2 * margin + 1))
    return Space(np.empty((5, channels + 1)), theirs, np.empty(2 * reach + 1), margin)


@inner_fast
def _centre(values: np.ndarray, rows: np.ndarray, margin: int) -> tuple[int, float]:
    """Write the values about their mean; return how many there are, and their squares."""
    count, total = 0.0, 0.0
    for i in range(values.size):
        there = values[i] - values[i] == 0.0
        count += 1.0 if there else 0.0
        total += values[i] if there else 0.0
    mean = total / max(count, 1.0)
    own, present, square = rows[0, margin:], rows[1, margin:], rows[2, margin:]
    squares = 0.0
    for i in range(values.size):
        there = values[i] - values[i] == 0.0
        value = values[i] - mean if there else 0.0
        own[i] = value
        present[i] = 1.0 if there else 0.0
        square[i] = value * value
        squares += value * value
    return int(count), squares


@inner
def _add_up(rows: np.ndarray, size: int, ends: int, margin: int, total: float) -> None:
    """Write the sums before each of the first and of the last channels, `ends` of them."""
    value, square = 0.0, 0.0
    for i in range(min(ends, size)):
        rows[3, i], rows[4, i] = value, square
        value += rows[0, margin + i]
        square += rows[2, margin + i]
    # About their mean, all values are nothing together.
    value, square = 0.0, total
    for i in range(size, max(size - ends, 0) - 1, -1):
        rows[3, i], rows[4, i] = value, square
        if i > 0:
            value -= rows[0, margin + i - 1]
            square -= rows[2, margin + i - 1]


@inner_fast
def _four_products(left: np.ndarray, right: np.ndarray) -> Four:
    """Return the sums of products at four lags, the smallest first."""
    a = b = c = d = 0.0
    for i in range(left.size):
        value = left[i]
        a += value * right[i + 3]
        b += value * right[i + 2]
        c += value * right[i + 1]
        d += value * right[i]
    return a, b, c, d


@inner
def _coefficient(
    points: float, product: float, sums: tuple[float, float, float, float],
    powers: tuple[float, float],
) -> float:  # fmt: skip
    """Return Pearson's coefficient from sums of values and squares, -1 where there is none."""
    a, b, aa, bb = sums
    if not points >= LEAST:
        return -1.0
    product -= a * b / points
    aa -= a * a / points
    bb -= b * b / points
    if not (aa > _TINY * powers[0] and bb > _TINY * powers[1]):
        return -1.0
    return product / np.sqrt(aa * bb)


@inner
def _correlate_whole(
    space: Space, size: int, n: int, first: int, reach: int, powers: tuple[float, float]
) -> None:
    """Write the coefficients of all lags where neither has a gap."""
    ours, theirs, lags, margin = space.ours, space.theirs, space.lags, space.margin
    for number in range(0, lags.size, _AT_ONCE):
        start = margin + first - (number + _AT_ONCE - 1 - reach)
        products = _four_products(ours[0, :size], theirs[0, start : start + size + _AT_ONCE - 1])
        for k in range(min(_AT_ONCE, lags.size - number)):
            lag = number + k - reach - first
            low, high = max(0, lag), min(size, n + lag)
            sums = (
                ours[3, high] - ours[3, low], theirs[3, high - lag] - theirs[3, low - lag],
                ours[4, high] - ours[4, low], theirs[4, high - lag] - theirs[4, low - lag],
            )  # fmt: skip
            points = float(max(high - low, 0))
            lags[number + k] = _coefficient(points, products[k], sums, powers)


@inner
def _correlate_present(
    space: Space, size: int, first: int, reach: int, powers: tuple[float, float]
) -> None:
    """Write the coefficients of all lags from the channels that both have."""
    ours, theirs, lags = space.ours, space.theirs, space.lags
    for number in range(0, lags.size, _AT_ONCE):
        start = space.margin + first - (number + _AT_ONCE - 1 - reach)
        end = start + size + _AT_ONCE - 1
        own, there, square = ours[0, :size], ours[1, :size], ours[2, :size]
        value, present, power = theirs[0, start:end], theirs[1, start:end], theirs[2, start:end]
        points, products = _four_products(there, present), _four_products(own, value)
        a, b = _four_products(own, present), _four_products(there, value)
        aa, bb = _four_products(square, present), _four_products(there, power)
        for k in range(min(_AT_ONCE, lags.size - number)):
            sums = (a[k], b[k], aa[k], bb[k])
            lags[number + k] = _coefficient(points[k], products[k], sums, powers)


@outer
def run(
    values: np.ndarray, references: np.ndarray, first: int, reach: int, space: Space,
    near: np.ndarray, places: np.ndarray,
) -> None:  # fmt: skip
    """Write the coefficients around the best lag, and where they and it are.

    `places` are the first lag of these, the best one, and how many channels have values.
    """
    lags, margin = space.lags, space.margin
    size, n = values.shape[1], references.shape[1]
    present, power = 0, 0.0
    for row in range(values.shape[0]):
        if row == 0 or references.shape[0] > 1:
            present, power = _centre(references[row], space.theirs, margin)
            _add_up(space.theirs, n, n, margin, power)
        count, squares = _centre(values[row], space.ours, 0)
        if count == size and present == n:
            _add_up(space.ours, size, reach + 1, 0, squares)
            _correlate_whole(space, size, n, first, reach, (squares, power))
        else:
            _correlate_present(space, size, first, reach, (squares, power))
        top = 0
        for number in range(lags.size):
            if lags[number] > lags[top]:
                top = number
        start = min(max(top - near.shape[1] // 2, 0), lags.size - near.shape[1])
        for k in range(near.shape[1]):
            near[row, k] = lags[start + k]
        places[row, 0], places[row, 1], places[row, 2] = start, top, count
