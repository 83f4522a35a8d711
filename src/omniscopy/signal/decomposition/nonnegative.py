"""Non-negative factors of a matrix that is given by its leading singular vectors."""

from typing import NamedTuple

import numpy as np

_STEPS = 1000
# A step that gains less than this part of the squared error is the last one.
_TOLERANCE = 1e-6
# Sweeps over the columns of one factor before the other one is turned to.
_SWEEPS = 2


class Factors(NamedTuple):
    """Two factors, a column for each component, the squared error, and how the search ended."""

    left: np.ndarray
    right: np.ndarray
    error: float
    steps: int
    done: bool


def factorise_nonnegative(
    rows: np.ndarray, basis: np.ndarray, total: float, wanted: int
) -> Factors:
    r"""Return :math:`W, H \ge 0` that make :math:`W H^T` closest to `rows` times `basis`.

    The columns of `rows` are orthogonal, the rows of `basis` orthonormal; `total` is the sum of
    squares of the matrix that they approximate.

    Hierarchical alternating least squares (A. Cichocki, A.-H. Phan, *IEICE Trans. Fundam.* E92-A,
    708 (2009)), from a start by non-negative double SVD (C. Boutsidis, E. Gallopoulos, *Pattern
    Recognit.* 41, 1350 (2008)). A product with the matrix costs as little as its rank is low
    (G. Zhou, A. Cichocki, S. Xie, *IEEE Trans. Signal Process.* 60, 2928 (2012)).
    """
    left, right = _start(rows, basis, wanted)
    before, error, taken, done = np.inf, total, 0, False
    while not done and taken < _STEPS:
        taken += 1
        improve(left, rows @ (basis @ right), right.T @ right, sweeps=_SWEEPS)
        product, square = basis.T @ (rows.T @ left), left.T @ left
        improve(right, product, square, sweeps=_SWEEPS)
        error = total - 2 * float(np.vdot(right, product)) + float(np.vdot(square, right.T @ right))
        done = before - error <= _TOLERANCE * abs(error) + 1e-14 * total
        before = error
    return Factors(left, right, error, taken, done)


def improve(factor: np.ndarray, product: np.ndarray, square: np.ndarray, *, sweeps: int) -> None:
    """Move each column of a factor to where it is best, not below 0, for what the others are.

    `product` is that of the matrix with the other factor, `square` the Gram matrix of that.
    """
    for _ in range(sweeps):
        for column in range(factor.shape[1]):
            if square[column, column] > 0:
                slope = product[:, column] - factor @ square[:, column]
                moved = factor[:, column] + slope / square[column, column]
                factor[:, column] = np.maximum(moved, 0.0)


def _start(rows: np.ndarray, basis: np.ndarray, wanted: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the non-negative double SVD: the stronger sign of each pair of singular vectors."""
    left, right = np.zeros((len(rows), wanted)), np.zeros((basis.shape[1], wanted))
    for number in range(min(wanted, len(basis))):
        best = 0.0
        for sign in (1.0, -1.0):
            one, other = np.maximum(sign * rows[:, number], 0), np.maximum(sign * basis[number], 0)
            size = float(np.linalg.norm(one) * np.linalg.norm(other))
            if size > best:
                best = size
                # The two are of the same size, and their product is that part of the pair.
                share = np.sqrt(np.linalg.norm(other) / np.linalg.norm(one))
                left[:, number], right[:, number] = one * share, other / share
    # A column of zeros would stay so while the other one is zero too.
    empty = ~left.any(axis=0)
    right[:, empty] = np.linalg.norm(rows[:, 0]) / max(len(right), 1)
    return left, right
