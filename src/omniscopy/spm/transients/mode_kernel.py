# ruff: noqa: FBT001, PLR0913, PLR0917 - kernels take their arrays one by one
"""Waves in windows of a signal, by Gauss-Newton with variable projection."""

import math
from typing import Any, NamedTuple

import numpy as np

from omniscopy.compute.fitting import inner as inner_module
from omniscopy.compute.fitting import looking
from omniscopy.compute.fitting.inner import inner, inner_fast, outer
from omniscopy.compute.fitting.looking import copy
from omniscopy.model.digests import digest_sources
from omniscopy.model.status import Status

# What is written of each wave in each window; one more row holds the mean and the residual.
COLUMNS = ("frequency", "frequency_std", "amplitude", "amplitude_std", "phase")
_CONVERGED, _MAX_STEPS, _SINGULAR, _NO_DATA = (
    int(Status[name]) for name in ("CONVERGED", "MAX_STEPS", "SINGULAR", "NO_DATA")
)
# A frequency goes at most so far at a time, in units of one over the window. After steps below the
# other number it is there: each step leaves about the square of the one before.
_FARTHEST, _NEAR = 0.25, 1e-5
_FAINT = 1e-13


class Room(NamedTuple):
    """Where a thread works."""

    matrix: np.ndarray
    right: np.ndarray
    rows: np.ndarray
    scale: np.ndarray
    solution: np.ndarray
    frequency: np.ndarray
    waves: np.ndarray


def make_room(count: int, length: int) -> Room:
    """Return room for so many waves in windows of a length."""
    size = 3 * count + 1
    shapes = ((size, size), size, (size, length), size, size, count, (count, 2))
    return Room(*(np.empty(shape) for shape in shapes))


@inner
def _fill(
    length: int, frequency: np.ndarray, waves: np.ndarray, level: bool, rows: np.ndarray
) -> None:
    """Write the waves, what a step of their frequencies adds, and the constant.

    The time is counted from the middle of the window.
    """
    middle, two_pi = 0.5 * (length - 1), 2.0 * math.pi
    for k in range(frequency.size):
        angle = two_pi * frequency[k]
        turn_c, turn_s = math.cos(angle), math.sin(angle)
        c, s = math.cos(angle * middle), -math.sin(angle * middle)
        a, b = waves[k, 0], waves[k, 1]
        for j in range(length):
            rows[3 * k, j], rows[3 * k + 1, j] = c, s
            rows[3 * k + 2, j] = two_pi * (j - middle) * (b * c - a * s)
            c, s = c * turn_c - s * turn_s, s * turn_c + c * turn_s
    for j in range(length):
        rows[3 * frequency.size, j] = 1.0 if level else 0.0


@inner_fast
def _accumulate(
    values: np.ndarray, rows: np.ndarray, matrix: np.ndarray, right: np.ndarray
) -> float:
    """Fill in the normal equations and return the sum of squares; two rows share what they read."""
    size, length, squares = right.size, values.size, 0.0
    for j in range(length):
        squares += values[j] * values[j]
    for a in range(size):
        one, along = rows[a], 0.0
        for j in range(length):
            along += one[j] * values[j]
        right[a] = along
        for b in range(0, a + 1, 2):
            first, second = rows[b], rows[min(b + 1, a)]
            left, other = 0.0, 0.0
            for j in range(length):
                left += one[j] * first[j]
                other += one[j] * second[j]
            matrix[a, b] = left
            if b < a:
                matrix[a, b + 1] = other
    return squares


@inner
def _factorise(matrix: np.ndarray, scale: np.ndarray) -> bool:
    """Replace the lower triangle by its Cholesky factor, of columns of size 1.

    A column that is nothing is left out; return whether the others are independent.
    """
    size, independent = scale.size, True
    for a in range(size):
        scale[a] = 1.0 / math.sqrt(matrix[a, a]) if matrix[a, a] > 0.0 else 0.0
    for a in range(size):
        for b in range(a + 1):
            total = matrix[a, b] * scale[a] * scale[b]
            for c in range(b):
                total -= matrix[a, c] * matrix[b, c]
            if a > b:
                matrix[a, b] = total / matrix[b, b]
            elif scale[a] == 0.0:
                matrix[a, a] = 1.0
            else:
                independent = independent and total > _FAINT
                matrix[a, a] = math.sqrt(max(total, _FAINT))
    return independent


@inner
def _solve(matrix: np.ndarray, scale: np.ndarray, right: np.ndarray, found: np.ndarray) -> None:
    size = scale.size
    for a in range(size):
        total = right[a] * scale[a]
        for b in range(a):
            total -= matrix[a, b] * found[b]
        found[a] = total / matrix[a, a]
    for a in range(size - 1, -1, -1):
        total = found[a]
        for b in range(a + 1, size):
            total -= matrix[b, a] * found[b]
        found[a] = total / matrix[a, a]
    for a in range(size):
        found[a] *= scale[a]


