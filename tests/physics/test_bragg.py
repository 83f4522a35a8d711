"""Excitation errors and intensities near the Bragg condition."""

import numpy as np
import pytest
from scipy import integrate, special

from omniscopy.physics import bragg, electron


def test_a_reflection_across_the_beam_is_outside_the_sphere():
    k = electron.wave_number(200e3)
    (s,) = bragg.excitation_errors([[0.5, 0.0, 0.0]], k)
    assert s == pytest.approx(-(0.5**2) / (2 * k), rel=1e-12)


def test_half_of_g_against_the_beam_brings_it_into_the_bragg_condition():
    k = electron.wave_number(200e3)
    g = np.array([[0.3, -0.4, 0.0]])
    assert bragg.excitation_errors(g, k, -0.5 * g[0, :2])[0] == pytest.approx(0.0, abs=1e-15)
    # And so the diffracted wave has the length of the incident one.
    out = bragg.wave_vectors(-0.5 * g[0, :2], k) + g[0]
    assert np.linalg.norm(out) == pytest.approx(k, rel=1e-15)


def test_an_upper_layer_is_reached_on_a_ring():
    k, height = electron.wave_number(100e3), 0.1
    radius = np.sqrt(2 * k * height - height**2)
    assert bragg.excitation_errors([[0.0, radius, height]], k)[0] == pytest.approx(0.0, abs=1e-14)


def test_two_beams_swing_between_all_and_nothing():
    xi = 300.0
    depth = np.array([0.0, xi / 2, xi])
    np.testing.assert_allclose(bragg.two_beam_intensity(0.0, xi, depth), [0, 1, 0], atol=1e-12)
    # Off the condition it swings faster and never as far.
    s = 1.0 / xi
    assert bragg.two_beam_intensity(s, xi, xi / np.sqrt(8)) == pytest.approx(0.5, rel=1e-12)
    assert bragg.two_beam_intensity(0.01, np.inf, 100.0) == 0.0


def test_a_thin_crystal_is_kinematic():
    s, xi, t = 0.004, 1e5, 100.0
    kinematic = (np.pi * t / xi) ** 2 * bragg.slab_factor(s, t)
    assert bragg.two_beam_intensity(s, xi, t) == pytest.approx(kinematic, rel=1e-4)


def test_blackman_is_the_mean_of_a_bessel_function():
    xi, t = 400.0, 250.0
    a = np.pi * t / xi
    expected = integrate.quad(lambda x: special.j0(2 * x), 0, a)[0] / a
    assert bragg.blackman_factor(xi, t) == pytest.approx(expected, rel=1e-6)
    assert bragg.blackman_factor(np.inf, t) == 1.0
