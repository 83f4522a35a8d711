# ruff: noqa: PLR0913, PLR0917 - kernels take their arrays one by one
"""Small systems of linear equations, compiled: damped, bounded steps and covariances."""

import math
from typing import NamedTuple

import numpy as np

from omniscopy.compute.fitting.inner import inner, inner_once
from omniscopy.compute.fitting.rules import SHARE, SINGULAR


class Space(NamedTuple):
    """Room to work in for small systems of equations."""

    matrix: np.ndarray
    right: np.ndarray
    solution: np.ndarray
    stopped: np.ndarray
    kept: np.ndarray


@inner_once
def factorise(matrix: np.ndarray, n: int) -> float:
    """Turn a symmetric matrix of `n` rows into L and 1/D of L D L^T; L has a diagonal of ones.

    Return the smallest part that is left of a number on the diagonal, 0 if there is no factor.
    """
    left, whole = 1.0, 1.0
    for j in range(n):
        pivot = matrix[j, j]
        for k in range(j):
            value = matrix[j, k]
            for m in range(k):
                value -= matrix[j, m] * matrix[k, m]
            matrix[j, k] = value
        for k in range(j):
            value = matrix[j, k]
            matrix[j, k] = value * matrix[k, k]
            pivot -= value * matrix[j, k]
        if not pivot > 0.0:
            return 0.0
        if pivot * whole < left * matrix[j, j]:
            left, whole = pivot, matrix[j, j]
        matrix[j, j] = 1.0 / pivot
    return left / whole


@inner_once
def substitute(factor: np.ndarray, right: np.ndarray, solution: np.ndarray, n: int) -> None:
    """Solve for one right side with what `factorise` made."""
    for i in range(n):
        value = right[i]
        for k in range(i):
            value -= factor[i, k] * solution[k]
        solution[i] = value
    for i in range(n - 1, -1, -1):
        value = solution[i] * factor[i, i]
        for k in range(i + 1, n):
            value -= factor[k, i] * solution[k]
        solution[i] = value


@inner_once
def solve(matrix: np.ndarray, right: np.ndarray, solution: np.ndarray, n: int) -> bool:
    """Solve a system of `n` equations for one right side; return whether there is a solution."""
    regular = factorise(matrix, n) > 0.0
    if regular:
        substitute(matrix, right, solution, n)
    return regular


@inner_once
def solve_few(matrix: np.ndarray, right: np.ndarray, solution: np.ndarray, n: int) -> bool:
    """Solve the same; loops of known length, as most models have, take half the time."""
    if n == 4:
        return solve(matrix, right, solution, 4)
    if n == 3:
        return solve(matrix, right, solution, 3)
    if n == 5:
        return solve(matrix, right, solution, 5)
    return solve(matrix, right, solution, n)


@inner_once
def damped_system(
    normal: np.ndarray, descent: np.ndarray, damping: np.ndarray, space: Space
) -> None:
    """Fill in right side and lower half of the matrix, where no parameter has stopped."""
    for a in range(descent.size):
        space.right[a] = descent[a]
        for b in range(a):
            space.matrix[a, b] = normal[a, b]
        space.matrix[a, a] = normal[a, a] + damping[a]


@inner_once
def reduced_system(
    normal: np.ndarray, descent: np.ndarray, damping: np.ndarray, space: Space, step: np.ndarray
) -> None:
    """Fill in matrix and right side for the parameters that have not stopped."""
    for a in range(descent.size):
        space.right[a] = step[a] if space.stopped[a] else descent[a]
        for b in range(descent.size):
            both = not (space.stopped[a] or space.stopped[b])
            space.matrix[a, b] = normal[a, b] if both else 0.0
            if space.stopped[b] and not space.stopped[a]:
                space.right[a] -= normal[a, b] * step[b]
        space.matrix[a, a] = 1.0 if space.stopped[a] else normal[a, a] + damping[a]


@inner_once
def damp_carried(
    normal: np.ndarray, damping: np.ndarray, carried: np.ndarray, space: Space
) -> None:
    """Damp steps of an exponent as those of an amplitude that goes along with it.

    The damping of the two is as correlated as they are; each would hold the other otherwise.
    """
    for pair in range(carried.shape[0]):
        a, b = carried[pair, 0], carried[pair, 1]
        if not (space.stopped[a] or space.stopped[b]):
            both = alike(normal, a, b) * math.sqrt(damping[a] * damping[b])
            space.matrix[a, b] += both
            space.matrix[b, a] += both


@inner
def alike(normal: np.ndarray, a: int, b: int) -> float:
    """Return the correlation of what two parameters do to a model, 0 where one does nothing."""
    squares = normal[a, a] * normal[b, b]
    return normal[a, b] / math.sqrt(squares) if squares > 0.0 else 0.0


@inner_once
def bounded_step(
    normal: np.ndarray, descent: np.ndarray, damping: np.ndarray, values: np.ndarray,
    lower: np.ndarray, upper: np.ndarray, positive: np.ndarray, carried: np.ndarray, space: Space,
    step: np.ndarray,
) -> bool:  # fmt: skip
    """Find the damped step that stays within the bounds; return whether there is one.

    A parameter that would leave them goes to the bound, and the others are solved for again.
    """
    free = True
    for a in range(values.size):
        step[a] = 0.0
        space.stopped[a] = (values[a] <= lower[a] and descent[a] < 0.0) or (
            values[a] >= upper[a] and descent[a] > 0.0
        )
        free = free and not space.stopped[a]
    inside = False
    while not inside:
        if free:
            damped_system(normal, descent, damping, space)
        else:
            reduced_system(normal, descent, damping, space, step)
        damp_carried(normal, damping, carried, space)
        if not solve_few(space.matrix, space.right, space.solution, values.size):
            return False
        inside = True
        for a in range(values.size):
            if space.stopped[a]:
                continue
            if not math.isfinite(space.solution[a]):
                return False
            least, most = lower[a] - values[a], upper[a] - values[a]
            if positive[a]:
                least = max(least, -SHARE * values[a])
            step[a] = min(max(space.solution[a], least), most)
            if step[a] != space.solution[a]:
                space.stopped[a] = True
                inside, free = False, False
    return True


@inner
def variances(normal: np.ndarray, space: Space, found: np.ndarray) -> bool:
    """Fill in the diagonal of the inverse, NaN for what stopped; return whether there is one."""
    n, stopped = found.size, space.stopped
    for a in range(n):
        for b in range(n):
            both = not (stopped[a] or stopped[b])
            space.matrix[a, b] = normal[a, b] if both else 0.0
        if stopped[a]:
            space.matrix[a, a] = 1.0
    regular = factorise(space.matrix, n) > SINGULAR
    for a in range(n):
        found[a] = np.nan
        if regular and not stopped[a]:
            found[a] = diagonal_of_inverse(space.matrix, space.solution, a)
    return regular


@inner
def diagonal_of_inverse(factor: np.ndarray, column: np.ndarray, a: int) -> float:
    """Return a number on the diagonal of the inverse of the matrix that was factorised."""
    total = 0.0
    for i in range(a, column.size):
        value = 1.0 if i == a else 0.0
        for k in range(a, i):
            value -= factor[i, k] * column[k]
        column[i] = value
        total += value * value * factor[i, i]
    return total