@inner
def _describe(
    frequency: np.ndarray, waves: np.ndarray, variance: float, matrix: np.ndarray,
    scale: np.ndarray, right: np.ndarray, solution: np.ndarray, found: np.ndarray,
) -> None:  # fmt: skip
    """Write what is known of each wave; `right` and `solution` are room to work in."""
    for k in range(frequency.size):
        a, b = waves[k, 0], waves[k, 1]
        amplitude = math.sqrt(a * a + b * b)
        found[k, 0], found[k, 2] = frequency[k], amplitude
        found[k, 4] = math.degrees(math.atan2(-b, a))
        right[:] = 0.0
        right[3 * k + 2] = 1.0
        _solve(matrix, scale, right, solution)
        found[k, 1] = math.sqrt(variance * solution[3 * k + 2])
        right[3 * k + 2] = 0.0
        right[3 * k], right[3 * k + 1] = a / amplitude, b / amplitude
        _solve(matrix, scale, right, solution)
        along = (a * solution[3 * k] + b * solution[3 * k + 1]) / amplitude
        found[k, 3] = math.sqrt(variance * along)


@inner
def _move_on(frequency: np.ndarray, waves: np.ndarray, samples: int) -> None:
    """Turn the amplitudes into those about a later time."""
    for k in range(frequency.size):
        angle = 2.0 * math.pi * frequency[k] * samples
        c, s = math.cos(angle), math.sin(angle)
        a, b = waves[k, 0], waves[k, 1]
        waves[k, 0], waves[k, 1] = a * c + b * s, b * c - a * s


@inner
def _take_step(length: int, room: Room) -> float:
    """Take amplitudes and steps of frequencies over; return the longest step, by the window."""
    farthest = 0.0
    for k in range(room.frequency.size):
        step = room.solution[3 * k + 2]
        # Without amplitudes there was no step to find.
        known = room.waves[k, 0] != 0.0 or room.waves[k, 1] != 0.0
        room.waves[k, 0], room.waves[k, 1] = room.solution[3 * k], room.solution[3 * k + 1]
        step = min(max(step, -_FARTHEST / length), _FARTHEST / length)
        room.frequency[k] += step
        farthest = max(farthest, abs(step) * length if known else 1.0)
    return farthest


@inner
def _fit_window(values: np.ndarray, level: bool, max_steps: int, room: Room) -> tuple[int, float]:
    """Return the outcome, and the sum of squares that is left."""
    code, left = _MAX_STEPS, 0.0
    for _ in range(max_steps):
        _fill(values.size, room.frequency, room.waves, level, room.rows)
        left = _accumulate(values, room.rows, room.matrix, room.right)
        if not math.isfinite(left):
            return _NO_DATA, left
        independent = _factorise(room.matrix, room.scale)
        _solve(room.matrix, room.scale, room.right, room.solution)
        for a in range(room.right.size):
            left -= room.solution[a] * room.right[a]
        if not independent:
            return _SINGULAR, left
        if _take_step(values.size, room) < _NEAR:
            return _CONVERGED, max(left, 0.0)
    return code, max(left, 0.0)


def _kernel(digest: int) -> Any:
    @outer
    def fit_windows(
        values: np.ndarray, begins: np.ndarray, length: int, start: np.ndarray, level: bool,
        max_steps: int, found: np.ndarray, figures: np.ndarray, codes: np.ndarray, room: Room,
    ) -> None:  # fmt: skip
        """Fit waves to windows of signals, each window from what the one before has found.

        `values` (signals, samples), `start` (signals, waves) in cycles a sample, `found`
        (signals, windows, waves, columns), `figures` (signals, windows, 2) of the mean and the
        root mean square of the residual, `codes` (signals, windows).
        """
        if digest == 0:
            return
        degrees = length - 3 * start.shape[1] - (1 if level else 0)
        for signal in range(values.shape[0]):
            copy(start[signal], room.frequency)
            room.waves[:] = 0.0
            for window in range(begins.size):
                begin = begins[window]
                if window > 0:
                    _move_on(room.frequency, room.waves, begin - begins[window - 1])
                code, left = _fit_window(
                    values[signal, begin : begin + length], level, max_steps, room
                )
                codes[signal, window] = code
                if code in (_NO_DATA, _SINGULAR):
                    found[signal, window] = np.nan
                    figures[signal, window] = np.nan
                    copy(start[signal], room.frequency)
                    room.waves[:] = 0.0
                    continue
                variance = left / degrees if degrees > 0 else np.nan
                figures[signal, window, 0] = room.solution[room.solution.size - 1]
                figures[signal, window, 1] = math.sqrt(left / length)
                _describe(
                    room.frequency, room.waves, variance, room.matrix, room.scale, room.right,
                    room.solution, found[signal, window],
                )  # fmt: skip

    return fit_windows


fit_windows = _kernel(digest_sources(inner_module, looking))
