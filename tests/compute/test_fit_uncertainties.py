"""Uncertainties reported are the scatter over copies with other noise."""

import numpy as np
import pytest
import scipy.optimize
from tests.compute.fits import (
    COLUMNS,
    FREQUENCY,
    draw,
    draw_resonances,
    lorentzian_and_offset,
    oscillator,
)

from omniscopy.compute import least_squares
from omniscopy.model import Status


def fit(data, start, problem=None, **options):
    return least_squares(
        problem or lorentzian_and_offset(), data, start, columns=COLUMNS, **options
    )


def test_the_scatter_over_noisy_copies_is_the_standard_deviation_reported():
    parameters, exact = draw(1)
    rng = np.random.default_rng(1)
    noisy = exact + 0.05 * rng.standard_normal((4000, 128))
    found = fit(noisy, parameters[0])
    assert (found.status == Status.CONVERGED).all()
    np.testing.assert_allclose(found.parameters.std(axis=0), found.std.mean(axis=0), rtol=0.05)
    away = found.parameters.mean(axis=0) - parameters[0]
    assert (np.abs(away) < 0.1 * found.std.mean(axis=0)).all()
    chi_square = found.chi_square / (found.points - 4)
    assert chi_square.mean() == pytest.approx(0.05**2, rel=0.02)


def test_weights_make_the_estimate_of_unequal_noise_right():
    parameters, exact = draw(1)
    noise = np.where(np.arange(128) % 2, 0.02, 0.3)
    noisy = exact + noise * np.random.default_rng(2).standard_normal((3000, 128))
    weighted, plain = fit(noisy, parameters[0], weights=noise**-2.0), fit(noisy, parameters[0])
    np.testing.assert_allclose(
        weighted.parameters.std(axis=0), weighted.std.mean(axis=0), rtol=0.05
    )
    assert (weighted.parameters.std(axis=0) < 0.3 * plain.parameters.std(axis=0)).all()
    assert (weighted.chi_square / 124).mean() == pytest.approx(1.0, rel=0.02)


@pytest.mark.parametrize("loss", ["soft_l1", "huber", "cauchy"])
def test_robust_losses_withstand_outliers_and_report_their_scatter(loss):
    parameters, exact = draw(1)
    rng = np.random.default_rng(3)
    noisy = exact + 0.02 * rng.standard_normal((4000, 128))
    clean = fit(noisy, parameters[0], loss=loss, loss_scale=0.02)
    np.testing.assert_allclose(clean.parameters.std(axis=0), clean.std.mean(axis=0), rtol=0.05)
    spoilt = noisy + np.where(rng.random(noisy.shape) < 0.05, 3.0, 0.0)
    robust = fit(spoilt, parameters[0], loss=loss, loss_scale=0.02)
    squares = fit(spoilt, parameters[0])
    away = np.abs(np.median(robust.parameters, axis=0) - parameters[0])
    assert (away < 0.1 * np.abs(np.median(squares.parameters, axis=0) - parameters[0]) + 0.01).all()


def test_counts_have_no_bias_where_least_squares_with_their_root_do():
    rng = np.random.default_rng(4)
    parameters = np.array([60.0, 5.0, 0.8, 6.0])
    exact = lorentzian_and_offset().evaluate(COLUMNS, parameters)[0]
    counts = rng.poisson(exact, (4000, 128)).astype(float)
    likely = fit(counts, parameters, likelihood="poisson")
    naive = [fit(row[None], parameters, weights=1 / np.maximum(row, 1)) for row in counts[:300]]
    error = likely.std.mean(axis=0)
    good = likely.status == Status.CONVERGED
    assert good.mean() > 0.999
    away = likely.parameters[good].mean(axis=0) - parameters
    assert (np.abs(away) < 0.1 * error).all()
    np.testing.assert_allclose(likely.parameters[good].std(axis=0), error, rtol=0.05)
    offset = np.mean([each.parameters[0, 3] for each in naive]) - parameters[3]
    assert offset < -2 * error[3]


