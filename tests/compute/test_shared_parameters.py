"""Parameters that all spectra share, against one problem of all spectra."""

import dataclasses

import numpy as np
import pytest
import scipy.optimize
from tests.compute.fits import COLUMNS, START, draw, lorentzian_and_offset

from omniscopy.compute import least_squares
from omniscopy.model import DataError, Status

SHARED = np.array([False, False, True, True])
COUNT = 8


def spectra(seed=0):
    """Return noisy spectra of one width and offset, with parameters of theirs."""
    parameters, _ = draw(COUNT, seed)
    parameters[:, 2:] = 0.8, 0.4
    exact = lorentzian_and_offset().evaluate(COLUMNS, parameters)[0]
    noisy = exact + 0.05 * np.random.default_rng(seed).standard_normal(exact.shape)
    return parameters, noisy


def fit(data, problem, **options):
    return least_squares(problem, data, START, columns=COLUMNS, **options)


def unstacked(numbers):
    """Return the parameters of every spectrum from those of the one problem."""
    parameters = np.empty((COUNT, 4))
    parameters[:, 0], parameters[:, 1] = numbers[:COUNT], numbers[COUNT : 2 * COUNT]
    parameters[:, 2:] = numbers[2 * COUNT :]
    return parameters


@pytest.mark.parametrize("loss", ["linear", "soft_l1", "huber"])
@pytest.mark.parametrize("weighted", [False, True])
def test_they_are_those_of_one_problem_of_all_spectra(loss, weighted):
    _, noisy = spectra()
    rng = np.random.default_rng(1)
    weights = rng.uniform(0.5, 2.0, noisy.shape) if weighted else np.ones(noisy.shape)
    noisy[3, 10:20] = np.nan
    usable = np.isfinite(noisy)
    options = {} if loss == "linear" else {"loss": loss, "loss_scale": 0.06}
    found = fit(noisy, lorentzian_and_offset(shared=SHARED), weights=weights, **options)
    assert (found.status == Status.CONVERGED).all()

    def residuals(numbers):
        model = lorentzian_and_offset().evaluate(COLUMNS, unstacked(numbers))[0]
        return (np.sqrt(weights) * (model - noisy))[usable]

    start = np.concatenate([found.parameters[:, 0], found.parameters[:, 1], [0.7, 0.5]])
    reference = scipy.optimize.least_squares(
        residuals, start, xtol=1e-13, ftol=1e-13, gtol=1e-13, loss=loss,
        f_scale=options.get("loss_scale", 1.0),
    )  # fmt: skip
    assert found.cost.sum() == pytest.approx(2 * reference.cost, rel=1e-8)
    away = np.abs(found.parameters - unstacked(reference.x)) / found.std
    assert away.max() < 1e-3


@pytest.mark.parametrize("compiled", [True, False])
def test_their_covariance_is_that_of_one_problem_of_all_spectra(compiled):
    _, noisy = spectra()
    problem = lorentzian_and_offset(shared=SHARED)
    found = fit(noisy, problem, covariance=True, compiled=compiled)
    slopes = lorentzian_and_offset().evaluate(COLUMNS, found.parameters)[1]
    jacobian = np.zeros((COUNT, 128, 2 * COUNT + 2))
    for n in range(COUNT):
        jacobian[n][:, [n, COUNT + n, 2 * COUNT, 2 * COUNT + 1]] = slopes[n].T
    stacked = jacobian.reshape(-1, 2 * COUNT + 2)
    degrees = noisy.size - 2 * COUNT - 2
    expected = np.linalg.inv(stacked.T @ stacked) * found.cost.sum() / degrees
    np.testing.assert_allclose(found.std, unstacked(np.sqrt(np.diag(expected))), rtol=1e-4)
    for n in range(COUNT):
        own = [n, COUNT + n, 2 * COUNT, 2 * COUNT + 1]
        scale = np.outer(found.std[n], found.std[n])
        away = (found.covariance[n] - expected[np.ix_(own, own)]) / scale
        assert np.abs(away).max() < 1e-4


def test_they_scatter_as_they_say():
    problem, found = lorentzian_and_offset(shared=SHARED), []
    for seed in range(120):
        parameters, noisy = spectra(0)
        noise = 0.05 * np.random.default_rng(seed).standard_normal(noisy.shape)
        exact = lorentzian_and_offset().evaluate(COLUMNS, parameters)[0]
        found.append(fit(exact + noise, problem, threads=1))
    width = np.array([each.parameters[0, 2] for each in found])
    centre = np.array([each.parameters[:, 1] for each in found])
    # The scatter of 120 numbers is itself known to 7 %.
    assert width.std() == pytest.approx(np.mean([each.std[0, 2] for each in found]), rel=0.15)
    reported = np.mean([each.std[:, 1] for each in found])
    assert centre.std(axis=0).mean() == pytest.approx(reported, rel=0.05)


