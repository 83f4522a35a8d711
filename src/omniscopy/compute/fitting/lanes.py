"""Damped steps of eight spectra at once, compiled: each number is a register of eight.

A small system of equations is a chain of divisions that a processor waits for. Eight of them side
by side take as long as one. Steps that end at a bound, or are none, are left to the equations of
one spectrum (`omniscopy.compute.fitting.normal`).
"""

from typing import NamedTuple

import numpy as np

from omniscopy.compute.fitting.inner import inner, inner_once
from omniscopy.compute.fitting.registers import (
    LANES,
    greater,
    lesser,
    positive_or,
    put,
    spread,
    taken,
)
from omniscopy.compute.fitting.rules import SHARE

# Rows of the figures: the cost so far, the damping, what a step gains if the model is straight, its
# squared length and that of the parameters, and what is least of pivots and of room to bounds.
COST, STRENGTH, GAIN, LENGTH, SIZE, PIVOT, ROOM, APART, SQUARES, FAINT, TOTAL = range(11)


class Lanes(NamedTuple):
    """Eight spectra on their way down; the lane is the last axis, but of spectra and trials.

    Matrices are tables of their numbers, row by row; their lower half counts. `spectra`
    says which is in a lane, -1 for none.
    """

    data: np.ndarray
    weight: np.ndarray
    trial: np.ndarray
    spectra: np.ndarray
    status: np.ndarray
    steps: np.ndarray
    points: np.ndarray
    figures: np.ndarray
    normal: np.ndarray
    direction: np.ndarray
    largest: np.ndarray
    current: np.ndarray
    step: np.ndarray
    matrix: np.ndarray


def make_lanes(parameters: int, free: int, values: int) -> Lanes:
    """Return room for eight spectra of so many values."""
    return Lanes(
        data=np.empty((LANES, values)),
        weight=np.empty((LANES, values)),
        trial=np.zeros((LANES, parameters)),
        spectra=np.full(LANES, -1),
        status=np.zeros(LANES, np.int64),
        steps=np.zeros(LANES, np.int64),
        points=np.zeros(LANES, np.int64),
        figures=np.ones((TOTAL + 1, LANES)),
        normal=np.ones((free * free, LANES)),
        direction=np.zeros((free, LANES)),
        largest=np.ones((free, LANES)),
        current=np.ones((free, LANES)),
        step=np.zeros((free, LANES)),
        matrix=np.ones((free * free, LANES)),
    )


@inner_once
def step_together(lanes: Lanes, lower: np.ndarray, upper: np.ndarray, positive: np.ndarray) -> None:
    """Fill in the damped step of every lane, whether it stays inside the bounds, and its gain."""
    n, figures = lower.size, lanes.figures
    strength = taken(figures, STRENGTH)
    for a in range(n):
        largest = greater(taken(lanes.normal, n * a + a), taken(lanes.largest, a))
        put(lanes.largest, a, largest)
        for b in range(a):
            put(lanes.matrix, n * a + b, taken(lanes.normal, n * a + b))
        damping = strength * positive_or(largest, spread(1.0))
        put(lanes.matrix, n * a + a, taken(lanes.normal, n * a + a) + damping)
        put(lanes.step, a, taken(lanes.direction, a))
    put(figures, PIVOT, solve_together(lanes.matrix, lanes.step, n))
    gain, length, size = spread(0.0), spread(0.0), spread(0.0)
    room, apart = spread(np.inf), spread(np.inf)
    for a in range(n):
        step, current, largest = (
            taken(lanes.step, a), taken(lanes.current, a), taken(lanes.largest, a),
        )  # fmt: skip
        along = spread(2.0) * taken(lanes.direction, a)
        for b in range(n):
            along -= taken(lanes.normal, n * max(a, b) + min(a, b)) * taken(lanes.step, b)
        gain += along * step
        length += largest * step * step
        size += largest * current * current
        least, most = spread(lower[a]) - current, spread(upper[a]) - current
        apart = lesser(apart, lesser(most, spread(0.0) - least))
        if positive[a]:
            least = greater(least, spread(-SHARE) * current)
        room = lesser(room, lesser(step - least, most - step))
    put(figures, GAIN, gain)
    put(figures, LENGTH, length)
    put(figures, SIZE, size)
    put(figures, ROOM, room)
    put(figures, APART, apart)


@inner
def solve_together(matrix: np.ndarray, step: np.ndarray, n: int) -> object:
    """Solve eight systems of `n` equations, in place; return the least of their pivots.

    The matrices become L and 1/D of L D L^T; L has a diagonal of ones.
    """
    least = spread(np.inf)
    for j in range(n):
        pivot = taken(matrix, n * j + j)
        for k in range(j):
            value = taken(matrix, n * j + k)
            for m in range(k):
                value -= taken(matrix, n * j + m) * taken(matrix, n * k + m)
            put(matrix, n * j + k, value)
        right = taken(step, j)
        for k in range(j):
            value = taken(matrix, n * j + k)
            share = value * taken(matrix, n * k + k)
            pivot -= value * share
            right -= share * taken(step, k)
            put(matrix, n * j + k, share)
        put(step, j, right)
        least = lesser(pivot, least)
        put(matrix, n * j + j, spread(1.0) / pivot)
    for j in range(n - 1, -1, -1):
        value = taken(step, j) * taken(matrix, n * j + j)
        for k in range(j + 1, n):
            value -= taken(matrix, n * k + j) * taken(step, k)
        put(step, j, value)
    return least


@inner
def stays_inside(lanes: Lanes, lane: int) -> bool:
    """Return whether the step of a lane is one, and no parameter is at a bound or comes to one."""
    f = lanes.figures
    calm = f[PIVOT, lane] > 0.0 and f[ROOM, lane] >= 0.0 and f[APART, lane] > 0.0
    return calm and f[LENGTH, lane] < np.inf
