"""Holes are filled with what solves the equation that is named."""

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import spsolve

import omniscopy as om
from omniscopy.image.cleaning.inpainting import laplace_surface
from omniscopy.model import DataError


def solved(values, hole, steps):
    """Return the solution of the Laplace equation by a direct solver."""
    rows, columns = values.shape
    number = np.full(values.shape, -1)
    number[hole] = np.arange(hole.sum())
    matrix, right = sparse.lil_matrix((hole.sum(), hole.sum())), np.zeros(hole.sum())
    for i, j in np.argwhere(hole):
        for di, dj in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            a, b = i + di, j + dj
            if not (0 <= a < rows and 0 <= b < columns) or (
                not hole[a, b] and np.isnan(values[a, b])
            ):
                continue
            weight = 1 / (steps[0] if di else steps[1]) ** 2
            matrix[number[i, j], number[i, j]] += weight
            if hole[a, b]:
                matrix[number[i, j], number[a, b]] -= weight
            else:
                right[number[i, j]] += weight * values[a, b]
    made = values.copy()
    made[hole] = spsolve(matrix.tocsr(), right)
    return made


@pytest.mark.parametrize("steps", [(1.0, 1.0), (2.0, 0.5)])
def test_holes_hold_the_solution_of_the_laplace_equation(steps):
    rng = np.random.default_rng(0)
    values = rng.standard_normal((40, 50))
    hole = np.zeros(values.shape, dtype=bool)
    hole[5:20, 8:30] = hole[30:, :7] = hole[25:28, 44:] = True
    hole[12, 12] = False
    values[20, 10:15] = np.nan
    found = laplace_surface(values, hole, steps)
    np.testing.assert_allclose(found, solved(values, hole, steps), atol=1e-10)


def test_planes_are_filled_exactly(image_of):
    blank = image_of(np.zeros((30, 40)))
    tilted = (blank + 0.2 * blank["y"] - 0.3 * blank["x"]).assign_attrs(blank.attrs)
    mask = blank != 0
    mask[5:15, 10:25] = True
    for method in ("laplace", "biharmonic"):
        filled = om.image.inpaint(tilted.where(~mask, 99.0), mask, method=method)
        np.testing.assert_allclose(filled, tilted, atol=1e-8)
        again = om.image.inpaint(tilted.where(~mask), method=method)
        np.testing.assert_allclose(again, tilted, atol=1e-8)


def test_the_biharmonic_surface_goes_on_with_the_slope(image_of):
    y, x = np.mgrid[-15:16, -15:16] / 15.0
    bowl = image_of(x**2 + y**2, 1.0, 1.0)
    mask = bowl < 0.1
    apart = {
        m: float(abs(om.image.inpaint(bowl, mask, method=m) - bowl).max())
        for m in ("laplace", "biharmonic")
    }
    assert apart["biharmonic"] < 1e-3
    assert apart["laplace"] > 0.05


def test_an_image_without_a_value_stays_empty(image_of):
    image = image_of(np.full((2, 6, 7), np.nan))
    image[1] = 1.0
    image[1, 2, 3] = np.nan
    filled = om.image.inpaint(image)
    assert filled[0].isnull().all()
    assert (filled[1] == 1.0).all()


def test_wrong_calls_are_refused(image_of):
    image = image_of(np.random.default_rng(0).random((8, 9)))
    with pytest.raises(DataError, match="leaves no point"):
        om.image.inpaint(image, image > -1)
    with pytest.raises(DataError, match="method must be one of"):
        om.image.inpaint(image, method="magic")
    with pytest.raises(DataError, match="has 1 points"):
        om.image.inpaint(image[:1])