def test_bounds_that_are_not_reached_change_no_uncertainty():
    parameters, exact = draw(1)
    noisy = exact + 0.05 * np.random.default_rng(5).standard_normal((2000, 128))
    bounded = lorentzian_and_offset(lower=[0, 0, 0, -5], upper=[9, 10, 5, 5])
    one, other = fit(noisy, parameters[0]), fit(noisy, parameters[0], bounded)
    np.testing.assert_array_equal(one.std, other.std)
    np.testing.assert_array_equal(one.status, other.status)


def test_tied_parameters_scatter_as_they_say_and_sharpen_the_others():
    parameters, exact = draw(1)
    amplitude, offset = parameters[0, [0, 3]]
    tied = lorentzian_and_offset(source=[0, 1, 2, 0], factor=[1, 1, 1, offset / amplitude])
    noisy = exact + 0.05 * np.random.default_rng(6).standard_normal((4000, 128))
    found, free = fit(noisy, parameters[0], tied), fit(noisy, parameters[0])
    np.testing.assert_allclose(found.parameters.std(axis=0), found.std.mean(axis=0), rtol=0.05)
    sharper = found.std.mean(axis=0) / free.std.mean(axis=0)
    assert (sharper[[0, 2]] < 0.97).all()
    assert sharper[3] < 0.3


def test_resonances_of_complex_spectra_scatter_as_they_say():
    parameters, exact = draw_resonances(1, seed=1)
    rng = np.random.default_rng(7)
    noise = 0.03 * np.abs(exact).max()
    noisy = exact + noise * (rng.standard_normal((4000, 60)) + 1j * rng.standard_normal((4000, 60)))
    found = least_squares(
        oscillator(), noisy, parameters[0], columns=FREQUENCY[None], separable=True
    )
    np.testing.assert_allclose(found.parameters.std(axis=0), found.std.mean(axis=0), rtol=0.05)
    away = np.abs(found.parameters.mean(axis=0) - parameters[0])
    assert (away < 0.1 * found.std.mean(axis=0)).all()


def test_the_covariance_is_that_of_the_copies_for_free_tied_and_fixed_parameters():
    parameters, exact = draw(1)
    noisy = exact + 0.03 * np.random.default_rng(8).standard_normal((4000, 128))
    for compiled in (True, False):
        found = fit(noisy, parameters[0], covariance=True, compiled=compiled)
        np.testing.assert_allclose(np.sqrt(np.einsum("saa->sa", found.covariance)), found.std)
        scale = np.outer(*[found.std.mean(axis=0)] * 2)
        reported = found.covariance.mean(axis=0) / scale
        # 5 % of the standard deviation are 10 % of the variance.
        np.testing.assert_allclose(np.cov(found.parameters.T) / scale, reported, atol=0.1)
    tied = lorentzian_and_offset(source=[0, -1, 2, 0], factor=[1, 1, 1, -0.5], offset=[0, 0, 0, 2])
    found = fit(noisy[:3], parameters[0], tied, covariance=True)
    covariance = found.covariance[0]
    assert covariance[1].tolist() == [0, 0, 0, 0]
    assert covariance[0, 3] == pytest.approx(-0.5 * covariance[0, 0])
    assert covariance[2, 3] == pytest.approx(-0.5 * covariance[2, 0])
    assert fit(noisy[:3], parameters[0]).covariance.shape == (3, 0, 0)


def test_the_covariance_is_that_of_scipy_and_unknown_at_a_bound():
    parameters, exact = draw(1)
    noisy = exact + 0.05 * np.random.default_rng(9).standard_normal((1, 128))
    found = fit(noisy, parameters[0], covariance=True)

    def lorentzian(x, amplitude, centre, gamma, offset):
        return amplitude / (1 + ((x - centre) / gamma) ** 2) + offset

    _, expected = scipy.optimize.curve_fit(lorentzian, COLUMNS[0], noisy[0], parameters[0])
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(found.covariance[0] / scale, expected / scale, atol=1e-4)
    limited = lorentzian_and_offset(upper=[np.inf, 10, np.inf, 0.5 * parameters[0, 3]])
    found = fit(noisy, parameters[0], limited, covariance=True)
    assert np.isnan(found.covariance[0, 3]).all()
    assert np.isnan(found.covariance[0, :, 3]).all()
    assert np.isfinite(found.covariance[0, :3, :3]).all()
