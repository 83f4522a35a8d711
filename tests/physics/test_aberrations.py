"""Aberrations and coherence."""

import numpy as np
import pytest

from omniscopy.model import DataError
from omniscopy.physics import aberrations, electron

VOLTAGE = 200e3
THETA = np.linspace(0.0, 0.04, 9)[:, None]
PHI = np.linspace(0.0, 2 * np.pi, 13)


@pytest.fixture
def many():
    rng = np.random.default_rng(7)
    return {
        (n, m): complex(rng.normal(), rng.normal() if m else 0.0) * 10.0 ** (2 * n)
        for n, m in aberrations.ORDERS
    }


def krivanek_by_hand(theta, phi, terms):
    total = 0.0
    for (n, m), value in terms.items():
        swing = value.real * np.cos(m * phi) + value.imag * np.sin(m * phi)
        total = total + theta ** (n + 1) / (n + 1) * swing
    return 2 * np.pi / electron.wavelength(VOLTAGE) * total


def haider_by_hand(theta, phi, c):
    w = theta * np.exp(1j * phi)
    v = np.conj(w)
    total = c["C1"] * w * v / 2 + c["A1"] * v**2 / 2
    total = total + c["B2"] * w**2 * v + c["A2"] * v**3 / 3
    total = total + c["C3"] * (w * v) ** 2 / 4 + c["S3"] * w**3 * v + c["A3"] * v**4 / 4
    total = total + c["B4"] * w**3 * v**2 + c["D4"] * w**4 * v + c["A4"] * v**5 / 5
    total = total + c["C5"] * (w * v) ** 3 / 6 + c["S5"] * w**4 * v**2 + c["R5"] * w**5 * v
    total = total + c["A5"] * v**6 / 6
    return 2 * np.pi / electron.wavelength(VOLTAGE) * total.real


def test_there_are_all_aberrations_to_the_fifth_order():
    assert len(aberrations.ORDERS) == 14
    assert set(aberrations.ORDERS) == {(n, m) for n, m, *_ in aberrations.HAIDER.values()}


@pytest.mark.parametrize("notation", aberrations.NOTATIONS)
def test_every_notation_gives_the_same_function(many, notation):
    written = aberrations.coefficients_of(many, notation)
    found = aberrations.chi(THETA, PHI, written, voltage=VOLTAGE, notation=notation)
    np.testing.assert_allclose(found, krivanek_by_hand(THETA, PHI, many), atol=1e-9)
    again = aberrations.terms_of(written, notation)
    assert again == {order: pytest.approx(value) for order, value in many.items()}


def test_the_letters_of_haider_are_those_of_his_formula(many):
    written = aberrations.coefficients_of(many, "haider")
    found = aberrations.chi(THETA, PHI, written, voltage=VOLTAGE, notation="haider")
    np.testing.assert_allclose(found, haider_by_hand(THETA, PHI, written), atol=1e-9)
    polar = aberrations.convert(written, "haider", "ceos")
    np.testing.assert_allclose(
        aberrations.chi(THETA, PHI, polar, voltage=VOLTAGE, notation="ceos"), found, atol=1e-9
    )


def test_fourth_order_coma_and_lobes_are_five_times_those_of_haider():
    for letter, name in {"B4": "C41", "D4": "C43"}.items():
        assert aberrations.convert({letter: 2.0}, "haider", "krivanek")[name] == 10.0
    assert aberrations.convert({"B2": 2.0}, "haider", "krivanek")["C21"] == 6.0
    assert aberrations.convert({"S3": 2.0}, "haider", "nion")["C32a"] == 8.0


def test_a_defocus_is_the_opposite_of_c10_and_turns_the_phase_by_pi_lambda_k2():
    k = 0.5
    theta = k * electron.wavelength(VOLTAGE)
    found = aberrations.chi(theta, 0.3, {"defocus": 100.0}, voltage=VOLTAGE)
    assert found == pytest.approx(-np.pi * electron.wavelength(VOLTAGE) * 100.0 * k**2)
    same = aberrations.chi(theta, 1.0, {"C10": -100.0}, voltage=VOLTAGE)
    assert found == pytest.approx(same, rel=1e-14)


def test_an_azimuth_in_degrees_is_where_astigmatism_is_largest():
    degrees = np.arange(0.0, 180.0)
    found = aberrations.chi(
        0.02, np.deg2rad(degrees), {"C12": 50.0, "phi12": 37.0}, voltage=VOLTAGE
    )
    assert degrees[found.argmax()] == 37.0
    named = {"astigmatism": 50.0, "astigmatism_angle": 37.0}
    np.testing.assert_allclose(
        aberrations.chi(0.02, np.deg2rad(degrees), named, voltage=VOLTAGE), found
    )


