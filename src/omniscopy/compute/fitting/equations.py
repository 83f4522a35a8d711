"""Small symmetric systems of equations, one for each spectrum, in plain NumPy.

Parameters may be of any size: matrices are brought to a diagonal of ones first.
"""

import numpy as np

from omniscopy.compute.fitting.rules import SINGULAR


def solve(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the solution for one right side each."""
    scale = _scale(matrix)
    scaled = matrix * scale[:, :, None] * scale[:, None, :]
    found: np.ndarray = np.linalg.solve(scaled, (right * scale)[..., None])[..., 0] * scale
    return found


def inverse(matrix: np.ndarray) -> np.ndarray:
    """Return the inverse of each matrix."""
    scale = _scale(matrix)
    scaled = matrix * scale[:, :, None] * scale[:, None, :]
    found: np.ndarray = np.linalg.inv(scaled) * scale[:, :, None] * scale[:, None, :]
    return found


def pseudo_inverse(matrix: np.ndarray) -> np.ndarray:
    """Return the inverse of each matrix, of what it determines where it is singular."""
    regular, found = smallest_pivot(matrix) > SINGULAR, np.empty_like(matrix)
    found[regular] = inverse(matrix[regular])
    odd = matrix[~regular]
    scale = _scale(odd)
    scaled = np.linalg.pinv(odd * scale[:, :, None] * scale[:, None, :], hermitian=True)
    found[~regular] = scaled * scale[:, :, None] * scale[:, None, :]
    return found


def _scale(matrix: np.ndarray) -> np.ndarray:
    """Return by what rows and columns are multiplied for a diagonal of ones, or zeros."""
    diagonal = np.einsum("saa->sa", matrix)
    scale: np.ndarray = 1.0 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    return scale


def smallest_pivot(normal: np.ndarray) -> np.ndarray:
    """Return the least squared pivot of the unit-diagonal form of each matrix, 0 if it has none."""
    count = normal.shape[-1]
    regular = (np.einsum("saa->sa", normal) > 0).all(axis=1)
    scale = _scale(normal)
    work = normal * scale[:, :, None] * scale[:, None, :]
    least = np.ones(len(normal))
    for k in range(count):
        pivot = work[:, k, k]
        least = np.minimum(least, np.where(pivot > 0, pivot, 0.0))
        column = work[:, :, k] / np.where(pivot > 0, pivot, 1.0)[:, None]
        work = work - column[:, :, None] * work[:, None, k, :]
    return np.where(regular, least, 0.0)


def without(matrix: np.ndarray, stopped: np.ndarray, value: float | None = None) -> np.ndarray:
    """Return matrices in which some parameters stand for themselves, or are a value."""
    either = stopped[:, :, None] | stopped[:, None, :]
    alone = stopped[:, :, None] * np.eye(stopped.shape[1]) if value is None else value
    return np.where(either, alone, matrix)
