# ruff: noqa: FBT001, PLR0917 - kernels take their arrays one by one
"""Least squares for fractions: not negative, and with the sum 1."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numba import njit

from omniscopy.compute.threads import share_spectra
from omniscopy.model.compiling import keep_compiled

_ROUNDING = 1e-12
# Part of a diagonal element below which nothing of its own is left in a row.
_SINGULAR = 1e-13

F = TypeVar("F", bound=Callable[..., Any])


def _compiled(function: F) -> F:
    made: F = keep_compiled(njit, function, nogil=True, error_model="numpy")
    return made


class Fractions(NamedTuple):
    """Fractions of every sample, their standard deviations, and the sum of squared residuals.

    The standard deviation of what is held at 0 is NaN.
    """

    values: np.ndarray
    std: np.ndarray
    squares: np.ndarray


def fit_fractions(
    samples: np.ndarray, corners: np.ndarray, *, positive: bool, closed: bool
) -> Fractions:
    """Return the fractions of `corners` (rows of channels) that make `samples`.

    They are not below 0 where `positive`, and have the sum 1 where `closed`. The active set grows
    by what is steepest and shrinks by what would be negative, as that of C. L. Lawson and R. J.
    Hanson, *Solving Least Squares Problems* (1974), chapter 23; a multiplier keeps the sum.
    """
    number, channels = corners.shape
    square, right = corners @ corners.T, samples @ corners.T
    energy = np.einsum("ij,ij->i", samples, samples)[:, None]
    if closed:
        # Adds the same to every sum of squares where the sum is 1, and makes the matrix regular.
        lift = max(float(np.trace(square)) / number, np.finfo(float).tiny)
        square, right, energy = square + lift, right + lift, energy + lift

    def solve(right: np.ndarray, energy: np.ndarray) -> np.ndarray:
        found = np.empty((len(right), 2 * number + 1))
        solve_rows(square, right, energy[:, 0], positive, closed, channels, found)
        return found

    found = share_spectra(solve, right, energy, size=2 * number + 1, dtype=np.float64)
    return Fractions(found[:, :number], found[:, number:-1], found[:, -1])


class _Room(NamedTuple):
    """Room to work in: which fractions are not held at 0, and the equations for these."""

    inside: np.ndarray
    here: np.ndarray
    there: np.ndarray
    ones: np.ndarray
    right: np.ndarray
    matrix: np.ndarray


@_compiled
def solve_rows(
    square: np.ndarray, right: np.ndarray, energy: np.ndarray, positive: bool, closed: bool,
    channels: int, found: np.ndarray,
) -> None:  # fmt: skip
    """Fill each row of `found` with fractions, their deviations and the sum of squares."""
    n = square.shape[0]
    room = _Room(
        np.zeros(n, np.bool_), np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n),
        np.zeros((n, n)),
    )  # fmt: skip
    for row in range(right.shape[0]):
        room.here[:] = 0.0
        room.inside[:] = not positive
        if positive and closed:
            first = np.argmin(np.diag(square) - 2.0 * right[row])
            room.here[first], room.inside[first] = 1.0, True
        regular = _descend(square, right[row], positive, closed, room)
        for _ in range(10 * n):
            following = _steepest(square, right[row], closed, room) if positive else -1
            if following < 0 or not regular:
                break
            room.inside[following] = True
            regular = _descend(square, right[row], positive, closed, room)
        if regular:
            _measure(square, right[row], energy[row], closed, channels, room, found[row])
        else:
            found[row] = np.nan


@_compiled
def _steepest(square: np.ndarray, right: np.ndarray, closed: bool, room: _Room) -> int:
    """Return which of those at 0 would lower the sum of squares the most, -1 if none does."""
    n, level, count = right.size, 0.0, 0
    for a in range(n):
        room.there[a] = right[a] - np.dot(square[a], room.here)
        if room.inside[a]:
            level, count = level + room.there[a], count + 1
    # With a sum to be kept, one grows only as the others shrink.
    level = level / count if closed else 0.0
    found, steepest = -1, _ROUNDING * (np.max(np.abs(right)) + closed * np.max(np.abs(square)))
    for a in range(n):
        if not room.inside[a] and room.there[a] - level > steepest:
            found, steepest = a, room.there[a] - level
    return found


@_compiled
def _descend(
    square: np.ndarray, right: np.ndarray, positive: bool, closed: bool, room: _Room
) -> bool:
    """Go to the best place for what is inside, and leave out what would become negative."""
    for _ in range(right.size + 1):
        if not _solve(square, right, closed, room):
            return False
        share, last = 1.0, -1
        for a in range(right.size):
            if positive and room.inside[a] and room.there[a] <= 0.0:
                step = room.here[a] - room.there[a]
                part = room.here[a] / step if step > 0.0 else 0.0
                if last < 0 or part < share:
                    share, last = part, a
        for a in range(right.size):
            room.here[a] += share * (room.there[a] - room.here[a])
            if a == last or (last >= 0 and room.here[a] <= 0.0):
                room.here[a], room.inside[a] = 0.0, False
        if last < 0:
            return True
    return True


@_compiled
def _solve(square: np.ndarray, right: np.ndarray, closed: bool, room: _Room) -> bool:
    """Solve for what is inside, 0 for the others; return whether there is a solution."""
    n = right.size
    for a in range(n):
        room.right[a] = right[a] if room.inside[a] else 0.0
        for b in range(n):
            both = room.inside[a] and room.inside[b]
            room.matrix[a, b] = square[a, b] if both else (1.0 if a == b else 0.0)
    if not _factorise(room.matrix):
        return False
    _substitute(room.matrix, room.right, room.there)
    if closed and np.any(room.inside):
        for a in range(n):
            room.right[a] = 1.0 if room.inside[a] else 0.0
        _substitute(room.matrix, room.right, room.ones)
        multiplier = (np.sum(room.there) - 1.0) / np.sum(room.ones)
        for a in range(n):
            room.there[a] -= multiplier * room.ones[a]
    return True


@_compiled
def _measure(
    square: np.ndarray, right: np.ndarray, energy: float, closed: bool, channels: int,
    room: _Room, found: np.ndarray,
) -> None:  # fmt: skip
    """Write down the fractions, what the residuals say of their scatter, and these."""
    n = right.size
    squares = energy
    for a in range(n):
        found[a] = room.here[a]
        squares += room.here[a] * (np.dot(square[a], room.here) - 2.0 * right[a])
    found[2 * n] = squares = max(squares, 0.0)
    free = channels - np.sum(room.inside) + closed
    noise = squares / free if free > 0 else np.nan
    total = np.sum(room.ones) if closed else 1.0
    for a in range(n):
        found[n + a] = np.nan
        if room.inside[a]:
            room.right[:] = 0.0
            room.right[a] = 1.0
            _substitute(room.matrix, room.right, room.there)
            taken = room.ones[a] ** 2 / total if closed else 0.0
            found[n + a] = np.sqrt(max(noise * (room.there[a] - taken), 0.0))


@_compiled
def _factorise(matrix: np.ndarray) -> bool:
    """Turn a symmetric matrix into its Cholesky factor; return whether there is one."""
    for a in range(matrix.shape[0]):
        smallest = _SINGULAR * matrix[a, a]
        for b in range(a + 1):
            value = matrix[a, b] - np.dot(matrix[a, :b], matrix[b, :b])
            if b < a:
                matrix[a, b] = value / matrix[b, b]
            elif value > smallest:
                matrix[a, a] = np.sqrt(value)
            else:
                return False
    return True


@_compiled
def _substitute(factor: np.ndarray, right: np.ndarray, solution: np.ndarray) -> None:
    n = right.size
    for a in range(n):
        solution[a] = (right[a] - np.dot(factor[a, :a], solution[:a])) / factor[a, a]
    for a in range(n - 1, -1, -1):
        for b in range(a + 1, n):
            solution[a] -= factor[b, a] * solution[b]
        solution[a] /= factor[a, a]


def solve_each(
    squares: np.ndarray, right: np.ndarray, energy: np.ndarray, *, positive: bool, channels: int
) -> Fractions:
    """Return least squares of equations of their own for each sample, not negative or any.

    `squares` (samples, number, number) are the normal matrices, `right` (samples, number) their
    right sides, `energy` the weighted sums of squares of the samples, from `channels` values.
    """
    number = right.shape[1]
    found = np.empty((len(right), 2 * number + 1))
    _solve_each(
        np.ascontiguousarray(squares), np.ascontiguousarray(right), np.ascontiguousarray(energy),
        positive, channels, found,
    )  # fmt: skip
    return Fractions(found[:, :number], found[:, number:-1], found[:, -1])


@_compiled
def _solve_each(
    squares: np.ndarray, right: np.ndarray, energy: np.ndarray, positive: bool, channels: int,
    found: np.ndarray,
) -> None:  # fmt: skip
    for row in range(right.shape[0]):
        part = slice(row, row + 1)
        solve_rows(
            squares[row], right[part], energy[part], positive, False, channels, found[part]  # noqa: FBT003
        )  # fmt: skip
