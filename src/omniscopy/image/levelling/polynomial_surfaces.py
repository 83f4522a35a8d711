"""Polynomials in two dimensions through some of the points of an image."""

from collections.abc import Sequence

import numpy as np
from numpy.polynomial import legendre

Terms = Sequence[tuple[int, int]]
_REFINED = 2


def terms_of(degree: int | tuple[int, int]) -> list[tuple[int, int]]:
    """Return the powers of y and x: of a total degree, or of a degree along each."""
    if isinstance(degree, int):
        return [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]
    return [(i, j) for i in range(degree[0] + 1) for j in range(degree[1] + 1)]


def fitted_surface(
    values: np.ndarray, used: np.ndarray, y: np.ndarray, x: np.ndarray, terms: Terms
) -> np.ndarray:
    """Return the polynomial that fits the used points best, at all points.

    Parameters
    ----------
    values : array, shape (y, x)
        Heights.
    used : array of bool, shape (y, x)
        Which of them count; NaN is returned where none does.
    y, x : array
        Coordinates.
    terms : sequence of (int, int)
        Powers of y and x.

    Notes
    -----
    Normal equations of Legendre polynomials over the used part of the image, which are nearly
    orthogonal there; what rounding leaves is fitted once more.
    """
    if not used.any():
        return np.full(values.shape, np.nan)
    rows = legendre.legvander(_scaled(y, np.asarray(used.any(axis=1))), max(i for i, _ in terms))
    columns = legendre.legvander(_scaled(x, np.asarray(used.any(axis=0))), max(j for _, j in terms))
    weight = used.astype(np.float64)
    inverse = _inverse(weight, rows, columns, terms)
    left = np.where(used, values, 0.0)
    surface = np.zeros(values.shape)
    i, j = np.array(terms).T
    for _ in range(1 + _REFINED):
        table = np.zeros((rows.shape[1], columns.shape[1]))
        table[i, j] = inverse @ (rows.T @ left @ columns)[i, j]
        found = rows @ table @ columns.T
        surface += found
        left -= weight * found
    return surface


def _inverse(weight: np.ndarray, rows: np.ndarray, columns: np.ndarray, terms: Terms) -> np.ndarray:
    """Return the inverse of the normal matrix; the least one where points leave terms open."""
    along_y = (rows[:, :, None] * rows[:, None, :]).reshape(len(rows), -1)
    along_x = (columns[:, :, None] * columns[:, None, :]).reshape(len(columns), -1)
    products = along_y.T @ (weight @ along_x)
    shape = (rows.shape[1], rows.shape[1], columns.shape[1], columns.shape[1])
    i, j = np.array(terms).T
    normal = products.reshape(shape)[i[:, None], i[None, :], j[:, None], j[None, :]]
    return np.linalg.pinv(normal, rcond=1e-13, hermitian=True)


def _scaled(axis: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Return coordinates that run from -1 to 1 over the used part."""
    part = axis[used]
    middle, half = (part.max() + part.min()) / 2, (part.max() - part.min()) / 2
    return (axis - middle) / (half or 1.0)
