"""Oscillators and line shapes."""

import numpy as np
import pytest

from omniscopy.physics import line_shapes, resonance


def test_at_rest_the_response_opposes_the_drive():
    assert resonance.oscillator(0.0, 2.0, 100.0, 50.0, 0.0) == pytest.approx(-2.0)


def test_at_resonance_the_response_is_q_times_larger_and_a_quarter_turn_ahead():
    assert resonance.oscillator(100.0, 2.0, 100.0, 50.0, 0.0) == pytest.approx(100j)


def test_far_above_resonance_the_response_is_in_phase():
    far = resonance.oscillator(1e6, 1.0, 100.0, 50.0, 0.0)
    assert far.real == pytest.approx(1e-8, rel=1e-3)
    assert abs(far.imag) < 1e-3 * far.real


def test_the_phase_turns_the_response_in_radians():
    turned = resonance.oscillator(100.0, 1.0, 100.0, 1.0, np.pi / 2)
    assert turned == pytest.approx(-1.0)


def test_the_width_of_a_resonance_at_half_power_is_f0_over_q():
    f = np.linspace(990.0, 1010.0, 20001)
    power = np.abs(resonance.oscillator(f, 1.0, 1000.0, 200.0, 0.0)) ** 2
    above = f[power >= power.max() / 2]
    assert above[-1] - above[0] == pytest.approx(5.0, rel=1e-3)


def test_the_linear_form_of_the_response_is_the_same():
    f = np.linspace(90.0, 110.0, 41)
    whole = resonance.oscillator(f, 2.0, 100.0, 30.0, 0.7)
    parts = 2.0 * np.exp(0.7j)
    linear = resonance.oscillator_response(f, parts.real, parts.imag, 100.0, 30.0)[0]
    np.testing.assert_allclose(linear, whole, rtol=1e-12)


@pytest.mark.parametrize("shape", [line_shapes.gaussian, line_shapes.lorentzian])
def test_a_line_is_one_at_its_centre_and_half_half_a_width_away(shape):
    assert shape(3.0, 3.0, 0.4) == 1.0
    assert shape(np.array([2.8, 3.2]), 3.0, 0.4) == pytest.approx(0.5)


def test_the_width_of_a_gaussian_is_that_of_its_standard_deviation():
    x = 1.7
    expected = np.exp(-0.5 * x**2)
    assert line_shapes.gaussian(x, 0.0, line_shapes.FWHM_PER_SIGMA) == pytest.approx(expected)


def test_a_step_goes_from_nothing_to_one():
    assert line_shapes.logistic_step(np.array([-50.0, 2.0, 50.0]), 2.0, 1.0) == pytest.approx(
        [0.0, 0.5, 1.0]
    )
