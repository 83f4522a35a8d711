"""The engine of least squares, on problems with a known answer."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.compute.fits import (
    COLUMNS,
    LOG_COLUMNS,
    LORENTZIAN,
    SCALED,
    START,
    X,
    draw,
    draw_lines_on_power_laws,
    line_on_power_law,
    lorentzian_and_offset,
    problem_of,
)

from omniscopy.compute import least_squares
from omniscopy.compute.fitting.problem import Term
from omniscopy.model import DataError, Status
from omniscopy.physics import peaks
from omniscopy.physics.formulas import Formula


def fit(data, start=START, problem=None, **options):
    return least_squares(
        problem or lorentzian_and_offset(), data, start, columns=COLUMNS, **options
    )


@given(
    st.tuples(
        st.floats(0.1, 100), st.floats(3, 7), st.floats(0.3, 2), st.floats(-10, 10)
    ),
    st.floats(0.7, 1.4),
)  # fmt: skip
def test_exact_spectra_are_recovered(parameters, off):
    data = lorentzian_and_offset().evaluate(COLUMNS, np.array(parameters))[0]
    start = np.array([parameters[0] * off, parameters[1] + 0.3 * off, parameters[2] * off, 0.0])
    found = fit(data[None], start)
    np.testing.assert_allclose(found.parameters[0], parameters, rtol=1e-8, atol=1e-8)
    assert found.status[0] == Status.CONVERGED


OPTIONS = {
    "plain": {},
    "weights": {"weights": np.random.default_rng(0).uniform(0.5, 2, 128)},
    "bounds": {
        "problem": lorentzian_and_offset(lower=[0, 4.2, 0, -np.inf], upper=[1.8, 5.8, 0.9, np.inf])
    },
    "tied": {
        "problem": lorentzian_and_offset(
            source=[0, 1, 2, 0], factor=[1, 1, 1, 0.3], offset=[0, 0, 0, 0.1]
        )
    },
    "fixed": {"problem": lorentzian_and_offset(source=[0, 1, -1, 3])},
    "nothing free": {"problem": lorentzian_and_offset(source=[-1, -1, -1, -1])},
    "soft_l1": {"loss": "soft_l1", "loss_scale": 0.05},
    "huber": {"loss": "huber", "loss_scale": 0.05},
    "cauchy": {"loss": "cauchy", "loss_scale": 0.1},
    "poisson": {"likelihood": "poisson"},
    "separable": {"separable": True},
    "few steps": {"max_steps": 4},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_the_compiled_engine_and_its_twin_agree(name):
    _, exact = draw(60, seed=7)
    rng = np.random.default_rng(7)
    poisson = name == "poisson"
    data = rng.poisson(20 * exact) if poisson else exact + 0.05 * rng.standard_normal(exact.shape)
    data = data.astype(float)
    data[3, 5], data[4], data[5, 3:], data[6, 0] = np.nan, np.nan, np.nan, np.inf
    one, other = (fit(data, compiled=compiled, **OPTIONS[name]) for compiled in (True, False))
    np.testing.assert_array_equal(one.status, other.status)
    np.testing.assert_array_equal(one.steps, other.steps)
    np.testing.assert_array_equal(one.points, other.points)
    determined = one.status != Status.SINGULAR
    for key in ("parameters", "std", "cost", "chi_square", "total"):
        np.testing.assert_allclose(
            getattr(one, key)[determined], getattr(other, key)[determined], rtol=1e-6, atol=1e-9,
            err_msg=key,
        )  # fmt: skip


LIMITS = {"lower": [0, 2.9, 0, 555, 0], "upper": [3e10, 3.1, 8, 565, 18]}


@pytest.mark.parametrize("limits", [{}, LIMITS])
def test_amplitudes_that_go_along_with_exponents_take_few_steps(limits):
    # Counted from 1 eV, the amplitude of a power law of 400 to 800 eV changes by 13 % for 0.02 in
    # the exponent: a step that adds to both would leave the valley at once.
    exact = draw_lines_on_power_laws(50)[1]
    data = exact + 0.5 * np.random.default_rng(2).standard_normal(exact.shape)
    start = np.array([150 * 500.0**2.97, 2.97, 7, 560, 15])

    def fitted(problem, **options):
        return least_squares(problem, data, start, columns=LOG_COLUMNS, **options)

    plain, carried = (line_on_power_law(1.0, carried=pairs, **limits) for pairs in ([], [[0, 1]]))
    expected, found, twin = fitted(plain), fitted(carried), fitted(carried, compiled=False)
    for other in (expected, twin):
        np.testing.assert_array_equal(found.status, other.status)
        np.testing.assert_allclose(found.cost, other.cost, rtol=1e-7)
        away = np.abs(found.parameters - other.parameters)
        assert (away <= 1e-3 * np.nan_to_num(other.std) + 1e-9 * np.abs(start)).all()
        np.testing.assert_allclose(found.std, other.std, rtol=1e-3)
    # Rounding decides about a step of a spectrum whose amplitude is nearly that of its exponent.
    assert (found.steps == twin.steps).mean() > 0.9
    assert found.steps.mean() < 0.7 * expected.steps.mean()


def test_only_free_amplitudes_go_along():
    assert len(line_on_power_law(carried=[[0, 1]]).carried) == 1
    fixed = line_on_power_law(carried=[[0, 1]], source=[0, -1, 2, 3, 4])
    assert len(fixed.carried) == 0


@pytest.mark.parametrize("rows", range(1, 14))
def test_equations_of_any_number_of_parameters_are_those_of_linear_algebra(rows):
    # The compiled sums are made of four, of two and of single rows: each in its turn.
    rng = np.random.default_rng(rows)
    columns = rng.standard_normal((rows, 61))
    weights = rng.uniform(0.5, 2.0, 61)
    data = rng.standard_normal((3, rows)) @ columns + 0.1 * rng.standard_normal((3, 61))
    terms = [Term(SCALED, (number,)) for number in range(rows)]
    found = least_squares(
        problem_of(terms), data, np.zeros(rows), columns=columns, weights=weights, covariance=True
    )
    inverse = np.linalg.inv((columns * weights) @ columns.T)
    exact = data @ (columns * weights).T @ inverse
    spread = (weights * (data - exact @ columns) ** 2).sum(axis=1) / (61 - rows)
    np.testing.assert_allclose(found.parameters, exact, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(found.covariance, spread[:, None, None] * inverse, rtol=1e-9)


def test_threads_and_companions_change_no_digit():
    _, exact = draw(3000, seed=8)
    noisy = exact + 0.05 * np.random.default_rng(8).standard_normal(exact.shape)
    found = fit(noisy, threads=1)
    for other in (fit(noisy, threads=3), fit(noisy[::-1], threads=2)):
        order = slice(None, None, -1) if other.cost[0] != found.cost[0] else slice(None)
        np.testing.assert_array_equal(other.parameters[order], found.parameters)
        np.testing.assert_array_equal(other.std[order], found.std)
    alone = fit(noisy[1234:1235])
    np.testing.assert_array_equal(alone.parameters[0], found.parameters[1234])


def test_what_became_of_every_spectrum_is_told():
    _, exact = draw(1)
    data = np.repeat(exact, 6, axis=0)
    data[1] = np.nan
    data[2, 3:] = np.nan
    start = np.tile(START, (6, 1))
    start[3, 1] = 1e9  # so far away that the spectrum does not depend on it
    start[4] = np.nan
    found = fit(data, start)
    expected = [
        Status.CONVERGED, Status.NO_DATA, Status.NO_DATA, Status.SINGULAR, Status.INVALID,
        Status.CONVERGED,
    ]  # fmt: skip
    assert list(found.status) == expected
    assert np.isnan(found.parameters[[1, 2, 4]]).all()
    assert np.isnan(found.std[[1, 2, 3, 4]]).all()
    assert list(found.points) == [128, 0, 3, 128, 128, 128]
    assert fit(exact, max_steps=3).status[0] == Status.MAX_STEPS


def test_parameters_that_do_the_same_are_told_to_be_undetermined():
    problem = problem_of((Term(SCALED, (1,)), Term(SCALED, (1,))), linear=[0, 1])
    for compiled in (True, False):
        found = least_squares(
            problem, np.full((1, 128), 3.0), [1.0, 1.0], columns=COLUMNS, compiled=compiled
        )
        assert found.status[0] == Status.SINGULAR
        assert np.isnan(found.std).all()
        assert found.parameters.sum() == pytest.approx(3.0)


def test_parameters_at_a_bound_are_told_and_the_others_are_the_best_there():
    parameters, exact = draw(1)
    limited = lorentzian_and_offset(upper=[np.inf, 10, np.inf, parameters[0, 3] / 2])
    found = fit(exact, problem=limited)
    assert found.status[0] == Status.AT_BOUND
    assert found.parameters[0, 3] == parameters[0, 3] / 2
    assert np.isnan(found.std[0, 3])
    assert (found.std[0, :3] > 0).all()
    fixed = fit(
        exact,
        [*START[:3], parameters[0, 3] / 2],
        problem=lorentzian_and_offset(source=[0, 1, 2, -1]),
    )
    np.testing.assert_allclose(found.parameters, fixed.parameters, rtol=1e-6)


def test_fixed_parameters_stay_and_tied_ones_follow():
    _, exact = draw(1)
    problem = lorentzian_and_offset(
        source=[0, -1, 2, 0], factor=[1, 1, 1, -0.5], offset=[0, 0, 0, 2.0]
    )
    found = fit(exact, [1.0, 4.4, 0.7, 99.0], problem=problem)
    amplitude, centre, _, offset = found.parameters[0]
    assert centre == 4.4
    assert offset == pytest.approx(2.0 - 0.5 * amplitude, rel=1e-14)
    assert found.std[0, 1] == 0
    assert found.std[0, 3] == pytest.approx(0.5 * found.std[0, 0])


def test_widths_never_pass_through_zero():
    data = np.zeros((1, 128))
    data[0, 60] = 1.0
    found = fit(data, [1.0, 4.8, 1.0, 0.0])
    assert found.parameters[0, 2] > 0


def test_linear_parameters_need_no_start():
    parameters, exact = draw(20, seed=9)
    start = parameters * [np.nan, 1.02, 1.1, np.nan]
    for options in ({}, {"separable": True}, {"compiled": False}):
        found = fit(exact, start, **options)
        np.testing.assert_allclose(found.parameters, parameters, rtol=1e-8)


def test_every_spectrum_may_have_an_axis_of_its_own():
    parameters, _ = draw(7, seed=10)
    axes = X + np.random.default_rng(10).uniform(-1, 1, (7, 1))
    columns = np.stack([axes, np.ones_like(axes)], axis=1)
    data = lorentzian_and_offset().evaluate(columns, parameters)[0]
    for compiled in (True, False):
        found = least_squares(
            lorentzian_and_offset(), data, START, columns=columns, compiled=compiled
        )
        np.testing.assert_allclose(found.parameters, parameters, rtol=1e-8)


def test_complex_data_are_fitted_in_both_parts():
    def turning(x, amplitude, rate, phase):
        wave = np.exp(1j * (rate * x + phase))
        return amplitude * wave, wave, 1j * x * amplitude * wave, 1j * amplitude * wave

    formula = Formula(turning, 3, complex=True)
    real = lorentzian_and_offset()
    problem = problem_of((Term(formula, (0,)),), linear=[0], is_complex=True)
    exact = turning(X, 2.0, 0.8, 0.4)[0][None]
    for compiled in (True, False):
        found = least_squares(
            problem, exact, [1.5, 0.83, 0.2], columns=COLUMNS, weights=np.ones(128),
            compiled=compiled,
        )  # fmt: skip
        np.testing.assert_allclose(found.parameters[0], [2.0, 0.8, 0.4], rtol=1e-8)
        assert found.points[0] == 256
    with pytest.raises(DataError, match="the data are complex, the model is real"):
        least_squares(real, exact, START, columns=COLUMNS)


def test_starts_outside_the_bounds_are_moved_into_them():
    _, exact = draw(1)
    bounded = lorentzian_and_offset(lower=[0, 3, 0, -5], upper=[5, 7, 3, 5])
    found = fit(exact, [9.0, -4.0, 9.0, 0.0], problem=bounded)
    assert found.status[0] != Status.INVALID
    assert ((found.parameters >= bounded.lower) & (found.parameters <= bounded.upper)).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "square"}, "loss must be one of"),
        ({"likelihood": "normal"}, "likelihood must be one of"),
        ({"likelihood": "poisson", "loss": "huber"}, "counts have a likelihood of their own"),
        ({"loss_scale": 0}, "loss_scale must be above 0"),
        ({"max_steps": 0}, "max_steps must be at least 1"),
        ({"weights": np.ones(3)}, r"weights must have shape \(128,\)"),
        ({"separable": True, "loss": "huber"}, "separable needs"),
        ({"start": [1.0, 2.0]}, r"start must have shape \(4,\) or \(2, 4\)"),
    ],
)
def test_wrong_calls_are_refused_in_words(options, message):
    with pytest.raises(DataError, match=message):
        fit(np.ones((2, 128)), **options)


def test_wrong_shapes_and_problems_are_refused():
    with pytest.raises(DataError, match="data must have shape"):
        fit(np.ones(128))
    with pytest.raises(DataError, match="columns must have shape"):
        fit(np.ones((2, 127)))
    with pytest.raises(DataError, match="lower bound is above"):
        lorentzian_and_offset(lower=[0, 0, 0, 3], upper=[1, 1, 1, 2])
    with pytest.raises(DataError, match="can only be tied to one that is free"):
        lorentzian_and_offset(source=[0, 0, 1, 3])


def test_no_spectra_give_no_results():
    found = fit(np.ones((0, 128)))
    assert found.parameters.shape == (0, 4)


def test_a_formula_of_python_alone_is_fitted_by_the_twin():
    @dataclasses.dataclass(frozen=True)
    class Plain:
        parameters: int = 3

        def evaluate(self, columns, constants, parameters):
            return Formula(peaks.gaussian, 3).evaluate(columns, constants, parameters)

        def address(self):
            return None

    problem = problem_of((Term(Plain(), (0,)), Term(SCALED, (1,))))
    exact = peaks.gaussian(X, 2.0, 4.5, 0.8)[0][None] + 0.3
    found = least_squares(problem, exact, START, columns=COLUMNS)
    np.testing.assert_allclose(found.parameters[0], [2.0, 4.5, 0.8, 0.3], rtol=1e-8)


def test_two_peaks_with_one_width_share_it():
    terms = (Term(LORENTZIAN, (0,)), Term(LORENTZIAN, (0,)))
    problem = problem_of(terms, positive=[2, 5], linear=[0, 3], source=[0, 1, 2, 3, 4, 2])
    expected = np.array([2.0, 3.0, 0.6, 1.0, 7.0, 0.6])
    exact = problem.evaluate(COLUMNS, expected)[0][None]
    found = least_squares(problem, exact, [1, 3.3, 1, 1, 6.6, 0], columns=COLUMNS)
    np.testing.assert_allclose(found.parameters[0], expected, rtol=1e-8)
