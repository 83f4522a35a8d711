"""Formulas of transients: against numbers, differences and each other."""

import numpy as np
import pytest
from scipy.ndimage import convolve1d

from omniscopy.physics import transients

T = np.linspace(-3e-5, 4e-4, 431)
GIVEN = {
    "product": (-170.0, 1e-5, 5e-4),
    "sum_of_two": (170.0, 1e-5, 20.0, 3e-4),
    "exponential": (-170.0, 150.0, 3e-5),
    "phase": (-170.0, 1e-5, 5e-4),
}
SHARP = {
    "product": lambda t, a, r, f: a * -np.expm1(-t / r) * np.exp(-t / f),
    "sum_of_two": lambda t, a, r, b, f: a * np.expm1(-t / r) - b * np.exp(-t / f),
    "exponential": lambda t, y, a, f: y + a * np.exp(-t / f),
}


@pytest.mark.parametrize("name", GIVEN)
def test_derivatives_are_those_of_differences(name):
    formula, given = getattr(transients, name), np.array(GIVEN[name])
    _, *slopes = formula(T, 1e-5, *given)
    for n, slope in enumerate(slopes):
        step = 1e-5 * abs(given[n])
        low, high = (formula(T, 1e-5, *(given + s * step * np.eye(len(given))[n])) for s in (-1, 1))
        expected = (high[0] - low[0]) / (2 * step)
        np.testing.assert_allclose(slope, expected, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("name", SHARP)
@pytest.mark.parametrize("sigma", [2e-6, 1e-5, 4e-5])
def test_formulas_are_seen_through_a_gaussian_filter(name, sigma):
    step = 5e-8
    t = np.arange(-8000, 16000) * step
    sharp = np.where(t >= 0, SHARP[name](np.maximum(t, 0), *GIVEN[name]), 0.0)
    sharp[8000] *= 0.5
    half = int(7 * sigma / step)
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) * step / sigma) ** 2)
    expected = convolve1d(sharp, kernel / kernel.sum(), mode="nearest")
    inside = slice(2 * half, -2 * half)
    found = getattr(transients, name)(t, sigma, *GIVEN[name])[0]
    np.testing.assert_allclose(found[inside], expected[inside], atol=0.02)


def test_the_phase_is_the_integral_of_the_frequency():
    t = np.linspace(-2e-4, 5e-4, 70001)
    frequency = transients.product(t, 1e-5, *GIVEN["product"])[0]
    found = transients.phase(t, 1e-5, *GIVEN["phase"])[0]
    np.testing.assert_allclose(np.gradient(found, t)[1:-1] / 360, frequency[1:-1], atol=1e-3)


def test_a_filter_of_no_width_and_rates_beyond_it_are_no_overflow():
    sharp = SHARP["product"](np.maximum(T, 0), *GIVEN["product"])
    with np.errstate(all="raise", under="ignore"):
        found = transients.product(T, 1e-12, *GIVEN["product"])[0]
        fast = transients.product(T, 4e-5, -170.0, 1e-8, 5e-4)
    np.testing.assert_allclose(found, sharp, atol=1e-5)
    assert np.isfinite(fast).all()
