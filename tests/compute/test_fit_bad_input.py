"""Whatever a spectrum holds, the others are fitted, and its outcome is told."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.compute.fits import (
    COLUMNS,
    FREQUENCY,
    START,
    draw,
    draw_resonances,
    lorentzian_and_offset,
    oscillator,
    resonance_starts,
)

from omniscopy.compute import least_squares
from omniscopy.model import DataError, Status

BOTH = pytest.mark.parametrize("compiled", [True, False])


def fit(data, start=START, problem=None, **options):
    return least_squares(
        problem or lorentzian_and_offset(), data, start, columns=COLUMNS, **options
    )


@BOTH
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_left_out(bad, compiled):
    parameters, exact = draw(3)
    spoilt = exact.copy()
    spoilt[0, 40:60], spoilt[1], spoilt[2, ::2] = bad, bad, bad
    found = fit(spoilt, parameters * 1.05, compiled=compiled)
    assert list(found.status) == [Status.CONVERGED, Status.NO_DATA, Status.CONVERGED]
    assert list(found.points) == [108, 0, 64]
    np.testing.assert_allclose(found.parameters[[0, 2]], parameters[[0, 2]], rtol=1e-8)


@BOTH
def test_a_bad_spectrum_changes_no_digit_of_its_neighbours(compiled):
    _, exact = draw(5)
    noisy = exact + 0.05 * np.random.default_rng(0).standard_normal(exact.shape)
    alone = fit(noisy, compiled=compiled)
    spoilt = noisy.copy()
    spoilt[2], spoilt[3] = np.nan, 1e300
    found = fit(spoilt, compiled=compiled)
    np.testing.assert_array_equal(found.parameters[[0, 1, 4]], alone.parameters[[0, 1, 4]])
    np.testing.assert_array_equal(found.std[[0, 1, 4]], alone.std[[0, 1, 4]])


@BOTH
@pytest.mark.parametrize("likelihood", ["gaussian", "poisson"])
@pytest.mark.parametrize("level", [0.0, 1.0, -3.0])
def test_spectra_of_one_number_end_somewhere_finite(level, likelihood, compiled):
    found = fit(np.full((1, 128), level), likelihood=likelihood, compiled=compiled)
    assert found.status[0] != Status.INVALID
    assert np.isfinite(found.parameters).all()
    if level >= 0:
        model = lorentzian_and_offset().evaluate(COLUMNS, found.parameters[0])[0]
        np.testing.assert_allclose(model, level, atol=0.02)


@BOTH
def test_weights_of_0_below_0_or_not_finite_leave_values_out(compiled):
    parameters, exact = draw(1)
    spoilt, weights = exact.copy(), np.ones(128)
    spoilt[0, 10:14] = 1e6
    weights[10:14] = 0.0, -1.0, np.nan, np.inf
    found = fit(spoilt, weights=weights, compiled=compiled)
    assert found.points[0] == 124
    np.testing.assert_allclose(found.parameters, parameters, rtol=1e-8)
    nothing = fit(exact, weights=np.zeros(128), compiled=compiled)
    assert nothing.status[0] == Status.NO_DATA


@BOTH
@pytest.mark.parametrize("dtype", ["int16", ">f4", "float32", "uint8", "bool", "complex64"])
def test_numbers_of_any_kind_are_fitted_in_double_precision(dtype, compiled):
    if dtype == "complex64":
        parameters, exact = draw_resonances(2)
        found = least_squares(
            oscillator(), exact.astype(dtype), resonance_starts(exact), columns=FREQUENCY[None],
            compiled=compiled,
        )  # fmt: skip
        np.testing.assert_allclose(found.parameters[:, 2], parameters[:, 2], rtol=1e-6)
        return
    _, exact = draw(2)
    data = (100 * exact).astype(dtype)
    start = START * [100, 1, 1, 100]
    one, other = (fit(each, start, compiled=compiled) for each in (data, data.astype(float)))
    np.testing.assert_array_equal(one.parameters, other.parameters)


@BOTH
def test_parameters_of_very_different_size_are_found(compiled):
    parameters, _ = draw(4)
    scale = np.array([1e-12, 1e9, 1e9, 1e-12])
    columns = np.stack([1e9 * COLUMNS[0], COLUMNS[1]])
    data = lorentzian_and_offset().evaluate(columns, parameters * scale)[0]
    found = least_squares(
        lorentzian_and_offset(), data, START * scale, columns=columns, compiled=compiled,
        covariance=True,
    )  # fmt: skip
    assert (found.status == Status.CONVERGED).all()
    np.testing.assert_allclose(found.parameters, parameters * scale, rtol=1e-8)
    noisy = data + 0.05e-12 * np.random.default_rng(0).standard_normal(data.shape)
    small = least_squares(
        lorentzian_and_offset(), noisy, START * scale, columns=columns, compiled=compiled
    )
    usual = fit(noisy * 1e12, compiled=compiled)
    np.testing.assert_allclose(small.parameters, usual.parameters * scale, rtol=1e-6)
    np.testing.assert_allclose(small.std, usual.std * scale, rtol=1e-4)


@given(value=st.floats(1e-12, 1e12), axis=st.floats(1e-12, 1e12))
def test_units_change_nothing_but_the_numbers(value, axis):
    _, exact = draw(1)
    noisy = exact + 0.05 * np.random.default_rng(0).standard_normal(exact.shape)
    scale = np.array([value, axis, axis, value])
    columns = np.stack([axis * COLUMNS[0], COLUMNS[1]])
    found = least_squares(lorentzian_and_offset(), value * noisy, scale * START, columns=columns)
    usual = fit(noisy)
    np.testing.assert_allclose(found.parameters, scale * usual.parameters, rtol=1e-6)
    np.testing.assert_allclose(found.std, scale * usual.std, rtol=1e-4)


@BOTH
def test_starts_that_are_not_finite_are_told(compiled):
    _, exact = draw(3)
    start = np.tile(START, (3, 1))
    start[0, 1], start[1, 2] = np.nan, np.inf
    found = fit(exact, start, compiled=compiled)
    assert found.status[0] == Status.INVALID
    assert np.isnan(found.parameters[0]).all()
    assert found.status[2] == Status.CONVERGED


@BOTH
def test_starts_outside_bounds_are_moved_into_them(compiled):
    parameters, exact = draw(1)
    bounded = lorentzian_and_offset(lower=[0, 4, 0.1, -5], upper=[5, 7, 3, 5])
    found = fit(exact, [9.0, -4.0, 1e-9, 50.0], bounded, compiled=compiled)
    moved = fit(exact, [5.0, 4.0, 0.1, 5.0], bounded, compiled=compiled)
    np.testing.assert_array_equal(found.parameters, moved.parameters)
    np.testing.assert_allclose(found.parameters, parameters, rtol=1e-8)


@BOTH
def test_equal_bounds_hold_a_parameter(compiled):
    parameters, exact = draw(1)
    problem = lorentzian_and_offset(
        lower=[-np.inf, 4.4, 0, -np.inf], upper=[np.inf, 4.4, np.inf, np.inf]
    )
    found = fit(exact, START, problem, compiled=compiled)
    assert found.parameters[0, 1] == 4.4
    assert found.status[0] == Status.AT_BOUND
    assert np.isnan(found.std[0, 1])
    assert np.isfinite(found.std[0, [0, 2, 3]]).all()
    assert parameters[0, 1] != 4.4


def test_crossed_bounds_are_refused():
    with pytest.raises(DataError, match="lower bound is above its upper bound"):
        lorentzian_and_offset(lower=[0, 0, 0, 3], upper=[1, 1, 1, 2])


def test_complex_spectra_are_refused_by_real_models_and_real_ones_taken_by_complex_ones():
    _, exact = draw_resonances(1)
    with pytest.raises(DataError, match="the data are complex, the model is real"):
        least_squares(lorentzian_and_offset(), exact, START, columns=COLUMNS[:, :60])
    with pytest.raises(DataError, match="the data are real, the model is complex"):
        least_squares(oscillator(), exact.real, [1, 1, 335e3, 100], columns=FREQUENCY[None])


def test_data_that_are_no_numbers_are_refused():
    with pytest.raises(DataError, match="data must be numbers"):
        fit(np.full((2, 128), "a"))