def test_gradient_and_hessian_are_the_derivatives(many):
    y, x, h = 0.013, -0.021, 1e-6

    def w(y, x):
        return aberrations.wave_aberration(y, x, many)

    along_y, along_x = aberrations.gradient(y, x, many)
    assert along_y == pytest.approx((w(y + h, x) - w(y - h, x)) / (2 * h), rel=1e-6)
    assert along_x == pytest.approx((w(y, x + h) - w(y, x - h)) / (2 * h), rel=1e-6)
    yy, yx, xx = aberrations.hessian(y, x, many)
    up, down = aberrations.gradient(y + h, x, many), aberrations.gradient(y - h, x, many)
    right, left = aberrations.gradient(y, x + h, many), aberrations.gradient(y, x - h, many)
    assert yy == pytest.approx((up[0] - down[0]) / (2 * h), rel=1e-6)
    assert yx == pytest.approx((up[1] - down[1]) / (2 * h), rel=1e-6)
    assert yx == pytest.approx((right[0] - left[0]) / (2 * h), rel=1e-6)
    assert xx == pytest.approx((right[1] - left[1]) / (2 * h), rel=1e-6)


def test_derivatives_on_the_axis_are_those_of_the_defocus():
    terms = aberrations.terms_of({"C10": 30.0, "C30": 1e7, "C21": 1e4})
    assert aberrations.gradient(0.0, 0.0, terms) == (0.0, 0.0)
    assert aberrations.hessian(0.0, 0.0, terms) == (30.0, 0.0, 30.0)


def test_the_spatial_envelope_of_a_round_lens_is_that_of_frank():
    k, alpha, c10, c30 = np.linspace(0.0, 0.8, 9), 0.3e-3, -500.0, 1.2e7
    length = electron.wavelength(VOLTAGE)
    expected = np.exp(
        -((np.pi * alpha / length) ** 2) * (c30 * length**3 * k**3 + c10 * length * k) ** 2
    )
    found = aberrations.spatial_envelope(
        0.6 * k, 0.8 * k, {"C10": c10, "Cs": c30}, convergence=alpha, voltage=VOLTAGE
    )
    np.testing.assert_allclose(found, expected)


def test_the_temporal_envelope_is_the_mean_over_the_defocus():
    k, spread = 0.6, 40.0
    focus = np.linspace(-6, 6, 4001) * spread
    weight = np.exp(-0.5 * (focus / spread) ** 2)
    phases = np.exp(-1j * np.pi * electron.wavelength(VOLTAGE) * focus * k**2)
    expected = (weight * phases).sum().real / weight.sum()
    found = aberrations.temporal_envelope(k, spread, voltage=VOLTAGE)
    assert found == pytest.approx(expected, rel=1e-6)


def test_the_focal_spread_adds_energies_voltages_and_currents_in_squares():
    found = aberrations.focal_spread(
        1.2e7, voltage=200e3, energy_spread=0.3, voltage_ripple=1e-6, current_ripple=0.5e-6
    )
    assert found == pytest.approx(1.2e7 * np.sqrt(1.5e-6**2 + 1e-12 + 1e-12))


def test_at_scherzer_defocus_the_phase_has_its_flat_part_below_a_turn():
    cs = 1.0e7
    defocus = aberrations.scherzer_defocus(cs, voltage=VOLTAGE)
    assert defocus == pytest.approx(601.0, abs=1.0)
    theta = np.linspace(0.0, 0.012, 400)
    found = aberrations.chi(theta, 0.0, {"defocus": defocus, "Cs": cs}, voltage=VOLTAGE)
    assert found.min() == pytest.approx(-0.72 * np.pi, rel=1e-3)


@pytest.mark.parametrize(
    ("coefficients", "notation", "message"),
    [
        ({"C13": 1.0}, "krivanek", "unknown aberrations.*C13; give C10"),
        ({"phi12": 1.0}, "krivanek", "azimuths without their coefficient: phi12"),
        ({"C10": np.nan}, "krivanek", "C10 must be a finite number"),
        ({"C10": 1.0}, "haider", "unknown aberrations.*C10; give C1, A1"),
        ({"C1": 1.0}, "zemlin", "unknown notation 'zemlin'"),
    ],
)
def test_wrong_coefficients_say_what_is_wrong(coefficients, notation, message):
    with pytest.raises(DataError, match=message):
        aberrations.chi(0.01, 0.0, coefficients, voltage=VOLTAGE, notation=notation)


def test_wrong_calls_say_what_is_wrong():
    with pytest.raises(DataError, match="for 300 kV write 300000"):
        aberrations.chi(0.01, 0.0, {"C10": 1.0}, voltage=300)
    with pytest.raises(DataError, match="unknown notation 'x'"):
        aberrations.convert({}, "nion", "x")
