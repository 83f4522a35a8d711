"""Eight spectra step together as each would alone."""

import numpy as np
import pytest
from numba import njit
from tests.compute.fits import COLUMNS, START, draw, lorentzian_and_offset

from omniscopy.compute import least_squares
from omniscopy.compute.fitting import registers
from omniscopy.compute.fitting.lanes import (
    GAIN,
    LENGTH,
    SIZE,
    STRENGTH,
    make_lanes,
    stays_inside,
    step_together,
)
from omniscopy.compute.fitting.registers import LANES


def calculate(rows):
    one, other = registers.taken(rows, 0), registers.taken(rows, 1)
    total = one + other * registers.spread(3.0)
    total -= one / other
    total += registers.lesser(one, other) - registers.greater(one, registers.spread(0.5))
    registers.put(rows, 2, registers.positive_or(one, other))
    registers.put(rows, 3, total)


def test_registers_calculate_as_arrays_do():
    rows = np.random.default_rng(0).standard_normal((4, LANES))
    expected = rows.copy()
    calculate(expected)
    njit(calculate)(rows)
    np.testing.assert_allclose(rows, expected, rtol=1e-14)
    assert (rows[2] == np.where(rows[0] > 0, rows[0], rows[1])).all()


def drawn_lanes(n, rng):
    """Return lanes of well posed equations, and matrices and right sides one by one."""
    lanes = make_lanes(n, n, 5)
    slopes = rng.standard_normal((LANES, 3 * n, n))
    normal = slopes.transpose(0, 2, 1) @ slopes
    direction = rng.standard_normal((LANES, n))
    lanes.normal[:] = normal.transpose(1, 2, 0).reshape(n * n, LANES)
    lanes.direction[:], lanes.largest[:] = direction.T, 0.0
    lanes.current[:] = rng.uniform(1.0, 2.0, (n, LANES))
    lanes.figures[STRENGTH] = 10.0 ** rng.uniform(-6, 1, LANES)
    return lanes, normal, direction


@pytest.mark.parametrize("n", [1, 2, 4, 7])
@pytest.mark.parametrize("compiled", [True, False])
def test_steps_solve_the_damped_equations(n, compiled):
    lanes, normal, direction = drawn_lanes(n, np.random.default_rng(n))
    step = njit(step_together) if compiled else step_together
    step(lanes, np.full(n, -np.inf), np.full(n, np.inf), np.zeros(n, bool))
    diagonal = np.einsum("laa->la", normal)
    damped = normal + np.eye(n) * (lanes.figures[STRENGTH][:, None] * diagonal)[:, None]
    expected = np.linalg.solve(damped, direction[:, :, None])[:, :, 0]
    np.testing.assert_allclose(lanes.step.T, expected, rtol=1e-9)
    gain = np.einsum(
        "la,la->l", expected, 2 * direction - np.einsum("lab,lb->la", normal, expected)
    )
    np.testing.assert_allclose(lanes.figures[GAIN], gain, rtol=1e-9)
    np.testing.assert_allclose(lanes.figures[LENGTH], (diagonal * expected**2).sum(axis=1))
    np.testing.assert_allclose(lanes.figures[SIZE], (diagonal * lanes.current.T**2).sum(axis=1))
    assert all(stays_inside(lanes, lane) for lane in range(LANES))


def test_steps_that_meet_a_bound_or_are_none_are_told():
    n, lower, upper = 2, np.array([-np.inf, 0.5]), np.array([np.inf, 2.5])
    lanes, _, _ = drawn_lanes(n, np.random.default_rng(3))
    lanes.figures[STRENGTH] = 1e-6
    lanes.normal[:] = np.array([1.0, 0.0, 0.0, 1.0])[:, None]
    lanes.direction[:], lanes.current[:] = 0.1, 1.0
    lanes.direction[1, 1] = 3.0  # beyond the upper bound
    lanes.direction[1, 2] = -0.6  # beyond the lower one
    lanes.current[1, 3] = 0.5  # at it
    lanes.normal[0, 4] = -1.0  # no minimum
    lanes.direction[0, 5] = np.nan
    lanes.direction[0, 6] = -0.95  # takes more from a width than it may
    step_together(lanes, lower, upper, np.array([True, False]))
    assert [stays_inside(lanes, lane) for lane in range(LANES)] == [True, *[False] * 6, True]


def test_what_is_found_does_not_depend_on_the_neighbours():
    _, exact = draw(40)
    noisy = exact + 0.05 * np.random.default_rng(0).standard_normal(exact.shape)
    noisy[7], noisy[11, ::2], noisy[21] = np.nan, np.nan, 0.0
    problem = lorentzian_and_offset(lower=[0, 4.5, 0, -1], upper=[2, 6, 1, 1])
    together = least_squares(problem, noisy, START, columns=COLUMNS)
    for k, spectrum in enumerate(noisy):
        alone = least_squares(problem, spectrum[None], START, columns=COLUMNS)
        np.testing.assert_array_equal(alone.parameters[0], together.parameters[k])
        np.testing.assert_array_equal(alone.std[0], together.std[k])
        assert alone.steps[0] == together.steps[k]
        assert alone.status[0] == together.status[k]