def test_they_are_the_same_for_all_and_sharper_than_alone():
    _, noisy = spectra()
    found, alone = (
        fit(noisy, lorentzian_and_offset(shared=SHARED)),
        fit(noisy, lorentzian_and_offset()),
    )
    assert len(np.unique(found.parameters[:, 2])) == 1
    assert (found.std[:, 2] < 0.5 * alone.std[:, 2]).all()
    assert (found.std[:, 0] < alone.std[:, 0]).all()


def test_parameters_tied_to_shared_ones_follow_them():
    _, noisy = spectra()
    problem = lorentzian_and_offset(
        shared=[False, False, True, False], source=[0, 1, 2, 2], factor=[1, 1, 1, 0.25],
        offset=[0, 0, 0, 0.2],
    )  # fmt: skip
    found = fit(noisy, problem)
    np.testing.assert_allclose(found.parameters[:, 3], 0.25 * found.parameters[:, 2] + 0.2)
    np.testing.assert_allclose(found.std[:, 3], 0.25 * found.std[:, 2])
    assert found.parameters[0, 2] == pytest.approx(0.8, abs=0.02)


def test_counts_share_parameters_too():
    parameters, _ = draw(COUNT)
    parameters[:, 2:] = 0.8, 0.4
    exact = 100 * lorentzian_and_offset().evaluate(COLUMNS, parameters)[0]
    counts = np.random.default_rng(0).poisson(exact).astype(float)
    found = least_squares(
        lorentzian_and_offset(shared=SHARED), counts, START * [100, 1, 1, 100], columns=COLUMNS,
        likelihood="poisson",
    )  # fmt: skip
    away = (found.parameters[0, 2:] - [0.8, 40.0]) / found.std[0, 2:]
    assert (np.abs(away) < 4).all()


def test_shared_linear_parameters_need_no_start():
    _, noisy = spectra()
    problem = lorentzian_and_offset(shared=SHARED)
    start = START * [np.nan, 1, 1, np.nan]
    one = least_squares(problem, noisy, start, columns=COLUMNS)
    np.testing.assert_allclose(one.parameters, fit(noisy, problem).parameters, rtol=1e-5)


def test_spectra_without_values_take_no_part():
    _, noisy = spectra()
    problem = lorentzian_and_offset(shared=SHARED)
    found = fit(noisy[:5], problem)
    noisy[5:] = np.nan
    with_empty = fit(noisy, problem)
    np.testing.assert_allclose(with_empty.parameters[:5], found.parameters, rtol=1e-10)
    np.testing.assert_allclose(with_empty.std[:5], found.std, rtol=1e-8)
    assert (with_empty.status[5:] == Status.NO_DATA).all()
    assert np.isnan(with_empty.std[5:]).all()


def test_a_shared_parameter_at_its_bound_is_told():
    _, noisy = spectra()
    problem = lorentzian_and_offset(shared=SHARED, upper=[np.inf, np.inf, 0.7, np.inf])
    found = fit(noisy, problem)
    assert (found.parameters[:, 2] == 0.7).all()
    assert (found.status == Status.AT_BOUND).all()
    assert np.isnan(found.std[:, 2]).all()
    assert np.isfinite(found.std[:, [0, 1, 3]]).all()


def test_threads_change_no_digit_of_them():
    parameters, _ = draw(3000)
    parameters[:, 2:] = 0.8, 0.4
    exact = lorentzian_and_offset().evaluate(COLUMNS, parameters)[0]
    noisy = exact + 0.05 * np.random.default_rng(0).standard_normal(exact.shape)
    problem = lorentzian_and_offset(shared=SHARED)
    one, other = (fit(noisy, problem, threads=threads) for threads in (1, 3))
    np.testing.assert_array_equal(one.parameters, other.parameters)
    np.testing.assert_array_equal(one.std, other.std)


def test_only_free_parameters_can_be_shared():
    with pytest.raises(DataError, match="only a free parameter can be shared"):
        dataclasses.replace(lorentzian_and_offset(source=[0, 1, -1, 3]), shared=SHARED)


def test_others_that_the_model_is_linear_in_need_no_start():
    parameters, spectra = draw(30)
    parameters[:, 2] = 0.7
    spectra = lorentzian_and_offset().evaluate(COLUMNS, parameters)[0]
    start = np.array([np.nan, 5.0, 0.6, np.nan])
    problem = lorentzian_and_offset(shared=[False, False, True, False])
    found = least_squares(problem, spectra, start, columns=COLUMNS)
    np.testing.assert_allclose(found.parameters, parameters, rtol=1e-6)
